from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.judge_static import chp_cost
from optimizer.cases.forms import ChpDispatch, read_form, station_of
from optimizer.chp_dispatch import dispatch_heat_and_power
from optimizer.components.region import convex_parts
from protocols.errors import SolveError

FIVE = {
    "power": [{"coef": [254.8863, 7.6997, 0.00172, 0.000115], "pmin": 35, "pmax": 135}],
    "chp": [
        {
            "coef": [1250, 36, 0.0435, 0.6, 0.027, 0.011],
            "FOR": [[44, 0], [44, 15.9], [40, 75], [110.2, 135.6], [125.8, 32.4], [125.8, 0]],
        },
        {"coef": [2650, 34.5, 0.1035, 2.203, 0.025, 0.051], "FOR": [[20, 0], [10, 40], [45, 55], [60, 0]]},
        {
            "coef": [1565, 20, 0.072, 2.3, 0.02, 0.04],
            "FOR": [[35, 0], [35, 20], [90, 45], [90, 25], [105, 0]],
        },
    ],
    "heat": [{"coef": [950, 2.0109, 0.038], "hmin": 0, "hmax": 60}],
    "demands": [],
}
"""The five-unit test system; two of its polygons are not convex."""


@pytest.mark.parametrize(("need", "best"), [((300.0, 150.0), 13672.834), ((160.0, 220.0), 11758.061)])
def test_the_published_needs_are_met_at_the_proven_optimum(need: tuple[float, float], best: float) -> None:
    found = dispatch_heat_and_power(station_of(read_form(ChpDispatch, FIVE)), need)
    plan = {"power": found.power.tolist(), "chp": found.combined.tolist(), "heat": found.heat.tolist()}
    cost, wrong = chp_cost(FIVE, {"P": need[0], "H": need[1]}, plan)
    assert not wrong
    assert cost <= best * 1.0001
    assert found.bound <= best + 0.01
    assert found.proven


def test_a_plan_never_lies_in_the_notch_of_a_polygon() -> None:
    notch = {
        "power": [],
        "chp": [{"coef": [0, 1, 0.001, 0, 0.001, 0], "FOR": [[0, 0], [40, 0], [40, 40], [20, 5], [0, 40]]}],
        "heat": [{"coef": [0, 50, 0], "hmin": 0, "hmax": 100}],
        "demands": [],
    }
    found = dispatch_heat_and_power(station_of(read_form(ChpDispatch, notch)), (20.0, 30.0))
    assert found.combined[0, 1] == pytest.approx(5.0, abs=1e-6)
    assert found.heat[0] == pytest.approx(25.0, abs=1e-6)


def test_parts_of_a_polygon_are_convex_and_keep_its_area() -> None:
    star = [
        (0.0, 3.0),
        (1.0, 1.0),
        (3.0, 0.0),
        (1.0, -1.0),
        (0.0, -3.0),
        (-1.0, -1.0),
        (-3.0, 0.0),
        (-1.0, 1.0),
    ]
    parts = convex_parts(star)
    assert sum(_area(part) for part in parts) == pytest.approx(abs(_area(star)))
    for part in parts:
        ring = np.array([*part, part[0], part[1]])
        assert min(_turns(ring)) >= -1e-9


def _turns(ring: np.ndarray) -> list[float]:
    sides = np.diff(ring, axis=0)
    return [float(a[0] * b[1] - a[1] * b[0]) for a, b in pairwise(sides)]


def _area(ring: list[tuple[float, float]]) -> float:
    return 0.5 * sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(ring, [*ring[1:], ring[0]], strict=True))


def test_a_need_outside_all_polygons_is_refused_in_plant_words() -> None:
    station = station_of(read_form(ChpDispatch, FIVE))
    with pytest.raises(SolveError, match="1000 power and 10 heat cannot be given together"):
        dispatch_heat_and_power(station, (1000.0, 10.0))


def test_a_polygon_that_is_a_line_is_refused_with_its_machine() -> None:
    flat = FIVE | {"chp": [{"coef": [0, 1, 1, 1, 1, 0], "FOR": [[0, 0], [1, 1], [2, 2]]}]}
    with pytest.raises(SolveError, match="polygon of k0"):
        dispatch_heat_and_power(station_of(read_form(ChpDispatch, flat)), (1.0, 1.0))
