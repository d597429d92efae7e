"""Which band of a tariff an instant lies in: by month, weekday and holiday, in the tariff's own time zone.

    band(t) = the override that holds t, else the window that holds t

Windows leave no gap and never overlap, neither do overrides among themselves: `band_check` sees every
minute of every kind of day of every month, so that no price is ever taken from whichever line stood first.
Instants are looked up by the local clock; days of 23 and 25 hours need no special case.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError

Loc = tuple[int | str, ...]
Fault = tuple[Loc, str]
IntArray = NDArray[np.int64]
BandArray = NDArray[np.int16]

WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS: Final = {"workday": WEEK[:5], "weekend": WEEK[5:]}
"""Names for several weekdays."""
ANY_HOLIDAY: Final = "holiday"
"""Name for the days of all holidays."""
DAY_MIN: Final = 1440
"""Minutes of a day."""
_SLOT_S: Final = 900
"""Clocks change on quarter hours of UTC everywhere. [s]"""
_NS: Final = 1_000_000_000
NOTHING: Final = -1
"""Index of no band."""

ALL_MONTHS: Final = tuple(range(1, 13))
"""January to December."""

Month = Annotated[int, Field(ge=1, le=12)]
Hours = Annotated[str, Field(pattern=r"^([01]?\d|2[0-3]):[0-5]\d-(([01]?\d|2[0-3]):[0-5]\d|24:00)$")]
"""From the first minute to the first that is no longer of it, as `08:00-11:00`; `22:00-06:00` is what lies
before 06:00 and after 22:00 of the same day."""


class TariffBand(Config):
    """A price step of the day: sharp, peak, flat, valley, deep valley, P1 to P6, as the tariff calls it."""

    id: IdPart
    """Id of the band."""

    label: Text
    """What the invoice calls it."""


class Window(Config):
    """Hours that belong to a band."""

    band: IdPart
    """The band."""

    hours: tuple[Hours, ...] = Field(min_length=1)
    """Times of the local day."""

    months: tuple[Month, ...] = ALL_MONTHS
    """Months of the year, 1 to 12."""

    days: tuple[IdPart, ...] = ()
    """`mon` to `sun`, `workday`, `weekend`, `holiday`, or the id of a holiday; nothing: every day."""


class TariffHoliday(Config):
    """Days that the tariff treats apart; those of another year have the same id."""

    id: IdPart
    """Id that windows name it by."""

    label: Text
    """Its name."""

    first: dt.date
    """First day."""

    last: dt.date | None = None
    """Last day; none: it is one day."""


_ALL: Final = TariffBand(id="all", label=Text(en="All hours", zh="全时段"))


class TouCalendar(Config):
    """Bands of a tariff and when they hold; without windows there is one band."""

    bands: tuple[TariffBand, ...] = (_ALL,)
    """All bands, in the order of the invoice."""

    windows: tuple[Window, ...] = (Window(band="all", hours=("00:00-24:00",)),)
    """Hours of the bands; together they cover each minute of each day once."""

    overrides: tuple[Window, ...] = ()
    """Hours that are taken out of the windows, as a sharp peak within the peak."""

    holidays: tuple[TariffHoliday, ...] = ()
    """Public holidays as the tariff counts them, of every year that is to be billed."""

    working_days: tuple[dt.date, ...] = ()
    """Days off by the week that are worked to make up for a holiday; they count as a Monday."""


@dataclass(frozen=True, slots=True)
class Bands:
    """A calendar ready to be asked.

    Attributes:
        names: Ids of the bands.
        table: Index of the band, shape (12, kinds of day, 1440).
        zone: Zone of the clock.
        kind_of: Day to its kind, where the weekday does not say it.
        years: Years whose holidays are known; empty: holidays make no difference.
    """

    names: tuple[str, ...]
    table: BandArray
    zone: ZoneInfo
    kind_of: dict[dt.date, int]
    years: frozenset[int] | None

    def at(self, starts_ns: IntArray) -> BandArray:
        """Index of the band of each instant, shape as given.

        Raises:
            ConfigError: Bands depend on holidays, and those of a year are not declared.
        """
        days, minutes = local_clock(starts_ns, self.zone)
        ordinals, which = np.unique(days, return_inverse=True)
        rows = np.array([self._row(dt.date.fromordinal(int(one))) for one in ordinals], np.int64).reshape(
            -1, 2
        )
        found: BandArray = self.table[rows[which, 0], rows[which, 1], minutes]
        if (found == NOTHING).any():
            month = int(rows[which[int(np.argmin(found))], 0]) + 1
            raise ConfigError(f"the calendar of the tariff has no hours for month {month}; add its windows")
        return found

    def never_within(self, starts_ns: IntArray, step_s: int) -> bool:
        """Whether no band can begin within intervals that begin at these instants."""
        step_min, odd = divmod(step_s, 60)
        if odd:
            return step_min == 0
        edges = np.flatnonzero((np.diff(self.table, axis=2) != 0).any(axis=(0, 1))) + 1
        grid = math.gcd(DAY_MIN, *(int(edge) for edge in edges))
        return grid % step_min == 0 and not (local_clock(starts_ns, self.zone)[1] % step_min).any()

    def _row(self, day: dt.date) -> tuple[int, int]:
        if self.years is not None and day.year not in self.years:
            raise ConfigError(
                f"the calendar of the tariff declares no holidays of {day.year}; its hours depend on them, "
                "add them under holidays"
            )
        return day.month - 1, self.kind_of.get(day, day.weekday())


def local_clock(starts_ns: IntArray, zone: ZoneInfo) -> tuple[IntArray, IntArray]:
    """Ordinal of the local day and minute of its clock, for each instant."""
    slots, which = np.unique(starts_ns // (_SLOT_S * _NS), return_inverse=True)
    shift_s = np.array([_offset_s(int(slot) * _SLOT_S, zone) for slot in slots], np.int64)
    local_min = (starts_ns // _NS + shift_s[which]) // 60
    epoch = dt.date(1970, 1, 1).toordinal()
    return local_min // DAY_MIN + epoch, local_min % DAY_MIN


def _offset_s(at_s: int, zone: ZoneInfo) -> int:
    offset = dt.datetime.fromtimestamp(at_s, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def days_of(one: TariffHoliday) -> list[dt.date]:
    """All days of a holiday."""
    length = ((one.last or one.first) - one.first).days + 1
    return [one.first + dt.timedelta(days=step) for step in range(length)]


def kinds_of(calendar: TouCalendar) -> list[str]:
    """Kinds of day: the weekdays, then each holiday by its id."""
    return [*WEEK, *dict.fromkeys(one.id for one in calendar.holidays)]


def mask_of(window: Window, kinds: list[str]) -> NDArray[np.bool_]:
    """Minutes a window holds, shape (12, kinds of day, 1440)."""
    minutes = np.zeros(DAY_MIN, np.bool_)
    for text in window.hours:
        begin, end = (minute_of(part) for part in text.split("-"))
        if begin < end:
            minutes[begin:end] = True
        else:
            minutes[:end] = minutes[begin:] = True
    months = np.isin(np.arange(1, 13), window.months)
    days = np.array([_holds(window.days, kind) for kind in kinds])
    return np.asarray(months[:, None, None] & days[None, :, None] & minutes[None, None, :])


def _holds(days: tuple[str, ...], kind: str) -> bool:
    if not days or kind in days:
        return True
    if kind not in WEEK:
        return ANY_HOLIDAY in days
    return any(name in days and kind in group for name, group in GROUPS.items())


def minute_of(text: str) -> int:
    """Minute of the day that a time of the clock is."""
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
