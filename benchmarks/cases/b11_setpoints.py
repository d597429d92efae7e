"""A day of chillers with 5 x 5 water temperatures to choose: over the best of all schedules, enumerated.

The enumeration knows nothing of the optimiser: a dynamic programme over every set of machines, its times in
that state and every pair of temperatures, with the load shared on the true EIR curves.

The planner's pieces are chords, so its costs and its bound lie above those of the curves. What is written as
`bound` is a bound of the true cost: the planner's, less the most that chords can lie above the curves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from benchmarks.enumerate_water import Plant, Schedule, best_day, cost_of
from benchmarks.registry import Case, Result
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import BoolArray, Chiller, Commitment, DispatchProblem, FloatArray, Forecasts, Prices
from optimizer.solve import Infeasible, Stopped
from optimizer.water import Water, corners_of, levels_of
from plant.eir import EirCurve
from protocols.errors import ContractError

_STEPS: Final = 96
_SEEDS: Final = (0, 1, 2, 3)
_LIMIT_S: Final = 4.5
_STEP_H: Final = 0.25
_FINE: Final = 32
"""Even: a quadratic piece is farthest below its chord in the middle."""
_CAPFT: Final = (0.254728043, 0.038406624, -0.000214248, 0.046305158, -0.00093104, -0.00033865)
_EIRFT: Final = (0.944795486, -0.058872682, 0.004552011, 0.002458086, 0.000491617, -0.001229043)
_PLR: Final = ((0.2, 0.35, 0.45), (0.14, 0.46, 0.4), (0.24, 0.16, 0.6))
_TOTAL: Final = 1500.0


@dataclass(frozen=True, slots=True)
class Day:
    """A plant, what it must supply, and what energy costs."""

    plant: Plant
    price: FloatArray
    waters: tuple[Water, ...]


def day(seed: int, machines: int = 3) -> Day:
    """A plant drawn by lot: sizes, efficiencies, weather, load, tariff."""
    random = np.random.default_rng(seed)
    hour = np.arange(_STEPS) / 4.0
    shares = random.dirichlet(np.full(machines, 8.0))
    chillers = {
        f"chiller{k + 1}": EirCurve(
            capacity_kw=float(_TOTAL * shares[k]),
            cop=float(random.uniform(4.6, 6.0)),
            supply_c=7.0,
            condenser_c=29.4,
            capft=_CAPFT,
            eirft=_EIRFT,
            eirfplr=_PLR[int(random.integers(len(_PLR)))],
            plr_min_frac=float(random.choice([0.15, 0.2, 0.25])),
        )
        for k in range(machines)
    }
    wet_bulb_c = random.uniform(16.0, 23.0) + 3.0 * np.sin(np.pi * (hour - 9.0) / 12.0)
    shape = 0.35 + 0.5 * np.clip(np.sin(np.pi * (hour - 5.0) / 16.0), 0.0, 1.0)
    need = _TOTAL * np.clip(shape + 0.03 * random.standard_normal(_STEPS), 0.2, 0.85)
    warmest_c = np.where(_within(hour, 8.0, 19.0), random.choice([8.0, 9.0, 10.0]), 11.0)
    dear = _within(hour, 10.0, 15.0) | _within(hour, 18.0, 21.0)
    price = np.select([_within(hour, 0.0, 7.0), dear], [0.3, 1.1], 0.65)
    waters = tuple(
        _water(supply_c, condenser_c, wet_bulb_c, warmest_c)
        for supply_c, condenser_c in product((6.0, 7.0, 8.0, 9.0, 10.0), (20.0, 22.5, 25.0, 27.5, 30.0))
    )
    levels = levels_of(chillers, waters)
    plant = Plant(
        chillers=chillers,
        pairs=tuple((water.supply_c, water.condenser_c) for water in waters),
        extra_kw=levels.extra_kw,
        extra_frac=levels.extra_frac,
        allowed=levels.allowed,
        need_kw=need,
        start_cost={name: float(random.uniform(5.0, 20.0)) for name in chillers},
        least_steps=3,
        on_before=tuple(k == 0 for k in range(machines)),
    )
    return Day(plant, price, waters)


def _within(hour: FloatArray, begin_h: float, end_h: float) -> BoolArray:
    return (hour >= begin_h) & (hour < end_h)


def _water(supply_c: float, condenser_c: float, wet_bulb_c: FloatArray, warmest_c: FloatArray) -> Water:
    """Fans work harder near the wet bulb, pumps with warmer water, of which each litre carries less."""
    approach_k = np.maximum(condenser_c - wet_bulb_c, 0.1)
    fans = 0.012 * np.minimum((4.0 / approach_k) ** 1.5, 20.0)
    pumps = 0.02 * (7.0 / (14.0 - supply_c)) ** 2
    return Water(
        supply_c=supply_c,
        condenser_c=condenser_c,
        extra_kw=np.full(_STEPS, 9.0),
        extra_frac=fans + pumps,
        allowed=(condenser_c >= wet_bulb_c + 1.5) & (supply_c <= warmest_c),
    )


def problem_of(of: Day) -> DispatchProblem:
    """The planner's problem: the same plant, every switch of the day whole."""
    plant, nothing = of.plant, np.zeros(_STEPS)
    least_s = plant.least_steps * 900.0
    machines = tuple(
        Chiller(
            name=name,
            load_kw=np.tile(corners_of(eir, 7.0, 29.4)[0], (_STEPS, 1)),
            power_kw=np.tile(corners_of(eir, 7.0, 29.4)[1], (_STEPS, 1)),
            commitment=Commitment(
                on=running, min_up_s=least_s, min_down_s=least_s, start_eur=plant.start_cost[name]
            ),
        )
        for (name, eir), running in zip(plant.chillers.items(), plant.on_before, strict=True)
    )
    return DispatchProblem(
        start_ns=1_770_000_300_000_000_000,
        steps=_STEPS,
        binary_steps=_STEPS,
        forecasts=Forecasts(
            electric_kw=nothing,
            air_m3_min=nothing,
            cooling_kw=plant.need_kw,
            heat_kw=nothing,
            pv_kw=nothing,
            outdoor_c=nothing,
        ),
        prices=Prices(
            import_eur_kwh=of.price,
            export_eur_kwh=nothing,
            gas_eur_kwh=0.0,
            co2_eur_t=0.0,
            grid_kg_kwh=nothing,
            gas_kg_kwh=0.0,
        ),
        chillers=machines,
        cooling_levels=levels_of(plant.chillers, of.waters),
    )


