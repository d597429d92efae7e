"""The band made to hold what it says, from forecasts of the newest weeks that had not seen those weeks.

    s_low = (q10 - y) / w,  s_high = (y - q90) / w       w = width of the band, at least 2 % of the mean
    q10' = q10 - w · Q(s_low, 1 - α_low),   q90' = q90 + w · Q(s_high, 1 - α_high)
    α  ← clip(α + γ · (0.1 - share outside on that side of the last day), 0.01, 0.4)   from day to day

Each side on its own: Romano, Patterson and Candès 2019 (split-conformal quantile regression); the step from
day to day: Gibbs and Candès 2021, which holds the share in the long run whatever the plant does. The middle
course is moved by half of the median of what lay beside it in the last week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hub.forecast.quantiles import in_order
from hub.forecast.quarters import QUARTERS_A_DAY, FloatArray

_KEPT_DAYS: Final = 28
_WARM_DAYS: Final = 7
_GAMMA: Final = 0.2
_ALPHA: Final = 0.1
_RANGE: Final = (0.01, 0.4)
_WIDTH_FRAC: Final = 0.02
_LEAST_QUARTERS: Final = 48
_MIDDLE_DAYS: Final = 7
_MIDDLE_WEIGHT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Moves:
    """How far the courses are moved, for each whole day counted back from now, and for the day to come.

    Attributes:
        low: Outwards, in widths, shape (days + 1,); the last is that of the day to come.
        high: The same above.
        scale: Mean size of what was measured.
    """

    low: FloatArray
    high: FloatArray
    scale: float


def calibrated(measured: FloatArray, honest: FloatArray, ahead: FloatArray) -> FloatArray:
    """Move the courses of the time to come by what became of earlier ones.

    Args:
        measured: What came, shape (n,), up to now; NaN where unknown.
        honest: What had been foreseen for it by models that had not seen it, shape (3, n).
        ahead: What is foreseen now, shape (3, m).

    Returns:
        Shape (3, m), in order.
    """
    return moved(ahead, moves(measured, honest), -1, _middle(measured, honest))


def calibrated_days(measured: FloatArray, honest: FloatArray, days: int) -> list[FloatArray]:
    """The newest days as they would have been foreseen, each calibrated by the days before it; newest first.

    Args:
        measured: As for `calibrated`.
        honest: As for `calibrated`.
        days: How many, at most.

    Returns:
        Arrays of shape (3, 96).
    """
    found = moves(measured, honest)
    shown: list[FloatArray] = []
    for back in range(1, min(days, len(found.low) - 1) + 1):
        begin = len(measured) - back * QUARTERS_A_DAY
        middle = _middle(measured[:begin], honest[:, :begin])
        shown.append(moved(honest[:, begin : begin + QUARTERS_A_DAY], found, -1 - back, middle))
    return shown


def moves(measured: FloatArray, honest: FloatArray) -> Moves:
    """Walk through the days and learn from each how far the next is to be moved."""
    scale = _scale(measured)
    width = _width(honest, scale)
    return Moves(_offsets((honest[0] - measured) / width), _offsets((measured - honest[2]) / width), scale)


def moved(courses: FloatArray, by: Moves, day: int, middle: float) -> FloatArray:
    """Courses moved as a day asks for, in order."""
    width = _width(courses, by.scale)
    low, high = float(by.low[day]), float(by.high[day])
    return in_order(np.stack([courses[0] - width * low, courses[1] + middle, courses[2] + width * high]))


def _middle(measured: FloatArray, honest: FloatArray) -> float:
    beside = (measured - honest[1])[-_MIDDLE_DAYS * QUARTERS_A_DAY :]
    known = beside[np.isfinite(beside)]
    return _MIDDLE_WEIGHT * float(np.median(known)) if len(known) >= _LEAST_QUARTERS else 0.0


def _scale(measured: FloatArray) -> float:
    known = np.abs(measured[np.isfinite(measured)])
    return float(known.mean()) if len(known) else 0.0


def _width(courses: FloatArray, scale: float) -> FloatArray:
    width: FloatArray = np.maximum(courses[2] - courses[0], _WIDTH_FRAC * scale + 1e-9)
    return width


def _offsets(scores: FloatArray) -> FloatArray:
    """How far one side is moved outwards on each day, in widths; 0 before a week is known."""
    count = len(scores) // QUARTERS_A_DAY
    days = scores[len(scores) - count * QUARTERS_A_DAY :].reshape(count, QUARTERS_A_DAY)
    offsets = np.zeros(count + 1)
    known: list[FloatArray] = []
    alpha = _ALPHA
    for number in range(count + 1):
        ready = len(known) >= _WARM_DAYS
        if ready:
            offsets[number] = np.quantile(np.concatenate(known[-_KEPT_DAYS:]), 1.0 - alpha)
        day = days[number][np.isfinite(days[number])] if number < count else np.zeros(0)
        if len(day) < _LEAST_QUARTERS:
            continue
        if ready:
            outside = float((day > offsets[number]).mean())
            alpha = float(np.clip(alpha + _GAMMA * (_ALPHA - outside), *_RANGE))
        known.append(day)
    return offsets
