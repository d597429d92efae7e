"""Compressed air as a station: what each set of machines does in one step, worked out exactly.

The need for air is given and cannot be stored over a step. So a set of running machines, all fully loaded
but one that trims, has a power per step that is a number, not a curve. The MILP chooses among sets
(`components.station`); the hull of a load/unload curve, the straight line from off to full and far too
cheap, never enters it.

After the solve, dynamic programming over the ways to run chooses the trim machine with few changes of role,
and whole sets for the steps beyond the binary ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.components.balance import SLACK_EUR
from optimizer.problem import OFF, ON, BoolArray, DispatchProblem, FloatArray, IntArray, effective_lock
from optimizer.shortage_prices import need_level, price_level

MOST_MACHINES: Final = 6
"""Sets double with each machine; larger stations are modelled machine by machine."""
_ROLE_CHANGE: Final = 0.5
"""Price of moving the trim to another machine that runs: a write, a pressure swing. [money]"""
_FORBIDDEN: Final = 1e9
_PARTS: Final = ("on", "trim", "trim_flow", "flow", "power", "need", "level")


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways to run the station: a set of machines and one of them trimming.

    Attributes:
        on: Which machines run, shape (ways, machines).
        trim: Which of them trims, -1 for none running, shape (ways,).
        trim_flow: Flow of the trimming machine, shape (ways, steps). [m³/min]
        flow: Flow of the station, as near to the need as it can, shape (ways, steps). [m³/min]
        power: Power of the station, shape (ways, steps). [kW]
        need: What is to be supplied at the pressure of the way, shape (ways, steps). [m³/min]
        level: Place of that pressure among those to choose from, shape (ways, steps).
    """

    on: BoolArray
    trim: IntArray
    trim_flow: FloatArray
    flow: FloatArray
    power: FloatArray
    need: FloatArray
    level: IntArray


def is_small(problem: DispatchProblem) -> bool:
    """Whether it has compressors, few enough to look at every set, and they alone make the air needed."""
    flows = (flow.carrier for one in problem.converters for flow in one.flows)
    alone = "air" not in {*flows, *(store.carrier for store in problem.stores)}
    recovers = any(machine.heat_recovery_frac > 0 for machine in problem.compressors)
    return 0 < len(problem.compressors) <= MOST_MACHINES and alone and not recovers


def ways_of(problem: DispatchProblem) -> Ways:
    """All ways of a small station, at each pressure there is to choose; the empty set comes first."""
    levels = problem.air_levels
    if levels is None:
        return _ways_at(problem, (0, problem.forecasts.air_m3_min, 1.0))
    needs = np.maximum(problem.forecasts.air_m3_min + levels.need_m3_min, 0.0)
    found = [_ways_at(problem, (place, needs[place], frac)) for place, frac in enumerate(levels.power_frac)]
    whole = Ways(*(np.concatenate([getattr(ways, part) for ways in found]) for part in _PARTS))
    names = [machine.name for machine in problem.compressors]
    kept = [
        trim < 0 or levels.may_trim(names[trim], int(place))
        for trim, place in zip(whole.trim.tolist(), whole.level[:, 0], strict=True)
    ]
    return Ways(*(getattr(whole, part)[np.array(kept)] for part in _PARTS))


def _ways_at(problem: DispatchProblem, at: tuple[int, FloatArray, float]) -> Ways:
    """All ways at one pressure: its place, the need there, the power over that of the curves."""
    (level, need, power_frac), machines, steps = at, problem.compressors, problem.steps
    full = np.array([machine.full_flow_m3_min for machine in machines])
    full_kw = np.array([machine.full_power_kw for machine in machines])
    codes = np.arange(2 ** len(machines))
    sets = (codes[:, None] >> np.arange(len(machines)) & 1).astype(np.bool_)
    pairs = [(row, int(place)) for row in sets[1:] for place in np.flatnonzero(row)]
    on = np.array([sets[0], *(row for row, _ in pairs)])
    trim = np.array([-1, *(place for _, place in pairs)], dtype=np.int64)
    part, flow, power = (np.zeros((len(on), steps)) for _ in range(3))
    for way, (row, place) in enumerate(pairs, start=1):
        machine, base = machines[place], row.copy()
        base[place] = False
        loaded = float(full[base].sum())
        part[way] = np.clip(need - loaded, machine.flow_m3_min[0], machine.flow_m3_min[-1])
        flow[way] = loaded + part[way]
        power[way] = float(full_kw[base].sum()) + np.interp(part[way], machine.flow_m3_min, machine.power_kw)
    levels = np.full(part.shape, level, dtype=np.int64)
    return Ways(on, trim, part, flow, power * power_frac, np.tile(need, (len(on), 1)), levels)


