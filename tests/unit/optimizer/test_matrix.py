from __future__ import annotations

import numpy as np
import pytest

from optimizer.matrix import MatrixBuilder
from optimizer.solve import Solved, SolveOptions, Unsolved, solve


def test_equal_places_are_summed_and_the_order_is_by_row_and_column() -> None:
    builder = MatrixBuilder()
    x = builder.columns("x", 2)
    rows = builder.rows("r", 2, 0.0, 1.0)
    builder.add(rows[::-1], x, 1.0)
    builder.add(rows, x, np.array([2.0, 3.0]))
    builder.add(rows[:1], x[:1], -2.0)
    matrix = builder.build()
    assert matrix.row.tolist() == [0, 1, 1]
    assert matrix.column.tolist() == [1, 0, 1]
    assert matrix.value.tolist() == [1.0, 1.0, 3.0]


def test_a_name_given_twice_is_refused() -> None:
    builder = MatrixBuilder()
    builder.columns("x", 1)
    with pytest.raises(ValueError, match="x exists already"):
        builder.columns("x", 1)


def test_a_small_whole_number_problem_is_solved_with_its_bound() -> None:
    builder = MatrixBuilder()
    x = builder.columns("x", 2, (0.0, 10.0), cost=np.array([-3.0, -2.0]), integer=True)
    builder.add(builder.rows("r", 1, -np.inf, 7.5), x, np.array([2.0, 1.0]))
    builder.offset = 1.0
    result = solve(builder.build(), SolveOptions())
    assert isinstance(result, Solved)
    assert result.x.tolist() == [0.0, 7.0]
    assert result.objective == pytest.approx(-13.0)
    assert result.bound <= result.objective + 0.02
    assert result.stats.binaries == 2


def test_contradictory_rows_are_told_from_a_limit() -> None:
    builder = MatrixBuilder()
    x = builder.columns("x", 1, (0.0, 1.0))
    builder.add(builder.rows("r", 1, 2.0, 3.0), x, 1.0)
    result = solve(builder.build(), SolveOptions())
    assert isinstance(result, Unsolved)
    assert result.infeasible


def test_an_error_of_the_solver_is_an_answer_with_its_words() -> None:
    builder = MatrixBuilder()
    x = builder.columns("x", 1, (0.0, 3.0), cost=np.ones(1), integer=True)
    row = builder.rows("r", 1, 1.0, 2.0)
    builder.add(row, x, 1.0)
    found = solve(builder.build(), SolveOptions(), {0: float("nan")})
    assert isinstance(found, Unsolved)
    assert not found.infeasible
    assert found.detail.startswith("the solver ended with an error: ")
