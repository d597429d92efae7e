"""Rollups on a server: made by the arithmetic of both engines, final about an hour after their time.

A window that is in its bucket is final, unless its device has a stretch of late samples there that is still
to be done, or its point one of changed rules (`fronts.py`). A stretch is noted in the transaction that
commits the ranges of its samples, and is gone when its windows are written anew; until then answers come
from samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.influx import influxql
from hub.store.influx.lines import ROLLUP, window_lines
from hub.store.influx.place import InfluxPlace
from hub.store.influx.server import InfluxServer
from hub.store.port import TimeArray, Windows
from hub.store.rollup import LEVELS_S, MINUTE_S, NS_PER_S, Spans, combine, picked
from protocols.point import PointId

QUARTER_S: Final = 900
LAG_NS: Final = 3600 * NS_PER_S
"""Rollups end this long before now. [ns]"""
LATE_NS: Final = 1200 * NS_PER_S
"""Samples older than this when they come are late; the rest of the lag is for their way. [ns]"""
PORTION_NS: Final = 86_400 * NS_PER_S
"""Most time of one device done at once. [ns]"""
_MOST_QUESTIONS: Final = 20
_POINTS_A_QUESTION: Final = 100
_POINTS_AT_ONCE: Final = 20
"""Points rolled up together: a day of them at one sample a second is 1.7 M samples."""


class Stretch(NamedTuple):
    """Time of a device whose windows are not final. [ns]."""

    from_ns: int
    to_ns: int


class Front(NamedTuple):
    """How far the rollups of a point are, and which stretches before that are still to be done."""

    until_ns: int
    late: tuple[Stretch, ...]

    def final(self, starts_ns: TimeArray, length_s: int) -> NDArray[np.bool_]:
        """Which windows are there for good, if they are there."""
        ends_ns = starts_ns + length_s * NS_PER_S
        good = ends_ns <= self.until_ns
        for from_ns, to_ns in self.late:
            good &= (ends_ns <= from_ns) | (starts_ns >= to_ns)
        return good


_POINTS_A_WRITE: Final = {MINUTE_S: 4, QUARTER_S: 20, 3600: 20, 86_400: 20}
"""Points whose windows of a day go into one request. [points by s]"""

Held = Callable[[Sequence[PointId], TimeArray], Mapping[PointId, tuple[Windows, int]]]
"""Windows of samples alone, by marked qualities, and how many samples there are."""


Asked = tuple[Sequence[PointId], Spans]
"""Points, and stretches of time."""


def portions(points: Sequence[PointId], most: int = _POINTS_A_QUESTION) -> Iterator[Sequence[PointId]]:
    """Points, so many at a time."""
    for start in range(0, len(points), most):
        yield points[start : start + most]


def rolled(server: InfluxServer, place: InfluxPlace, asked: Asked, length_s: int) -> dict[PointId, Windows]:
    """Windows of a level that start in stretches of time, of each point.

    Raises:
        StoreError: The server cannot be read now.
    """
    points, spans = asked
    found: dict[PointId, Windows] = {}
    for portion in portions(points):
        answer = server.ask(place.level(length_s), influxql.windows(portion, spans))
        columns = influxql.columns_of(answer)
        found |= {point: influxql.windows_of(columns, point) for point in portion}
    return found


class Roller:
    """Makes windows of stretches of time."""

    def __init__(self, server: InfluxServer, place: InfluxPlace, held: Held) -> None:
        self._server = server
        self._place = place
        self._held = held

    def roll(self, points: Sequence[PointId], span: Stretch, until_ns: int) -> None:
        """Make the windows of all levels that touch a time and are over.

        Args:
            points: Of one device.
            span: The time.
            until_ns: Nothing ends after this. [ns]

        Raises:
            StoreError: The server is away; the same may be asked again.
        """
        edges = _grid(span, QUARTER_S, until_ns)
        if len(edges) > 1:
            for some in portions(points, _POINTS_AT_ONCE):
                self._roll(some, edges, until_ns)

    def _roll(self, points: Sequence[PointId], edges: TimeArray, until_ns: int) -> None:
        minutes = np.arange(edges[0], edges[-1] + 1, MINUTE_S * NS_PER_S, dtype=np.int64)
        fine = self._held(points, minutes)
        dense = {point: windows for point, (windows, count) in fine.items() if count > len(minutes)}
        self._write(dense, MINUTE_S)
        self._write({point: combine(windows, edges) for point, (windows, _) in fine.items()}, QUARTER_S)
        done = Stretch(int(edges[0]), int(edges[-1]))
        for length_s, of_s in ((3600, QUARTER_S), (86_400, 3600)):
            self._put_together(points, _grid(done, length_s, until_ns), (length_s, of_s))

    def _put_together(self, points: Sequence[PointId], edges: TimeArray, lengths_s: tuple[int, int]) -> None:
        """Windows of finer windows; only where all of these are there."""
        length_s, of_s = lengths_s
        if len(edges) < 2:  # noqa: PLR2004  two edges make a window
            return
        made: dict[PointId, Windows] = {}
        asked = points, Spans(edges[:1], edges[-1:])
        for point, parts in rolled(self._server, self._place, asked, of_s).items():
            at = np.searchsorted(parts.starts_ns, edges)
            whole = np.diff(at) == length_s // of_s
            made[point] = picked(combine(parts, edges), whole)
        self._write(made, length_s)

    def _write(self, made: Mapping[PointId, Windows], length_s: int) -> None:
        lines = [window_lines(ROLLUP, point, windows) for point, windows in made.items()]
        for start in range(0, len(lines), _POINTS_A_WRITE[length_s]):
            some = b"".join(lines[start : start + _POINTS_A_WRITE[length_s]])
            if some:
                self._server.write(self._place.level(length_s), some)


def levels_for(edges_ns: TimeArray) -> list[int]:
    """Levels whose windows can lie whole between two of the edges, coarsest first. [s]."""
    longest_ns = int(np.diff(edges_ns).max()) if len(edges_ns) > 1 else 0
    return [length_s for length_s in LEVELS_S if length_s * NS_PER_S <= longest_ns]


def _grid(span: Stretch, length_s: int, until_ns: int) -> TimeArray:
    """Edges of the windows of a level that touch a time and end before another."""
    size_ns = length_s * NS_PER_S
    end_ns = min(-(-span.to_ns // size_ns) * size_ns, until_ns // size_ns * size_ns)
    return np.arange(span.from_ns // size_ns * size_ns, end_ns + 1, size_ns, dtype=np.int64)


def clusters_of(spans: Spans, gap_ns: int) -> list[Spans]:
    """Spans that are asked for together: those with no more time than a gap between them."""
    if not len(spans.starts_ns):
        return []
    cut = np.flatnonzero(spans.starts_ns[1:] - spans.ends_ns[:-1] > gap_ns) + 1
    if len(cut) > _MOST_QUESTIONS:
        return [spans]
    pairs = zip(np.split(spans.starts_ns, cut), np.split(spans.ends_ns, cut), strict=True)
    return [Spans(starts, ends) for starts, ends in pairs]
