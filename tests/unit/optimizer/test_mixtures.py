"""Plants drawn by lot from all components at once: the plan is kept, whatever meets whatever."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from optimizer.build import build
from optimizer.problem import DispatchProblem, Forecasts, Limits
from optimizer.solve import Solved, SolveOptions, solve
from tests.unit.optimizer.features import FEATURES, STEPS, bare, planned

_ONE_OF = (("starting", "ramp"), ("warm_chiller", "water"), ("pressure", "recovery"))
_ANY_OF = ("heat", "hydrogen", "loads", "contracts")
_PARTS = (
    "compressors",
    "chillers",
    "batteries",
    "stores",
    "chps",
    "boilers",
    "carriers",
    "converters",
    "cogens",
)
_FROM = {
    "flexible": "loads",
    "supply": "contracts",
    "pv": "contracts",
    "cooling_levels": "water",
    "air_levels": "pressure",
}


def mixture(seed: int) -> DispatchProblem:
    """A plant of several features; of two machines with one name the first stays."""
    random = np.random.default_rng(seed)
    names = [str(random.choice(pair)) for pair in _ONE_OF]
    names += [name for name in _ANY_OF if random.random() < 0.6]
    parts = [FEATURES[name]() for name in names]
    whole: dict[str, Any] = {}
    for part in _PARTS:
        found: dict[str, Any] = {}
        for one in parts:
            for machine in getattr(one, part):
                found.setdefault(machine.name, machine)
        whole[part] = tuple(found.values())
    needs = {
        one.name: np.max([getattr(part.forecasts, one.name) for part in parts], axis=0)
        * random.uniform(0.7, 1.1, STEPS)
        for one in fields(Forecasts)
    }
    for name, feature in _FROM.items():
        whole[name] = getattr(FEATURES[feature]() if feature in names else bare(), name)
    if "water" in names:
        # curves at the levels are those of the chillers of that feature alone
        whole["chillers"] = FEATURES["water"]().chillers
    return replace(
        parts[0],
        forecasts=Forecasts(**needs),
        limits=Limits(import_kw=2000.0, may_waste_heat=bool(random.random() < 0.5)),
        binary_steps=int(random.integers(2, STEPS + 1)),
        **whole,
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_plant_drawn_by_lot_has_a_plan_that_is_kept(seed: int) -> None:
    planned(mixture(seed))


@pytest.mark.parametrize("seed", [1, 4])
def test_both_solvers_agree_on_a_plant_drawn_by_lot(seed: int) -> None:
    matrix, _ = build(mixture(seed))
    found = [
        solve(matrix, SolveOptions(gap_frac=1e-6, gap_eur=1e-6, solver=solver))
        for solver in ("highs", "scip")
    ]
    costs = [one.objective for one in found if isinstance(one, Solved)]
    assert len(costs) == 2
    assert costs[0] == pytest.approx(costs[1], rel=1e-5, abs=1e-5)
