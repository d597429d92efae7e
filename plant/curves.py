"""Equipment curves: polynomial and piecewise linear, each with the range it was measured in.

A curve is versioned data and the one source for planning, simulation, fault detection and savings proofs.
Outside its range a curve holds its end value; `covers` tells whether that happened.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config

Number = Annotated[float, Field(allow_inf_nan=False)]


class PolynomialCurve(Config):
    """`y = c0 + c1·x + c2·x² + …` between `low` and `high`.

    Example:
        >>> PolynomialCurve(coefficients=(1.0, 0.0, 2.0), low=0.0, high=3.0).at(2.0)
        9.0
    """

    kind: Literal["polynomial"] = "polynomial"
    """Discriminator."""

    coefficients: Annotated[tuple[Number, ...], Field(min_length=1, max_length=6)]
    """c0, c1, c2 … in rising order of power."""

    low: Number
    """Lower end of the measured range of x."""

    high: Number
    """Upper end of the measured range of x."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"range of a curve needs low < high, got {self.low} and {self.high}")
        return self

    def at(self, x: float) -> float:
        """Value at `x` clipped into the range (Horner's scheme)."""
        x = min(max(x, self.low), self.high)
        y = 0.0
        for coefficient in reversed(self.coefficients):
            y = y * x + coefficient
        return y

    def covers(self, x: float) -> bool:
        """Whether `x` lies in the measured range."""
        return self.low <= x <= self.high


class PiecewiseCurve(Config):
    """Straight lines through the points (x, y).

    Example:
        >>> PiecewiseCurve(x=(0.0, 1.0, 2.0), y=(0.0, 10.0, 30.0)).at(1.5)
        20.0
    """

    kind: Literal["piecewise"] = "piecewise"
    """Discriminator."""

    x: Annotated[tuple[Number, ...], Field(min_length=2)]
    """Support points, strictly rising."""

    y: Annotated[tuple[Number, ...], Field(min_length=2)]
    """Values at the support points."""

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"a curve needs as many y as x, got {len(self.y)} and {len(self.x)}")
        if any(right <= left for left, right in pairwise(self.x)):
            raise ValueError("the x of a curve must rise strictly")
        return self

    @property
    def low(self) -> float:
        """Lower end of the measured range of x."""
        return self.x[0]

    @property
    def high(self) -> float:
        """Upper end of the measured range of x."""
        return self.x[-1]

    def at(self, x: float) -> float:
        """Value at `x` clipped into the range."""
        xs, ys = self.x, self.y
        if x <= xs[0]:
            return ys[0]
        if x >= xs[-1]:
            return ys[-1]
        right = bisect_right(xs, x)
        left = right - 1
        return ys[left] + (ys[right] - ys[left]) * (x - xs[left]) / (xs[right] - xs[left])

    def covers(self, x: float) -> bool:
        """Whether `x` lies in the measured range."""
        return self.x[0] <= x <= self.x[-1]


Curve = Annotated[PolynomialCurve | PiecewiseCurve, Field(discriminator="kind")]
