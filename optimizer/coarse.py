"""A grid that coarsens with distance: quarter hours for the first hours, then steps decided together.

What lies far ahead is foreseen by the hour, not by the quarter. Needs, prices and curves of the far steps are
means over those decided together, and one column then stands for all of them; contents and switches, whose
steps differ, keep theirs. The plan still has a value for every step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from optimizer.courses import Array, each_course
from optimizer.matrix import Matrix
from optimizer.problem import DispatchProblem, FloatArray, IntArray

_TOGETHER: Final = (
    *(
        "on",
        "trim",
        "share",
        "piece",
        "load",
        "power",
        "charge",
        "discharge",
        "charging",
        "flow",
        "heat",
        "gas",
    ),
    *("import", "export", "import_over", "export_over", "air_short", "air_surplus", "cooling_short"),
    *("cooling_surplus", "heat_short", "heat_surplus", "reserve_air", "reserve_cooling"),
)
"""Ends of the names of what holds for a whole step; contents, starts and stops differ from step to step."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps of their own up to `fine`, then `together` at once."""

    fine: int = 32
    together: int = 4

    def first_of(self, steps: int) -> IntArray:
        """The step that stands for each, shape (steps,).

        Example:
            >>> Grid(2, 3).first_of(7).tolist()
            [0, 1, 2, 2, 2, 5, 5]
        """
        step = np.arange(steps)
        far = self.fine + (step - self.fine) // self.together * self.together
        return np.where(step < self.fine, step, far).astype(np.int64)


def far_by_the_hour(start_ns: int, step_s: float, near_h: float = 8.0) -> Grid:
    """Steps of their own for the next hours up to a full one, then an hour at once. UTC hours.

    Example:
        >>> far_by_the_hour(900 * 10**9, 900.0)
        Grid(fine=35, together=4)
    """
    together = max(1, round(3600.0 / step_s))
    near = max(1, round(near_h * 3600.0 / step_s))
    into_hour = round(start_ns / 1e9 / step_s)
    return Grid(near + -(into_hour + near) % together, together)


def coarsened(problem: DispatchProblem, grid: Grid) -> DispatchProblem:
    """The problem with means over the steps decided together; locks and other whole courses stay."""
    first = grid.first_of(problem.steps)
    _, of = np.unique(first, return_inverse=True)
    size = np.bincount(of).astype(np.float64)

    def mean(course: Array, axis: int) -> Array:
        if course.dtype.kind != "f":
            return course
        moved = np.moveaxis(course, axis, 0)
        total = np.zeros((len(size), *moved.shape[1:]))
        np.add.at(total, of, moved)
        means = total / size.reshape(-1, *([1] * (moved.ndim - 1)))
        return np.moveaxis(means[of], 0, axis)

    found: DispatchProblem = each_course(problem, problem.steps, mean)
    return replace(found, binary_steps=min(problem.binary_steps, grid.fine))


def merged(matrix: Matrix, steps: int, grid: Grid) -> tuple[Matrix, IntArray]:
    """The matrix with one column for the flows of steps decided together, and the column of each.

    Columns keep their numbers; those another one stands for are held at zero and are in no row.
    """
    first, place = grid.first_of(steps), np.arange(len(matrix.lower), dtype=np.int64)
    for name, block in matrix.columns.items():
        if block.shape[-1] == steps and name.rpartition(".")[2].rstrip("0123456789") in _TOGETHER:
            place[block] = _one_for_all(matrix, block, first)
    follows = place != np.arange(len(place))
    lower, upper = matrix.lower.copy(), matrix.upper.copy()
    np.maximum.at(lower, place, matrix.lower)
    np.minimum.at(upper, place, matrix.upper)
    lower[follows] = upper[follows] = 0.0
    cost = np.bincount(place, weights=matrix.cost, minlength=len(place)).astype(np.float64)
    row, column, value = _summed(matrix.row, place[matrix.column], matrix.value, len(place))
    smaller = replace(matrix, lower=lower, upper=upper, cost=cost, row=row, column=column, value=value)
    return _once_each(smaller), place


def _one_for_all(matrix: Matrix, block: IntArray, first: IntArray) -> IntArray:
    """The column that stands for each; its own where a lock or a whole switch makes it differ."""
    other = block[..., first]
    alike = (matrix.lower[block] == matrix.lower[other]) & (matrix.upper[block] == matrix.upper[other])
    relaxed = ~(matrix.integer[block] | matrix.integer[other])
    return np.where(alike & relaxed, other, block)


def _summed(
    row: IntArray, column: IntArray, value: FloatArray, columns: int
) -> tuple[IntArray, IntArray, FloatArray]:
    at, where = np.unique(row * columns + column, return_inverse=True)
    total: FloatArray = np.bincount(where, weights=value, minlength=len(at)).astype(np.float64)
    return at // columns, at % columns, total


def _once_each(matrix: Matrix) -> Matrix:
    """Rows that have become the same stand once; the others are empty and ask for nothing."""
    ends = np.searchsorted(matrix.row, np.arange(len(matrix.row_lower) + 1))
    seen: set[tuple[bytes, bytes, float, float]] = set()
    kept = np.ones(len(matrix.row_lower), dtype=np.bool_)
    for row in range(len(kept)):
        part = slice(int(ends[row]), int(ends[row + 1]))
        key = (
            matrix.column[part].tobytes(),
            matrix.value[part].tobytes(),
            float(matrix.row_lower[row]),
            float(matrix.row_upper[row]),
        )
        kept[row] = key not in seen
        seen.add(key)
    entries = kept[matrix.row]
    return replace(
        matrix,
        row_lower=np.where(kept, matrix.row_lower, -np.inf),
        row_upper=np.where(kept, matrix.row_upper, np.inf),
        row=matrix.row[entries],
        column=matrix.column[entries],
        value=matrix.value[entries],
    )
