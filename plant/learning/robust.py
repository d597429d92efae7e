"""Robust least squares inside bounds, with a prior that speaks where the data say nothing.

Minimises Σ ρ((y - f(θ)) / s) + Σ ((θ - θ₀) / σ)² by Gauss-Newton steps with Tukey's biweight ρ (c = 4.685),
s from the median absolute residual. Rows of one plant follow each other closely, so all of them together
weigh no more than `_MOST_WEIGHT` independent ones against the prior.

Source: Huber & Ronchetti, "Robust Statistics", 2nd ed., ch. 7; Tukey's constant for 95 % efficiency.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Model = Callable[[FloatArray], FloatArray]
"""Parameters, shape (p,), to what they foresee, shape (n,)."""

_TUKEY: Final = 4.685
_HUBER: Final = 1.345
_MAD_TO_SIGMA: Final = 1.4826
_MOST_WEIGHT: Final = 400.0
_ROUNDS: Final = 40
_HUBER_ROUNDS: Final = 12
_STILL: Final = 1e-7
_NUDGE: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Prior:
    """What is held of the parameters before any row is seen, each of shape (p,).

    Attributes:
        mean: The nominal ones, where the search begins.
        sigma: How far off they may be; a direction no row tells of stays nominal.
        low: Physical bound below.
        high: Physical bound above.
    """

    mean: FloatArray
    sigma: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class Fitted:
    """What came of a fit.

    Attributes:
        theta: Parameters, inside their bounds, shape (p,).
        scale: Robust standard deviation of a row beside the curve, in the unit of y.
        used: Weight of each row, 0 for one that lies off by far, shape (n,).
    """

    theta: FloatArray
    scale: float
    used: FloatArray


def fit(model: Model, y: FloatArray, prior: Prior, least_scale: float) -> Fitted:
    """Fit parameters to rows.

    Args:
        model: Foresees all rows from parameters.
        y: What was measured, finite, shape (n,).
        prior: Nominal parameters and their bounds.
        least_scale: Resolution of y; the residuals count as no smaller.
    """
    theta = np.clip(prior.mean, prior.low, prior.high)
    thin = min(1.0, _MOST_WEIGHT / max(len(y), 1))
    weights, scale = np.ones(len(y)), least_scale
    for turn in range(_ROUNDS):
        residual = y - model(theta)
        scale = max(_MAD_TO_SIGMA * float(np.median(np.abs(residual))), least_scale)
        weights = _weights(residual / scale, tukey=turn >= _HUBER_ROUNDS)
        step = _step(model, theta, (residual, weights * thin / scale**2), prior)
        after = np.clip(theta + step, prior.low, prior.high)
        moved = float(np.max(np.abs(after - theta) / prior.sigma))
        theta = after
        if moved < _STILL and turn > _HUBER_ROUNDS:
            break
    return Fitted(theta, scale, weights)


def _weights(z: FloatArray, *, tukey: bool) -> FloatArray:
    size = np.abs(z)
    if tukey:
        return np.where(size < _TUKEY, (1.0 - (size / _TUKEY) ** 2) ** 2, 0.0)
    return _HUBER / np.maximum(size, _HUBER)


def _step(model: Model, theta: FloatArray, seen: tuple[FloatArray, FloatArray], prior: Prior) -> FloatArray:
    """One Gauss-Newton step; a parameter that would leave its bounds stops there and the others go on."""
    residual, weights = seen
    slopes = _slopes(model, theta, prior.sigma)
    hessian = slopes.T @ (weights[:, None] * slopes) + np.diag(prior.sigma**-2.0)
    pull = slopes.T @ (weights * residual) + (prior.mean - theta) / prior.sigma**2
    step, free = np.zeros(len(theta)), np.ones(len(theta), dtype=np.bool_)
    for _ in range(len(theta)):
        rest = pull - hessian @ np.where(free, 0.0, step)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], rest[free])
        most, least = prior.high - theta, prior.low - theta
        out = free & ((step > most) | (step < least))
        if not out.any():
            break
        step = np.where(out, np.clip(step, least, most), step)
        free &= ~out
        if not free.any():
            break
    return step


def _slopes(model: Model, theta: FloatArray, sigma: FloatArray) -> FloatArray:
    columns: list[FloatArray] = []
    for k in range(len(theta)):
        nudge = np.zeros(len(theta))
        nudge[k] = _NUDGE * sigma[k]
        columns.append((model(theta + nudge) - model(theta - nudge)) / (2.0 * nudge[k]))
    return np.column_stack(columns)
