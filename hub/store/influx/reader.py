"""Reading of series on a server, and of what stands beside them in the business database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from hub.store.influx import flux
from hub.store.influx.lines import row_number
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import Front, Stretch, clusters_of, levels_for, rolled
from hub.store.influx.server import InfluxServer
from hub.store.mean import window_edges
from hub.store.port import (
    HOLD_S,
    QUARTER_S,
    Counts,
    HeartbeatRow,
    LastValue,
    Latency,
    Marker,
    Raw,
    ReceiptRow,
    Span,
    StoreReader,
    TimeArray,
    Windows,
)
from hub.store.rollup import NS_PER_S, Spans, blank, combine, cuts, held, joined, picked, take
from protocols.clock_note import ClockNote
from protocols.gap import Gap
from protocols.point import PointId, parse_point

HOLD_NS: Final = int(HOLD_S * NS_PER_S)
_QUARTER_NS: Final = QUARTER_S * NS_PER_S
_POINTS_A_QUERY: Final = 100


class InfluxReader(StoreReader):
    """Reads one server and one business database."""

    def __init__(self, place: InfluxPlace, business_url: str, marker: Marker | None = None) -> None:
        self._server = InfluxServer(place)
        self._place = place
        self._marker = marker
        self._book = RecordBook(business_url)

    @override
    def close(self) -> None:
        self._server.close()
        self._book.close()

    @override
    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        if points is not None and not points:
            list(self._server.query(flux.anything(self._place.bucket)))
            return {}
        wanted = [None] if points is None else _portions(points)
        found: dict[PointId, LastValue] = {}
        for portion in wanted:
            rows = self._server.query(flux.last_samples(self._place.bucket, portion))
            found.update(flux.lasts_of(flux.columns_of(rows)))
        return found

    @override
    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        return self._raw_of([point], from_ns, to_ns)[point]

    @override
    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        return self._with_seeds(point, window_edges(from_ns, to_ns, window_s))

    @override
    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        return {point: self._with_seeds(point, edges_ns) for point in points}

    @override
    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        edges = window_edges(from_ns, to_ns, QUARTER_S)
        front = self._book.front(point.site, point.device)
        if front is None or len(edges) < 2:  # noqa: PLR2004  two edges make a window
            return self._seeded(point, edges)
        there = rolled(self._server, self._place, point, Stretch(from_ns, to_ns), QUARTER_S)
        whole = there.starts_ns + _QUARTER_NS <= to_ns
        final = picked(there, front.final(there.starts_ns, QUARTER_S) & whole)
        return self._seeds_in(point, combine(final, edges), edges)

    @override
    def receipts(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        return self._book.records("receipt", after_rowid, limit)

    @override
    def configured(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        return self._book.records("configured", after_rowid, limit)

    @override
    def gaps(self) -> list[Gap]:
        return self._book.gaps()

    @override
    def heartbeats(self) -> list[HeartbeatRow]:
        return self._book.heartbeats()

    @override
    def ranges(self, edge: str, journal: str) -> list[tuple[int, int]]:
        return self._book.ranges(edge, journal)

    @override
    def clock_notes(self) -> list[ClockNote]:
        return self._book.clock_notes()

    @override
    def counts(self, span: Span) -> Counts:
        """As the port says; doubles cannot be: one point has one sample an instant on the server."""
        known = self._book.number_of(span.edge, span.journal)
        first = None if known is None else row_number(known[0], max(span.first_seq, 0))
        if known is None or first is None:
            return Counts()
        last = row_number(known[0], span.last_seq) or row_number(known[0] + 1, 0) or 0
        by_device: Counter[str] = Counter()
        for row in self._server.query(flux.counted(self._place.bucket, first, last)):
            by_device[parse_point(row["point"]).device] += int(row["_value"])
        return Counts(by_device.total(), 0, dict(by_device))

    @override
    def latency(self, span: Span, until_ns: int) -> Latency:
        """As the port says, of the newest 50,000 commits, to the moment before the commit of their ranges."""
        notes = [note for note in self._book.commits(span) if note.done_ns < until_ns]
        waits = [(note.done_ns - wall_ns) / 1e9 for note in notes for wall_ns, _ in note.frames]
        weights = [count for note in notes for _, count in note.frames]
        if not sum(weights):
            return Latency(None, None)
        p50_s, p99_s = np.percentile(np.repeat(waits, weights), [50, 99])
        return Latency(float(p50_s), float(p99_s))

    def _raw_of(self, points: Sequence[PointId], from_ns: int, to_ns: int) -> dict[PointId, Raw]:
        found: dict[PointId, Raw] = {}
        for portion in _portions(points):
            columns: flux.Columns = {}
            if to_ns > from_ns:
                rows = self._server.query(flux.samples(self._place.bucket, portion, from_ns, to_ns))
                columns = flux.columns_of(rows)
            found |= {point: flux.raw_of(columns, point) for point in portion}
        return found

    def _held_of(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, tuple[Windows, int]]:
        """Windows from samples alone, by marked qualities, and how many samples were looked at."""
        margin_ns = 0
        if self._marker is not None:
            margin_ns = max((self._marker.margin_ns(point) for point in points), default=0)
        span_ns = int(edges_ns[0]) - HOLD_NS - margin_ns, int(edges_ns[-1]) + margin_ns
        found: dict[PointId, tuple[Windows, int]] = {}
        for point, raw in self._raw_of(points, *span_ns).items():
            marks = raw.qualities if self._marker is None else self._marker.marks(point, raw)
            found[point] = held(raw, marks, edges_ns, HOLD_NS), len(raw.times_ns)
        return found

    def _windows(self, point: PointId, edges_ns: TimeArray) -> Windows:
        """Windows from the coarsest rollups that are final, and from samples where none are."""
        if len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
            return blank(edges_ns[:-1])
        parts, spans = self._rolled(point, edges_ns)
        for cluster in clusters_of(spans, 2 * HOLD_NS):
            edges, wanted = cuts(cluster)
            parts.append(picked(self._held_of([point], edges)[point][0], wanted))
        return combine(joined(parts), edges_ns)

    def _rolled(self, point: PointId, edges_ns: TimeArray) -> tuple[list[Windows], Spans]:
        """What rollups say for good, and the time that is left to samples."""
        front, spans, parts = self._book.front(point.site, point.device), Spans.between(edges_ns), []
        if front is None:
            return [], spans
        for length_s in levels_for(edges_ns):
            asked = Stretch(int(edges_ns[0]), min(int(edges_ns[-1]), front.until_ns))
            there = rolled(self._server, self._place, point, asked, length_s)
            final = partial(_final, there.starts_ns, front, length_s)
            starts, spans = take(spans, length_s, final)
            parts.append(picked(there, np.isin(there.starts_ns, starts)))
        return parts, spans

    def _with_seeds(self, point: PointId, edges_ns: TimeArray) -> Windows:
        """Windows of samples; where there are none, of means that were put there for the past."""
        return self._seeds_in(point, self._windows(point, edges_ns), edges_ns)

    def _seeds_in(self, point: PointId, live: Windows, edges_ns: TimeArray) -> Windows:
        none = live.covered_s <= 0.0
        if not none.any():
            return live
        kept = self._seeded(point, edges_ns)
        use = none & (kept.covered_s > 0.0)
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

    def _seeded(self, point: PointId, edges_ns: TimeArray) -> Windows:
        columns: flux.Columns = {}
        if len(edges_ns) > 1:
            span_ns = int(edges_ns[0]) - _QUARTER_NS + 1, int(edges_ns[-1])
            columns = flux.columns_of(
                self._server.query(flux.seeds(self._place.level(QUARTER_S), point, *span_ns))
            )
        starts, texts = columns.get((str(point), "mean"), (np.empty(0, np.int64), []))
        good = np.zeros(len(starts), np.uint8)
        raw = Raw(starts, np.array(texts, np.float64), good, np.zeros(len(starts), np.int64))
        return held(raw, good, edges_ns, _QUARTER_NS)


def _portions(points: Sequence[PointId]) -> list[Sequence[PointId]]:
    return [points[start : start + _POINTS_A_QUERY] for start in range(0, len(points), _POINTS_A_QUERY)]


def _final(there_ns: TimeArray, front: Front, length_s: int, starts_ns: TimeArray) -> NDArray[np.bool_]:
    """Which windows are on the server and stay as they are."""
    return np.isin(starts_ns, there_ns) & front.final(starts_ns, length_s)
