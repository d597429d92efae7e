"""What one more unit is worth: the linear problem that is left once every whole decision is made.

With the whole columns held at their values the rest is an LP, and the duals of its rows are the prices at
the margin: what one more kWh would cost in a step, what a limit that binds keeps the plan from.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from ortools.math_opt.python import mathopt

from optimizer.matrix import Matrix
from optimizer.problem import FloatArray


@dataclass(frozen=True, slots=True)
class Linear:
    """An optimum of a linear problem.

    Attributes:
        x: Value of each column.
        objective: Money.
        dual: By how much the objective rises with one more unit on a row's right side, shape (rows,).
        reduced: By how much it rises with one more unit of a column, shape (columns,).
    """

    x: FloatArray
    objective: float
    dual: FloatArray
    reduced: FloatArray


def settled(matrix: Matrix, x: FloatArray) -> Matrix:
    """The linear problem left when the whole columns are held at their values in `x`."""
    whole = np.flatnonzero(matrix.integer)
    held = matrix.held(whole, np.clip(np.rint(x[whole]), matrix.lower[whole], matrix.upper[whole]))
    return replace(held, integer=np.zeros_like(matrix.integer))


def solve_linear(matrix: Matrix, limit_s: float | None = None) -> Linear | None:
    """Solve a matrix without whole columns by GLOP, a simplex; None where there is no optimum in time.

    Args:
        matrix: The problem.
        limit_s: Longest search; None: as long as it takes. [s]
    """
    model = mathopt.Model.from_model_proto(matrix.to_proto("linear"))
    parameters = mathopt.SolveParameters(
        time_limit=None if limit_s is None else dt.timedelta(seconds=limit_s)
    )
    result = mathopt.solve(model, mathopt.SolverType.GLOP, params=parameters)
    if result.termination.reason != mathopt.TerminationReason.OPTIMAL:
        return None
    columns, rows = list(model.variables()), list(model.linear_constraints())
    return Linear(
        x=np.asarray(result.variable_values(columns), dtype=np.float64),
        objective=float(result.objective_value()),
        dual=np.asarray(result.dual_values(rows), dtype=np.float64),
        reduced=np.asarray(result.reduced_costs(columns), dtype=np.float64),
    )
