"""A calendar of bands looked through: overlaps, gaps, unknown names; and made into a table.

Every minute of every kind of day in every month is looked at, so that no price is ever taken from whichever
line of the file stood first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from accounts.bands import (
    ALL_MONTHS,
    ANY_HOLIDAY,
    DAY_MIN,
    GROUPS,
    NOTHING,
    WEEK,
    BandArray,
    Bands,
    Fault,
    TouCalendar,
    Window,
    days_of,
    kinds_of,
    mask_of,
    minute_of,
)
from protocols.errors import ConfigError


def compiled(calendar: TouCalendar, zone: ZoneInfo, months: Collection[int] = ALL_MONTHS) -> Bands:
    """A calendar as a table; without faults in the months that are asked for.

    Raises:
        ConfigError: It has faults; `calendar_faults` gives them with their places.
    """
    faults = [text for _, text in calendar_faults(calendar, months)]
    if faults:
        raise ConfigError("\n".join(faults))
    kinds = kinds_of(calendar)
    table = _drawn(calendar, calendar.windows, kinds)
    over = _drawn(calendar, calendar.overrides, kinds)
    named = {day for window in (*calendar.windows, *calendar.overrides) for day in window.days}
    differs = bool(named) and (bool(calendar.holidays) or ANY_HOLIDAY in named)
    kind_of = dict.fromkeys(calendar.working_days, 0)
    for one in calendar.holidays:
        kind_of |= dict.fromkeys(days_of(one), kinds.index(one.id))
    return Bands(
        names=tuple(band.id for band in calendar.bands),
        table=np.where(over == NOTHING, table, over).astype(np.int16),
        zone=zone,
        kind_of=kind_of,
        years=frozenset(day.year for one in calendar.holidays for day in days_of(one)) if differs else None,
    )


def calendar_faults(calendar: TouCalendar, months: Collection[int] = ALL_MONTHS) -> Iterator[Fault]:
    """All that is wrong, each with its place: unknown names, overlaps, gaps, days that are two things.

    Args:
        calendar: The calendar.
        months: Months that have to be covered, 1 to 12: those there are prices for.
    """
    yield from _name_faults(calendar)
    yield from _day_faults(calendar)
    kinds = kinds_of(calendar)
    for field, windows in (("windows", calendar.windows), ("overrides", calendar.overrides)):
        yield from _overlaps(field, windows, kinds)
    covered = np.zeros((12, len(kinds), DAY_MIN), np.bool_)
    covered[[month - 1 for month in ALL_MONTHS if month not in months]] = True
    for window in calendar.windows:
        covered |= mask_of(window, kinds)
    if not covered.all():
        yield ("windows",), f"no window holds {_where(~covered, kinds)}; each minute needs a band"


def _name_faults(calendar: TouCalendar) -> Iterator[Fault]:
    bands = [band.id for band in calendar.bands]
    for at, name in enumerate(bands):
        if name in bands[:at]:
            yield ("bands", at, "id"), f"found {name!r}, which is taken; allowed are others"
    allowed = {*WEEK, *GROUPS, ANY_HOLIDAY, *(one.id for one in calendar.holidays)}
    for field, windows in (("windows", calendar.windows), ("overrides", calendar.overrides)):
        for at, window in enumerate(windows):
            if window.band not in bands:
                yield (field, at, "band"), f"found {window.band!r}, no band; allowed are {', '.join(bands)}"
            yield from (((field, at, *loc), said) for loc, said in _window_faults(window, allowed))


def _window_faults(window: Window, allowed: Collection[str]) -> Iterator[Fault]:
    for which, text in enumerate(window.hours):
        if len({minute_of(part) for part in text.split("-")}) == 1:
            yield ("hours", which), f"found {text}; a whole day is written as 00:00-24:00"
    for which, day in enumerate(window.days):
        if day not in allowed:
            yield ("days", which), f"found {day!r}; allowed are {', '.join(sorted(allowed))}"


def _day_faults(calendar: TouCalendar) -> Iterator[Fault]:
    taken: set[dt.date] = set()
    for at, one in enumerate(calendar.holidays):
        if one.id in (*WEEK, *GROUPS, ANY_HOLIDAY):
            yield ("holidays", at, "id"), f"found {one.id!r}, the name of other days; allowed are others"
        if one.last is not None and one.last < one.first:
            yield ("holidays", at, "last"), f"found {one.last}, before {one.first}; allowed is a later day"
        if twice := sorted(taken & set(days_of(one))):
            yield ("holidays", at), f"found {twice[0]} in two holidays; a day is in one"
        taken |= set(days_of(one))
    for at, day in enumerate(calendar.working_days):
        if day in taken:
            yield ("working_days", at), f"found {day}, which is a holiday; a day is one of the two"


def _overlaps(field: str, windows: Sequence[Window], kinds: list[str]) -> Iterator[Fault]:
    masks: list[NDArray[np.bool_]] = []
    for at, window in enumerate(windows):
        mask = mask_of(window, kinds)
        for other, before in enumerate(masks):
            if (both := mask & before).any():
                other_one = f"{field}[{other}] ({windows[other].band})"
                yield (
                    (field, at, "hours"),
                    f"overlaps with {other_one}: {_where(both, kinds)}; each minute belongs to one",
                )
        masks.append(mask)


def _drawn(calendar: TouCalendar, windows: Sequence[Window], kinds: list[str]) -> BandArray:
    bands = [band.id for band in calendar.bands]
    table = np.full((12, len(kinds), DAY_MIN), NOTHING, np.int16)
    for window in windows:
        table[mask_of(window, kinds)] = bands.index(window.band)
    return table


def _where(mask: NDArray[np.bool_], kinds: list[str]) -> str:
    """The first place in words, and how many months and kinds of day have one."""
    month, kind, minute = (int(part[0]) for part in np.nonzero(mask))
    row = mask[month, kind]
    end = minute + int(np.argmin(np.append(row[minute:], np.False_)))
    hours = f"{minute // 60:02}:{minute % 60:02}-{end // 60:02}:{end % 60:02}"
    return f"{hours} of {kinds[kind]} in month {month + 1}"
