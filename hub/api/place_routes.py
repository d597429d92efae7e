"""Where things stand and when people work: areas and calendar of a site."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query

from hub.api.deps import Deps, SiteId, problems
from hub.api.policy import permitted
from hub.registry.calendars import Day, DayKind, ShiftTime, Weekday
from protocols.config import Config, Text

MOST_DAYS: Final = 400
_FIRST: Final = dt.date(1970, 1, 1)
_LAST: Final = dt.date(2200, 1, 1)

router = APIRouter(prefix="/sites/{site}", dependencies=[Depends(permitted)])


class SiteArea(Config):
    """One area, with what is in it."""

    id: str
    """Id part."""

    label: Text
    """What people call it."""

    within: str | None
    """Area it is a part of; None: it stands at the top."""

    floor_m2: float | None
    """Its floor; None where nobody said. [m²]"""

    devices: list[str]
    """Devices in it, not those of areas in it."""

    points: list[str]
    """Points that belong here though their device stands elsewhere, with their full names."""


class ShiftHours(Config):
    """One shift on one day."""

    id: str
    """Id of the shift."""

    label: Text
    """What people call it."""

    start: dt.datetime
    """When it begins."""

    end: dt.datetime
    """When it ends."""


class CalendarDay(Config):
    """What the calendar says of a day."""

    date: dt.date
    """The day, at the site."""

    kind: DayKind
    """`working`, `rest`, `holiday`, or `make_up`: a day off that is worked to make up for a holiday."""

    like: Weekday
    """Weekday whose shifts it has."""

    label: Text | None
    """Name of the holiday, or what a make-up day is for; None for other days."""

    shifts: list[ShiftHours]
    """Shifts that begin on it, by time."""


@router.get("/areas", operation_id="areas", responses=problems(401, 403, 404, 422))
async def areas(site: SiteId, deps: Deps) -> list[SiteArea]:
    """Areas in the order they are shown in; none where the site declares none."""
    return [
        SiteArea(
            id=one.id, label=one.label, within=one.within, floor_m2=one.floor_m2, devices=list(one.devices),
            points=[f"{site}/{point}" for point in one.points],
        )
        for one in deps.places.areas.by_id.values()
    ]  # fmt: skip


@router.get("/calendar", operation_id="calendar", responses=problems(401, 403, 404, 422))
async def calendar(
    site: SiteId,  # noqa: ARG001  checked by its type
    deps: Deps,
    first: Annotated[dt.date | None, Query(alias="from", ge=_FIRST, le=_LAST)] = None,
    days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 14,
) -> list[CalendarDay]:
    """Days from `from` on, today at the site without it; with the shifts that begin on each."""
    zone = ZoneInfo(deps.registry.site.time_zone)
    now = dt.datetime.fromtimestamp(deps.clock.now().wall_ns / 1e9, zone).date()
    known = deps.places.calendar
    dates = [(first or now) + dt.timedelta(days=step) for step in range(days)]
    return [_day(date, known.day(date), known.shifts(date, zone)) for date in dates]


def _day(date: dt.date, day: Day, shifts: list[ShiftTime]) -> CalendarDay:
    hours = [
        ShiftHours(id=one.shift.id, label=one.shift.label, start=one.start, end=one.end) for one in shifts
    ]
    return CalendarDay(date=date, kind=day.kind, like=day.like, label=day.label, shifts=hours)
