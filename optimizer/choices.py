"""Set-points a plan of a site may choose, with what each level brings: from the curves of its flowsheet.

Chilled water   warmer: less lift and more capacity of the chillers, more air for the fans
condenser water colder: less lift of the chillers, more power of the towers' fans
network pressure lower: less power of the compressors, less flow through leaks and unregulated users

A level is the set-point as a machine takes it; what it brings is worked out where the plant then is, such as
condenser water that stays above its set-point because the weather is too damp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np

from optimizer.arrays import BoolArray, FloatArray
from optimizer.levels import AirLevels, CoolingLevels
from optimizer.outlook import Outlook
from optimizer.plan import Plan
from optimizer.planned import (
    beside_kw,
    chiller_corners,
    planned_header_bar_g,
    planned_loop_c,
    warmest_supply_c,
)
from optimizer.problem import OFF, DispatchProblem, Forecasts, effective_lock
from plant.state import Plant
from plant.units.air import drawn
from plant.units.compressor import VsdCompressor

CHILLED_WATER: Final = "chilled_water_c"
CONDENSER_WATER: Final = "condenser_water_c"
NETWORK_PRESSURE: Final = "air_bar_g"
_SAME: Final = 1e-6
_KEPT_ABOVE: Final = 1.1
"""Share of the need that the machines give at a temperature that is to stay; else it does not stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What may be chosen; an empty tuple: nothing.

    Attributes:
        supply_c: Chilled water, one for all chillers. [°C]
        condenser_c: Condenser water of the towers. [°C]
        pressure_bar_g: Header pressure that the trimming compressor holds in the mean. [bar g]
        set_by: Compressors that take a pressure; the others keep that of their role.
        least_bar_g: What the users need. [bar g]
        move_cost: Price of another pressure from one step to the next. [money]
        humid: Above this wet bulb the chilled water is at most so warm, so that the air is dried. [°C, °C]
        held: Name of a set-point to its value in the first steps, where something else decides it.
        kept: The same of one that stays unless a limit or the need asks for another.
    """

    supply_c: tuple[float, ...] = ()
    condenser_c: tuple[float, ...] = ()
    pressure_bar_g: tuple[float, ...] = ()
    set_by: tuple[str, ...] = ()
    least_bar_g: float = 0.0
    move_cost: float = 0.0
    humid: tuple[float, float] | None = None
    held: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    kept: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Set-points there is a choice of."""
        named = (
            (CHILLED_WATER, self.supply_c),
            (CONDENSER_WATER, self.condenser_c),
            (NETWORK_PRESSURE, self.pressure_bar_g),
        )
        return frozenset(name for name, levels in named if levels)


def with_choices(
    problem: DispatchProblem, plant: Plant, outlook: Outlook, choices: Choices
) -> DispatchProblem:
    """The problem of a site with its set-points to choose; the same one where there is nothing to choose.

    Args:
        problem: From `compile_problem`, for the same plant and outlook.
        plant: The plant.
        outlook: What is expected.
        choices: What may be chosen.
    """
    cooling = _cooling(plant, outlook, choices) if choices.supply_c or choices.condenser_c else None
    if cooling is not None and problem.chillers:
        levels, beside = cooling
        electric_kw = np.maximum(problem.forecasts.electric_kw + beside, 0.0)
        forecasts: Forecasts = replace(problem.forecasts, electric_kw=electric_kw)
        problem = replace(problem, cooling_levels=levels, forecasts=forecasts)
        problem = replace(problem, cooling_levels=_with_kept(problem, levels, choices))
    if choices.pressure_bar_g and problem.compressors:
        problem = replace(problem, air_levels=_air(plant, outlook, choices))
    return problem


def told_of(plan: Plan, choices: Choices) -> Plan:
    """The plan with those set-points alone that were to be chosen; of a pair the other one is nobody's."""
    pair = {CHILLED_WATER, CONDENSER_WATER}
    kept = {name: one for name, one in plan.setpoints.items() if name not in pair or name in choices.names}
    return replace(plan, setpoints=kept)


