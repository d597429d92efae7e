"""Reading of the embedded engine; any number of processes may do it while one writes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgpack
import numpy as np
from typing_extensions import override

from hub.store.account import count, latency
from hub.store.body import Columns, LastColumns, unpack_frames
from hub.store.mean import time_weighted, window_edges
from hub.store.port import (
    HOLD_S,
    QUARTER_S,
    Counts,
    HeartbeatRow,
    LastValue,
    Latency,
    Marker,
    QualityArray,
    Raw,
    ReceiptRow,
    Span,
    StoreReader,
    TimeArray,
    Windows,
)
from hub.store.schema import open_reader
from protocols.clock_note import ClockNote
from protocols.errors import StoreError
from protocols.frame import Catalogue, decode_catalogue
from protocols.gap import Gap, decode_gap
from protocols.point import PointId
from protocols.quality import is_bad

_NS = 1_000_000_000
_HOLD_NS = int(HOLD_S * _NS)
_QUARTER_NS = QUARTER_S * _NS


class _Place(NamedTuple):
    """Where a point stands: catalogue row, position in it, longest stretch of a row."""

    catalogue: int
    position: int
    span_ns: int


class EmbeddedReader(StoreReader):
    """Reads `series.db`; calls from several threads wait for each other."""

    def __init__(self, path: Path, marker: Marker | None = None) -> None:
        self._marker = marker
        self._connection = open_reader(path)
        self._lock = threading.RLock()

    @override
    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreError(f"the series database cannot be read: {error}") from error

    @override
    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT c.body, l.body FROM last AS l JOIN catalogue AS c ON c.id = l.catalogue ORDER BY c.id"
            ).fetchall()
        wanted = None if points is None else set(points)
        found: dict[PointId, LastValue] = {}
        for catalogue, body in rows:
            for point, value in _last_of(decode_catalogue(catalogue), body):
                known = found.get(point)
                fresh = known is None or known.time_ns <= value.time_ns
                if fresh and (wanted is None or point in wanted):
                    found[point] = value
        return found

    @override
    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        found: list[tuple[int, float, int, int]] = []
        for place in self._places(point):
            for body in self._bodies(place, from_ns, to_ns):
                for frame in unpack_frames(body):
                    at = _position(frame, place.position)
                    if at is not None and from_ns <= (time_ns := frame.time_ns(at)) < to_ns:
                        value, quality = float(frame.values[at]), int(frame.qualities[at])
                        found.append((time_ns, value, quality, frame.source_ns(at)))
        return _sorted(found)

    @override
    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        edges = window_edges(from_ns, to_ns, window_s)
        return self._windows(point, edges)

    @override
    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        return {point: self._windows(point, edges_ns) for point in points}

    @override
    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        """Kept 15-min means alone, without a look at frames: quick over weeks, NaN where none is final yet.

        Raises:
            StoreError: The database cannot be read now.
        """
        return self._kept_windows(point, window_edges(from_ns, to_ns, QUARTER_S))

    @override
    def receipts(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        """Receipts in order of arrival, the ones after `after_rowid`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT rowid, edge, body FROM receipt WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (after_rowid, limit),
            ).fetchall()
        return [ReceiptRow(*row) for row in rows]

    @override
    def configured(self, after_rowid: int, limit: int = 1000) -> list[ReceiptRow]:
        """What edges made of configurations, in order of arrival, the ones after `after_rowid`."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT rowid, edge, body FROM configured WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (after_rowid, limit),
            ).fetchall()
        return [ReceiptRow(*row) for row in rows]

    @override
    def gaps(self) -> list[Gap]:
        """What edges had to give up, in order of arrival: these samples will never come."""
        with self._reading() as connection:
            rows = connection.execute("SELECT body FROM given_up ORDER BY rowid").fetchall()
        return [decode_gap(body) for (body,) in rows]

    @override
    def heartbeats(self) -> list[HeartbeatRow]:
        """The newest heartbeat of each edge."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT edge, received_ns, body FROM heartbeat ORDER BY edge"
            ).fetchall()
        return [HeartbeatRow(*row) for row in rows]

    @override
    def ranges(self, edge: str, journal: str) -> list[tuple[int, int]]:
        """Committed ranges of a journal; empty when it was never seen."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT ranges FROM source WHERE edge = ? AND journal = ?", (edge, journal)
            ).fetchone()
        return [] if row is None else [(int(a), int(b)) for a, b in msgpack.unpackb(row[0])]

    def rows_of(self, span: Span) -> list[tuple[int, Catalogue, bytes]]:
        """Stored rows of a range of a journal: commit time [ns], catalogue, body; for counts and proofs."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT coalesce(k.done_ns, k.begun_ns), c.body, f.body FROM frames AS f"
                " JOIN source AS s ON s.id = f.source JOIN catalogue AS c ON c.id = f.catalogue"
                " JOIN commits AS k ON k.id = f.commit_id"
                " WHERE s.edge = ? AND s.journal = ? AND f.seq BETWEEN ? AND ?",
                span_row(span),
            ).fetchall()
        return [(done_ns, decode_catalogue(catalogue), body) for done_ns, catalogue, body in rows]

    @override
    def clock_notes(self) -> list[ClockNote]:
        with self._reading() as connection:
            rows = connection.execute("SELECT edge, boot, mono_ns, wall_ns FROM clock_note").fetchall()
        return [ClockNote(edge, boot, mono_ns, wall_ns, True) for edge, boot, mono_ns, wall_ns in rows]  # noqa: FBT003  a row of a table

    @override
    def counts(self, span: Span) -> Counts:
        return count(self, span)

    @override
    def latency(self, span: Span, until_ns: int) -> Latency:
        return latency(self, span, until_ns)

    def _windows(self, point: PointId, edges: TimeArray) -> Windows:
        live = self._live_windows(point, edges)
        kept = self._kept_windows(point, edges)
        blank = live.covered_s <= 0.0
        return Windows(
            live.starts_ns,
            np.where(blank, kept.mean, live.mean),
            np.where(blank, kept.low, live.low),
            np.where(blank, kept.high, live.high),
            np.where(blank, kept.first, live.first),
            np.where(blank, kept.last, live.last),
            np.where(blank, kept.covered_s, live.covered_s),
            np.where(blank & (kept.covered_s > 0.0), kept.worst, live.worst),
        )

    def _live_windows(self, point: PointId, edges: TimeArray) -> Windows:
        if len(edges) == 0:
            raw = self.raw(point, 0, 0)
        else:
            margin_ns = 0 if self._marker is None else self._marker.margin_ns(point)
            raw = self.raw(point, int(edges[0]) - _HOLD_NS - margin_ns, int(edges[-1]) + margin_ns)
        return time_weighted(raw, self._marked(point, raw), edges, _HOLD_NS)

    def _marked(self, point: PointId, raw: Raw) -> QualityArray:
        return raw.qualities if self._marker is None else self._marker.marks(point, raw)

    def _kept_windows(self, point: PointId, edges: TimeArray) -> Windows:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT start_ns, mean FROM quarter WHERE site = ? AND device = ? AND point = ?"
                " AND start_ns > ? AND start_ns < ? ORDER BY start_ns",
                (
                    *point,
                    int(edges[0]) - _QUARTER_NS if len(edges) else 0,
                    int(edges[-1]) if len(edges) else 0,
                ),
            ).fetchall()
        starts = np.array([row[0] for row in rows], np.int64)
        means = np.array([np.nan if row[1] is None else row[1] for row in rows], np.float64)
        good = np.zeros(len(starts), np.uint8)
        return time_weighted(
            Raw(starts, means, good, np.zeros(len(starts), np.int64)), good, edges, _QUARTER_NS
        )

    def _places(self, point: PointId) -> list[_Place]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, span_ns, body FROM catalogue WHERE site = ? AND device = ?", point[:2]
            ).fetchall()
        places = []
        for key, span_ns, body in rows:
            points = decode_catalogue(body).points
            if point.point in points:
                places.append(_Place(key, points.index(point.point), span_ns))
        return places

    def _bodies(self, place: _Place, from_ns: int, to_ns: int) -> list[bytes]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT body FROM frames WHERE catalogue = ? AND last_ns >= ? AND last_ns <= ? ORDER BY id",
                (place.catalogue, from_ns, to_ns + place.span_ns),
            ).fetchall()
        return [row[0] for row in rows]


