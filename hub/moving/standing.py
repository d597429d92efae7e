"""An embedded store that takes nothing any more, read whole: samples by day, lone rollups, records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgpack
import numpy as np

from hub.store.influx.fronts import Device
from hub.store.influx.lines import SEED, key_of
from hub.store.parts import RAW, ROLLUPS
from hub.store.port import Raw, TimeArray, Windows
from hub.store.reader import EmbeddedReader
from hub.store.rollup import NS_PER_S
from protocols.frame import Catalogue
from protocols.point import PointId

_DAY_NS: Final = 86_400 * NS_PER_S
_WINDOWS_AT_ONCE: Final = 44_640
"""A month of minutes."""


class Record(NamedTuple):
    """What an edge told besides samples; `number` counts up in order of arrival within its kind."""

    kind: str
    number: int
    edge: str
    journal: str
    seq: int
    body: bytes


class StandingSeries(EmbeddedReader):
    """Reads `series.db` and its sealed files; nobody may write them meanwhile."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self._reading() as connection:
            rows = connection.execute("SELECT id, raw_from_ns FROM shelf ORDER BY id").fetchall()
        self._raw_from_ns: dict[int, int] = dict(rows)

    def newest_commit(self) -> int:
        """Number of the newest commit; 0: nothing was ever taken in."""
        with self._reading() as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM commits").fetchone()[0])

    def shelves(self) -> list[int]:
        """All shelves."""
        return sorted(self._raw_from_ns)

    def devices(self) -> list[Device]:
        """Site and device of everything that was ever taken in."""
        with self._reading() as connection:
            return connection.execute("SELECT DISTINCT site, device FROM catalogue ORDER BY 1, 2").fetchall()

    def catalogues(self) -> list[Catalogue]:
        """All catalogues."""
        with self._reading() as connection:
            keys = connection.execute("SELECT id FROM catalogue ORDER BY id").fetchall()
            return [self._series.catalogues.one(connection, key) for (key,) in keys]

    def points_of(self, shelf: int) -> list[PointId]:
        """Points of a shelf."""
        with self._reading() as connection:
            groups = self._series.catalogues.of_shelf(connection, shelf)
        found = (group.catalogue for group in groups)
        return sorted({PointId(one.site, one.device, name) for one in found for name in one.points})

    def raw_from_ns(self, shelf: int) -> int:
        """Samples of a shelf before this were let go; 0: none were. [ns]."""
        return self._raw_from_ns[shelf]

    def days(self) -> list[tuple[int, int]]:
        """Shelf and begin of every day [ns since the epoch, UTC] that may have samples, newest first."""
        with self._reading() as connection:
            spans = connection.execute(
                "SELECT shelf, first_ns, last_ns FROM part WHERE kind = ?"
                " UNION ALL SELECT c.shelf, min(f.first_ns), max(f.first_ns) FROM frames AS f"
                " JOIN catalogue AS c ON c.id = f.catalogue GROUP BY f.catalogue, f.first_ns / ?"
                " UNION ALL SELECT c.shelf, min(f.last_ns), max(f.last_ns) FROM frames AS f"
                " JOIN catalogue AS c ON c.id = f.catalogue GROUP BY f.catalogue, f.last_ns / ?",
                (RAW.name, _DAY_NS, _DAY_NS),
            ).fetchall()
            longest_ns = connection.execute(
                "SELECT coalesce(max(last_ns - first_ns), 0) FROM frames"
            ).fetchone()[0]
        found = {
            (shelf, day * _DAY_NS)
            for shelf, first_ns, last_ns in spans
            for day in range(first_ns // _DAY_NS, last_ns // _DAY_NS + 1)
        }
        return sorted(found | set(self._between(longest_ns)), key=lambda one: (-one[1], one[0]))

    def _between(self, longest_ns: int) -> Iterator[tuple[int, int]]:
        """Days of frames whose rows span more than one: a device told times of its own."""
        if longest_ns < _DAY_NS:
            return
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT c.shelf, f.first_ns, f.last_ns FROM frames AS f JOIN catalogue AS c"
                " ON c.id = f.catalogue WHERE f.last_ns - f.first_ns >= ?",
                (_DAY_NS,),
            ).fetchall()
        for shelf, first_ns, last_ns in rows:
            for day in range(first_ns // _DAY_NS, last_ns // _DAY_NS + 1):
                yield shelf, day * _DAY_NS

    def oldest_ns(self) -> int | None:
        """Time of the oldest sample, roughly: begin of its day; None where there are none. [ns]."""
        return min((day_ns for _, day_ns in self.days()), default=None)

    def samples(self, points: Sequence[PointId], from_ns: int, to_ns: int) -> dict[PointId, Raw]:
        """Samples with `from_ns` <= time < `to_ns` of each point."""
        return self._looked(lambda connection: self._series.raw(connection, points, from_ns, to_ns))

    def damaged(self) -> set[str]:
        """Sealed files that cannot be read; what they hold is nowhere."""
        with self._reading() as connection:
            rows = connection.execute("SELECT file FROM part WHERE damaged").fetchall()
        return self._series.damaged | {file for (file,) in rows}

    def is_damaged(self, shelf: int, day_ns: int) -> bool:
        """Whether samples of a day are in a file that cannot be read, so far as these were looked at."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT file, damaged FROM part"
                " WHERE shelf = ? AND kind = ? AND last_ns >= ? AND first_ns < ?",
                (shelf, RAW.name, day_ns, day_ns + _DAY_NS),
            ).fetchall()
        return any(damaged or file in self._series.damaged for file, damaged in rows)

    def final_rollups(
        self, points: Sequence[PointId], from_ns: int, to_ns: int
    ) -> Iterator[tuple[int, dict[PointId, Windows]]]:
        """Windows of every rollup between two times that are final, with its length [s]."""
        for length_s in ROLLUPS:
            edges = np.arange(from_ns, to_ns + 1, length_s * NS_PER_S, dtype=np.int64)
            yield length_s, self._looked(partial(self._final, points, edges, length_s))

    def _final(
        self, points: Sequence[PointId], edges_ns: TimeArray, length_s: int, connection: sqlite3.Connection
    ) -> dict[PointId, Windows]:
        return self._series.rolled(connection, points, edges_ns, length_s)

    def rollups_alone(self, shelf: int, most_points: int) -> Iterator[tuple[int, dict[PointId, Windows]]]:
        """Windows of every rollup of the time whose samples were let go, with its length [s]."""
        for length_s, kind in ROLLUPS.items():
            with self._reading() as connection:
                (first_ns,) = connection.execute(
                    "SELECT min(first_ns) FROM part WHERE shelf = ? AND kind = ?", (shelf, kind.name)
                ).fetchone()
            if first_ns is not None and first_ns < self._raw_from_ns[shelf]:
                points = self.points_of(shelf)
                for starts in _months(first_ns, self._raw_from_ns[shelf], length_s):
                    for at in range(0, len(points), most_points):
                        yield length_s, self._level(shelf, points[at : at + most_points], (length_s, starts))

    def _level(
        self, shelf: int, points: Sequence[PointId], asked: tuple[int, TimeArray]
    ) -> dict[PointId, Windows]:
        return self._looked(lambda connection: self._series.level(connection, shelf, points, asked))

    def seed_lines(self, most: int) -> Iterator[bytes]:
        """Means of the past that were put there, as lines of a server, so many at a time."""
        after: tuple[str, str, str, int] = ("", "", "", 0)
        while True:
            with self._reading() as connection:
                rows = connection.execute(
                    "SELECT site, device, point, start_ns, mean FROM quarter"
                    " WHERE (site, device, point, start_ns) > (?, ?, ?, ?)"
                    " ORDER BY site, device, point, start_ns LIMIT ?",
                    (*after, most),
                ).fetchall()
            lines = [
                f"{key_of(SEED, PointId(*row[:3]))}mean={row[4]!r} {row[3]}\n"
                for row in rows
                if row[4] is not None
            ]
            if lines:
                yield "".join(lines).encode()
            if len(rows) < most:
                return
            after = rows[-1][:4]

    def sources(self) -> list[tuple[str, str, list[tuple[int, int]]]]:
        """Edge, journal and committed ranges of every journal."""
        with self._reading() as connection:
            rows = connection.execute("SELECT edge, journal, ranges FROM source ORDER BY id").fetchall()
        return [(edge, journal, msgpack.unpackb(packed)) for edge, journal, packed in rows]

    def records(self) -> Iterator[Record]:
        """Receipts, then reports, gap records and unreadable rows, each kind in order of arrival."""
        for kind, table in _RECORDS.items():
            with self._reading() as connection:
                rows = connection.execute(
                    f"SELECT rowid, edge, journal, seq, body FROM {table} ORDER BY rowid"  # noqa: S608  four fixed names
                ).fetchall()
            yield from (Record(kind, *row) for row in rows)


_RECORDS: Final = {
    "receipt": "receipt", "configured": "configured", "gap": "given_up", "rejected": "rejected"
}  # fmt: skip


def _months(from_ns: int, to_ns: int, length_s: int) -> Iterator[TimeArray]:
    """Starts of the windows that end before a time, some at once."""
    size_ns = length_s * NS_PER_S
    starts = np.arange(from_ns // size_ns * size_ns, to_ns - size_ns + 1, size_ns, dtype=np.int64)
    for at in range(0, len(starts), _WINDOWS_AT_ONCE):
        yield starts[at : at + _WINDOWS_AT_ONCE]
