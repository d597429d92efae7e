"""One dispatch: check the input, build, solve, read the plan."""

from __future__ import annotations

from dataclasses import replace

from optimizer.build import build, hint_from
from optimizer.inputs import notes, refuse
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.read import read_plan
from optimizer.solve import (
    Feasible,
    Infeasible,
    Optimal,
    Outcome,
    SolveOptions,
    Stopped,
    Unsolved,
    solve,
)


def plan_day(
    problem: DispatchProblem, hint: Plan | None = None, limit_s: float = 20.0, gap_frac: float = 0.001
) -> Outcome:
    """Plan the window.

    Args:
        problem: Forecasts, prices, machines, limits.
        hint: The plan in force; shifted to this window it is offered to the solver as a start.
        limit_s: Safety net; the solve normally ends on its gap long before. [s]
        gap_frac: Gap at which the solve ends. [-]

    Raises:
        SolveError: The input cannot be planned; the message says why in plant words.
    """
    refuse(problem)
    matrix, columns = build(problem)
    start = hint_from(problem, columns, hint) if hint is not None else None
    if start is not None:
        # a machine that tripped is fixed now; HiGHS ends with an error on a start outside the bounds
        start = {at: x for at, x in start.items() if matrix.lower[at] <= x <= matrix.upper[at]}
    result = solve(matrix, SolveOptions(gap_frac=gap_frac, limit_s=limit_s), start)
    if isinstance(result, Unsolved):
        if result.infeasible:
            return Infeasible(
                reason=f"the limits of the machines contradict each other ({result.detail})",
                stats=result.stats,
            )
        return Stopped(
            reason=f"no plan within {limit_s:.0f} s ({result.detail}); the last plan stays in force",
            stats=result.stats,
        )
    plan = replace(read_plan(problem, matrix, columns, result.x), notes=notes(problem))
    kind = Optimal if result.proven else Feasible
    return kind(plan=plan, objective=result.objective, bound=result.bound, gap=result.gap, stats=result.stats)
