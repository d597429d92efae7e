"""Sets of chillers at their best water temperatures: a number per set and step instead of a curve.

Where the chillers alone make the cooling, the need of a step is given. A set of running machines then has a
best pair of temperatures and a best share of the load, which for convex curves is found by filling their
straight pieces in the order of their slopes. The MILP chooses among sets (`components.chilled_station`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from optimizer.components.balance import SLACK_EUR
from optimizer.components.curve import is_convex, waste_may_pay
from optimizer.levels import CoolingLevels
from optimizer.problem import BoolArray, DispatchProblem, FloatArray, IntArray
from optimizer.shortage_prices import need_level, price_level

_MOST_MACHINES: Final = 6
_MOST_BY_LOAD: Final = 4
"""Sets along their load are curves, not numbers; there are twice as many with each machine."""
_FORBIDDEN: Final = 1e12
_CORNERS: Final = 13
_SAME_KW: Final = 1e-6


@dataclass(frozen=True, slots=True)
class ChilledSets:
    """What each set of machines does in each step.

    Attributes:
        on: Which machines run, shape (sets, machines).
        level: Place of the water temperatures, shape (sets, steps).
        load_kw: Of each machine, shape (sets, machines, steps).
        power_kw: Of each machine, shape (sets, machines, steps).
        extra_kw: Pumps and fans, shape (sets, steps).
    """

    on: BoolArray
    level: IntArray
    load_kw: FloatArray
    power_kw: FloatArray
    extra_kw: FloatArray


Form = Literal["needs", "loads", "columns"]
"""Sets at the need of each step; sets along their load, where a store may move it; machine by machine."""


def form_of(problem: DispatchProblem) -> Form:
    """Smallest form that holds: sets want convex curves and nothing that hangs on a machine's load before."""
    levels, number = problem.cooling_levels, len(problem.chillers)
    if levels is None or not 0 < number <= _MOST_MACHINES or waste_may_pay(problem):
        return "columns"
    plain = all(
        one.commitment.ramp is None and one.commitment.starting.warm_up_s <= 0 for one in problem.chillers
    )
    curves = ((levels.load_kw[one.name], levels.power_kw[one.name]) for one in problem.chillers)
    if not plain or not all(is_convex(x[k], y[k]) for x, y in curves for k in range(len(x))):
        return "columns"
    others = {flow.carrier for one in problem.converters for flow in one.flows}
    others |= {store.carrier for store in problem.stores}
    if "cooling" not in others:
        return "needs"
    return "loads" if number <= _MOST_BY_LOAD else "columns"


def sets_of(problem: DispatchProblem, levels: CoolingLevels) -> ChilledSets:
    """All sets, each at the level that costs least in each step; the empty set comes first."""
    on, need = every_set(len(problem.chillers)), problem.forecasts.cooling_kw
    found = [at_best_level(problem, levels, row, need) for row in on]
    return ChilledSets(on, *(np.array(part) for part in zip(*found, strict=True)))


def every_set(number: int) -> BoolArray:
    """Which machines run in each set, shape (sets, machines); none of them first."""
    codes = np.arange(2**number)
    return (codes[:, None] >> np.arange(number) & 1).astype(np.bool_)


def at_best_level(
    problem: DispatchProblem, levels: CoolingLevels, running: BoolArray, need: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray, FloatArray]:
    """Level, loads and powers of the machines, and power of pumps and fans, of a set that gives `need`."""
    load, power, extra = at_levels(problem, levels, running, need)
    cost = _cost(problem, load.sum(axis=0) - need, power.sum(axis=0) + extra)
    best: IntArray = np.where(levels.allowed, cost, _FORBIDDEN).argmin(axis=0)
    steps = np.arange(problem.steps)
    return best, load[:, best, steps], power[:, best, steps], extra[best, steps]


