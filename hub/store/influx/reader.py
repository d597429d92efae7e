"""Reading of series on a server, and of what stands beside them in the business database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from typing_extensions import override

from hub.store.influx import flux
from hub.store.influx.lines import row_number, row_of
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from hub.store.influx.rolling import portions
from hub.store.influx.series import ServerSeries
from hub.store.influx.server import InfluxServer
from hub.store.mean import window_edges
from hub.store.port import (
    QUARTER_S,
    Counts,
    HeartbeatRow,
    Keeping,
    LastValue,
    Latency,
    Marker,
    Origins,
    Raw,
    ReceiptRow,
    Span,
    StoreReader,
    TimeArray,
    Windows,
)
from protocols.clock_note import ClockNote
from protocols.gap import Gap
from protocols.point import PointId, parse_point


class InfluxReader(StoreReader):
    """Reads one server and one business database."""

    def __init__(self, place: InfluxPlace, business_url: str, marker: Marker | None = None) -> None:
        self._server = InfluxServer(place)
        self._place = place
        self._book = RecordBook(business_url)
        self._series = ServerSeries(self._server, place, self._book, marker)

    @override
    def close(self) -> None:
        self._server.close()
        self._book.close()

    @override
    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        if points is not None and not points:
            list(self._server.query(flux.anything(self._place.bucket)))
            return {}
        wanted = [None] if points is None else portions(points)
        found: dict[PointId, LastValue] = {}
        for portion in wanted:
            rows = self._server.query(flux.last_samples(self._place.bucket, portion))
            found.update(flux.lasts_of(flux.columns_of(rows)))
        return found

    @override
    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        return self._series.raw([point], from_ns, to_ns)[point]

    @override
    def origins(self, point: PointId, raw: Raw) -> Origins:
        """As the port says: each sample has the number of its row; that of a told time hides its poll."""
        columns: flux.Columns = {}
        if len(raw.times_ns):
            span_ns = int(raw.times_ns[0]), int(raw.times_ns[-1]) + 1
            columns = flux.columns_of(
                self._server.query(flux.row_numbers(self._place.bucket, point, *span_ns))
            )
        times_ns, texts = columns.get((str(point), "n"), (np.empty(0, np.int64), []))
        known = dict(zip(times_ns.tolist(), (row_of(int(text)) for text in texts), strict=True))
        sources = self._book.sources()
        names = sorted({sources[row.source] for row in known.values() if row.source in sources})
        number = {key: names.index(name) for key, name in sources.items() if name in names}
        rows = [known.get(time_ns) for time_ns in raw.times_ns.tolist()]
        there = [None if row is None or row.source not in number else row for row in rows]
        return Origins(
            tuple(names),
            np.array([-1 if row is None else number[row.source] for row in there], np.int64),
            np.array([0 if row is None else row.seq for row in there], np.int64),
            np.where(raw.source_ns == 0, raw.times_ns, 0),
            np.array([row is not None for row in there], bool),
        )

    @override
    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        return self._series.over([point], window_edges(from_ns, to_ns, window_s))[point]

    @override
    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        return self._series.over(points, edges_ns)

    @override
    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        return self._series.quarters(point, window_edges(from_ns, to_ns, QUARTER_S))

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
    def keeping(self) -> Keeping:
        """As the port says: the device whose rollups are farthest behind; the server seals by itself."""
        return Keeping(self._book.rollups.oldest_ns(), 0)

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
