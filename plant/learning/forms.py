"""What a fit looks like: the physical form of each kind of machine, its prior, and the curve it becomes.

Signs are kept by bounds: power rises with flow, with pressure, with load and with condenser temperature, and
is never negative. Where rows say nothing the nominal curve stands (see `robust`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from plant.curves import PiecewiseCurve, PolynomialCurve
from plant.learning.robust import FloatArray, Prior
from plant.learning.rows import BoolArray, Wanted

Columns = Mapping[str, FloatArray]
"""Quantity to its values, all of one shape."""

CURVE_POINTS: Final = 25
_RELATIVE: Final = 0.10
"""Nominal powers are believed within a tenth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one machine is fitted.

    Attributes:
        kind: Kind of the unit.
        main: Quantity along which the curve is drawn.
        drivers: Quantities it depends on, the main one first; each gets a valid range.
        prior: Nominal parameters, how far off they may be, physical bounds.
        wanted: Which rows it can use.
        power_kw: Parameters and columns to power [kW].
        steady: Rows of the machine working as the form means it, such as loaded all the time.
        changes: Parameters to the fields of the unit that become learnt.
        rated_kw: What errors are held against. [kW]
    """

    kind: str
    main: str
    drivers: tuple[str, ...]
    prior: Prior
    wanted: Wanted
    power_kw: Callable[[FloatArray, Columns], FloatArray]
    steady: Callable[[Columns], BoolArray]
    changes: Callable[[FloatArray], dict[str, Any]]
    rated_kw: float

    def nominal_kw(self, columns: Columns) -> FloatArray:
        """Power by the nominal parameters [kW]."""
        return self.power_kw(self.prior.mean, columns)


def prior_of(*parameters: tuple[float, float, float, float]) -> Prior:
    """A prior from (nominal, sigma, low, high) of each parameter."""
    table = np.array(parameters, dtype=np.float64)
    return Prior(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def relative(
    nominal: float, low_frac: float = 0.5, high_frac: float = 2.0
) -> tuple[float, float, float, float]:
    """A size believed within a tenth, bounded by half and double of what the plate says."""
    return nominal, _RELATIVE * nominal, low_frac * nominal, high_frac * nominal


def cubic(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    """c0 + c1·x + c2·x² + c3·x³."""
    c = coefficients
    return np.asarray(c[0] + x * (c[1] + x * (c[2] + x * c[3])), dtype=np.float64)


def piecewise(x: FloatArray, y: FloatArray) -> PiecewiseCurve:
    """A curve of the flowsheet through points, rounded to what can be told apart."""
    return PiecewiseCurve(x=tuple(round(float(v), 6) for v in x), y=tuple(round(float(v), 6) for v in y))


def polynomial_of(nominal: PiecewiseCurve | PolynomialCurve, degree: int) -> FloatArray:
    """The best polynomial with coefficients ≥ 0 through a nominal curve, c0 first, shape (degree + 1,)."""
    x = np.linspace(nominal.low, nominal.high, CURVE_POINTS)
    y = np.array([nominal.at(float(v)) for v in x])
    most = max(float(x[-1]), 1e-9)
    found = nonnegative(np.vander(x / most, degree + 1, increasing=True), y)
    return np.asarray(found / most ** np.arange(degree + 1), dtype=np.float64)


def nonnegative(matrix: FloatArray, y: FloatArray) -> FloatArray:
    """Least squares with all unknowns ≥ 0: of every set of free unknowns the best that has none below.

    Exact for the handful of unknowns it is used for: all 2^p sets are tried.
    """
    count = matrix.shape[1]
    best, least = np.zeros(count), float(y @ y)
    for number in range(1, 2**count):
        free = [k for k in range(count) if number >> k & 1]
        found = np.zeros(count)
        found[free] = np.linalg.lstsq(matrix[:, free], y, rcond=None)[0]
        error = y - matrix @ found
        if (found >= 0.0).all() and float(error @ error) < least:
            best, least = found, float(error @ error)
    return best
