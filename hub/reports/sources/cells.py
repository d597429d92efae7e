"""Cells that tables of several reports are made of."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from hub.accounts.tables import Table as Readings
from hub.reports.around import Around
from hub.reports.content import Column
from hub.store.port import FloatArray, TimeArray
from hub.values.calendar import Calendar, calendar_edges
from protocols.config import Text

_NS: Final = 1_000_000_000
_MOST: Final = 1000
_HOURS_OF: Final = 2 * 86_400
_DAYS_OF: Final = 100 * 86_400
PLACES: Final = 3
"""Places of readings in a table: more is below what meters show. [-]"""

_TIMES: Final = {
    "hour": Text(en="Time", zh="时间"),
    "day": Text(en="Day", zh="日期"),
    "month": Text(en="Month", zh="月份"),
}
COMPLETENESS: Final = Text(en="Completeness", zh="完整率")
_STEPS: Final = {
    "hour": Text(en="by hour", zh="按小时"),
    "day": Text(en="by day", zh="按日"),
    "month": Text(en="by month", zh="按月"),
}
Step = Literal["hour", "day", "month"]


def number(value: Decimal | float | None) -> float | None:
    """A number for a cell."""
    return None if value is None else float(value)


def step_of(around: Around) -> Step:
    """Length of the bars of a chart of the period."""
    start_ns, end_ns = around.span_ns
    long_s = (end_ns - start_ns) / _NS
    return "hour" if long_s <= _HOURS_OF else "day" if long_s <= _DAYS_OF else "month"


def by_step(around: Around) -> str:
    """`by day` in words."""
    return around.say(_STEPS[step_of(around)])


def edges_of(around: Around, step: Calendar) -> TimeArray:
    """Edges of the windows of the period on the site's calendar. [ns since 1970, UTC]."""
    start_ns, end_ns = around.span_ns
    return np.unique(np.minimum(calendar_edges(start_ns, end_ns, step, around.zone, _MOST), end_ns))


def part(readings: Readings, from_ns: int, to_ns: int) -> Readings:
    """The intervals between two instants."""
    step_ns = readings.step_s * _NS
    first, last = ((at_ns - readings.start_ns) // step_ns for at_ns in (from_ns, to_ns))
    columns = {name: values[first:last] for name, values in readings.columns.items()}
    return Readings(readings.start_ns + first * step_ns, readings.step_s, columns)


def known_sum(values: FloatArray) -> float:
    """Sum of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    return float(values[known].sum()) if known.any() else math.nan


def known_pct(values: FloatArray) -> float:
    """How much of it is known. [%]."""
    return 100.0 * float(np.isfinite(values).mean()) if len(values) else 0.0


def time_column(around: Around, step: Step = "hour") -> Column:
    """The column of instants that are a step apart."""
    return Column(around.say(_TIMES[step]), form="time" if step == "hour" else step)


def completeness_column(around: Around) -> Column:
    """The column that says how much is known."""
    return Column(around.say(COMPLETENESS), "%", places=1)
