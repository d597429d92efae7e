"""Periods of accounts by their name: days, weeks, months, years and ranges of the site's calendar.

    2026-10-22    2026-W43    2026-10    2026    2026-10-01..2026-10-15

A range names its first and its last day; one that is exactly a day, week, month or year is called that, since
a period has one name. A period that goes on is reckoned up to now.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from accounts.invoice import midnight_ns, month_of
from accounts.used import Period
from protocols.errors import ConfigError

PeriodKind = Literal["day", "week", "month", "year", "range"]

MOST_DAYS: Final = 400
"""Longest range. [days]"""
_YEARS: Final = range(1990, 2201)
_NS: Final = 1_000_000_000
_ALLOWED: Final = "allowed are 2026-10-22, 2026-W43, 2026-10, 2026 and 2026-10-01..2026-10-15"


@dataclass(frozen=True, slots=True)
class NamedPeriod:
    """A period with its name.

    Attributes:
        name: Its name; one period has one.
        kind: What it is.
        days: Its days.
    """

    name: str
    kind: PeriodKind
    days: Period

    def edges_ns(self, zone: ZoneInfo) -> tuple[int, int]:
        """Its first instant, and the first after it. [ns since 1970, UTC]."""
        return midnight_ns(self.days.first, zone), midnight_ns(self.days.after, zone)

    def over(self, now_ns: int, zone: ZoneInfo) -> bool:
        """Whether it has ended."""
        return self.edges_ns(zone)[1] <= now_ns


def named(text: str) -> NamedPeriod:
    """A period by its name.

    Raises:
        ConfigError: It is no name of one.

    Example:
        >>> named("2026-W43").days.first.isoformat(), named("2026-02").days.days
        ('2026-10-19', 28)
        >>> named("2026-02-01..2026-02-28").name
        '2026-02'
    """
    try:
        found = _shortest(_read(text))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{text!r} is no period: {error}; {_ALLOWED}") from error
    if found.days.first.year not in _YEARS or not 1 <= found.days.days <= MOST_DAYS:
        raise ConfigError(f"{text!r}: a period has 1 to {MOST_DAYS} days, from {_YEARS[0]} to {_YEARS[-1]}")
    return found


def month_named(day: dt.date) -> NamedPeriod:
    """The month that a day lies in."""
    return NamedPeriod(f"{day:%Y-%m}", "month", month_of(day.year, day.month))


def months_before(period: NamedPeriod, count: int) -> list[NamedPeriod]:
    """The calendar months before the one a period begins in, the oldest first."""
    found: list[NamedPeriod] = []
    day = period.days.first.replace(day=1)
    for _ in range(count):
        day = (day - dt.timedelta(days=1)).replace(day=1)
        found.append(month_named(day))
    return found[::-1]


def _read(text: str) -> NamedPeriod:
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text):
        return NamedPeriod(text, "month", month_of(int(text[:4]), int(text[5:])))
    kind: PeriodKind
    if week := re.fullmatch(r"([0-9]{4})-W([0-9]{2})", text):
        kind, first = "week", dt.date.fromisocalendar(int(week[1]), int(week[2]), 1)
        after = first + dt.timedelta(days=7)
    elif re.fullmatch(r"[0-9]{4}", text):
        kind, first, after = "year", dt.date(int(text), 1, 1), dt.date(int(text) + 1, 1, 1)
    else:
        first_text, dots, last_text = text.partition("..")
        first = _day(first_text)
        last = _day(last_text) if dots else first
        kind, after = ("range" if dots else "day"), last + dt.timedelta(days=1)
    return NamedPeriod(text, kind, Period(first, after))


def _shortest(found: NamedPeriod) -> NamedPeriod:
    """A range by the name of the day, week, month or year that it is."""
    days = found.days
    if found.kind != "range":
        return found
    week = days.first.isocalendar()
    texts = (f"{days.first}", f"{week.year:04}-W{week.week:02}", f"{days.first:%Y-%m}", f"{days.first:%Y}")
    return next((one for one in map(_read, texts) if one.days == days), found)


def _day(text: str) -> dt.date:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise ValueError("found no day")
    return dt.date.fromisoformat(text)