def span_row(span: Span) -> tuple[str, str, int, int]:
    """A span as SQL parameters."""
    return span.edge, span.journal, span.first_seq, span.last_seq


def _last_of(catalogue: Catalogue, body: bytes) -> Iterator[tuple[PointId, LastValue]]:
    columns = LastColumns.decode(body, len(catalogue.points))
    for name, time_ns, value, quality, source_ns in zip(
        catalogue.points,
        columns.times_ns.tolist(),
        columns.values.tolist(),
        columns.qualities.tolist(),
        columns.source_ns.tolist(),
        strict=True,
    ):
        if time_ns:
            shown = float("nan") if is_bad(quality) else value
            yield (
                PointId(catalogue.site, catalogue.device, name),
                LastValue(shown, quality, time_ns, source_ns),
            )


def _position(frame: Columns, index: int) -> int | None:
    if frame.indices is None:
        return index if index < len(frame.values) else None
    found = np.flatnonzero(frame.indices == index)
    return int(found[-1]) if len(found) else None


def _sorted(found: Sequence[tuple[int, float, int, int]]) -> Raw:
    """By time; of one instant the row that came last."""
    times, values, qualities, told = zip(*found, strict=True) if found else ((), (), (), ())
    times_ns = np.array(times, np.int64)
    order = np.argsort(times_ns, kind="stable")
    ordered = times_ns[order]
    newest = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.empty(0, bool)
    at = order[newest]
    return Raw(
        times_ns[at],
        np.array(values, np.float64)[at],
        np.array(qualities, np.uint8)[at],
        np.array(told, np.int64)[at],
    )