def schedule_of(plant: Plant, plan: Plan) -> Schedule:
    """What the plan decides, for the judge."""
    told = zip(plan.setpoints["chilled_water_c"], plan.setpoints["condenser_water_c"], strict=True)
    return Schedule(
        on=np.array([plan.machines[name].on for name in plant.chillers]),
        load_kw=np.array([plan.machines[name].level for name in plant.chillers]),
        pair=np.array([plant.pairs.index((float(a), float(b))) for a, b in told]),
    )


def above_the_curves(of: Day) -> float:
    """Money by which the planner's chords can make a day dearer than it is, whatever runs at which water."""
    plant = of.plant
    kw = np.array([sum(_chords_over(eir, pair) for eir in plant.chillers.values()) for pair in plant.pairs])
    worst_kw = np.where(plant.allowed, kw[:, None], 0.0).max(axis=0)
    return float(worst_kw @ of.price) * _STEP_H


def _chords_over(eir: EirCurve, pair: tuple[float, float]) -> float:
    """How far the chords of a curve lie above it at most, at one pair of temperatures. [kW]."""
    load, power = corners_of(eir, *pair)
    fine = np.linspace(load[0], load[-1], _FINE * (len(load) - 1) + 1)
    true = np.array([eir.power_kw(float(at), *pair) for at in fine])
    return float(np.max(np.interp(fine, load, power) - true))


def measure(seed: int) -> dict[str, Any]:
    """Plan one day and judge it.

    Raises:
        ContractError: There is no plan, or it breaks a limit.
    """
    of = day(seed)
    began_s = time.perf_counter()
    problem = problem_of(of)
    outcome = plan_day(problem, limit_s=_LIMIT_S, gap_frac=0.002)
    took_s = time.perf_counter() - began_s
    if isinstance(outcome, Infeasible | Stopped):
        raise ContractError(f"seed {seed}: {outcome.reason}")
    faults = check(problem, outcome.plan)
    if faults or outcome.plan.shortages:
        raise ContractError(f"seed {seed}: {(*faults, *outcome.plan.shortages)[0]}")
    cost = cost_of(of.plant, of.price, schedule_of(of.plant, outcome.plan))
    best = best_day(of.plant, of.price)
    bound = outcome.bound - above_the_curves(of)
    if bound > min(cost, best):
        raise ContractError(f"seed {seed}: the bound {bound} lies above a schedule of {min(cost, best)}")
    return {
        "cost": float(cost),
        "best": best,
        "excess_pct": float(100.0 * (cost - best) / best),
        "bound": bound,
        "gap_pct": float(100.0 * (cost - bound) / cost),
        "s": took_s,
    }


def run() -> Result:
    """Every seed."""
    results = {f"seed{seed}": measure(seed) for seed in _SEEDS}
    return Result(
        {
            "worst_excess_pct": max(one["excess_pct"] for one in results.values()),
            "max_s": max(one["s"] for one in results.values()),
        },
        results=results,
    )


CASE: Final = Case(
    "b11_setpoints",
    "a day of chillers with 25 pairs of water temperatures, beside the best of all schedules",
    run,
    {"seed": _SEEDS, "levels": (25,)},
)
