"""What a model knows of a quarter hour a day ahead: calendar, courses of days that are alike, lags, weather.

Every figure of the series itself is at least 24 hours old, so a table made for the past is what would have
been known then; nothing of the day itself gets in. Three simple courses are part of it; they are methods of
their own, and the first is what the model corrects:

    alike      mean of the last 5 days of the same class and weekday, newer ones weigh more, else of the same
               class, else of days as worked or off as this one
    last_week  the same quarter hour seven days ago, 14 where that is unknown
    yesterday  the same quarter hour one day ago, up to four days where that is unknown
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from hub.forecast.day_grid import DayGrid
from hub.forecast.quarters import QUARTERS_A_DAY, FloatArray

_ALIKE_DAYS: Final = 5
_FADE: Final = 0.8
_REACH_DAYS: Final = 400
_LEAST_FRAC: Final = 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """One series over the quarters of a window, with what is known of each a day before.

    Attributes:
        base: The course a model corrects, shape (n,).
        simple: Method to its course, shape (n,).
        known: What the model sees, shape (n, k).
    """

    base: FloatArray
    simple: dict[str, FloatArray]
    known: FloatArray


def table(values: FloatArray, grid: DayGrid, weather: FloatArray, base: FloatArray | None = None) -> Table:
    """Make the table of a series.

    Args:
        values: Measured means, shape (n,); NaN where unknown, as in the time to come.
        grid: The calendar of the same quarters.
        weather: What was and will be known of the weather of each quarter, shape (n, m).
        base: A course of its own, where the series has one (the sun); None: `alike`.
    """
    days = _Days(values, grid)
    alike, spread = days.alike()
    lags = [_back(values, count * QUARTERS_A_DAY) for count in (1, 2, 3, 7, 14)]
    yesterday = _first_of([_back(values, count * QUARTERS_A_DAY) for count in (1, 2, 3, 4)])
    last_week = _first_of([lags[3], lags[4]])
    course = _first_of([alike, last_week, yesterday]) if base is None else base
    beside = values - course
    levels = [
        _mean_before(beside, hours_from, hours_to) for hours_from, hours_to in ((24, 48), (24, 96), (24, 240))
    ]
    sizes = [_mean_before(values, 24, 48), _mean_before(values, 24, 192)]
    own = [course, alike, spread, *(lag - course for lag in lags), *levels, *sizes]
    simple = {
        "similar_days": _first_of([alike, last_week, yesterday]),
        "last_week": last_week,
        "yesterday": yesterday,
    }
    return Table(course, simple, np.column_stack([grid.columns, *own, weather]))


def _back(values: FloatArray, count: int) -> FloatArray:
    """The series `count` quarters earlier."""
    kept = max(len(values) - count, 0)
    return np.concatenate([np.full(len(values) - kept, np.nan), values[:kept]])


def _first_of(courses: list[FloatArray]) -> FloatArray:
    found = courses[0]
    for course in courses[1:]:
        found = np.where(np.isfinite(found), found, course)
    return found


def _mean_before(values: FloatArray, from_h: int, to_h: int) -> FloatArray:
    """Mean of the known quarters from `to_h` to `from_h` hours before; NaN where less than half is known."""
    known = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    at = np.arange(len(values))
    low, high = np.maximum(at - to_h * 4, 0), np.maximum(at - from_h * 4, 0)
    number = count[high] - count[low]
    enough = number >= _LEAST_FRAC * (to_h - from_h) * 4
    return np.where(enough, (total[high] - total[low]) / np.maximum(number, 1.0), np.nan)


class _Days:
    """The series as days of 96 quarters of the local clock."""

    def __init__(self, values: FloatArray, grid: DayGrid) -> None:
        self._grid = grid
        self._first = int(grid.day[0])
        self._row = grid.day - self._first
        self._course = np.full((int(self._row[-1]) + 1, QUARTERS_A_DAY), np.nan)
        self._course[self._row, grid.quarter] = values  # of an hour that comes twice the second counts

    def alike(self) -> tuple[FloatArray, FloatArray]:
        """Mean of earlier days that are alike, and how far those lie apart, shape (n,) each."""
        keys: tuple[Callable[[int], object], ...] = (
            lambda day: (self._grid.day_class[day], self._grid.weekday[day]),
            lambda day: self._grid.day_class[day],
            lambda day: self._grid.worked[day],
        )
        mean, spread = np.full_like(self._course, np.nan), np.full_like(self._course, np.nan)
        for key in keys:
            more, apart = self._means(key)
            spread = np.where(np.isfinite(mean), spread, apart)
            mean = np.where(np.isfinite(mean), mean, more)
        at = (self._row, self._grid.quarter)
        return mean[at], spread[at]

    def _means(self, key: Callable[[int], object]) -> tuple[FloatArray, FloatArray]:
        mean, spread = np.full_like(self._course, np.nan), np.full_like(self._course, np.nan)
        earlier: dict[object, list[int]] = {}
        for row in range(len(self._course)):
            same = earlier.setdefault(key(self._first + row), [])
            found = [one for one in same if row - one <= _REACH_DAYS][: _ALIKE_DAYS + 2]
            if found:
                mean[row], spread[row] = _weighed(self._course[found])
            same.insert(0, row)
        return mean, spread


def _weighed(days: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and spread of each quarter over the first days known, newest first."""
    usable = np.isfinite(days)
    rank = np.cumsum(usable, axis=0) - 1
    weight = np.where(usable & (rank < _ALIKE_DAYS), _FADE ** np.maximum(rank, 0), 0.0)
    total = weight.sum(axis=0)
    shown = np.where(usable, days, 0.0)
    mean = (weight * shown).sum(axis=0) / np.where(total > 0.0, total, 1.0)
    apart = (weight * np.abs(shown - mean)).sum(axis=0) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, mean, np.nan), np.where(total > 0.0, apart, np.nan)
