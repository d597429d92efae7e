"""The calendar of a site: working week, holidays, working days that make up for one, and shifts.

    kind(day) = make_up   if the day is in `working_days`
              | holiday   if it is in `holidays`
              | working   if its weekday is in `working_week`
              | rest      else

A make-up day, as the State Council of China sets them around long holidays, has the shifts of the weekday it
is worked `like`; a holiday has only the shifts that go on over holidays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from protocols.config import Config, IdPart, Text
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DayKind = Literal["working", "rest", "holiday", "make_up"]
WEEK: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_Loc = tuple[int | str, ...]
_DAY_MIN: Final = 1440
_WEEK_MIN: Final = 7 * _DAY_MIN
_LONGEST_D: Final = 60


def _clock_text(found: object) -> object:
    """YAML 1.1 reads an unquoted 14:00 as the number 840: the minutes since midnight."""
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= _DAY_MIN:
        return f"{found // 60:02}:{found % 60:02}"
    return found


ClockTime = Annotated[str, BeforeValidator(_clock_text), Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""Time of day at the site, `06:00` to `24:00`."""


class Shift(Config):
    """Hours that people work in, on the days it begins on."""

    id: IdPart
    """Id of the shift."""

    label: Text
    """What people call it."""

    begins: ClockTime
    """When it begins."""

    ends: ClockTime
    """When it ends; not after `begins`: on the day after."""

    days: tuple[Weekday, ...] = Field(default=("mon", "tue", "wed", "thu", "fri"), min_length=1)
    """Weekdays it begins on."""

    on_holidays: bool = False
    """Whether it also begins on holidays that fall on one of its days."""


class Holiday(Config):
    """Days off, one or a row of them."""

    first: dt.date
    """The first day."""

    last: dt.date | None = None
    """The last day; none: it is one day."""

    label: Text
    """Its name."""

    @property
    def until(self) -> dt.date:
        """The last day."""
        return self.last or self.first


class WorkingDay(Config):
    """A day off by the week that is worked all the same, to make up for a holiday."""

    date: dt.date
    """The day."""

    like: Weekday = "mon"
    """Weekday whose shifts it has."""

    label: Text
    """What for."""


class CalendarFile(Config):
    """`configs/calendars/<site>.yaml`."""

    working_week: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
    """Weekdays that are worked."""

    shifts: tuple[Shift, ...] = ()
    """Shifts; no moment lies in two of them."""

    holidays: tuple[Holiday, ...] = ()
    """Holidays, in any order."""

    working_days: tuple[WorkingDay, ...] = ()
    """Days that make up for a holiday."""


class Day(NamedTuple):
    """What a calendar says of a day.

    Attributes:
        kind: What it is.
        like: Weekday whose shifts it has.
        label: Name of the holiday or make-up day; None for others.
    """

    kind: DayKind
    like: Weekday
    label: Text | None


class ShiftTime(NamedTuple):
    """One shift on one day.

    Attributes:
        shift: The shift.
        start: UTC.
        end: UTC.
    """

    shift: Shift
    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True)
class Calendar:
    """Answers by day.

    Attributes:
        file: What the site declares; the usual week without a file.
    """

    file: CalendarFile = field(default_factory=CalendarFile)

    @cached_property
    def _holidays(self) -> dict[dt.date, Holiday]:
        return {day: one for one in self.file.holidays for day in _days(one)}

    @cached_property
    def _made_up(self) -> dict[dt.date, WorkingDay]:
        return {one.date: one for one in self.file.working_days}

    def day(self, date: dt.date) -> Day:
        """What a day is.

        Example:
            >>> Calendar().day(dt.date(2026, 10, 3)).kind
            'rest'
        """
        weekday = WEEK[date.weekday()]
        if (made_up := self._made_up.get(date)) is not None:
            return Day("make_up", made_up.like, made_up.label)
        if (holiday := self._holidays.get(date)) is not None:
            return Day("holiday", weekday, holiday.label)
        return Day("working" if weekday in self.file.working_week else "rest", weekday, None)

    def shifts(self, date: dt.date, zone: ZoneInfo) -> list[ShiftTime]:
        """Shifts that begin on a day, by time; on days of a clock change as long as the clock makes them."""
        day = self.day(date)
        found = [
            ShiftTime(one, _utc(date, _minutes(one.begins), zone), _utc(date, _end_min(one), zone))
            for one in self.file.shifts
            if day.like in one.days and (day.kind != "holiday" or one.on_holidays)
        ]
        return sorted(found, key=lambda one: one.start)


