"""One dispatch: check the input, build, solve, read the plan."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.build import build, hint_from, whole_of
from optimizer.coarse import Grid, coarsened, merged
from optimizer.components.balance import shortages_of
from optimizer.conflict import conflict_of
from optimizer.ease import ease
from optimizer.inputs import refuse
from optimizer.matrix import Matrix
from optimizer.notes import notes
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.read import read_plan
from optimizer.rolling import solve_rolling
from optimizer.rotation import rotated
from optimizer.solve import (
    Feasible,
    Infeasible,
    Optimal,
    Outcome,
    Solved,
    SolveOptions,
    Stopped,
    Unsolved,
    solve,
)
from optimizer.words import said
from protocols.config import Text

_ROLLED_FROM: Final = 32
"""Longer windows of whole switches are rolled: at once they take minutes and end with a worse plan."""
_ROLLED_ABOVE: Final = 400
"""Unless they have no more whole columns than a shorter window that is solved at once."""

_CONFLICT_S: Final = 8.0
"""Longest search for the limits that contradict each other, where the limit of the whole is no less. [s]"""
_MOST_FRAC: Final = 0.9
"""Share of a plan's money from which on the price of its shortages does not matter to the gap."""
_LEAST_S: Final = 0.5
"""Less than this is no time for a search. [s]"""
_EASED_FRAC: Final = 0.25
"""Share of the limit that the second pass has at least."""


def plan_day(
    problem: DispatchProblem,
    hint: Plan | None = None,
    limit_s: float = 20.0,
    gap_frac: float = 0.001,
    grid: Grid | None = None,
) -> Outcome:
    """Plan the window.

    Args:
        problem: Forecasts, prices, machines, limits.
        hint: The plan in force; shifted to this window it is offered to the solver as a start.
        limit_s: Safety net; the solve normally ends on its gap long before. The best plan found by then is
            taken; the second pass has what is left of it, a quarter at least. [s]
        gap_frac: Gap at which the solve ends. [-]
        grid: Where the steps coarsen; the plan is then one of `coarse.coarsened(problem, grid)`.

    Raises:
        SolveError: The input cannot be planned; the message says why in plant words.
    """
    refuse(problem)
    ends_s = time.monotonic() + limit_s
    problem = problem if grid is None else coarsened(problem, grid)
    matrix, columns = build(problem)
    start = hint_from(problem, columns, hint) if hint is not None else None
    if start is not None:
        # a machine that tripped is fixed now; HiGHS ends with an error on a start outside the bounds
        start = {at: x for at, x in start.items() if matrix.lower[at] <= x <= matrix.upper[at]}
    options = SolveOptions(gap_frac=gap_frac, limit_s=limit_s)
    long = min(problem.binary_steps, problem.steps) > _ROLLED_FROM
    # a level is no switch: what a relaxed window says of it cannot be rounded up
    rolled = long and int(matrix.integer.sum()) > _ROLLED_ABOVE and columns.cooling_levels is None
    if rolled:
        result, _ = solve_rolling(matrix, whole_of(problem, matrix, columns), options)
    else:
        result = _solved(matrix, options, start, (grid, problem.steps))
        left = replace(options, limit_s=ends_s - time.monotonic())
        result = _without_its_shortages(matrix, result, left, (grid, problem.steps))
    if isinstance(result, Solved):
        left_s = max(ends_s - time.monotonic(), _EASED_FRAC * limit_s)
        result = ease(matrix, columns, result, replace(options, limit_s=left_s), few_starts=not rolled)
    if isinstance(result, Unsolved):
        if result.infeasible:
            conflict = conflict_of(problem, (), None, budget_s=min(_CONFLICT_S, limit_s))
            return Infeasible(
                words=contradiction(conflict.limits), stats=result.stats, limits=conflict.limits
            )
        words = said(
            "no plan within {limit_s} s; the last plan stays in force",
            "{limit_s} 秒内未得到计划；沿用上一份计划",
            limit_s=f"{limit_s:.0f}",
        )
        return Stopped(words=words, stats=result.stats, detail=result.detail)
    plan = replace(rotated(problem, read_plan(problem, matrix, columns, result.x)), notes=notes(problem))
    kind = Optimal if result.proven else Feasible
    return kind(plan=plan, objective=result.objective, bound=result.bound, gap=result.gap, stats=result.stats)


def contradiction(limits: tuple[Text, ...]) -> Text:
    """No plan at all: the limits of the machines contradict each other."""
    if not limits:
        return Text(
            en="the limits of the machines contradict each other; which of them was not found in time",
            zh="设备限值相互矛盾；未能及时找出是哪些限值",
        )
    return said(
        "the limits of the machines contradict each other: {between}",
        "设备限值相互矛盾：{between}",
        between=Text(en="; ".join(one.en for one in limits), zh="；".join(one.zh for one in limits)),
    )


def _without_its_shortages(
    matrix: Matrix, found: Solved | Unsolved, options: SolveOptions, on: tuple[Grid | None, int]
) -> Solved | Unsolved:
    """Where much must be short the search goes on to the gap of all other money.

    The price of a large shortage that nobody can help would else make the gap so wide that another need
    is left off inside it. What is not proven in time stays as it was.
    """
    if isinstance(found, Unsolved) or not found.proven or options.limit_s < _LEAST_S:
        return found
    lacking = shortages_of(matrix)
    rest = abs(found.objective - float(matrix.cost[lacking] @ found.x[lacking]))
    if rest >= _MOST_FRAC * abs(found.objective):
        return found
    whole = np.flatnonzero(matrix.integer)
    hint = {int(column): float(np.rint(found.x[column])) for column in whole}
    asked = replace(options, gap_frac=0.0, gap_eur=max(options.gap_frac * rest, options.gap_eur))
    better = _solved(matrix, asked, hint, on)
    return better if isinstance(better, Solved) and better.objective <= found.objective else found


def _solved(
    matrix: Matrix, options: SolveOptions, start: dict[int, float] | None, on: tuple[Grid | None, int]
) -> Solved | Unsolved:
    """At once; on a grid that coarsens with one column for the flows of several steps."""
    grid, steps = on
    if grid is None:
        return solve(matrix, options, start)
    smaller, place = merged(matrix, steps, grid)
    found = solve(smaller, options, start)
    if isinstance(found, Unsolved):
        return found
    asked = np.isfinite(smaller.row_lower) | np.isfinite(smaller.row_upper)
    told = replace(found.stats, columns=len(np.unique(place)), rows=int(asked.sum()))
    return replace(found, x=found.x[place], stats=told)
