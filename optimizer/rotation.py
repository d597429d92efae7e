"""Which of machines that are alike runs longest: the one with fewest hours in its life.

The plan's cost does not know machines apart that have the same curve, limits and state, so their courses are
exchanged after the solve; rows for an order would only slow it down.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, is_dataclass, replace

import numpy as np

from optimizer.fleet import classes_of
from optimizer.network import Cogen, Converter
from optimizer.plan import Plan
from optimizer.problem import LONG_S, Chiller, Chp, Compressor, DispatchProblem


def rotated(problem: DispatchProblem, plan: Plan) -> Plan:
    """The plan with the courses of machines that are alike given out by their hours, fewest first.

    Machines whose hours nobody told (all the same) keep what the solver gave them.
    """
    machines = dict(plan.machines)
    switched = problem.switched
    for places in classes_of([_key(problem, machine) for machine in switched]):
        alike = [switched[place] for place in places]
        if len({machine.commitment.run_h for machine in alike}) > 1:
            fewest = sorted(alike, key=lambda machine: machine.commitment.run_h)
            courses = [plan.machines[machine.name] for machine in alike]
            longest = sorted(courses, key=lambda course: -int(course.on.sum()))
            for machine, course in zip(fewest, longest, strict=True):
                machines[machine.name] = course
    return replace(plan, machines=machines)


def _key(problem: DispatchProblem, machine: Compressor | Chiller | Chp | Converter | Cogen) -> Hashable:
    """Equal for machines that may be exchanged from the begin of the window on."""
    name, own = machine.name, machine.commitment
    starting = own.starting
    lasting_s = max(own.min_up_s, own.min_down_s, starting.warm_up_s, starting.run_on_s)
    # a state older than anything that hangs on it is no difference
    known = own.state_s < lasting_s or own.cold_start_eur is not None
    plain = replace(
        own,
        run_h=0.0,
        state_s=own.state_s if known else LONG_S,
        starting=starting if starting.limits else replace(starting, ages_s=()),
    )
    levels = problem.cooling_levels
    curves = None if levels is None else _frozen((levels.load_kw.get(name), levels.power_kw.get(name)))
    parts = {
        one.name: getattr(machine, one.name)
        for one in fields(machine)
        if one.name not in {"name", "commitment"}
    }
    return (type(machine).__name__, _frozen(tuple(parts.values())), _frozen(plain), curves)


def _frozen(value: object) -> Hashable:
    """The same as something that can be compared and hashed, arrays by their bytes."""
    if isinstance(value, np.ndarray):
        return (value.shape, value.tobytes())
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(_frozen(getattr(value, one.name)) for one in fields(value))
    if isinstance(value, tuple | list):
        return tuple(_frozen(item) for item in value)
    return value
