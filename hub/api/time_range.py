"""What part of history a question is about, and how it is cut into windows."""

from __future__ import annotations

from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import Depends, Query
from pydantic import AwareDatetime

from hub.api.deep_refusals import heard
from hub.api.deps import ApiDeps
from hub.api.models import to_ns
from hub.api.refusals import refused
from hub.store.port import TimeArray
from hub.values.calendar import Calendar, calendar_edges, fixed_edges, pixel_edges

MOST_WINDOWS: Final = 5000
MOST_SAMPLES: Final = 10_000
"""Samples of one answer; the rest is asked for from `next_from` on."""
MOST_CALENDAR: Final = 10_000
_NS: Final = 1_000_000_000


class TimeRange:
    """`from` and `to`."""

    def __init__(
        self,
        start: Annotated[AwareDatetime, Query(alias="from")],
        end: Annotated[AwareDatetime, Query(alias="to")],
    ) -> None:
        if start >= end:
            raise refused("from_to")
        self.start = start
        self.end = end


class PageAsk:
    """`limit` samples of one answer, and whether each tells its row."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = MOST_SAMPLES,
        trace: Annotated[bool, Query()] = False,  # noqa: FBT002  a word of the address
    ) -> None:
        self.limit = limit
        self.trace = trace


class Within:
    """`from`, `to` and one of `window_s`, `calendar` and `pixels`."""

    def __init__(
        self,
        span: Annotated[TimeRange, Depends()],
        window_s: Annotated[int | None, Query(ge=1, le=31 * 86_400)] = None,
        calendar: Annotated[Calendar | None, Query()] = None,
        pixels: Annotated[int | None, Query(ge=1, le=4000)] = None,
    ) -> None:
        if sum(way is not None for way in (window_s, calendar, pixels)) != 1:
            raise refused("one_window")
        self._span = span
        self._window_s = window_s
        self._calendar = calendar
        self._pixels = pixels

    def edges_ns(self, deps: ApiDeps) -> TimeArray:
        """Edges of the windows; nothing lies after now.

        Raises:
            RefusedError: 422, too many windows.
        """
        start_ns, now_ns = to_ns(self._span.start), deps.clock.now().wall_ns
        end_ns = min(to_ns(self._span.end), now_ns)
        if end_ns <= start_ns:
            return np.empty(0, np.int64)
        if self._pixels is not None:
            return pixel_edges(start_ns, end_ns, self._pixels)
        if self._calendar is None:
            window_s = self._window_s or 1
            if (end_ns - start_ns) / _NS > window_s * MOST_WINDOWS:
                raise refused("windows", most=MOST_WINDOWS)
            return fixed_edges(start_ns, end_ns, window_s)
        zone = ZoneInfo(deps.registry.site.time_zone)
        try:
            edges = calendar_edges(start_ns, end_ns, self._calendar, zone, MOST_CALENDAR)
        except ValueError as error:
            raise refused("calendar", why=heard(error)) from error
        return np.unique(np.minimum(edges, now_ns))
