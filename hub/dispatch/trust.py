"""Which needs a measurement may lower. Pure.

What machines deliver is the need only while they can deliver it. With a machine tripped, taken away or just
switched, with those that run at their most, or with pressure or water outside their band, less delivered may
be a need not met: then a measurement raises what is planned on and never lowers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, Seen
from plant.state import Plant

JUST_S: Final = 300.0
"""A machine that was switched since is in no steady state; the length of the means of needs. [s]"""

_FULL_FRAC: Final = 0.9
_LEAST_BAND_K: Final = 1.0
_NS: Final = 1_000_000_000


def only_raised(
    site: DispatchSite, seen: Seen, recent: Mapping[str, float], now_ns: int, told_c: Mapping[str, float]
) -> frozenset[str]:
    """Series of needs that are not lowered by what is measured.

    Args:
        site: With its plant.
        seen: The plant now.
        recent: Series to its mean over the last minutes. [kW, m³/min]
        now_ns: Wall clock.
        told_c: Chilled-water set-point each chiller was told last. [°C]
    """
    plant, short = site.plant, set[str]()
    for name, machines in _machines(plant):
        running_most = sum(most for machine, most in machines.items() if _on(seen, machine))
        full = running_most > 0 and recent.get(name, 0.0) >= _FULL_FRAC * running_most
        if full or any(_unsteady(seen, machine, now_ns) for machine in machines):
            short.add(name)
    if _thin_air(plant, seen):
        short.add("air_m3_min")
    if _warm_water(plant, seen, told_c):
        short.add("cooling_kw")
    return frozenset(short)


def _machines(plant: Plant) -> Iterator[tuple[str, dict[str, float]]]:
    """Series to the machines that deliver it, with the most each can give."""
    air = zip(plant.compressor_ids, plant.compressors, strict=True)
    yield "air_m3_min", {name: unit.flow_max_m3_min for name, unit in air}
    cold = zip(plant.chiller_ids, plant.chillers, strict=True)
    yield "cooling_kw", {name: unit.eir.capacity_kw for name, unit in cold}
    units = plant.flowsheet.units.items()
    # what boilers give beside an engine is not bounded by it, so an engine alone is never full
    yield "heat_kw", {name: float("inf") for name, unit in units if unit is plant.chp}


def _on(seen: Seen, machine: str) -> bool:
    found = seen.machines.get(machine)
    return found is not None and found.on


def _unsteady(seen: Seen, machine: str, now_ns: int) -> bool:
    found = seen.machines.get(machine)
    if found is None or found.availability is not Availability.FREE:
        return True
    return found.since_ns is not None and now_ns - found.since_ns < JUST_S * _NS


def _thin_air(plant: Plant, seen: Seen) -> bool:
    """The header is so low that machines that stand by are called."""
    if plant.receiver is None or seen.header_bar_g is None:
        return False
    return seen.header_bar_g <= plant.receiver.roles.standby.load_bar_g


def _warm_water(plant: Plant, seen: Seen, told_c: Mapping[str, float]) -> bool:
    if seen.loop_c is None or not plant.chillers:
        return False
    named = list(zip(plant.chiller_ids, plant.chillers, strict=True))
    wanted_c = max(told_c.get(name, unit.supply.default_c) for name, unit in named)
    band_k = min(unit.thermostat.start_above_k for unit in plant.chillers)
    return seen.loop_c > wanted_c + max(band_k, _LEAST_BAND_K)
