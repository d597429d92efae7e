"""How often write limits let machines be switched, and what of them no plan keeps. Pure.

A plan switches a machine by one point: a compressor by its role, whose 0 is standing by, a chiller and an
engine by their permit. The edge refuses what goes beyond; a plan that knew would not have asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hub.dispatch.able import POWER
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Seen, machines_of
from optimizer.switch_limits import SwitchLimits
from optimizer.words import said
from protocols.config import Text
from protocols.write_block import Duty

_NS: Final = 1_000_000_000
_STEP_S: Final = 900.0
_WRITES_A_RUN: Final = 2
"""A start and a stop."""
_ROLE: Final = "role_set_code"
_SWITCHED_BY: Final = {
    "compressor_fixed": _ROLE,
    "compressor_vsd": _ROLE,
    "chiller": "permit_set_code",
    "chp": "permit_set_code",
}
_OUTPUT: Final = frozenset({"chp"})
_ROLES: Final = (
    "{name} may change its role only so often; plans keep that for starts and stops alone",
    "{name} 的角色切换次数受限；计划仅对启停遵守此限制",
)
_POWERS: Final = (
    "the power of {name} may change only so much or so often at once; plans do not keep that",
    "{name} 的功率设定受单次变化幅度或次数限制；计划未计入",
)
_SLOW: Final = (
    "{name} takes {minutes} min to its full capacity; plans count on all of it at once",
    "{name} 启动后需 {minutes} 分钟达到满负荷；计划按立即可用计算",
)


def switch_limits(site: DispatchSite, seen: Seen, start_ns: int) -> dict[str, SwitchLimits]:
    """Machine to what its write limits say, with the starts seen; the window begins at `start_ns`."""
    found: dict[str, SwitchLimits] = {}
    for name, kind in machines_of(site.plant.flowsheet):
        duty = _duty(site, name, _SWITCHED_BY[kind]) if kind in _SWITCHED_BY else None
        machine = seen.machines.get(name)
        if machine is not None and (duty is not None or kind in _OUTPUT):
            limits = duty or Duty()
            writes = limits.writes_per_day
            found[name] = SwitchLimits(
                most_per_h=limits.starts_per_h,
                most_per_day=None if writes is None else writes // _WRITES_A_RUN,
                least_s=limits.dwell_s,
                ages_s=tuple((start_ns - at_ns) / _NS for at_ns in machine.starts_ns),
                output_kw=machine.output_kw,
            )
    return found


def not_kept(site: DispatchSite) -> Iterator[Text]:
    """What write limits ask for and no plan of quarter hours keeps; the edge does."""
    for name, _ in machines_of(site.plant.flowsheet):
        role = _duty(site, name, _ROLE)
        if role is not None and (role.dwell_s > _STEP_S or role.writes_per_day is not None):
            yield said(*_ROLES, name=site.speech.name(name))
        power = _duty(site, name, POWER)
        if power is not None and _rationed(power):
            yield said(*_POWERS, name=site.speech.name(name))
    for name, unit in zip(site.plant.chiller_ids, site.plant.chillers, strict=True):
        if unit.start_s > _STEP_S:
            minutes = f"{unit.start_s / 60.0:.0f}"
            yield said(*_SLOW, name=site.speech.name(name), minutes=minutes)


def _duty(site: DispatchSite, machine: str, role: str) -> Duty | None:
    """Duty of the point a machine is told a role by, where a plan may tell it."""
    point = site.plant.flowsheet.binding(machine, role)
    if point is None or not site.may_tell(point):
        return None
    return site.limits[point].duty


def _rationed(duty: Duty) -> bool:
    return duty.dwell_s > _STEP_S or duty.writes_per_day is not None or duty.step is not None
