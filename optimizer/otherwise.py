"""A plan's window with one decision made otherwise: what it costs more, what of it is proven, what lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.conflict import is_slack
from optimizer.decided import Decided
from optimizer.matrix import Matrix
from optimizer.plan import SHORTAGE_TOLERANCE, Shortage
from optimizer.problem import FloatArray, IntArray
from optimizer.solve import Solved, SolveOptions, Unsolved, solve
from protocols.errors import SolveError

_GAP_FRAC: Final = 1e-4
_LIMIT_S: Final = 6.0
_NEAR: Final = (8, 16)
"""In a long window switches may change so many steps before and after the step asked about."""
_NEXT: Final = (2, 4)
"""The same where the clock has ended that search."""
_WHOLE_UP_TO: Final = 32
_LITTLE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Other:
    """The window with one decision made otherwise.

    Attributes:
        possible: Whether the declared limits permit it.
        extra: What it costs more, shortages not counted. [money]
        at_least: What it costs more in any case, as proven; not above `extra`. [money]
        missing: What would be short beside what is short anyway, the worst step of each name.
    """

    possible: bool
    extra: float = 0.0
    at_least: float = 0.0
    missing: tuple[Shortage, ...] = ()


def otherwise(decided: Decided, bounds: dict[int, tuple[float, float]], step: int) -> Other:
    """The window with some columns inside other bounds (lower, upper); switches may follow it.

    Args:
        decided: The plan in its problem.
        bounds: Column to its bounds.
        step: Step they belong to.

    Raises:
        SolveError: There is no answer in time.
    """
    lower, upper = decided.matrix.lower.copy(), decided.matrix.upper.copy()
    for column, (low, high) in bounds.items():
        lower[column], upper[column] = max(low, lower[column]), min(high, upper[column])
    if (lower > upper + _LITTLE).any():
        return Other(possible=False)
    asked = _near(decided, replace(decided.matrix, lower=lower, upper=upper), step)
    found = _searched(decided, _no_shorter(decided, asked), step)
    if isinstance(found, Unsolved):  # it cannot be had without being short of something
        found = _searched(decided, asked, step)
    if isinstance(found, Unsolved):
        if found.infeasible:
            return Other(possible=False)
        raise SolveError(f"no answer within {_LIMIT_S:.0f} s; ask again")
    extra = (found.objective - decided.slack_money(found.x)) - decided.money
    at_least = min(extra, extra - (found.objective - found.bound))
    missing = _missing(decided, found.x, step)
    return Other(possible=True, extra=extra, at_least=at_least, missing=missing)


def _searched(decided: Decided, asked: Matrix, step: int) -> Solved | Unsolved:
    hint = decided.hint()
    fits = {c: float(v) for c, v in hint.items() if asked.lower[c] <= v <= asked.upper[c]}
    found = solve(asked, SolveOptions(_GAP_FRAC, _LIMIT_S), fits)
    if found.proven if isinstance(found, Solved) else found.infeasible:
        return found
    # where the clock ended the search, switches that are not next to the step stay as they are
    closer = _held_beyond(decided, asked, step, _NEXT)
    return _better(found, solve(closer, SolveOptions(_GAP_FRAC, _LIMIT_S)))


def _better(one: Solved | Unsolved, other: Solved | Unsolved) -> Solved | Unsolved:
    """The cheaper of two answers; what is proven is what the first, which had more freedom, has proven."""
    if isinstance(one, Unsolved):
        return replace(other, bound=-np.inf) if isinstance(other, Solved) else one
    if isinstance(other, Unsolved) or other.objective >= one.objective:
        return one
    return replace(other, bound=one.bound)


def _no_shorter(decided: Decided, matrix: Matrix) -> Matrix:
    """The same, short of nothing that the plan is not: so what it costs has no shortage in it."""
    upper = matrix.upper.copy()
    for _, block in _shortages(decided):
        upper[block] = np.minimum(upper[block], np.maximum(decided.x[block], 0.0) + SHORTAGE_TOLERANCE)
    return replace(matrix, upper=upper)


def _shortages(decided: Decided) -> Iterator[tuple[str, IntArray]]:
    """Columns of what costs where it is short."""
    for name, block in decided.matrix.columns.items():
        wasted = name == "heat_surplus" and decided.problem.limits.may_waste_heat
        if is_slack(name) and decided.matrix.cost[block].any() and not wasted:
            yield name, block


def _missing(decided: Decided, x: FloatArray, step: int) -> tuple[Shortage, ...]:
    """What is short that is not in the plan, what is nearest to the step first."""
    found: list[Shortage] = []
    steps = decided.problem.steps
    for name, block in _shortages(decided):
        more = (x[block] - decided.x[block]).ravel()
        worst = int(more.argmax())
        if more[worst] > 10 * SHORTAGE_TOLERANCE:
            found.append(Shortage(name, worst if len(more) == steps else steps - 1, float(more[worst])))
    return tuple(sorted(found, key=lambda one: abs(one.step - step)))


def _near(decided: Decided, matrix: Matrix, step: int) -> Matrix:
    """In a long window the switches far from the step stay as they are."""
    return matrix if decided.whole <= _WHOLE_UP_TO else _held_beyond(decided, matrix, step, _NEAR)


def _held_beyond(decided: Decided, matrix: Matrix, step: int, span: tuple[int, int]) -> Matrix:
    around = np.arange(max(0, step - span[0]), min(decided.whole, step + span[1]))
    far = [c for block in decided.on_blocks() for c in np.delete(block[: decided.whole], around).tolist()]
    return matrix.held(np.array(far, dtype=np.int64), np.array([decided.held[c] for c in far]))
