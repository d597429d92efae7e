"""What the checker says, and what all its parts need; shares no code with the builder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import DispatchProblem
from optimizer.switching import Commitment

POWER_KW: Final = 1e-2
FLOW: Final = 1e-3
ENERGY_KWH: Final = 1e-2
CURVE_FRAC: Final = 0.005
"""Power may lie off the curve by this share of the machine's full power."""
MONEY: Final = 1e-2


def left_h(problem: DispatchProblem) -> list[float]:
    """Length of each step, of the first what is left of it. [h]."""
    gone_frac = 0.0 if problem.begun is None else problem.begun.gone_frac
    return [problem.step_s * (1.0 - gone_frac * (step == 0)) / 3600.0 for step in range(problem.steps)]


@dataclass(frozen=True, slots=True)
class Violation:
    """One limit not kept."""

    machine: str
    """Machine, balance or limit."""
    step: int
    """-1 when it concerns the whole window."""
    amount: float
    limit: str
    """What should hold, in plant words with the unit of `amount`."""


def slack(plan: Plan, steps: int, name: str) -> FloatArray:
    """Amount of a named shortage in each step."""
    amounts = np.zeros(steps)
    for shortage in plan.shortages:
        if shortage.name == name:
            amounts[shortage.step] = shortage.amount
    return amounts


def where(off: FloatArray, tolerance: float, machine: str, limit: str) -> Iterator[Violation]:
    """One violation per step in which `off` exceeds the tolerance."""
    for step in np.flatnonzero(off > tolerance):
        yield Violation(machine, int(step), float(off[step]), limit)


@dataclass(frozen=True, slots=True)
class Phases:
    """Parts of each step that a machine spends warming up and running on, by its on and off alone.

    Attributes:
        giving_frac: Share of a step in which it gives something. [-]
        power_kw: Electric power of both phases. [kW]
        fuel_kw: Fuel of warming up. [kW LHV]
    """

    giving_frac: FloatArray
    power_kw: FloatArray
    fuel_kw: FloatArray


def phases(commitment: Commitment, machine: MachinePlan, step_s: float, gone_s: float = 0.0) -> Phases:
    """Lay the phases on the time axis: each begins at a switch and ends with its time or the next switch.

    Of a first step that has begun only what is left of it counts, and its switch comes then.
    """
    own, steps = commitment.starting, len(machine.on)
    states = [commitment.on, *(bool(now) for now in machine.on)]
    changes = [max(t * step_s, gone_s) for t in range(steps) if states[t + 1] != states[t]]
    # what has just switched in a step that is planned whole counts from the begin of that step
    begins = [-commitment.state_s, *changes]
    froms = [min(begins[0], 0.0), *changes]
    ends = [*changes, steps * step_s]
    warm, after = np.zeros(steps), np.zeros(steps)
    running = commitment.on
    for begin, since, end in zip(begins, froms, ends, strict=True):
        length_s = own.warm_up_s if running else own.run_on_s
        until = min(begin + length_s, end) if length_s > 0 else since
        for step in range(steps):
            first_s, last_s = max(step * step_s, gone_s), (step + 1) * step_s
            shared = min(until, last_s) - max(since, first_s)
            (warm if running else after)[step] += max(shared, 0.0) / (last_s - first_s)
        running = not running
    on = np.array(states[1:], dtype=np.float64)
    return Phases(on - warm, warm * own.warm_up_kw + after * own.run_on_kw, warm * own.warm_up_fuel_kw)


def on_rate(level: FloatArray, giving_frac: FloatArray) -> FloatArray:
    """Output while a machine gives, from the mean of the step; 0 where it gives nothing."""
    return np.divide(level, giving_frac, out=np.zeros_like(level), where=giving_frac > 1e-9)  # noqa: PLR2004  nothing
