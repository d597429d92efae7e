"""The solver behind one door: a matrix in, an outcome out. MathOpt with HiGHS, stopped by its gap.

The clock is a safety net only: a wall-clock limit makes the answer depend on the machine's load. HiGHS runs
over short limits by up to half, so 70 % of the limit is asked for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final, Literal

import numpy as np
from ortools.math_opt.python import mathopt

from optimizer.matrix import Matrix
from optimizer.plan import Plan
from optimizer.problem import FloatArray
from protocols.config import Text

_LIMIT_SHARE: Final = 0.7
_ABSOLUTE_GAP_EUR: Final = 0.01
_SEED: Final = 7
_SOLVERS: Final = {"highs": "HiGHS through OR-Tools MathOpt", "scip": "SCIP through OR-Tools MathOpt"}
_TYPES: Final = {"highs": mathopt.SolverType.HIGHS, "scip": mathopt.SolverType.GSCIP}


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveStats:
    """How the solver worked, whatever it found."""

    solve_s: float
    """Time by the solver's own account. [s]"""
    columns: int
    rows: int
    binaries: int
    solver: str
    version: str
    nodes: int = 0
    """Nodes of the search tree, of all problems of a rolled window together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A solution of the matrix.

    Attributes:
        x: Value of each column.
        objective: Money of the solution.
        bound: No solution is cheaper.
        gap: (objective - bound) / |objective|, a fraction.
        proven: Whether the gap asked for was reached; otherwise the limit came first.
    """

    x: FloatArray
    objective: float
    bound: float
    gap: float
    proven: bool
    stats: SolveStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsolved:
    """No solution: contradictory rows, or the limit came before the first solution."""

    infeasible: bool
    detail: str
    stats: SolveStats


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """When to stop."""

    gap_frac: float = 0.001
    limit_s: float = 20.0
    gap_eur: float = _ABSOLUTE_GAP_EUR
    """A gap of so much money is enough whatever its share."""
    threads: int = 1
    """Threads of the solver; the plan does not depend on them."""
    solver: Literal["highs", "scip"] = "highs"
    """SCIP is the second opinion: far slower, same optimum."""


def solve(matrix: Matrix, options: SolveOptions, hint: dict[int, float] | None = None) -> Solved | Unsolved:
    """Solve to the gap; `hint` maps some columns to values of a plan known to be good."""
    model = mathopt.Model.from_model_proto(matrix.to_proto("dispatch"))
    variables = list(model.variables())
    parameters = mathopt.SolveParameters(
        time_limit=dt.timedelta(seconds=options.limit_s * _LIMIT_SHARE),
        relative_gap_tolerance=options.gap_frac,
        absolute_gap_tolerance=options.gap_eur,
        random_seed=_SEED,
    )
    if options.solver == "highs":
        parameters.highs.int_options["threads"] = options.threads
    model_parameters = mathopt.ModelSolveParameters()
    if hint:
        values = {variables[column]: value for column, value in hint.items()}
        model_parameters.solution_hints.append(mathopt.SolutionHint(variable_values=values))
    stats = SolveStats(
        solve_s=0.0,
        columns=len(matrix.lower),
        rows=len(matrix.row_lower),
        binaries=int(matrix.integer.sum()),
        solver=_SOLVERS[options.solver],
        version=version("ortools"),
    )
    try:
        result = mathopt.solve(
            model, _TYPES[options.solver], params=parameters, model_params=model_parameters
        )
    except (RuntimeError, ValueError, AttributeError) as error:
        # OR-Tools 9.15 stumbles with an AttributeError of its own while it turns a solver's error into one
        told = error.__context__ or error
        return Unsolved(infeasible=False, detail=f"the solver ended with an error: {told}", stats=stats)
    stats = replace(
        stats,
        solve_s=result.solve_time().total_seconds(),
        nodes=int(result.solve_stats.node_count),
    )
    if not result.has_primal_feasible_solution():
        reason = result.termination.reason
        impossible = (mathopt.TerminationReason.INFEASIBLE, mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED)
        detail = f"{reason.name.lower()} {result.termination.detail}".strip()
        return Unsolved(infeasible=reason in impossible, detail=detail, stats=stats)
    return _solved(result, variables, stats)


def _solved(result: mathopt.SolveResult, variables: list[mathopt.Variable], stats: SolveStats) -> Solved:
    objective, bound = float(result.objective_value()), float(result.dual_bound())
    return Solved(
        x=np.asarray(result.variable_values(variables), dtype=np.float64),
        objective=objective,
        bound=bound,
        gap=max(0.0, objective - bound) / max(abs(objective), _ABSOLUTE_GAP_EUR),
        proven=result.termination.reason == mathopt.TerminationReason.OPTIMAL,
        stats=stats,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A plan with its proof.

    Attributes:
        objective: Cost with the weighed demand charge, shortages and the change of stored energy.
        bound: No plan of the problem solved is cheaper.
        gap: (objective - bound) / |objective|, a fraction.
    """

    plan: Plan
    objective: float
    bound: float
    gap: float
    stats: SolveStats


class Optimal(_Found):
    """The gap asked for was reached."""


class Feasible(_Found):
    """The limit came first; the plan may be used, its gap is stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Infeasible:
    """No plan keeps the declared limits; as balances have slacks, machine limits contradict each other."""

    words: Text
    """Why, in plant words."""
    stats: SolveStats
    limits: tuple[Text, ...] = ()
    """A set of limits that contradict each other, of which none can be left out; in both languages."""

    @property
    def reason(self) -> str:
        """Why, in English."""
        return self.words.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The limit came before any plan; the last good plan stays in force."""

    words: Text
    """Why, in plant words."""
    stats: SolveStats
    detail: str = ""
    """What the solver says of it."""
    limits: tuple[Text, ...] = ()
    """None: time was short, no limit."""

    @property
    def reason(self) -> str:
        """Why, in English, with what the solver says."""
        return f"{self.words.en} ({self.detail})" if self.detail else self.words.en


Outcome = Optimal | Feasible | Infeasible | Stopped
"""What came of one dispatch; match on it and end with `assert_never`."""
