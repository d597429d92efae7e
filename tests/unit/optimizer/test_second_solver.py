from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from benchmarks.cases.b16_broken import BROKEN, answer, plant
from optimizer.build import build
from optimizer.cases.forms import polynomial
from optimizer.loading import Sharer, _matrix
from optimizer.matrix import Matrix
from optimizer.solve import Solved, SolveOptions, solve
from optimizer.underestimate import Curve, Under

CHINESE = re.compile(r"[\u4e00-\u9fff]")
DOCS = Path(__file__).parents[3] / "docs" / "optimizer.md"


def _plant() -> Matrix:
    return build(plant(12))[0]


def _loading() -> Matrix:
    machines = [
        Sharer(
            f"m{k}", Curve(polynomial((60.0 - 10 * k, 300.0, -400.0 + 200 * k, 350.0), 500.0), 150.0, 500.0)
        )
        for k in range(4)
    ]
    unders = [Under(machine.curve, 2.0) for machine in machines]
    return _matrix(machines, unders, 1100.0)[0]


@pytest.mark.parametrize("matrix", [_plant(), _loading()], ids=["plant", "loading"])
def test_two_solvers_give_the_same_optimum(matrix: Matrix) -> None:
    found = [
        solve(matrix, SolveOptions(gap_frac=1e-7, gap_eur=1e-7, solver=solver))
        for solver in ("highs", "scip")
    ]
    first, second = found
    assert isinstance(first, Solved)
    assert isinstance(second, Solved)
    assert first.objective == pytest.approx(second.objective, rel=1e-6)
    assert second.stats.solver.startswith("SCIP")


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_broken_input_is_a_plan_that_is_kept_or_a_reason_in_plant_words(name: str) -> None:
    problem, words = BROKEN[name]
    kind, said = answer(problem())
    assert kind in {"plan", "refused", "infeasible"}
    assert all(word in said.en for word in words), said
    assert "_" not in said.en, said
    assert bool(CHINESE.search(said.zh)) == bool(said.en), said


def test_the_examples_of_the_documentation_run() -> None:
    failed, tried = doctest.testfile(str(DOCS), module_relative=False)
    assert tried > 15
    assert failed == 0
