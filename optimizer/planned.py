"""Pressures and temperatures a plan is made for where nobody chooses them, and what machines take there.

The header stands in the middle of the trim band, the chilled water is as warm as its limit and the chillers'
range allow, the condenser water as the towers hold it by themselves.
"""

from __future__ import annotations

from typing import Final

from plant.control.cascade import band_of
from plant.state import Plant, Weather
from plant.units import compressor as compressors
from plant.units import cooling

_PLR_STEPS: Final = (0.5, 0.75, 1.0)
_WARM_MARGIN_K: Final = 1.0
"""Chilled water at full load stays this far below the limit of the supply."""


def planned_header_bar_g(plant: Plant) -> float:
    """Header pressure under roles: the middle of the trim band [bar g]."""
    if plant.receiver is None or not plant.compressors:
        return 0.0
    return band_of(plant.compressors[0], plant.receiver, compressors.ROLE_TRIM, 0).target_bar_g


def planned_supply_c(plant: Plant, unit: cooling.Chiller) -> float:
    """Warmest set-point of the leaving water that keeps the supply limit at full load [°C].

    The capacity controller is at full load half its band above the set-point. Warmer water costs nothing
    here: the loop's flow is constant, the coils give the whole load up to the limit.
    """
    if plant.loop is None:
        return unit.supply.default_c
    return min(max(warmest_supply_c(plant, unit), unit.supply.low_c), unit.supply.high_c)


def warmest_supply_c(plant: Plant, unit: cooling.Chiller) -> float:
    """Set-point above which the loop would leave its limit at full load; endless without a loop [°C]."""
    if plant.loop is None:
        return float("inf")
    return plant.loop.supply_max_c - unit.supply.proportional_k / 2.0 - _WARM_MARGIN_K


def planned_loop_c(plant: Plant) -> float:
    """Chilled water the air handlers get where nobody chooses it: of the coldest set-point [°C]."""
    return min((planned_supply_c(plant, unit) for unit in plant.chillers), default=0.0)


def beside_kw(
    plant: Plant, at: tuple[float, float], weather: Weather, condenser_told_c: float | None = None
) -> float:
    """Power of air handlers and towers; `at` is the cooling load [kW] and the chilled water [°C]. [kW]."""
    (cooling_kw, supply_c), room_c = at, plant.loop.room_c if plant.loop else at[1]
    fans = sum(handler.fan_kw(cooling_kw, supply_c, room_c) for handler in plant.air_handlers)
    return fans + plant.tower_kw(cooling_kw, weather, condenser_told_c)


def chiller_corners(
    unit: cooling.Chiller, water: tuple[float, float], need_kw: float
) -> tuple[list[float], list[float]]:
    """Load and power at each corner; the loop is half the control band above the set-point at full load.

    A machine that runs takes at least its least load: it does not stand by for nothing beside another one.
    Only a need below that lets it cycle.

    Args:
        unit: The machine.
        water: Set-point of the leaving water and temperature on the condenser side. [°C]
        need_kw: What all users need.
    """
    supply_c, condenser_c = water
    need_kw = max(need_kw, 0.0)
    loads: list[float] = []
    powers: list[float] = []
    for plr in (unit.eir.plr_min_frac, *_PLR_STEPS):
        loop_c = supply_c + (plr - 0.5) * unit.supply.proportional_k
        load_kw = plr * unit.eir.available_kw(loop_c, condenser_c)
        load_kw = load_kw if loads else min(load_kw, need_kw)
        loads.append(load_kw)
        powers.append(unit.total_kw(load_kw, loop_c, condenser_c))
    return loads, powers
