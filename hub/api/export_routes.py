"""History as a file: samples or windows of many points over any time, streamed as CSV or Parquet."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from hub.api.deep_refusals import heard
from hub.api.deps import ApiDeps, Deps, SiteId, problems
from hub.api.export_streams import SAMPLES, WINDOWS, WRITERS, Wanted, averages, samples
from hub.api.models import to_ns
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.api.series_routes import known_point
from hub.api.time_range import TimeRange
from hub.store.arrow import pa
from hub.store.port import TimeArray
from hub.values.calendar import Calendar, calendar_edges, fixed_edges
from hub.values.cleaning import RuleMarker

MOST_POINTS: Final = 200
MOST_WINDOWS: Final = 1_000_000
"""Windows of a point in one file."""

MOST_YEARS: Final = 20
"""Longest time of one file: longer ones are slips, and each day is looked at. [a]"""

MOST_AT_ONCE: Final = 4
"""Files that are written at once, whoever wants them; the page goes before."""

MOST_OF_ONE: Final = 2
_AGAIN_S: Final = 10
_NS: Final = 1_000_000_000
_AHEAD_NS: Final = 86_400 * _NS
_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}

router = APIRouter(dependencies=[Depends(permitted)])


class Exports:
    """Counts the files that are being written."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()

    def take(self, person: str) -> bool:
        """Begin one; False where there are as many as there may be."""
        if self._running.total() >= MOST_AT_ONCE or self._running[person] >= MOST_OF_ONE:
            return False
        self._running[person] += 1
        return True

    def end(self, person: str) -> None:
        """One is over, whichever way."""
        self._running[person] -= 1


class Cut:
    """`window_s` or `calendar` for windows; neither for samples."""

    def __init__(
        self,
        span: Annotated[TimeRange, Depends()],
        window_s: Annotated[int | None, Query(ge=1, le=31 * 86_400)] = None,
        calendar: Annotated[Calendar | None, Query()] = None,
    ) -> None:
        if window_s is not None and calendar is not None:
            raise refused("export_window")
        if span.end - span.start > timedelta(days=366 * MOST_YEARS):
            raise refused("export_years", most=MOST_YEARS)
        self._window_s, self._calendar = window_s, calendar
        self.span = span

    @property
    def samples(self) -> bool:
        """Whether samples are wanted, and no windows."""
        return self._window_s is None and self._calendar is None

    def edges_ns(self, deps: ApiDeps) -> TimeArray:
        """Edges of the windows; nothing lies after now.

        Raises:
            RefusedError: 422, too many windows.
        """
        start_ns, now_ns = to_ns(self.span.start), deps.clock.now().wall_ns
        end_ns = min(to_ns(self.span.end), now_ns)
        if end_ns <= start_ns:
            return np.empty(0, np.int64)
        if self._calendar is not None:
            zone = ZoneInfo(deps.registry.site.time_zone)
            try:
                edges = calendar_edges(start_ns, end_ns, self._calendar, zone, MOST_WINDOWS)
            except ValueError as error:
                raise refused("calendar", why=heard(error)) from error
            return np.unique(np.minimum(edges, now_ns))
        window_s = self._window_s or 1
        if (end_ns - start_ns) / _NS > window_s * MOST_WINDOWS:
            raise refused("export_windows", most=MOST_WINDOWS)
        return fixed_edges(start_ns, end_ns, window_s)


class _File(StreamingResponse):
    """Gives its place back however it ends."""

    exports: Exports
    person: str

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.exports.end(self.person)


@router.get(
    "/sites/{site}/download",
    operation_id="download",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}},
        **problems(401, 403, 404, 422, 429, 503),
    },
)
async def download(  # noqa: PLR0913  one parameter each, filled in by FastAPI
    *,
    site: SiteId,
    deps: Deps,
    request: Request,
    caller: Permitted,
    cut: Annotated[Cut, Depends()],
    point: Annotated[list[str], Query(min_length=1, max_length=MOST_POINTS)],
    form: Annotated[Literal["csv", "parquet"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """Samples as they came, or time-weighted windows where `window_s` or `calendar` is given, as one file."""
    flow = WRITERS[form](*_tables(deps, site, point, cut))
    exports: Exports = request.app.state.exports
    if not exports.take(caller.name):
        raise refused("exports", wait_s=_AGAIN_S)
    try:
        first = await asyncio.to_thread(next, flow, b"")
    except BaseException:
        exports.end(caller.name)
        raise
    name = f'attachment; filename="{site}-{cut.span.start:%Y%m%d}.{form}"'
    file = _File(_rest(first, flow), media_type=_MEDIA[form], headers={"Content-Disposition": name})
    file.exports, file.person = exports, caller.name
    return file


def _tables(deps: ApiDeps, site: str, points: list[str], cut: Cut) -> tuple[pa.Schema, Iterator[pa.Table]]:
    idents = list(dict.fromkeys(known_point(deps, site, text) for text in points))
    named = [(ident, deps.units[ident]) for ident in idents]
    end_ns = min(to_ns(cut.span.end), deps.clock.now().wall_ns + _AHEAD_NS)
    wanted = Wanted(named, to_ns(cut.span.start), end_ns)
    if not cut.samples:
        return WINDOWS, averages(deps.series, deps.values, wanted, cut.edges_ns(deps))
    virtual = [ident for ident in idents if ident in deps.values.virtual]
    if virtual:
        raise refused("calculated_file", point=virtual[0])
    return SAMPLES, samples(deps.series, RuleMarker(deps.values.cleaning), wanted)


async def _rest(first: bytes, flow: Iterator[bytes]) -> AsyncIterator[bytes]:
    """One portion after the other, each made when the one before it is on its way."""
    portion: bytes | None = first
    while portion is not None:
        if portion:
            yield portion
        portion = await asyncio.to_thread(next, flow, None)
