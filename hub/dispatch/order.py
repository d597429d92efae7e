"""The order of machines by rule, for when the last plan has run out and no other can be had. Pure.

Compressors: the best by rated power per flow carry the base, one with variable speed regulates, the others
stand by. Chillers: as many of the best as the need and a margin take are called; none is kept from running,
so the thermostats still decide. Battery and engine are left to themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from hub.dispatch.snapshot import Seen, Snapshot
from plant.control.setpoints import ChillerSetpoint, CompressorSetpoint, Setpoints
from plant.state import Plant
from plant.units.compressor import ROLE_BASE, ROLE_STANDBY, ROLE_TRIM, FixedCompressor
from protocols.quality import is_good

_FULL_FRAC: Final = 0.9
"""The machine that regulates is called full from here on; then one more carries the base."""
_MARGIN_FRAC: Final = 1.15


def by_rule(plant: Plant, free: Collection[str], recent: Mapping[str, float]) -> Setpoints | None:
    """What the machines that take orders are told; None where the need for air is not known.

    Args:
        plant: From `compile_plant`.
        free: Machines that take orders.
        recent: Series to its mean over the last minutes: `air_m3_min`, `cooling_kw`.
    """
    if "air_m3_min" not in recent:
        return None
    roles = _roles(plant, free, recent["air_m3_min"])
    called = _called(plant, free, recent.get("cooling_kw", 0.0))
    return Setpoints(
        compressors=tuple(CompressorSetpoint(roles.get(name), True) for name in plant.compressor_ids),  # noqa: FBT003  field of a value
        chillers=tuple(ChillerSetpoint(True if name in called else None) for name in plant.chiller_ids),
    )


def left_to(
    plant: Plant, free: Collection[str], seen: Seen, snapshot: Snapshot, floor: Mapping[str, float]
) -> dict[str, float]:
    """The needs of the last minutes less what machines deliver that take no orders of the rule.

    Args:
        plant: From `compile_plant`.
        free: Machines that take orders.
        seen: The plant now.
        snapshot: Newest readings and means of the last minutes.
        floor: Needs that are at least so high, whatever is delivered. [kW, m³/min]
    """
    needs = {name: max(mean, floor.get(name, 0.0)) for name, mean in snapshot.recent.items()}
    for name, role, machines in (
        ("air_m3_min", "flow_m3_min", plant.compressor_ids),
        ("cooling_kw", "cooling_kw", plant.chiller_ids),
    ):
        others = (one for one in machines if one not in free and seen.machines[one].on)
        found = (snapshot.readings.get(plant.flowsheet.binding(one, role) or "") for one in others)
        given = sum(max(one.value, 0.0) for one in found if one is not None and is_good(one.quality))
        if name in needs:
            needs[name] = max(needs[name] - given, 0.0)
    return needs


def _roles(plant: Plant, free: Collection[str], need_m3_min: float) -> dict[str, int]:
    """Role of each compressor that takes orders; at most one regulates."""
    units = dict(zip(plant.compressor_ids, plant.compressors, strict=True))
    ranked = sorted(
        (name for name in units if name in free),
        key=lambda name: (units[name].power.rated_kw / units[name].flow_max_m3_min, name),
    )
    if not ranked:
        return {}
    variable = [name for name in ranked if not isinstance(units[name], FixedCompressor)]
    base: list[str] = []
    left = need_m3_min
    trim = variable[0] if variable else ranked[-1]
    for name in (other for other in ranked if other != trim):
        if left <= _FULL_FRAC * units[trim].flow_max_m3_min:
            break
        base.append(name)
        left -= units[name].flow_max_m3_min
    return {
        name: ROLE_TRIM if name == trim else ROLE_BASE if name in base else ROLE_STANDBY for name in ranked
    }


def _called(plant: Plant, free: Collection[str], need_kw: float) -> set[str]:
    """Chillers that are called, the best by their rated COP first."""
    units = dict(zip(plant.chiller_ids, plant.chillers, strict=True))
    ranked = sorted((name for name in units if name in free), key=lambda name: (-units[name].eir.cop, name))
    called: set[str] = set()
    left = _MARGIN_FRAC * need_kw
    for name in ranked:
        if left <= 0:
            break
        called.add(name)
        left -= units[name].eir.capacity_kw
    return called
