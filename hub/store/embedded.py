"""The embedded engine: one SQLite file, one writer, committed ranges in the same transaction as the data."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgpack
import numpy as np
from typing_extensions import override

from hub.store.body import LastColumns, pack_frames
from hub.store.port import QUARTER_S, FloatArray, Marker, Received, SeriesStore, TimeArray
from hub.store.reader import EmbeddedReader
from hub.store.retention import Retention
from hub.store.schema import hours_of, open_writer, remake, shelf_for, touch
from hub.store.snapshot import by_shelf, key_of
from hub.store.upkeep import Upkeep
from protocols.clock import Clock
from protocols.coverage import Coverage, RangeSet
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame, decode_catalogue
from protocols.point import PointId
from runtime.database import transaction

_Source = tuple[str, str]


class EmbeddedStore(EmbeddedReader, SeriesStore):
    """The one writer of `series.db`; use it from one thread at a time (reads may come from others)."""

    def __init__(
        self, path: Path, clock: Clock, marker: Marker | None = None, keep: Retention | None = None
    ) -> None:
        self._writer = open_writer(path)
        super().__init__(path, marker)
        self._clock = clock
        self._one_writer = threading.Lock()
        self._upkeep = Upkeep(path, self._series, clock, self._one_writer, keep or Retention())
        self._catalogues: dict[bytes, tuple[int, Catalogue]] = {}
        self._shelves: dict[int, tuple[int, int]] = {}
        self._hours: dict[int, set[int]] = defaultdict(set)
        self._ranges: dict[_Source, tuple[int, RangeSet]] = {}
        self._last: dict[int, LastColumns] = {}
        self._done: tuple[int, int] | None = None
        for key, name, body in self._writer.execute("SELECT id, hash, body FROM catalogue"):
            self._catalogues[name] = (key, decode_catalogue(body))

    @override
    def close(self) -> None:
        """Note the last commit's time and give the file back."""
        with self._writing() as connection:
            self._note_done(connection)
        super().close()
        self._upkeep.close()
        self._writer.close()

    def retain(self, keep: Retention) -> None:
        """Keep samples and rollups for other times from now on; what is gone stays gone."""
        self._upkeep.retain(keep)

    @override
    def upkeep(self) -> bool:
        return self._upkeep.step()

    @override
    def halt_upkeep(self) -> None:
        self._upkeep.halt.ask()

    @override
    def knows(self, catalogue_hash: bytes) -> bool:
        return catalogue_hash in self._catalogues

    @override
    def catalogue(self, catalogue_hash: bytes) -> Catalogue:
        """The points behind a hash.

        Raises:
            StoreError: It was never added.
        """
        return self._catalogue_row(catalogue_hash)[1]

    @override
    def add_catalogue(self, catalogue: Catalogue) -> None:
        name = catalogue.hash()
        if name in self._catalogues:
            return
        with self._writing() as connection:
            shelf = shelf_for(connection, catalogue.site, catalogue.device, len(catalogue.points))
            row = (name, catalogue.site, catalogue.device, catalogue.encode(), shelf)
            connection.execute(
                "INSERT INTO catalogue (hash, site, device, body, shelf) VALUES (?, ?, ?, ?, ?)", row
            )
            (key,) = connection.execute("SELECT id FROM catalogue WHERE hash = ?", (name,)).fetchone()
        self._catalogues[name] = (key, catalogue)

    @override
    def append(self, batch: Sequence[Received]) -> list[Coverage]:
        try:
            with self._writing() as connection:
                self._note_done(connection)
                begun_ns = self._clock.now().wall_ns
                commit = connection.execute(
                    "INSERT INTO commits (begun_ns) VALUES (?)", (begun_ns,)
                ).lastrowid
                touched = self._append(connection, batch, int(commit or 0))
        except BaseException:
            self._ranges.clear()
            self._last.clear()
            raise
        self._done = (int(commit or 0), self._clock.now().wall_ns)
        return [
            Coverage(edge, journal, tuple(self._ranges[edge, journal][1].ranges)) for edge, journal in touched
        ]

    @override
    def keep_heartbeats(self, newest: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep the newest heartbeat of each edge: received [ns since the epoch] and body."""
        rows = [(edge, received_ns, body) for edge, (received_ns, body) in newest.items()]
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO heartbeat VALUES (?, ?, ?)", rows)

    @override
    def seed_means(self, point: PointId, starts_ns: TimeArray, values: FloatArray) -> None:
        """Put 15-min means of the past there, as a plant's old records would be; frames win where both are.

        Args:
            point: The point.
            starts_ns: Starts of the quarters, shape (n,).
            values: Means in the unit of the point, shape (n,); NaN is no value.
        """
        rows = [
            (*point, start, value, value, value, float(QUARTER_S))
            for start, value in zip(starts_ns.tolist(), values.tolist(), strict=True)
            if not np.isnan(value)
        ]
        with self._writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO quarter VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    @override
    def forget_rollups(self, points: Sequence[PointId]) -> None:
        """Have the rollups of these points made anew: their rules changed.

        Raises:
            StoreError: It cannot be written now.
        """
        self._shelves.clear()
        with self._writing() as connection:
            groups = self._series.catalogues.of_points(connection, points)
            for shelf, some in by_shelf(groups, points).items():
                for point in some:
                    remake(connection, shelf, key_of(point))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._one_writer:
            try:
                with transaction(self._writer) as connection:
                    yield connection
            except sqlite3.Error as error:
                raise StoreError(f"the series database takes no data: {error}") from error

    def _append(
        self, connection: sqlite3.Connection, batch: Sequence[Received], commit: int
    ) -> list[_Source]:
        touched: dict[_Source, None] = {}
        changed: set[int] = set()
        self._hours.clear()
        for row in batch:
            source = (row.edge, row.journal)
            touched[source] = None
            key, ranges = self._source(connection, source)
            if row.seq in ranges:
                continue
            ranges.add(row.seq)
            changed |= self._insert_frames(connection, (key, row.seq, commit), row.frames)
            _insert_other(connection, row)
        for source in touched:
            key, ranges = self._ranges[source]
            connection.execute(
                "UPDATE source SET ranges = ? WHERE id = ?", (msgpack.packb(ranges.ranges), key)
            )
        lasts = [(key, self._last[key].encode()) for key in sorted(changed)]
        connection.executemany("INSERT OR REPLACE INTO last VALUES (?, ?)", lasts)
        self._touch(connection)
        return list(touched)

    def _touch(self, connection: sqlite3.Connection) -> None:
        """Rollups of the hours that got samples are to be made; not where older samples are gone."""
        for shelf, hours in self._hours.items():
            (from_ns,) = connection.execute("SELECT raw_from_ns FROM shelf WHERE id = ?", (shelf,)).fetchone()
            touch(connection, shelf, [hour_ns for hour_ns in sorted(hours) if hour_ns >= from_ns])

    def _shelf_of(self, connection: sqlite3.Connection, key: int) -> tuple[int, int]:
        """Shelf of a catalogue and the widest margin of the rules of its points. [ns]."""
        known = self._shelves.get(key)
        if known is None:
            (shelf,) = connection.execute("SELECT shelf FROM catalogue WHERE id = ?", (key,)).fetchone()
            one = self._series.catalogues.one(connection, key)
            points = [PointId(one.site, one.device, name) for name in one.points]
            margin_ns = max((self._series.margin_ns(point) for point in points), default=0)
            known = self._shelves[key] = (shelf, margin_ns)
        return known

    def _insert_frames(
        self, connection: sqlite3.Connection, row: tuple[int, int, int], frames: Sequence[Frame]
    ) -> set[int]:
        """Insert one row a catalogue; `row` is (source, seq, commit). Returns the catalogues."""
        source, seq, commit = row
        groups: dict[bytes, list[Frame]] = defaultdict(list)
        for frame in frames:
            groups[frame.catalogue].append(frame)
        changed: set[int] = set()
        for name, group in groups.items():
            key, catalogue = self._catalogue_row(name)
            first_ns = min(_first_ns(frame) for frame in group)
            last_ns = max(frame.at.wall_ns for frame in group)
            connection.execute(
                "INSERT INTO frames (source, seq, catalogue, first_ns, last_ns, commit_id, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (source, seq, key, first_ns, last_ns, commit, pack_frames(group)),
            )
            shelf, margin_ns = self._shelf_of(connection, key)
            for frame in group:  # each for itself: a clock may have been set between two of them
                self._hours[shelf].update(hours_of(_first_ns(frame), frame.at.wall_ns, margin_ns))
            span = (last_ns - first_ns, key, last_ns - first_ns)
            connection.execute("UPDATE catalogue SET span_ns = ? WHERE id = ? AND span_ns < ?", span)
            last = self._last_of(connection, key, len(catalogue.points))
            for frame in group:
                last.take(frame)
            changed.add(key)
        return changed

    def _source(self, connection: sqlite3.Connection, source: _Source) -> tuple[int, RangeSet]:
        known = self._ranges.get(source)
        if known is None:
            row = (*source, msgpack.packb([]))
            connection.execute("INSERT OR IGNORE INTO source (edge, journal, ranges) VALUES (?, ?, ?)", row)
            key, body = connection.execute(
                "SELECT id, ranges FROM source WHERE edge = ? AND journal = ?", source
            ).fetchone()
            known = (key, RangeSet([(int(a), int(b)) for a, b in msgpack.unpackb(body)]))
            self._ranges[source] = known
        return known

    def _last_of(self, connection: sqlite3.Connection, key: int, count: int) -> LastColumns:
        known = self._last.get(key)
        if known is None:
            row = connection.execute("SELECT body FROM last WHERE catalogue = ?", (key,)).fetchone()
            known = LastColumns.empty(count) if row is None else LastColumns.decode(row[0], count)
            self._last[key] = known
        return known

    def _catalogue_row(self, name: bytes) -> tuple[int, Catalogue]:
        found = self._catalogues.get(name)
        if found is None:
            raise StoreError("frames of an unknown catalogue; add it first", catalogue=name.hex())
        return found

    def _note_done(self, connection: sqlite3.Connection) -> None:
        """Write down when the commit before this one was durable."""
        if self._done is not None:
            commit, done_ns = self._done
            connection.execute("UPDATE commits SET done_ns = ? WHERE id = ?", (done_ns, commit))
            self._done = None


def _first_ns(frame: Frame) -> int:
    """Time of the earliest sample."""
    if frame.sources is None or not len(frame.values):
        return frame.at.wall_ns
    return int(frame.times_ns().min())


def _insert_other(connection: sqlite3.Connection, row: Received) -> None:
    if row.note is not None and row.note.synced:
        note = row.note
        connection.execute(
            "INSERT INTO clock_note VALUES (?, ?, ?, ?) ON CONFLICT (edge, boot) DO UPDATE SET "
            "mono_ns = excluded.mono_ns, wall_ns = excluded.wall_ns WHERE excluded.mono_ns > mono_ns",
            (note.edge, note.boot, note.mono_ns, note.wall_ns),
        )
    bodies = {
        "receipt": row.receipt, "given_up": row.gap, "configured": row.configured, "rejected": row.rejected
    }  # fmt: skip
    for table, body in bodies.items():
        if body is not None:
            connection.execute(
                f"INSERT INTO {table} (edge, journal, seq, body) VALUES (?, ?, ?, ?)",  # noqa: S608  four fixed names
                (row.edge, row.journal, row.seq, body),
            )