def _cooling(plant: Plant, outlook: Outlook, choices: Choices) -> tuple[CoolingLevels, FloatArray]:
    """Levels, and how much less the air handlers and towers take at the coldest of them than was planned."""
    supplies = _levels(choices, CHILLED_WATER, choices.supply_c) or (planned_loop_c(plant),)
    condensers = _levels(choices, CONDENSER_WATER, choices.condenser_c)
    own_c = plant.tower.default_c if plant.tower else float(np.mean(_own_condenser_c(plant, outlook)))
    pairs = list(product(supplies, condensers or (own_c,)))
    told = [None if not condensers else warm_c for _, warm_c in pairs]
    steps = range(outlook.steps)
    beside = np.array(
        [
            [_beside(plant, outlook, step, (cold_c, warm_c)) for step in steps]
            for (cold_c, _), warm_c in zip(pairs, told, strict=True)
        ]
    )
    planned = np.array([_beside(plant, outlook, step, (planned_loop_c(plant), None)) for step in steps])
    least = beside.min(axis=0)
    curves = {
        name: [
            _curve(plant, outlook, place, (cold, warm)) for (cold, _), warm in zip(pairs, told, strict=True)
        ]
        for place, name in enumerate(plant.chiller_ids)
    }
    levels = CoolingLevels(
        supply_c=tuple(cold for cold, _ in pairs),
        condenser_c=tuple(warm for _, warm in pairs),
        load_kw={name: np.array([load for load, _ in found]) for name, found in curves.items()},
        power_kw={name: np.array([power for _, power in found]) for name, found in curves.items()},
        extra_kw=beside - least,
        extra_frac=np.zeros_like(beside),
        allowed=_allowed(plant, outlook, choices, (pairs, told)),
    )
    return levels, least - planned


def _levels(choices: Choices, name: str, levels: tuple[float, ...]) -> tuple[float, ...]:
    """Levels in their order, with those that are held now."""
    return tuple(sorted({*levels, *choices.held.get(name, ())})) if levels else ()


def _own_condenser_c(plant: Plant, outlook: Outlook) -> list[float]:
    at = [outlook.weather(step) for step in range(outlook.steps)]
    return [plant.condenser_c(unit, weather) for unit in plant.chillers for weather in at]


def _beside(plant: Plant, outlook: Outlook, step: int, water: tuple[float, float | None]) -> float:
    supply_c, told_c = water
    load_kw = max(float(outlook.cooling_kw[step]), 0.0)
    return beside_kw(plant, (load_kw, supply_c), outlook.weather(step), told_c)


def _curve(
    plant: Plant, outlook: Outlook, place: int, water: tuple[float, float | None]
) -> tuple[FloatArray, FloatArray]:
    """Loads and powers of a chiller, each (steps, corners)."""
    unit, (supply_c, told_c) = plant.chillers[place], water
    corners = [
        chiller_corners(
            unit,
            (supply_c, plant.condenser_c(unit, outlook.weather(step), told_c)),
            float(outlook.cooling_kw[step]),
        )
        for step in range(outlook.steps)
    ]
    return np.array([load for load, _ in corners]), np.array([power for _, power in corners])


def _allowed(
    plant: Plant,
    outlook: Outlook,
    choices: Choices,
    of: tuple[list[tuple[float, float]], list[float | None]],
) -> BoolArray:
    """Where loop, weather, fit of the curves and who holds a set-point permit a pair, (pairs, steps).

    Where nothing fits at all, the coldest chilled water and the warmest condenser water stay: the pair that
    gives the users what they need, in weather nobody has a curve for.
    """
    pairs, told = of
    supply = np.array([cold for cold, _ in pairs])[:, None]
    found = np.ones((len(pairs), outlook.steps), dtype=np.bool_)
    warmest = min(warmest_supply_c(plant, unit) for unit in plant.chillers)
    held = choices.held.get(CHILLED_WATER, ())
    if choices.supply_c:
        found &= (supply <= warmest + _SAME) | np.isin(np.round(supply, 6), np.round(held, 6))
    if choices.humid is not None:
        wet_bulb_c, most_c = choices.humid
        found &= (outlook.wet_bulb_c[None, :] <= wet_bulb_c) | (supply <= most_c + _SAME)
    for unit in plant.chillers:
        for step in range(outlook.steps):
            at = [plant.condenser_c(unit, outlook.weather(step), one) for one in told]
            fits = [unit.eir.covers(cold, warm) for (cold, _), warm in zip(pairs, at, strict=True)]
            found[:, step] &= np.array(fits)
    safest = max(range(len(pairs)), key=lambda k: (-pairs[k][0], pairs[k][1]))
    found[safest] |= ~found.any(axis=0)
    for name, column in ((CHILLED_WATER, 0), (CONDENSER_WATER, 1)):
        for step, value in _held(choices, name, outlook.steps):
            found[:, step] = [abs(pair[column] - value) < _SAME for pair in pairs]
    return found


