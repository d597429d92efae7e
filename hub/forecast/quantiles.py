"""Quantiles of a need, and how good they are: pinball loss, coverage of the band, order.

    pinball(y, q, p) = max(p · (y - q), (p - 1) · (y - q))        Koenker and Bassett 1978
    coverage         = share of quarters with q10 ≤ y ≤ q90

A quantile array has the shape (3, n), in the order of `LEVELS`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hub.forecast.quarters import FloatArray

LEVELS: Final = (0.1, 0.5, 0.9)
"""What is forecast: a low, a middle and a high course; the band between the outer two holds 80 %."""

_P: Final = np.array(LEVELS)[:, None]


def pinball(measured: FloatArray, foreseen: FloatArray) -> float:
    """Mean pinball loss over the levels, in the unit of the series; NaN where nothing can be compared.

    Args:
        measured: Shape (n,); NaN where unknown.
        foreseen: Shape (3, n).

    Example:
        >>> round(pinball(np.array([10.0]), np.array([[8.0], [10.0], [12.0]])), 3)
        0.133
    """
    over = measured - foreseen
    known = np.isfinite(over).all(axis=0)
    if not known.any():
        return float("nan")
    over = over[:, known]
    return float(np.maximum(_P * over, (_P - 1.0) * over).mean())


def coverage(measured: FloatArray, foreseen: FloatArray) -> float:
    """Share of the quarters inside the band, 0 … 1; NaN where nothing can be compared."""
    known = np.isfinite(measured) & np.isfinite(foreseen).all(axis=0)
    if not known.any():
        return float("nan")
    inside = (measured >= foreseen[0]) & (measured <= foreseen[2])
    return float(inside[known].mean())


def in_order(foreseen: FloatArray) -> FloatArray:
    """Sorted in each quarter, so that a low course is never above a high one; NaN where one is unknown."""
    ordered: FloatArray = np.sort(foreseen, axis=0)
    return np.where(np.isfinite(foreseen).all(axis=0), ordered, np.nan)
