"""Edges of windows: a fixed length, the calendar of the site, the pixels of a chart."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np

from hub.store.port import TimeArray

Calendar = Literal["hour", "day", "week", "month", "year"]

_NS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GRIDS_S: Final = (86_400, 3_600, 900, 60, 1)
_PIXEL_PARTS: Final = 4
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "year": 12}


def calendar_edges(from_ns: int, to_ns: int, window: Calendar, zone: ZoneInfo, most: int) -> TimeArray:
    """Edges of all calendar windows with a part of `from_ns` to `to_ns`, whole windows, ascending.

    Days begin at midnight of the zone, so that in a year with summer time one has 23 and one 25 hours; weeks
    begin on Monday. Hours are 3600 s, on full hours of the zone.

    Raises:
        ValueError: More than `most` windows, or a time beyond what a calendar knows.

    Example:
        >>> berlin = ZoneInfo("Europe/Berlin")
        >>> first = int(datetime(2026, 3, 29, tzinfo=berlin).timestamp()) * 1_000_000_000
        >>> np.diff(calendar_edges(first, first + 1, "day", berlin, 10)) / 3.6e12
        array([23.])
    """
    try:
        if window == "hour":
            return _hours(from_ns, to_ns, zone, most)
        return _dates(from_ns, to_ns, window, zone, most)
    except OverflowError as error:
        raise ValueError("that time is beyond the calendar") from error


def _hours(from_ns: int, to_ns: int, zone: ZoneInfo, most: int) -> TimeArray:
    hour_ns = 3600 * _NS
    shift_ns = (_offset_s(from_ns, zone) % 3600) * _NS
    first = (from_ns + shift_ns) // hour_ns * hour_ns - shift_ns
    count = -(-(to_ns - first) // hour_ns)
    _few(count, most)
    return first + hour_ns * np.arange(count + 1, dtype=np.int64)


def _dates(from_ns: int, to_ns: int, window: Calendar, zone: ZoneInfo, most: int) -> TimeArray:
    day = _first_day(_local(from_ns, zone).date(), window)
    edges = [_midnight_ns(day, zone)]
    while edges[-1] < to_ns:
        _few(len(edges), most)
        day = _next_day(day, window)
        edges.append(_midnight_ns(day, zone))
    return np.array(edges, np.int64)


def fixed_edges(from_ns: int, to_ns: int, window_s: int) -> TimeArray:
    """Edges of windows of one length from `from_ns` on; the last one ends at `to_ns`.

    Example:
        >>> (fixed_edges(0, 5 * 10**9, 2) // 10**9).tolist()
        [0, 2, 4, 5]
    """
    starts = np.arange(from_ns, to_ns, window_s * _NS, dtype=np.int64)
    return np.append(starts, np.int64(to_ns))


def pixel_edges(from_ns: int, to_ns: int, pixels: int) -> TimeArray:
    """Edges of the pixels of a chart, each moved to the nearest point of a grid that the store keeps.

    The grid is a quarter of a pixel or finer, so that nothing is drawn off by more than an eighth of one;
    first and last edge stay, and where the time is too short for a grid pixels are exact.

    Example:
        >>> edges = pixel_edges(0, 365 * 86_400 * 10**9, 1200)
        >>> len(edges), bool((edges[1:-1] % (3600 * 10**9) == 0).all())
        (1201, True)
    """
    exact = np.linspace(from_ns, to_ns, pixels + 1)
    width_s = (to_ns - from_ns) / pixels / _NS
    grid_ns = next((s * _NS for s in _GRIDS_S if s * _PIXEL_PARTS <= width_s), 1)
    edges = (np.round(exact / grid_ns) * grid_ns).astype(np.int64)
    edges[0], edges[-1] = from_ns, to_ns
    inside = edges[(edges > from_ns) & (edges < to_ns)]
    return np.unique(np.concatenate([[np.int64(from_ns)], inside, [np.int64(to_ns)]]))


def _local(time_ns: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(microseconds=time_ns // 1000)).astimezone(zone)


def _offset_s(time_ns: int, zone: ZoneInfo) -> int:
    offset = _local(time_ns, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _midnight_ns(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day; where midnight is skipped that is the end of the jump."""
    first = datetime.combine(day, time(), zone).astimezone(UTC)
    return (first - _EPOCH) // timedelta(microseconds=1) * 1000


def _first_day(day: date, window: Calendar) -> date:
    if window == "week":
        return day - timedelta(days=day.weekday())
    if window == "day":
        return day
    return day.replace(day=1) if window == "month" else day.replace(month=1, day=1)


def _next_day(day: date, window: Calendar) -> date:
    if window in _DAYS:
        return day + timedelta(days=_DAYS[window])
    months = day.year * 12 + day.month - 1 + _MONTHS[window]
    try:
        return date(months // 12, months % 12 + 1, 1)
    except ValueError as error:
        raise OverflowError from error


def _few(count: int, most: int) -> None:
    if count > most:
        raise ValueError(f"more than {most} windows; ask for a shorter time or longer windows")