def _held(choices: Choices, name: str, steps: int) -> Iterator[tuple[int, float]]:
    if name in choices.names:
        yield from enumerate(choices.held.get(name, ())[:steps])


def _with_kept(problem: DispatchProblem, levels: CoolingLevels, choices: Choices) -> CoolingLevels:
    """Only the temperatures that are to stay, where a limit allows them and the machines meet the need."""
    locks = {
        one.name: effective_lock(one.commitment, problem.steps, problem.step_s, problem.gone_s)
        for one in problem.chillers
    }
    most_kw = sum(levels.load_kw[name][:, :, -1] * (lock != OFF) for name, lock in locks.items())
    stays = levels.allowed & (most_kw >= _KEPT_ABOVE * problem.forecasts.cooling_kw)
    asked = np.zeros(problem.steps, dtype=np.bool_)
    for name, column in ((CHILLED_WATER, levels.supply_c), (CONDENSER_WATER, levels.condenser_c)):
        course = np.array(choices.kept.get(name, ())[: problem.steps] if name in choices.names else ())
        stays[:, : len(course)] &= np.abs(np.array(column)[:, None] - course) < _SAME
        asked[: len(course)] = True
    kept = asked & stays.any(axis=0)
    return replace(levels, allowed=np.where(kept, stays, levels.allowed), stays=kept)


def _air(plant: Plant, outlook: Outlook, choices: Choices) -> AirLevels | None:
    """Pressures over the one the compressors' curves are made for, which is always among them."""
    if plant.receiver is None:
        return None
    own = planned_header_bar_g(plant)
    levels = sorted({*_levels(choices, NETWORK_PRESSURE, choices.pressure_bar_g), own})
    inlet_c = float(np.nanmean(outlook.outdoor_c))
    loads = [outlook.loads(plant, step).air_m3_min for step in range(outlook.steps)]
    need = np.array([[sum(drawn(plant.receiver, bar_g, load)) for load in loads] for bar_g in levels])
    full = [sum(_full_kw(plant, bar_g, inlet_c)) for bar_g in levels]
    least = np.full(outlook.steps, choices.least_bar_g)
    most = np.full(outlook.steps, np.inf)
    for step, value in _held(choices, NETWORK_PRESSURE, outlook.steps):
        least[step] = most[step] = value
    return AirLevels(
        pressure_bar_g=tuple(levels),
        power_frac=tuple(kw / full[levels.index(own)] for kw in full),
        need_m3_min=need - need[levels.index(own)],
        least_bar_g=least,
        most_bar_g=most,
        move_eur=choices.move_cost,
        set_by=choices.set_by,
        own_bar_g=own,
    )


def _full_kw(plant: Plant, header_bar_g: float, inlet_c: float) -> Iterator[float]:
    at = (header_bar_g + plant.drop_bar, inlet_c)
    return (unit.loaded_kw(unit.flow_max_m3_min, *at) for unit in plant.compressors)


def swing_bar(plant: Plant, name: str) -> float:
    """How far the header may fall below the pressure a trimming compressor holds in the mean [bar].

    Half the band of its role, whatever it regulates by: a machine that was released comes back only at the
    lower end of that band.
    """
    unit = dict(zip(plant.compressor_ids, plant.compressors, strict=True))[name]
    speed = unit.band.proportional_bar / 2.0 if isinstance(unit, VsdCompressor) else 0.0
    roles = plant.receiver.roles if plant.receiver else None
    return speed if roles is None else max(speed, (roles.trim.unload_bar_g - roles.trim.load_bar_g) / 2.0)
