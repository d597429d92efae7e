"""The set-points of a site as answers: limits, value, holder, and why one cannot be set now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.api.holder_book import without_point
from hub.api.models import value_of
from hub.api.order_models import GoesTo, HeldPoint, Setpoint
from hub.registry.writable import Writable
from hub.store.port import LastValue
from protocols.config import Text
from protocols.refusal import REFUSAL_TEXTS, Refusal

_REACH: Final[Mapping[str, Text]] = {
    "edge_silent": Text(
        en="The edge is silent; nothing reaches the machine now.", zh="网关无应答，目前无法到达设备。"
    ),
    "device_away": Text(en="The machine does not answer its edge.", zh="设备未应答网关。"),
}
_ABOVE: Final[Mapping[str, Refusal]] = {
    "safety": Refusal.STOPPED,
    "local": Refusal.LOCAL_MODE,
    "locked_out": Refusal.LOCKED_OUT,
    "stopped": Refusal.STOPPED,
    "interlock": Refusal.INTERLOCK,
}
"""Rungs above a person's, and why they say no."""

OPERATOR: Final = "operator"


def out_of_reach(one: Writable, edges: EdgeWatch) -> tuple[str, Text] | None:
    """Why no set-point of a person can come through to a point now, as code and sentence; None: one can."""
    device = one.point.device
    cap_hash_hex = edges.cap_hash_hex(one.edge, device)
    faults = {
        "not_allowed": OPERATOR not in one.limits.levels,
        "edge_silent": edges.edge_link(one.edge) == "down",
        "not_proven": cap_hash_hex is None,
        "cap_hash": cap_hash_hex != one.cap_hash_hex,
        "device_away": edges.device_link(one.edge, device) == "down",
    }
    code = next((code for code, fault in faults.items() if fault), None)
    return None if code is None else (code, _REACH.get(code) or REFUSAL_TEXTS[Refusal(code)])


def why_not(one: Writable, edges: EdgeWatch, held: HeldPoint | None) -> Text | None:
    """Why a person cannot set a point now, be it for what stands above a person; None where they can."""
    found = out_of_reach(one, edges)
    if found is not None:
        return found[1]
    code = None if held is None or held.old else _ABOVE.get(held.rung)
    return None if code is None else REFUSAL_TEXTS[code]


async def setpoints_of(deps: ApiDeps) -> list[Setpoint]:
    """All points that may be written, in the order of the files.

    Raises:
        StoreError: The series store cannot be read now.
    """
    known = deps.control.writables
    found = await asyncio.to_thread(deps.newest.read, [one.point for one in known.values()])
    return [_shown(deps, one, found.get(one.point)) for one in known.values()]


def _shown(deps: ApiDeps, one: Writable, last: LastValue | None) -> Setpoint:
    point, limits, duty = str(one.point), one.limits, one.duty
    spec = deps.registry.points.get(one.point)
    held = deps.control.holders.held(point)
    reason = why_not(one, deps.edges, held)
    value = None if last is None else value_of(point, last, deps.clock.now().wall_ns)
    name = one.point.point
    return Setpoint(
        id=point, device=one.point.device, label=Text(en=name, zh=name) if spec is None else spec.label,
        unit=limits.unit, low=limits.low, high=limits.high, step=duty.step, dwell_s=duty.dwell_s,
        two_step=duty.two_step, two_persons=duty.two_persons,
        fallback=GoesTo(kind=limits.fallback.kind, value=limits.fallback.value), zone=one.zone,
        levels=list(limits.levels), settable=reason is None, why_not=reason, holder=without_point(held),
        value=None if value is None else value.value,
        quality=None if value is None else value.quality_class, time=None if value is None else value.time,
    )  # fmt: skip
