"""Reading of the embedded engine; any number of processes may do it while one writes."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgpack
import numpy as np
from typing_extensions import override

from hub.store.account import count, latency
from hub.store.body import LastColumns
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
from hub.store.recent_frames import RecentFrames
from hub.store.rollup import blank, columns_of, combine, held
from hub.store.schema import open_reader, series_folder
from hub.store.series import Series
from protocols.clock_note import ClockNote
from protocols.errors import StoreError
from protocols.frame import Catalogue, decode_catalogue
from protocols.gap import Gap, decode_gap
from protocols.point import PointId
from protocols.quality import bad_mask

_QUARTER_NS: Final = QUARTER_S * 1_000_000_000
_TRIES: Final = 5
_LAST: Final = "SELECT c.id, l.body FROM last AS l JOIN catalogue AS c ON c.id = l.catalogue"
_OF_DEVICES: Final = " WHERE c.site || '/' || c.device IN (SELECT value FROM json_each(?))"
_T = TypeVar("_T")


class EmbeddedReader(StoreReader):
    """Reads `series.db`; calls from several threads wait for each other."""

    def __init__(self, path: Path, marker: Marker | None = None) -> None:
        self._series = Series(series_folder(path), marker, RecentFrames())
        self._connection = open_reader(path)
        self._lock = threading.RLock()
        self._newest: dict[int, tuple[bytes, dict[PointId, LastValue]]] = {}

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
        question, told = "", list[str]()
        if points is not None:  # of a device all its points: they are kept together
            question, told = _OF_DEVICES, [json.dumps(sorted({f"{one.site}/{one.device}" for one in points}))]
        with self._reading() as connection:
            rows = connection.execute(f"{_LAST}{question} ORDER BY c.id", told).fetchall()
            known = [(key, self._series.catalogues.one(connection, key), body) for key, body in rows]
        wanted = None if points is None else set(points)
        found: dict[PointId, LastValue] = {}
        for key, catalogue, body in known:
            for point, value in self._newest_of(key, catalogue, body).items():
                before = found.get(point)
                fresh = before is None or before.time_ns <= value.time_ns
                if fresh and (wanted is None or point in wanted):
                    found[point] = value
        return found

    def _newest_of(self, key: int, catalogue: Catalogue, body: bytes) -> dict[PointId, LastValue]:
        """Newest values of a catalogue; decoded once as long as none of them is newer."""
        known = self._newest.get(key)
        if known is None or known[0] != body:
            ids = tuple(known[1]) if known is not None and len(known[1]) == len(catalogue.points) else ()
            found = _last_of(ids or _ids_of(catalogue), body)
            known = self._newest[key] = (body, found)
        return known[1]

    @override
    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        return self._looked(lambda connection: self._series.raw(connection, [point], from_ns, to_ns))[point]

    @override
    def origins(self, point: PointId, raw: Raw) -> Origins:
        return self._looked(lambda connection: self._series.origins(connection, point, raw))

    @override
    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        return self.over([point], window_edges(from_ns, to_ns, window_s))[point]

    @override
    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        live = self._looked(lambda connection: self._series.over(connection, points, edges_ns))
        return {point: self._with_kept(point, windows, edges_ns) for point, windows in live.items()}

    @override
    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        edges = window_edges(from_ns, to_ns, QUARTER_S)
        if len(edges) < 2:  # noqa: PLR2004  two edges make a window
            return blank(edges)
        rolled = self._looked(lambda connection: self._series.rolled(connection, [point], edges, QUARTER_S))
        return self._with_kept(point, combine(rolled[point], edges), edges)

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
        return count(self, span, self._looked(lambda connection: self._series.polls(connection, span)))

    @override
    def keeping(self) -> Keeping:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT (SELECT min(last_ns) FROM frames AS f WHERE f.catalogue = c.id) FROM catalogue AS c"
            ).fetchall()
            (damaged,) = connection.execute("SELECT count(*) FROM part WHERE damaged").fetchone()
        return Keeping(min((row[0] for row in rows if row[0] is not None), default=None), damaged)

    @override
    def latency(self, span: Span, until_ns: int) -> Latency:
        sealed = self._looked(lambda connection: self._series.polls(connection, span))
        return latency(self, span, until_ns, sealed)

    def _with_kept(self, point: PointId, live: Windows, edges_ns: TimeArray) -> Windows:
        """Windows, and the kept means of the past where nothing is covered."""
        kept = self._kept_windows(point, edges_ns)
        if not kept.covered_s.any():
            return live
        blank_there = (live.covered_s <= 0.0) & (kept.covered_s > 0.0)
        pairs = zip(columns_of(kept), columns_of(live), strict=True)
        return Windows(*(np.where(blank_there, old, new) for old, new in pairs))

    def _looked(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Do `work` in one read transaction; anew where a file was removed meanwhile."""
        missing = FileNotFoundError()
        for _ in range(_TRIES):
            try:
                with self._reading() as connection:
                    connection.execute("BEGIN")
                    try:
                        return work(connection)
                    finally:
                        connection.execute("ROLLBACK")
            except FileNotFoundError as error:
                missing = error
        raise StoreError(f"a sealed file of the series is not there: {missing}") from missing

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
        return held(Raw(starts, means, good, np.zeros(len(starts), np.int64)), good, edges, _QUARTER_NS)


def span_row(span: Span) -> tuple[str, str, int, int]:
    """A span as SQL parameters."""
    return span.edge, span.journal, span.first_seq, span.last_seq


def _ids_of(catalogue: Catalogue) -> tuple[PointId, ...]:
    return tuple(PointId(catalogue.site, catalogue.device, name) for name in catalogue.points)


def _last_of(ids: Sequence[PointId], body: bytes) -> dict[PointId, LastValue]:
    """Newest values by point; one that was never read is left out."""
    columns = LastColumns.decode(body, len(ids))
    shown = np.where(bad_mask(columns.qualities), np.nan, columns.values)
    each = map(
        LastValue,
        shown.tolist(),
        columns.qualities.tolist(),
        columns.times_ns.tolist(),
        columns.source_ns.tolist(),
    )
    return {point: last for point, last in zip(ids, each, strict=True) if last.time_ns}