def best_per_set(problem: DispatchProblem, ways: Ways) -> Ways:
    """Per set and step the values of its cheapest trim machine; `trim` has no meaning in the result."""
    cost = _cost(problem, ways)
    names = ways.on @ (1 << np.arange(ways.on.shape[1]))
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    steps = np.arange(problem.steps)
    best = [places[cost[places].argmin(axis=0)] for places in rows]
    return Ways(
        on=np.array([ways.on[places[0]] for places in rows]),
        trim=np.full(len(rows), -1, dtype=np.int64),
        trim_flow=np.array([ways.trim_flow[row, steps] for row in best]),
        flow=np.array([ways.flow[row, steps] for row in best]),
        power=np.array([ways.power[row, steps] for row in best]),
        need=np.array([ways.need[row, steps] for row in best]),
        level=np.array([ways.level[row, steps] for row in best]),
    )


def best_path(problem: DispatchProblem, ways: Ways, decided: BoolArray) -> IntArray:
    """Way of each step with the least cost over the window, shape (steps,).

    Args:
        problem: The problem.
        ways: From `ways_of`.
        decided: Which machines run in the first steps, shape (machines, decided steps); these are kept.
    """
    cost = np.where(_allowed(problem, ways.on), _cost(problem, ways), _FORBIDDEN)
    count = decided.shape[1]
    kept = (ways.on[:, None, :] == decided.T[None, :, :]).all(axis=2)
    cost[:, :count] = np.where(kept, _cost(problem, ways)[:, :count], _FORBIDDEN)
    starts = np.array([machine.commitment.start_eur for machine in problem.compressors])
    before = np.array([machine.commitment.on for machine in problem.compressors])
    moves = _move_cost(starts, ways, 0.0 if problem.air_levels is None else problem.air_levels.move_eur)
    total = cost[:, 0] + (ways.on & ~before) @ starts
    came = np.zeros((problem.steps, len(total)), dtype=np.int64)
    for step in range(1, problem.steps):
        reached = total[:, None] + moves
        came[step] = reached.argmin(axis=0)
        total = reached.min(axis=0) + cost[:, step]
    path = np.empty(problem.steps, dtype=np.int64)
    path[-1] = int(total.argmin())
    for step in range(problem.steps - 1, 0, -1):
        path[step - 1] = came[step, path[step]]
    return path


def capacity_m3_min(problem: DispatchProblem, on: BoolArray) -> FloatArray:
    """Most each set can give, shape (sets,). [m³/min]."""
    most = np.array([max(m.full_flow_m3_min, float(m.flow_m3_min[-1])) for m in problem.compressors])
    capacity: FloatArray = on @ most
    return capacity


def _allowed(problem: DispatchProblem, on: BoolArray) -> BoolArray:
    """Whether locks permit a way, shape (ways, steps)."""
    allowed = np.ones((len(on), problem.steps), dtype=np.bool_)
    for i, machine in enumerate(problem.compressors):
        lock = effective_lock(machine.commitment, problem.steps, problem.step_s, problem.gone_s)
        allowed &= ~(on[:, i, None] & (lock == OFF)[None, :])
        allowed &= ~(~on[:, i, None] & (lock == ON)[None, :])
    return allowed


def _cost(problem: DispatchProblem, ways: Ways) -> FloatArray:
    """Power by price and what is missing or too much by its slack's price, shape (ways, steps)."""
    need, in_hand = ways.need, problem.in_hand("air")
    over = ways.flow - need
    level = price_level(problem)
    short, surplus = SLACK_EUR["air_short"] * need_level(problem), SLACK_EUR["air_surplus"] * level
    slack = np.maximum(-over, 0.0) * short + np.maximum(over, 0.0) * surplus
    if in_hand is not None:
        wanted = in_hand - capacity_m3_min(problem, ways.on)[:, None]
        slack += np.maximum(wanted, 0.0) * SLACK_EUR["reserve_air"] * level
    cost: FloatArray = (ways.power * problem.import_marginal_eur_kwh + slack) * problem.hours
    if problem.air_levels is not None:
        allowed = problem.air_levels.allowed[ways.level, np.arange(problem.steps)]
        cost = np.where(allowed, cost, _FORBIDDEN)
    return cost


def _move_cost(starts: FloatArray, ways: Ways, move_eur: float) -> FloatArray:
    """Cost of going from one way (row) to another (column)."""
    begun = ways.on[None, :, :] & ~ways.on[:, None, :]
    changed = (ways.trim[:, None] != ways.trim[None, :]) & (ways.trim[:, None] >= 0)
    moved = ways.level[:, None, 0] != ways.level[None, :, 0]
    cost: FloatArray = begun @ starts + changed * _ROLE_CHANGE + moved * move_eur
    return cost