def calendar_file(config_dir: Path, site: str) -> Path:
    """Where the file stands; it need not be there."""
    return config_dir / "calendars" / f"{site}.yaml"


def load_calendar(config_dir: Path, site: str) -> Calendar:
    """Read the calendar of a site; Monday to Friday without a file.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    path = calendar_file(config_dir, site)
    if not path.exists():
        return Calendar()
    file = load_config(path, CalendarFile)
    faults = [*_date_faults(file), *_shift_faults(file)]
    if faults:
        line_of = line_numbers(path)
        told = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
        raise ConfigError("\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in told))
    return Calendar(file)


def _date_faults(file: CalendarFile) -> Iterator[tuple[_Loc, str]]:
    taken: dict[dt.date, str] = {}
    for at, one in enumerate(file.holidays):
        place = ("holidays", at)
        length_d = (one.until - one.first).days + 1
        if not 1 <= length_d <= _LONGEST_D:
            yield (*place, "last"), f"found {one.until}, {length_d} days; allowed are 1 to {_LONGEST_D} days"
            continue
        twice = [day for day in _days(one) if day in taken]
        if twice:
            yield place, f"{twice[0]} is in {taken[twice[0]]!r} already; a day is in one holiday"
        taken.update((day, one.label.en) for day in _days(one))
    seen: set[dt.date] = set()
    for at, made_up in enumerate(file.working_days):
        date, here = made_up.date, ("working_days", at, "date")
        if date in taken:
            yield here, f"found {date}, which is a day of {taken[date]!r}; allowed is one of the two"
        elif date in seen:
            yield here, f"found {date} twice; allowed is once"
        elif WEEK[date.weekday()] in file.working_week:
            yield here, f"found {date}, a {WEEK[date.weekday()]}, which is worked anyway; allowed: days off"
        seen.add(date)


def _shift_faults(file: CalendarFile) -> Iterator[tuple[_Loc, str]]:
    """Names that are there twice, and moments of the week that lie in two shifts."""
    owner: dict[int, str] = {}
    names: set[str] = set()
    for at, one in enumerate(file.shifts):
        if one.id in names:
            yield ("shifts", at, "id"), f"found {one.id!r}, which is taken; allowed are others"
        names.add(one.id)
        length_min = _end_min(one) - _minutes(one.begins)
        starts = [WEEK.index(day) * _DAY_MIN + _minutes(one.begins) for day in dict.fromkeys(one.days)]
        minutes = [(start + step) % _WEEK_MIN for start in starts for step in range(length_min)]
        met = next((owner[minute] for minute in minutes if minute in owner), None)
        if met is not None:
            yield ("shifts", at, "begins"), f"it overlaps with {met!r}; a moment lies in one shift"
        elif len(set(minutes)) < len(minutes):
            yield (
                ("shifts", at, "ends"),
                "it overlaps with itself on the day after; a moment lies in one shift",
            )
        owner.update(dict.fromkeys(minutes, one.id))


def _days(one: Holiday) -> list[dt.date]:
    return [one.first + dt.timedelta(days=step) for step in range((one.until - one.first).days + 1)]


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _end_min(one: Shift) -> int:
    begins, ends = _minutes(one.begins), _minutes(one.ends)
    return ends if ends > begins else ends + _DAY_MIN


def _utc(date: dt.date, minutes: int, zone: ZoneInfo) -> dt.datetime:
    """A time of the clock at the site; one that a clock change leaves out is read by the clock before it."""
    day = date + dt.timedelta(days=minutes // _DAY_MIN)
    local = dt.datetime.combine(day, dt.time(minutes % _DAY_MIN // 60, minutes % 60), zone)
    return local.astimezone(dt.UTC)
