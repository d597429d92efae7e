"""Builds the matrix in bulk: named blocks of columns and rows, coefficients as coordinate arrays.

The order is the order of calls, so the same problem always gives the same matrix. A block is an array of
indices; `add` broadcasts, so one call adds the coefficients of all steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from ortools.math_opt import model_pb2

from optimizer.problem import BoolArray, FloatArray, IntArray

_TINY = 1e-9
"""Coefficients below this are rounding left-overs and are dropped."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """min cost·x + offset, row_lower ≤ A x ≤ row_upper, lower ≤ x ≤ upper, some x whole.

    A is in coordinates, sorted by row and column, without duplicates.
    """

    lower: FloatArray
    upper: FloatArray
    integer: BoolArray
    cost: FloatArray
    offset: float
    row_lower: FloatArray
    row_upper: FloatArray
    row: IntArray
    column: IntArray
    value: FloatArray
    columns: dict[str, IntArray]
    rows: dict[str, IntArray]

    def extended(
        self,
        upper: FloatArray,
        rows: tuple[FloatArray, FloatArray],
        entries: tuple[IntArray, IntArray, FloatArray],
    ) -> Matrix:
        """The same with more columns, zero to `upper` and without a price, and more rows (lower, upper).

        The entries are coordinates of the new rows, whose numbers go on where those here end.
        """
        row, column, value = (
            np.concatenate(two) for two in zip((self.row, self.column, self.value), entries, strict=True)
        )
        order = np.lexsort((column, row))
        more = len(upper)
        return replace(
            self,
            lower=np.concatenate([self.lower, np.zeros(more)]),
            upper=np.concatenate([self.upper, upper]),
            integer=np.concatenate([self.integer, np.zeros(more, dtype=np.bool_)]),
            cost=np.concatenate([self.cost, np.zeros(more)]),
            row_lower=np.concatenate([self.row_lower, rows[0]]),
            row_upper=np.concatenate([self.row_upper, rows[1]]),
            row=row[order],
            column=column[order],
            value=value[order],
        )

    def held(self, columns: IntArray, at: FloatArray) -> Matrix:
        """The same with some columns held at a value each."""
        lower, upper = self.lower.copy(), self.upper.copy()
        lower[columns] = upper[columns] = at
        return replace(self, lower=lower, upper=upper)

    def to_proto(self, name: str) -> model_pb2.ModelProto:
        """The same problem as a MathOpt model, handed over array by array."""
        proto = model_pb2.ModelProto(name=name)
        proto.variables.ids.extend(range(len(self.lower)))
        proto.variables.lower_bounds.extend(self.lower.tolist())
        proto.variables.upper_bounds.extend(self.upper.tolist())
        proto.variables.integers.extend(self.integer.tolist())
        proto.linear_constraints.ids.extend(range(len(self.row_lower)))
        proto.linear_constraints.lower_bounds.extend(self.row_lower.tolist())
        proto.linear_constraints.upper_bounds.extend(self.row_upper.tolist())
        proto.linear_constraint_matrix.row_ids.extend(self.row.tolist())
        proto.linear_constraint_matrix.column_ids.extend(self.column.tolist())
        proto.linear_constraint_matrix.coefficients.extend(self.value.tolist())
        priced = np.flatnonzero(self.cost)
        proto.objective.offset = self.offset
        proto.objective.linear_coefficients.ids.extend(priced.tolist())
        proto.objective.linear_coefficients.values.extend(self.cost[priced].tolist())
        return proto


class MatrixBuilder:
    """Collects blocks; `build` merges them once."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._bounds: list[tuple[FloatArray, FloatArray]] = []
        self._integer: list[BoolArray] = []
        self._cost: list[FloatArray] = []
        self._row_bounds: list[tuple[FloatArray, FloatArray]] = []
        self._entries: list[tuple[IntArray, IntArray, FloatArray]] = []
        self._columns: dict[str, IntArray] = {}
        self._rows: dict[str, IntArray] = {}
        self._n_columns = 0
        self._n_rows = 0

    def columns(
        self,
        name: str,
        shape: int | tuple[int, ...],
        bounds: tuple[npt.ArrayLike, npt.ArrayLike] = (0.0, np.inf),
        *,
        cost: npt.ArrayLike = 0.0,
        integer: npt.ArrayLike = False,
    ) -> IntArray:
        """Add a block of columns and return their indices in `shape`, to which the rest broadcasts.

        Raises:
            ValueError: The name is taken.
        """
        _refuse_twice(name, self._columns)
        block = self._n_columns + np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
        self._n_columns += block.size
        self._bounds.append((_spread(bounds[0], block), _spread(bounds[1], block)))
        self._cost.append(_spread(cost, block))
        self._integer.append(np.broadcast_to(np.asarray(integer, dtype=np.bool_), block.shape).ravel())
        self._columns[name] = block
        return block

    def rows(self, name: str, count: int, lower: npt.ArrayLike, upper: npt.ArrayLike) -> IntArray:
        """Add a block of rows and return their indices, shape (count,).

        Raises:
            ValueError: The name is taken.
        """
        _refuse_twice(name, self._rows)
        block = self._n_rows + np.arange(count, dtype=np.int64)
        self._n_rows += count
        self._row_bounds.append((_spread(lower, block), _spread(upper, block)))
        self._rows[name] = block
        return block

    def add(self, rows: IntArray, columns: IntArray, values: npt.ArrayLike) -> None:
        """Add coefficients; the three broadcast against each other, equal places are summed."""
        row, column, value = np.broadcast_arrays(rows, columns, np.asarray(values, dtype=np.float64))
        self._entries.append((row.ravel(), column.ravel(), value.ravel()))

    def build(self) -> Matrix:
        """Merge everything into one sorted matrix without duplicates."""
        row, column, value = self._merged()
        return Matrix(
            lower=np.concatenate([low for low, _ in self._bounds]),
            upper=np.concatenate([high for _, high in self._bounds]),
            integer=np.concatenate(self._integer),
            cost=np.concatenate(self._cost),
            offset=self.offset,
            row_lower=np.concatenate([low for low, _ in self._row_bounds]),
            row_upper=np.concatenate([high for _, high in self._row_bounds]),
            row=row,
            column=column,
            value=value,
            columns=self._columns,
            rows=self._rows,
        )

    def _merged(self) -> tuple[IntArray, IntArray, FloatArray]:
        row = np.concatenate([entry[0] for entry in self._entries])
        column = np.concatenate([entry[1] for entry in self._entries])
        value = np.concatenate([entry[2] for entry in self._entries])
        place, where = np.unique(row * self._n_columns + column, return_inverse=True)
        total: FloatArray = np.bincount(where, weights=value, minlength=len(place)).astype(np.float64)
        keep = np.abs(total) > _TINY
        return place[keep] // self._n_columns, place[keep] % self._n_columns, total[keep]


def _spread(value: npt.ArrayLike, block: IntArray) -> FloatArray:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), block.shape).ravel()


def _refuse_twice(name: str, taken: dict[str, IntArray]) -> None:
    if name in taken:
        raise ValueError(f"a block named {name} exists already; machine names must be unique")
