from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.cases.forms import polynomial
from optimizer.problem import FloatArray
from optimizer.underestimate import Curve, Under

_numbers = st.floats(-2000.0, 2000.0)


def _valve(x: FloatArray) -> FloatArray:
    cost: FloatArray = 550 + 8.1 * x + 0.00028 * x**2 + np.abs(300 * np.sin(0.035 * x))
    return cost


def _below(under: Under, x: FloatArray) -> FloatArray:
    return np.array([under.below(float(at)) for at in x])


@settings(max_examples=60, deadline=None)
@given(st.tuples(_numbers, _numbers, _numbers, _numbers), st.floats(0.0, 0.5))
def test_the_pieces_of_any_cubic_lie_below_it_and_within_the_error(
    coefficients: tuple[float, float, float, float], low: float
) -> None:
    curve = Curve(polynomial(coefficients), low, 1.0)
    x = np.linspace(low, 1.0, 997)
    span = max(float(np.ptp(curve.value(x))), 1.0)
    under = Under(curve, 0.02 * span)
    off = curve.value(x) - _below(under, x)
    assert off.min() >= -1e-9 * max(1.0, float(np.abs(curve.value(x)).max()))
    assert off.max() <= 0.03 * span


def test_a_convex_curve_needs_one_piece_and_a_concave_one_several() -> None:
    assert len(Under(Curve(polynomial((1.0, 2.0, 3.0)), 0.0, 1.0), 0.01).pieces()) == 1
    assert len(Under(Curve(polynomial((1.0, 2.0, -3.0)), 0.0, 1.0), 0.01).pieces()) > 3


def test_valve_points_are_met_at_their_kinks_and_bounded_between() -> None:
    kinks = tuple(np.pi / 0.035 * k for k in range(1, 8))
    under = Under(Curve(_valve, 0.0, 680.0, kinks), 30.0)
    x = np.linspace(0.0, 680.0, 5000)
    off = _valve(x) - _below(under, x)
    assert off.min() >= -1e-6
    assert off.max() <= 45.0


def test_refining_closes_the_gap_at_a_load_and_says_when_there_is_none() -> None:
    curve = Curve(polynomial((100.0, 800.0, -970.0, 790.0)), 0.3, 1.0)
    under = Under(curve, 20.0)
    for _ in range(5):
        under.refine(0.47, 1e-3)
    assert curve.at(0.47) - under.below(0.47) <= 1e-3
    assert not under.refine(0.47, 1e-2)


def test_a_curve_of_one_load_is_a_point() -> None:
    under = Under(Curve(polynomial((5.0, 1.0)), 2.0, 2.0), 0.1)
    assert len(under.pieces()) == 1
    assert under.below(2.0) == pytest.approx(7.0)
