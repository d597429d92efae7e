"""How high a demand window may come without costing more than the plan counts on: what execution holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.billing import metered_kw
from optimizer.demand_windows import means_of
from optimizer.problem import DispatchProblem
from optimizer.supply import DemandCharge
from optimizer.words import said
from protocols.config import Text

_QUARTER_S: Final = 900.0
_ODD: Final = (
    "a demand window of {minutes} min is not held between two plans, only those of whole quarter hours are",
    "{minutes} 分钟的需量周期在两次计划之间无法守住，仅支持整刻钟的周期",
)


@dataclass(frozen=True, slots=True)
class DemandCeiling:
    """Highest mean import of demand windows that is paid for already, or planned to be.

    Attributes:
        mean_kw: By the step a window ends in, shape (steps,); infinite where nothing is paid by demand. [kW]
        window_s: Length of the demand window. [s]
        sliding: Whether it moves on from minute to minute; else it stands on the clock.
    """

    mean_kw: FloatArray
    window_s: float
    sliding: bool

    def odd(self) -> Text | None:
        """Why nobody holds it between two plans; None where its window is made of whole quarter hours."""
        return None if self.window_s % _QUARTER_S == 0.0 else said(*_ODD, minutes=f"{self.window_s / 60.0:g}")


def ceiling_of(problem: DispatchProblem, import_kw: FloatArray) -> DemandCeiling | None:
    """The ceiling a plan sets; None where no power is paid for.

    In each step that of the strictest charge: the highest window planned, or what the period owes already.

    Args:
        problem: What was planned, with its charges by active power.
        import_kw: Import of the plan, shape (steps,). [kW]
    """
    charges = tuple(_paid(problem))
    if not charges:
        return None
    means = metered_kw(problem, import_kw)
    lowest = np.full(problem.steps, np.inf)
    for charge in charges:
        counted = np.ones(problem.steps, dtype=np.bool_) if charge.counts is None else charge.counts
        highest = _highest_kw(problem, charge, import_kw, means)
        lowest[counted] = np.minimum(lowest[counted], highest)
    first = charges[0]
    window_s = problem.step_s if first.window_s is None else first.window_s
    return DemandCeiling(lowest, window_s, first.sliding)


def _paid(problem: DispatchProblem) -> Iterator[DemandCharge]:
    """Charges on active power that cost something; one by apparent power is held by no power alone."""
    bought = problem.prices
    if bought.demand_charge_eur_kw > 0.0:
        yield DemandCharge(name="demand", eur_kw=bought.demand_charge_eur_kw, so_far_kw=bought.month_peak_kw)
    for charge in problem.supply.charges:
        if not charge.apparent and max(charge.eur_kw, charge.over_eur_kw) > 0.0:
            yield charge


def _highest_kw(
    problem: DispatchProblem, charge: DemandCharge, import_kw: FloatArray, means: FloatArray
) -> float:
    """Highest window of the plan, at least what is paid for anyway. [kW]."""
    free_kw = charge.so_far_kw if charge.eur_kw > 0.0 else max(charge.so_far_kw, charge.over_from_kw)
    if charge.window_s is None:
        inside = means if charge.counts is None else means[charge.counts]
        return float(inside.max(initial=free_kw))
    windows = means_of(charge, problem.start_ns, problem.steps, problem.step_s).begun(problem.begun)
    return float((windows.weights @ import_kw + windows.known).max(initial=free_kw))
