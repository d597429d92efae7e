from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.judge_static import chillers_kw, enumerated, valve_cost
from optimizer.cases.forms import (
    ChillerLoading,
    EconomicDispatch,
    chillers_of,
    generators_of,
    polynomial,
    read_form,
)
from optimizer.loading import Sharer, share_load
from optimizer.underestimate import Curve
from protocols.errors import SolveError

THREE = {
    "plr_min": 0.3,
    "chillers": [
        {"coef": [100.95, 818.61, -973.43, 788.55], "cap": 800},
        {"coef": [66.598, 606.34, -380.58, 275.95], "cap": 800},
        {"coef": [130.09, 304.5, 14.377, 99.8], "cap": 800},
    ],
    "loads": [],
}
"""Chang 2005, three 800 RT chillers."""

VALVES = {
    "units": [
        {"pmin": 100, "pmax": 600, "a": 561, "b": 7.92, "c": 0.001562, "e": 300, "f": 0.0315},
        {"pmin": 100, "pmax": 400, "a": 310, "b": 7.85, "c": 0.00194, "e": 200, "f": 0.042},
        {"pmin": 50, "pmax": 200, "a": 78, "b": 7.97, "c": 0.00482, "e": 150, "f": 0.063},
    ],
    "demands": [],
}


@pytest.mark.parametrize(("load_rt", "best_kw"), [(2160, 1583.807), (1440, 993.602), (960, 692.251)])
def test_the_published_loads_of_three_chillers_are_shared_at_the_proven_optimum(
    load_rt: float, best_kw: float
) -> None:
    found = share_load(chillers_of(read_form(ChillerLoading, THREE)), load_rt)
    cost, wrong = chillers_kw(THREE, load_rt, found.load.tolist())
    assert not wrong
    assert cost == pytest.approx(found.cost, rel=1e-9)
    assert cost <= best_kw * 1.0002
    assert found.bound <= best_kw + 1e-3
    assert found.proven


@pytest.mark.parametrize("seed", range(4))
def test_machines_of_any_shape_are_shared_as_well_as_by_looking_at_every_share(seed: int) -> None:
    random = np.random.default_rng(seed)
    machines, curves = [], []
    for k in range(4):
        cap = float(random.integers(300, 1200))
        cubic = polynomial(
            (float(random.uniform(-60, 200)), *(float(v) for v in random.uniform(-900, 900, 3))), cap
        )
        lowest = float(cubic(np.linspace(0.3 * cap, cap, 300)).min())

        def cost(x: np.ndarray, own: object = cubic, up: float = 20.0 - min(lowest, 0.0)) -> np.ndarray:
            return own(x) + up  # type: ignore[operator,no-any-return]  # a default binds the loop's curve

        machines.append(Sharer(f"m{k}", Curve(cost, 0.3 * cap, cap)))
        curves.append((cost, 0.3 * cap, cap, True))
    load = 0.6 * sum(machine.curve.high for machine in machines)
    found = share_load(machines, load)
    assert found.load.sum() == pytest.approx(load, abs=1e-6)
    # a grid meets each least load only within half a step, so it may lie a little on either side
    assert found.cost <= enumerated(curves, load) * 1.0005 + 0.5
    assert found.proven


def test_valve_points_of_three_units_are_dispatched_at_the_best_known_cost() -> None:
    found = share_load(generators_of(read_form(EconomicDispatch, VALVES)), 850.0, 2e-4)
    cost, wrong = valve_cost(VALVES, 850.0, found.load.tolist())
    assert not wrong
    assert cost <= 8234.0717 * 1.001
    assert found.bound <= 8234.08


def test_the_order_of_the_machines_changes_nothing() -> None:
    chillers = chillers_of(read_form(ChillerLoading, THREE))
    costs = [share_load(order, 1200.0).cost for order in (chillers, chillers[::-1])]
    assert costs[0] == pytest.approx(costs[1], rel=2e-5)


def test_the_cheapest_set_is_found_where_every_set_can_be_tried() -> None:
    fixed = [Sharer(f"m{k}", Curve(polynomial((30.0 - 9 * k, 1.0)), 10.0, 40.0 + 10 * k)) for k in range(3)]
    best = min(
        sum(30.0 - 9 * k for k in range(3) if runs[k]) + 60.0
        for runs in product((0, 1), repeat=3)
        if sum((40.0 + 10 * k) * runs[k] for k in range(3)) >= 60.0 and 10.0 * sum(runs) <= 60.0 and any(runs)
    )
    assert share_load(fixed, 60.0).cost == pytest.approx(best)


@pytest.mark.parametrize(
    ("load", "words"),
    [(2500.0, "exceeds all machines together, 2400"), (100.0, "below the least that can run, 240")],
)
def test_a_load_that_no_set_can_give_is_refused_with_what_is_possible(load: float, words: str) -> None:
    with pytest.raises(SolveError, match=words):
        share_load(chillers_of(read_form(ChillerLoading, THREE)), load)


def test_a_load_in_a_gap_between_two_sets_is_refused() -> None:
    one = [
        Sharer("a", Curve(polynomial((1.0, 1.0)), 8.0, 10.0)),
        Sharer("b", Curve(polynomial((1.0, 1.0)), 30.0, 40.0)),
    ]
    with pytest.raises(SolveError, match="no set of machines"):
        share_load(one, 20.0)


def test_no_load_stops_all_machines() -> None:
    found = share_load(chillers_of(read_form(ChillerLoading, THREE)), 0.0)
    assert not found.on.any()
    assert found.cost == 0.0
