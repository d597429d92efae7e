"""When reports are due: on the site's clock, the first day after the time they are of. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from protocols.errors import StoreError

Every = Literal["day", "week", "month", "year"]
MINUTES: Final = 24 * 60
"""Minutes of a day, by which the time of day is said."""

CATCH_UP: Final[dict[Every, int]] = {"day": 7, "week": 5, "month": 12, "year": 3}
"""So many of the newest are made up for after a downtime; whoever wants older ones asks for them. [-]"""

_NS: Final = 1_000_000_000


class Due(NamedTuple):
    """A report that is due: name of its period, and since when [ns since 1970, UTC]."""

    period: str
    at_ns: int


def due(every: Every, at_min: int, span_ns: tuple[int, int], zone: ZoneInfo) -> list[Due]:
    """What becomes due after one instant and up to another, oldest first, no more than is made up for.

    Args:
        every: Of which time each report is.
        at_min: Minutes after midnight of the first day after it, as the clock on the wall shows them.
        span_ns: Instants. [ns since 1970, UTC]
        zone: The site's zone.

    Example:
        >>> days = [round(dt.datetime(2026, 3, day, 12, tzinfo=dt.UTC).timestamp()) * _NS for day in (1, 3)]
        >>> [one.period for one in due("day", 360, (days[0], days[1]), ZoneInfo("Asia/Shanghai"))]
        ['2026-03-01', '2026-03-02']
        >>> [one.period for one in due("month", 360, (days[0] - 86_400 * _NS, days[1]), ZoneInfo("UTC"))]
        ['2026-02']
    """
    after_ns, until_ns = span_ns
    day = dt.datetime.fromtimestamp(until_ns / _NS, zone).date()
    begin = _begin(every, day)
    found: list[Due] = []
    while len(found) < CATCH_UP[every]:
        at_ns = _at_ns(begin, at_min, zone)
        if at_ns <= after_ns:
            break
        before = _begin(every, begin - dt.timedelta(days=1))
        if at_ns <= until_ns:
            found.append(Due(name_of(every, before), at_ns))
        begin = before
    return found[::-1]


def next_due_ns(every: Every, at_min: int, now_ns: int, zone: ZoneInfo) -> int:
    """When the next one is due. [ns since 1970, UTC]."""
    begin = _begin(every, dt.datetime.fromtimestamp(now_ns / _NS, zone).date())
    while _at_ns(begin, at_min, zone) <= now_ns:
        begin = _begin(
            every, begin + dt.timedelta(days={"day": 1, "week": 7, "month": 31, "year": 366}[every])
        )
    return _at_ns(begin, at_min, zone)


def every_of(word: str) -> Every:
    """The word as a table keeps it.

    Raises:
        StoreError: It is none.
    """
    for one in CATCH_UP:
        if one == word:
            return one
    raise StoreError(f"a schedule of reports has {word!r}; known are {', '.join(CATCH_UP)}")


def name_of(every: Every, day: dt.date) -> str:
    """Name of the day, week, month or year that a day lies in.

    Example:
        >>> name_of("week", dt.date(2026, 12, 31)), name_of("week", dt.date(2027, 1, 2))
        ('2026-W53', '2026-W53')
    """
    if every == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return f"{day.isoformat()}"[: {"day": 10, "month": 7, "year": 4}[every]]


def _begin(every: Every, day: dt.date) -> dt.date:
    if every == "week":
        return day - dt.timedelta(days=day.weekday())
    if every == "month":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if every == "year" else day


def _at_ns(day: dt.date, at_min: int, zone: ZoneInfo) -> int:
    at = dt.datetime.combine(day, dt.time(at_min // 60, at_min % 60), zone)
    return round(at.timestamp()) * _NS
