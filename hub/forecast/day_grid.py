"""What the calendar of the site says of each quarter hour: kind of day, shift, and which days are alike.

    class(day) = shifts that begin on it, and whether it is worked

So a make-up day is like the weekday it is worked for, a holiday is like a Sunday where nobody works, and a
holiday that is worked through is like any other day. Without shifts the class is `worked` or `off` alone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from hub.forecast.quarters import QUARTER_NS, FloatArray
from hub.registry.calendars import WEEK, Calendar, DayKind

IntArray = npt.NDArray[np.int64]
_NS: Final = 1_000_000_000
_KINDS: Final[tuple[DayKind, ...]] = ("working", "make_up", "rest", "holiday")
_WORKED: Final = frozenset({"working", "make_up"})
_FAR_H: Final = 72.0
_EDGE_DAYS: Final = 8


@dataclass(frozen=True, slots=True)
class DayGrid:
    """Quarters of a window, by the calendar.

    Attributes:
        day: Local date of each quarter, days since 0001-01-01, shape (n,).
        quarter: Local quarter hour of the day, 0 … 95, shape (n,).
        days: The dates that occur, ascending.
        day_class: Date to the number of its class, the same in every window of one calendar.
        weekday: Date to the weekday whose shifts it has, 0 Monday.
        worked: Date to whether people work.
        columns: What a model is told of the calendar, shape (n, k).
    """

    day: IntArray
    quarter: IntArray
    days: IntArray
    day_class: dict[int, int]
    weekday: dict[int, int]
    worked: dict[int, bool]
    columns: FloatArray


def day_grid(calendar: Calendar, zone_name: str, start_ns: int, count: int) -> DayGrid:
    """Ask the calendar about `count` quarters from `start_ns` on; hours of shifts follow the clock's changes.

    Args:
        calendar: Of the site.
        zone_name: IANA name of its time zone.
        start_ns: Start of the first quarter.
        count: Number of quarters, at least one.
    """
    zone = ZoneInfo(zone_name)
    times_ns = start_ns + np.arange(count, dtype=np.int64) * QUARTER_NS
    local = [dt.datetime.fromtimestamp(at_s, zone) for at_s in (times_ns // _NS).tolist()]
    day = np.array([one.toordinal() for one in local], dtype=np.int64)
    quarter = np.array([one.hour * 4 + one.minute // 15 for one in local], dtype=np.int64)
    first, last = int(day[0]) - _EDGE_DAYS, int(day[-1]) + _EDGE_DAYS
    facts = {number: calendar.day(dt.date.fromordinal(number)) for number in range(first, last + 1)}
    begins = {number: calendar.shifts(dt.date.fromordinal(number), zone) for number in range(first, last + 1)}
    worked = {number: fact.kind in _WORKED or bool(begins[number]) for number, fact in facts.items()}
    order = {one.id: number for number, one in enumerate(calendar.file.shifts)}
    day_class = {
        number: int(worked[number]) + sum(2 << order[one.shift.id] for one in begins[number])
        for number in facts
    }
    spans = [
        (one.start.timestamp(), one.end.timestamp(), one.shift.id) for day_ in begins.values() for one in day_
    ]
    by_day = np.array(
        [
            [
                WEEK.index(facts[number].like),
                _KINDS.index(facts[number].kind),
                float(worked[number]),
                day_class[number],
                float(worked[number - 1]),
                float(worked[number + 1]),
                _run(worked, number, -1),
                _run(worked, number, 1),
                sum((one.end - one.start).total_seconds() for one in begins[number]) / 3600.0,
            ]
            for number in range(first + _EDGE_DAYS, last - _EDGE_DAYS + 1)
        ]
    )
    columns = np.column_stack(
        [quarter, by_day[day - int(day[0])], *_shift_columns(times_ns / _NS, spans, order)]
    )
    kept = range(int(day[0]), int(day[-1]) + 1)
    return DayGrid(
        day, quarter, np.array(list(kept)), {one: day_class[one] for one in kept},
        {one: WEEK.index(facts[one].like) for one in kept}, {one: worked[one] for one in kept}, columns,
    )  # fmt: skip


def _run(worked: dict[int, bool], number: int, way: int) -> float:
    """How many days in a row, on that side, are not like this one in being worked, a week at most."""
    length = 0
    while length < _EDGE_DAYS - 1 and worked[number + way * (length + 1)] != worked[number]:
        length += 1
    return float(length)


def _shift_columns(
    at_s: FloatArray, spans: list[tuple[float, float, str]], order: dict[str, int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shift a quarter lies in (-1: none), hours since the last begin or end of a shift, hours to the next."""
    shift = np.full(len(at_s), -1.0)
    for begin_s, end_s, name in spans:
        low, high = np.searchsorted(at_s, [begin_s, end_s])
        shift[low:high] = order[name]
    edges = np.unique([edge for begin_s, end_s, _ in spans for edge in (begin_s, end_s)])
    if not len(edges):
        none = np.full(len(at_s), _FAR_H)
        return shift, none, none
    after = np.searchsorted(edges, at_s, side="right")
    since = np.where(after > 0, at_s - edges[np.maximum(after - 1, 0)], np.inf)
    until = np.where(after < len(edges), edges[np.minimum(after, len(edges) - 1)] - at_s, np.inf)
    return shift, np.minimum(since / 3600.0, _FAR_H), np.minimum(until / 3600.0, _FAR_H)
