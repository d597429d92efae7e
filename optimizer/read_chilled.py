"""Loads, powers and water temperatures of the chillers from the solver's columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.build import Columns
from optimizer.chilled_sets import ChilledSets, at_best_level, every_set
from optimizer.components.chilled_station import ChilledColumns
from optimizer.plan import MachinePlan, Role
from optimizer.problem import BoolArray, Chiller, DispatchProblem, FloatArray, IntArray
from optimizer.rounding import rounded_on
from optimizer.starting import course_kw

_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class ChilledPlan:
    """The chillers' part of a plan.

    Attributes:
        machines: Per chiller.
        level: Place of the water temperatures of each step; None where there is no choice.
        extra_kw: Power of pumps and fans that hang on them, shape (steps,).
    """

    machines: dict[str, MachinePlan]
    level: IntArray | None
    extra_kw: FloatArray


def read_chilled(problem: DispatchProblem, columns: Columns, x: FloatArray) -> ChilledPlan:
    """The chillers as they shall run; in the outlook enough of them for the need are on."""
    nothing = np.zeros(problem.steps)
    if not problem.chillers:
        return ChilledPlan({}, None, nothing)
    capacity = np.array([machine.load_kw[:, -1] for machine in problem.chillers])
    in_hand = problem.in_hand("cooling")
    need = problem.forecasts.cooling_kw if in_hand is None else in_hand
    if columns.chilled is not None:
        share = np.array([x[switch.on] for switch in columns.chilled.switches.values()])
        on = rounded_on(share, capacity, need, problem.binary_steps)
        return _of_sets(problem, columns.chilled, x, on)
    found = [columns.chillers[machine.name] for machine in problem.chillers]
    on = rounded_on(np.array([x[c.switch.on] for c in found]), capacity, need, problem.binary_steps)
    level = None
    if columns.cooling_levels is not None:
        level = np.argmax(x[columns.cooling_levels.level], axis=0)
    machines: dict[str, MachinePlan] = {}
    for place, machine in enumerate(problem.chillers):
        own, curve = machine.commitment, found[place].curve
        course = course_kw(on[place], (own.on, own.state_s), own.starting, problem.step_s, problem.gone_s)
        power = _on_curve(_curve_of(problem, machine, level), x[curve.load], course.giving_frac)
        power[problem.binary_steps :] = x[curve.power][problem.binary_steps :]
        machines[machine.name] = _plan(machine, on[place], power, x[curve.load])
    extra = nothing if columns.cooling_levels is None else x[columns.cooling_levels.extra]
    return ChilledPlan(machines, level, extra)


def _of_sets(problem: DispatchProblem, station: ChilledColumns, x: FloatArray, on: BoolArray) -> ChilledPlan:
    """Whole sets in the exact steps, a mix of them in the outlook."""
    share, steps = x[station.share], np.arange(problem.steps)
    chosen = share.argmax(axis=0)
    whole = np.zeros_like(share)
    whole[chosen, steps] = 1.0
    share = np.where(steps < problem.binary_steps, whole, share)
    sets = station.sets or _at_loads(problem, station, x)
    load = np.einsum("st,smt->mt", share, sets.load_kw)
    power = np.einsum("st,smt->mt", share, sets.power_kw)
    machines = {
        machine.name: _plan(machine, on[place], power[place], load[place])
        for place, machine in enumerate(problem.chillers)
    }
    return ChilledPlan(machines, sets.level[chosen, steps], np.einsum("st,st->t", share, sets.extra_kw))


def _at_loads(problem: DispatchProblem, station: ChilledColumns, x: FloatArray) -> ChilledSets:
    """What each set does at the load it was given, at its best level there."""
    levels = problem.cooling_levels
    if levels is None:
        raise AssertionError("sets of chillers have levels")
    rows = every_set(len(problem.chillers))
    found = []
    for place, running in enumerate(rows):
        rate = np.zeros(problem.steps)
        if place in station.load:
            share = x[station.share[place]]
            rate = np.divide(x[station.load[place]], share, out=rate, where=share > _NOTHING)
        found.append(at_best_level(problem, levels, running, rate))
    return ChilledSets(rows, *(np.array(part) for part in zip(*found, strict=True)))


def _plan(machine: Chiller, on: BoolArray, power_kw: FloatArray, load_kw: FloatArray) -> MachinePlan:
    roles: tuple[Role, ...] = tuple("on" if running else "off" for running in on)
    plan = MachinePlan(kind="chiller", on=on, role=roles, power_kw=power_kw, level=load_kw)
    return replace(plan, supply_c=machine.supply_c)


def _curve_of(
    problem: DispatchProblem, machine: Chiller, level: IntArray | None
) -> tuple[FloatArray, FloatArray]:
    """Corners of each step, at the water temperatures chosen where there is a choice."""
    levels = problem.cooling_levels
    if levels is None or level is None:
        return machine.load_kw, machine.power_kw
    steps = np.arange(problem.steps)
    return levels.load_kw[machine.name][level, steps], levels.power_kw[machine.name][level, steps]


def _on_curve(
    corners: tuple[FloatArray, FloatArray], load_kw: FloatArray, giving_frac: FloatArray
) -> FloatArray:
    """Power on the curve of each step: within its gap the solver may stop above it, the machine does not."""
    rate = np.divide(load_kw, giving_frac, out=np.zeros_like(load_kw), where=giving_frac > 0)
    rows = zip(rate, *corners, strict=True)
    power: FloatArray = giving_frac * np.array([np.interp(load, x, y) for load, x, y in rows])
    return power
