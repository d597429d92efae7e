"""Usable rows by day: some days teach, every third is held out; thinned, so that none outweighs the rest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from plant.learning.forms import Form
from plant.learning.robust import FloatArray, fit
from plant.learning.rows import BoolArray, Rows, TimeArray

_DAY_ROWS: Final = 6
_BINS: Final = 12
_MOST_IN_CELL: Final = 12
_RESOLUTION_FRAC: Final = 0.002
_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400


class Table:
    """Usable rows by day, thinned so that no hour of one day and no usual load outweighs the rest.

    Attributes:
        form: What is fitted.
        rows: All usable rows.
        thin: Those that are worked with.
        day: Day of each of these.
        days: The days.
        taught: Which of `thin` teach; the others judge.
    """

    def __init__(self, form: Form, rows: Rows, zone: str) -> None:
        self.form = form
        day = _day_of(rows.times_ns, zone)
        known, count = np.unique(day, return_counts=True)
        enough = np.isin(day, known[count >= _DAY_ROWS])
        rows, day = rows.where(enough), day[enough]
        self.rows = rows
        kept = _thinned(day, rows.values[form.main]) if len(rows) else np.zeros(0, np.bool_)
        self.thin, self.day = rows.where(kept), day[kept]
        self.days = np.unique(self.day)
        self.taught = ~np.isin(self.day, self.days[2::3])

    def part(self, chosen: BoolArray) -> tuple[Mapping[str, FloatArray], FloatArray]:
        """Columns and power of some rows."""
        rows = self.thin.where(chosen)
        return rows.values, rows.values["power_kw"]

    def fitted(self, chosen: BoolArray) -> FloatArray:
        """Parameters fitted to some rows."""
        columns, power = self.part(chosen)
        form = self.form
        return fit(
            lambda theta: form.power_kw(theta, columns), power, form.prior, _RESOLUTION_FRAC * form.rated_kw
        ).theta


def _thinned(day: FloatArray, main: FloatArray) -> BoolArray:
    """At most `_MOST_IN_CELL` rows of a day in each twelfth of the range, spread over the day."""
    low, high = np.quantile(main, (0.01, 0.99))
    cell = np.clip(((main - low) / max(high - low, 1e-9) * _BINS).astype(int), 0, _BINS - 1)
    kept = np.zeros(len(main), dtype=np.bool_)
    both = day.astype(np.int64) * _BINS + cell
    order = np.argsort(both, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(both[order])) + 1):
        chosen = np.unique(np.linspace(0, len(part) - 1, min(len(part), _MOST_IN_CELL)).astype(int))
        kept[part[chosen]] = True
    return kept


def _day_of(times_ns: TimeArray, zone: str) -> FloatArray:
    """Day of each row in local time, counted from 1970, by the offset of the first row."""
    if not len(times_ns):
        return np.zeros(0)
    offset = dt.datetime.fromtimestamp(int(times_ns[0]) / _NS, ZoneInfo(zone)).utcoffset()
    shift_s = 0.0 if offset is None else offset.total_seconds()
    return np.floor((times_ns / _NS + shift_s) / _DAY_S)
