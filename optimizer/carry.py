"""A part of a window, and the state a plan leaves the plant in at its begin.

State that is lost between windows is the first source of error of a receding horizon: whether a machine
runs and for how long, its starts and its last output, what the stores hold, the highest import so far. What
is asked of the window as a whole (a batch, a take-or-pay amount, a month's power factor) has no part: such a
window is not cut rather than cut wrongly.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from optimizer.courses import each_course
from optimizer.plan import Plan
from optimizer.problem import BoolArray, Commitment, DispatchProblem, FloatArray
from optimizer.starting import DAY_S
from optimizer.supply import DemandCharge

_NS: Final = 1e9


def may_be_cut(problem: DispatchProblem) -> bool:
    """Whether everything asked of the window is asked of its steps."""
    supply = problem.supply
    of_a_window = (supply.tiers, supply.reactive, supply.gas, supply.co2_cap_kg is not None)
    windowed = any(charge.window_s is not None or charge.apparent for charge in supply.charges)
    return not (problem.flexible.all or any(of_a_window) or windowed)


def cut(problem: DispatchProblem, begin: int, end: int) -> DispatchProblem:
    """Steps `begin` up to `end` of a window; the machines' state is still that of its own begin.

    What is wanted at the end of the window is left out where the part ends before it.

    Raises:
        ValueError: The part is empty, reaches beyond the window, or the window has no parts.
    """
    if not 0 <= begin < end <= problem.steps:
        raise ValueError(f"steps {begin} to {end} are no part of a window of {problem.steps}")
    if not may_be_cut(problem):
        raise ValueError("something is asked of this window as a whole; plan it as one")
    part: DispatchProblem = each_course(
        problem, problem.steps, lambda course, axis: np.take(course, np.arange(begin, end), axis)
    )
    part = replace(
        part,
        start_ns=problem.start_ns + round(begin * problem.step_s * _NS),
        steps=end - begin,
        binary_steps=max(0, min(problem.binary_steps, end) - begin),
        begun=problem.begun if begin == 0 else None,
    )
    if end == problem.steps:
        return part
    return replace(
        part,
        batteries=tuple(replace(one, end_least_kwh=None) for one in part.batteries),
        stores=tuple(replace(one, end_least=None) for one in part.stores),
    )


def carried(problem: DispatchProblem, plan: Plan, step: int) -> DispatchProblem:
    """The rest of the window from a step on, as the plan leaves the plant there.

    Raises:
        ValueError: The step is not inside the window.
    """
    rest = cut(problem, step, problem.steps)
    if step == 0:
        return rest
    peak_kw = max(problem.prices.month_peak_kw, float(plan.import_kw[:step].max()))
    charges = tuple(_charged(one, plan.import_kw[:step]) for one in problem.supply.charges)

    def left(machine: Any) -> Any:  # noqa: ANN401  any machine that is on or off
        own = plan.machines[machine.name]
        commitment = after(machine.commitment, own.on[:step], problem.step_s)
        if commitment.ramp is not None:
            commitment = replace(commitment, ramp=replace(commitment.ramp, last=float(own.level[step - 1])))
        return replace(machine, commitment=commitment)

    def held(name: str) -> float:
        return float(plan.machines[name].level[step - 1])

    return replace(
        rest,
        prices=replace(rest.prices, month_peak_kw=peak_kw),
        supply=replace(rest.supply, charges=_with_part(charges, rest)),
        compressors=tuple(left(one) for one in rest.compressors),
        chillers=tuple(left(one) for one in rest.chillers),
        chps=tuple(left(one) for one in rest.chps),
        cogens=tuple(left(one) for one in rest.cogens),
        converters=tuple(left(one) for one in rest.converters),
        batteries=tuple(replace(one, soc_kwh=held(one.name)) for one in rest.batteries),
        stores=tuple(replace(one, content=held(one.name)) for one in rest.stores),
    )


def _charged(charge: DemandCharge, import_kw: FloatArray) -> DemandCharge:
    """A demand charge after some steps."""
    counts = (
        np.ones(len(import_kw), dtype=np.bool_) if charge.counts is None else charge.counts[: len(import_kw)]
    )
    so_far_kw = float(np.max(import_kw[counts], initial=charge.so_far_kw))
    return replace(charge, so_far_kw=so_far_kw)


def _with_part(charges: tuple[DemandCharge, ...], rest: DispatchProblem) -> tuple[DemandCharge, ...]:
    """The same with the steps that count of the rest."""
    pairs = zip(charges, rest.supply.charges, strict=True)
    return tuple(replace(one, counts=later.counts) for one, later in pairs)


def after(commitment: Commitment, on: BoolArray, step_s: float) -> Commitment:
    """State of a machine after some steps of a plan."""
    if not len(on):
        return commitment
    last = bool(on[-1])
    other = np.flatnonzero(on != last)
    lasted_s = (len(on) - 1 - int(other[-1])) * step_s if len(other) else len(on) * step_s
    if not len(other) and commitment.on == last:
        lasted_s += commitment.state_s
    begun = np.flatnonzero(on & ~np.concatenate([[commitment.on], on[:-1]]))
    ages_s = [(len(on) - int(step)) * step_s for step in begun]
    ages_s += [age_s + len(on) * step_s for age_s in commitment.starting.ages_s]
    young = tuple(sorted(age_s for age_s in ages_s if age_s <= DAY_S))
    starting = replace(commitment.starting, ages_s=young if commitment.starting.limits else ())
    return replace(commitment, on=last, state_s=lasted_s, starting=starting)