def curve_of_set(
    problem: DispatchProblem, levels: CoolingLevels, running: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Cooling and power of a running set along its load, each (steps, K), at the best level of each load.

    The best of several convex courses is not always convex; its lower hull is taken, so a plan's bound holds
    and its power is read at the level it has.
    """
    names = [machine.name for place, machine in enumerate(problem.chillers) if running[place]]
    least = np.sum([levels.load_kw[name][:, :, 0] for name in names], axis=0)
    most = np.sum([levels.load_kw[name][:, :, -1] for name in names], axis=0)
    low = np.where(levels.allowed, least, np.inf).min(axis=0)
    high = np.where(levels.allowed, most, -np.inf).max(axis=0)
    x = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, _CORNERS)
    y = np.empty_like(x)
    for k in range(_CORNERS):
        load, power, extra = at_levels(problem, levels, running, x[:, k])
        fits = levels.allowed & (np.abs(load.sum(axis=0) - x[:, k]) < _SAME_KW)
        y[:, k] = np.where(fits, power.sum(axis=0) + extra, np.inf).min(axis=0)
    return x, np.array([_lower_hull(u, v) for u, v in zip(x, y, strict=True)])


def _lower_hull(x: FloatArray, y: FloatArray) -> FloatArray:
    """The highest convex course below the points, at the same places; points of no height are left out."""
    kept: list[int] = []
    for k in np.flatnonzero(np.isfinite(y)).tolist():
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (y[b] - y[a]) * (x[k] - x[a]) < (y[k] - y[a]) * (x[b] - x[a]):
                break
            kept.pop()
        kept.append(k)
    return np.interp(x, x[kept], y[kept])


def at_levels(
    problem: DispatchProblem, levels: CoolingLevels, running: BoolArray, need: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Loads and powers (machines, levels, steps) of a set that shares a need, and pumps and fans."""
    names = [machine.name for machine in problem.chillers]
    load = np.zeros((len(names), len(levels.supply_c), problem.steps))
    power = np.zeros_like(load)
    places = np.flatnonzero(running)
    if len(places):
        x = [levels.load_kw[names[k]] for k in places]
        y = [levels.power_kw[names[k]] for k in places]
        load[places], power[places] = _shared(x, y, need)
    extra = levels.extra_frac * load.sum(axis=0) + levels.extra_kw * bool(len(places))
    return load, power, extra


def _cost(problem: DispatchProblem, over: FloatArray, power: FloatArray) -> FloatArray:
    surplus = 0.0 if problem.limits.may_waste_cooling else SLACK_EUR["cooling_surplus"] * price_level(problem)
    short = SLACK_EUR["cooling_short"] * need_level(problem)
    slack = np.maximum(-over, 0.0) * short + np.maximum(over, 0.0) * surplus
    cost: FloatArray = power * problem.import_marginal_eur_kwh + slack
    return cost


def _shared(x: list[FloatArray], y: list[FloatArray], need: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loads and powers of running machines that share a need best; each (machines, levels, steps)."""
    widths = np.concatenate([np.diff(one, axis=2) for one in x], axis=2)
    rises = np.concatenate([np.diff(one, axis=2) for one in y], axis=2)
    owner = np.concatenate([np.full(one.shape[2] - 1, k) for k, one in enumerate(x)])
    order = np.argsort(rises / widths, axis=2, kind="stable")
    ordered = np.take_along_axis(widths, order, axis=2)
    before = np.cumsum(ordered, axis=2) - ordered
    least = np.sum([one[:, :, 0] for one in x], axis=0)
    filled = np.clip((need - least)[:, :, None] - before, 0.0, ordered)
    share = np.empty_like(filled)
    np.put_along_axis(share, order, filled, axis=2)
    load = np.array([one[:, :, 0] + share[:, :, owner == k].sum(axis=2) for k, one in enumerate(x)])
    steep = share * rises / widths
    power = np.array([one[:, :, 0] + steep[:, :, owner == k].sum(axis=2) for k, one in enumerate(y)])
    return load, power
