"""Samples and windows of many points of a server at once: final rollups for the middle, samples for the rest.

Few questions for many points: what one costs is mostly the way there and back. How much of samples comes in
one answer is bounded, so that a year without rollups costs time and not memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hub.store.influx import influxql
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import Front, clusters_of, levels_for, portions, rolled
from hub.store.influx.server import InfluxServer
from hub.store.port import HOLD_S, QUARTER_S, Marker, Raw, TimeArray, Windows
from hub.store.rollup import NS_PER_S, Spans, blank, combine, cuts, held, joined, picked, take
from protocols.point import PointId

HOLD_NS: Final = int(HOLD_S * NS_PER_S)
_QUARTER_NS: Final = QUARTER_S * NS_PER_S
_MOST_NS: Final = 40 * 86_400 * NS_PER_S
"""Points times length of one question about samples: 3.5 M samples at one a second. [ns]"""
_LEAST_NS: Final = 3_600 * NS_PER_S
_NEAR: Final = 200
"""Stretches of rollups with no more windows between them are read as one."""
_MOST_STRETCHES: Final = 50

Found = Mapping[PointId, Windows]


class ServerSeries:
    """Reads one server; how far rollups are stands in the business database."""

    def __init__(
        self, server: InfluxServer, place: InfluxPlace, book: RecordBook, marker: Marker | None
    ) -> None:
        self._server = server
        self._place = place
        self._book = book
        self._marker = marker

    def raw(self, points: Sequence[PointId], from_ns: int, to_ns: int) -> dict[PointId, Raw]:
        """Samples with `from_ns` <= time < `to_ns` of each point.

        Raises:
            StoreError: The server cannot be read now.
        """
        found: dict[PointId, Raw] = {}
        span = Spans(np.array([from_ns]), np.array([to_ns]))
        for portion in portions(points):
            columns: influxql.Columns = {}
            if to_ns > from_ns:
                asked = influxql.samples(portion, span)
                columns = influxql.columns_of(self._server.ask(self._place.bucket, asked))
            found |= {point: influxql.raw_of(columns, point) for point in portion}
        return found

    def held(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, tuple[Windows, int]]:
        """Windows from samples alone, by marked qualities, and how many samples were looked at.

        Raises:
            StoreError: The server cannot be read now.
        """
        margin_ns = 0
        if self._marker is not None:
            margin_ns = max((self._marker.margin_ns(point) for point in points), default=0)
        span_ns = int(edges_ns[0]) - HOLD_NS - margin_ns, int(edges_ns[-1]) + margin_ns
        found: dict[PointId, tuple[Windows, int]] = {}
        for point, raw in self.raw(points, *span_ns).items():
            marks = raw.qualities if self._marker is None else self._marker.marks(point, raw)
            found[point] = held(raw, marks, edges_ns, HOLD_NS), len(raw.times_ns)
        return found

    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        """Windows of samples; where there are none, of means that were put there for the past.

        Raises:
            StoreError: The server or the business database cannot be read now.
        """
        if len(edges_ns) < 2 or not points:  # noqa: PLR2004  two edges make a window
            return {point: blank(edges_ns[:-1]) for point in points}
        fronts = self._book.rollups.fronts(points)
        alike: dict[Front | None, list[PointId]] = defaultdict(list)
        for point in dict.fromkeys(points):
            alike[fronts.get(point)].append(point)
        found: dict[PointId, Windows] = {}
        for front, some in alike.items():
            found |= self._of_front(front, some, edges_ns)
        return self._with_seeds(found, edges_ns)

    def quarters(self, point: PointId, edges_ns: TimeArray) -> Windows:
        """Final windows of the rollup of a quarter, and seeds where there are none.

        Raises:
            StoreError: As `over`.
        """
        if len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
            return blank(edges_ns[:-1])
        front = self._book.rollups.fronts([point]).get(point)
        live = blank(edges_ns[:-1])
        if front is not None:
            there = rolled(
                self._server, self._place, ([point], Spans(edges_ns[:1], edges_ns[-1:])), QUARTER_S
            )
            windows = there[point]
            whole = windows.starts_ns + _QUARTER_NS <= edges_ns[-1]
            live = combine(picked(windows, front.final(windows.starts_ns, QUARTER_S) & whole), edges_ns)
        return self._with_seeds({point: live}, edges_ns)[point]

    def _of_front(
        self, front: Front | None, points: Sequence[PointId], edges_ns: TimeArray
    ) -> dict[PointId, Windows]:
        """Windows of points whose rollups are equally far: the coarsest that are final, then samples."""
        parts = {point: [blank(edges_ns[:0])] for point in points}
        rest = dict.fromkeys(points, Spans.between(edges_ns))
        if front is not None:
            for length_s in levels_for(edges_ns):
                self._take(front, length_s, parts, rest)
        for spans, some in _alike(rest):
            for cluster in clusters_of(spans, 2 * HOLD_NS):
                for piece in _pieces(cluster, max(_MOST_NS // len(some), _LEAST_NS)):
                    edges, wanted = cuts(piece)
                    for point, (windows, _) in self.held(some, edges).items():
                        parts[point].append(picked(windows, wanted))
        return {point: combine(joined(parts[point]), edges_ns) for point in points}

    def _take(
        self,
        front: Front,
        length_s: int,
        parts: dict[PointId, list[Windows]],
        rest: dict[PointId, Spans],
    ) -> None:
        """Move what one rollup says for good from `rest` to `parts`."""
        room = _room(list({id(spans): spans for spans in rest.values()}.values()), length_s, front.until_ns)
        if not len(room.starts_ns):
            return
        there = rolled(self._server, self._place, (list(rest), room), length_s)
        for point, windows in there.items():
            final = partial(_final, windows.starts_ns, front, length_s)
            starts, rest[point] = take(rest[point], length_s, final)
            parts[point].append(picked(windows, np.isin(windows.starts_ns, starts)))

    def _with_seeds(self, live: Found, edges_ns: TimeArray) -> dict[PointId, Windows]:
        bare = [point for point, windows in live.items() if not (windows.covered_s > 0.0).all()]
        kept = self._seeded(bare, edges_ns)
        return {
            point: _filled(windows, kept[point]) if point in kept else windows
            for point, windows in live.items()
        }

    def _seeded(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        """Windows of seeded means, of the points that have some."""
        found: dict[PointId, Windows] = {}
        span = Spans(edges_ns[:1] - _QUARTER_NS + 1, edges_ns[-1:])
        for portion in portions(points):
            asked = influxql.seeds(portion, span)
            columns = influxql.columns_of(self._server.ask(self._place.level(QUARTER_S), asked))
            for point in portion:
                starts, means = influxql.seeds_of(columns, point)
                if len(starts):
                    good = np.zeros(len(starts), np.uint8)
                    raw = Raw(starts, means, good, np.zeros(len(starts), np.int64))
                    found[point] = held(raw, good, edges_ns, _QUARTER_NS)
        return found


def _final(there_ns: TimeArray, front: Front, length_s: int, starts_ns: TimeArray) -> NDArray[np.bool_]:
    """Which windows are on the server and stay as they are."""
    return np.isin(starts_ns, there_ns) & front.final(starts_ns, length_s)


def _filled(live: Windows, kept: Windows) -> Windows:
    """`live`, and where it has nothing `kept`."""
    use = (live.covered_s <= 0.0) & (kept.covered_s > 0.0)
    return Windows(
        live.starts_ns,
        np.where(use, kept.mean, live.mean),
        np.where(use, kept.low, live.low),
        np.where(use, kept.high, live.high),
        np.where(use, kept.first, live.first),
        np.where(use, kept.last, live.last),
        np.where(use, kept.covered_s, live.covered_s),
        np.where(use, kept.worst, live.worst),
    )


def _room(asked: Sequence[Spans], length_s: int, until_ns: int) -> Spans:
    """Few stretches that hold every whole window of a rollup within any of the spans."""
    size_ns = length_s * NS_PER_S
    starts = np.concatenate([spans.starts_ns for spans in asked])
    ends = np.minimum(np.concatenate([spans.ends_ns for spans in asked]), until_ns)
    low, high = -(-starts // size_ns) * size_ns, ends // size_ns * size_ns
    low, high = low[high > low], high[high > low]
    order = np.argsort(low, kind="stable")
    low, high = low[order], np.maximum.accumulate(high[order])
    gap_ns = _NEAR * size_ns
    while True:
        fresh = np.append(True, low[1:] > high[:-1] + gap_ns)[: len(low)]
        if fresh.sum() <= _MOST_STRETCHES:
            return Spans(low[fresh], high[np.append(fresh[1:], True)[: len(low)]])
        gap_ns *= 4


def _alike(rest: Mapping[PointId, Spans]) -> Iterator[tuple[Spans, list[PointId]]]:
    """Spans that are left, each with the points of which they are."""
    groups: dict[tuple[bytes, bytes], list[PointId]] = defaultdict(list)
    for point, spans in rest.items():
        groups[spans.starts_ns.tobytes(), spans.ends_ns.tobytes()].append(point)
    for points in groups.values():
        yield rest[points[0]], points


def _pieces(spans: Spans, most_ns: int) -> Iterator[Spans]:
    """The same time in pieces that are each no longer than so much."""
    first, last = int(spans.starts_ns[0]), int(spans.ends_ns[-1])
    if last - first <= most_ns:
        yield spans
        return
    grid = np.arange(first, last, most_ns, dtype=np.int64)
    edges = np.unique(np.concatenate([spans.starts_ns, spans.ends_ns, grid]))
    starts, ends = edges[:-1], edges[1:]
    inside = starts < spans.ends_ns[np.searchsorted(spans.starts_ns, starts, side="right") - 1]
    starts, ends = starts[inside], ends[inside]
    cell = np.searchsorted(grid, starts, side="right")
    for number in np.unique(cell).tolist():
        yield Spans(starts[cell == number], ends[cell == number])
