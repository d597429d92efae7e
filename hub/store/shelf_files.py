"""The files of the shelves: made, put into the database, replaced, removed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from hub.store.halting import Halt
from hub.store.parts import KINDS, POLLS, Kind, Table, write_tables
from hub.store.rows import NS_PER_MS
from hub.store.snapshot import Part
from protocols.errors import StoreError
from runtime.clock import iso_utc

Writing = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""A write transaction, one at a time in this process."""

GRACE_NS: Final = 60_000_000_000
"""A reader is done with a file this long after it was replaced. [ns]"""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A file that is on the disk and in no table yet."""

    shelf: int
    kind: str
    period: tuple[int, int]
    first_ns: int
    last_ns: int
    rows: int
    bytes: int
    file: str
    sources: Sequence[tuple[int, int, int]] = field(default=())
    """Of a file of polls: source, first and last seq."""


class ShelfFiles:
    """Writes below one folder."""

    def __init__(self, folder: Path, halt: Halt | None = None) -> None:
        self.folder = folder
        self.halt = halt or Halt()

    def write(self, shelf: int, kind: Kind, period: tuple[int, int], tables: Iterable[Table]) -> Fresh:
        """Write one file of rows in a period (start, end); durable, but nobody knows it yet.

        Raises:
            StoreError: The disk is full or broken, or the work was given up; nothing is left of the file.
        """
        extent = _Extent(kind)
        file = f"{shelf}/{kind.name}-{_stamp(period[0])}-{uuid4().hex[:8]}.parquet"
        size = write_tables(self.folder / file, kind, map(extent.see, self._haltable(tables)))
        return Fresh(shelf, kind.name, period, extent.first_ns, extent.last_ns, extent.rows, size, file)

    def _haltable(self, tables: Iterable[Table]) -> Iterator[Table]:
        for table in tables:
            self.halt.check()
            yield table

    def commit(
        self, connection: sqlite3.Connection, fresh: Sequence[Fresh], now_ns: int, old: Sequence[Part] = ()
    ) -> None:
        """Let files count, and those they replace no more; part of a transaction."""
        for one in fresh:
            part = connection.execute(
                "INSERT INTO part"
                " (shelf, kind, period_ns, until_ns, first_ns, last_ns, rows, bytes, file, made_ns)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    one.shelf,
                    one.kind,
                    *one.period,
                    one.first_ns,
                    one.last_ns,
                    one.rows,
                    one.bytes,
                    one.file,
                    now_ns,
                ),
            ).lastrowid
            rows = [(part, *source) for source in one.sources]
            connection.executemany("INSERT INTO part_source VALUES (?, ?, ?, ?)", rows)
        for part_row in old:
            self.drop(connection, part_row, now_ns)

    def drop(self, connection: sqlite3.Connection, part: Part, now_ns: int) -> None:
        """Let a file count no more; it is removed when no reader can be at it; part of a transaction."""
        connection.execute("DELETE FROM part WHERE id = ?", (part.id,))
        if part.kind == POLLS.name:
            connection.execute("DELETE FROM part_source WHERE part = ?", (part.id,))
        connection.execute("INSERT OR REPLACE INTO dead VALUES (?, ?)", (part.file, now_ns))

    def give_up(self, fresh: Sequence[Fresh]) -> None:
        """Remove files that were never let count."""
        for one in fresh:
            with contextlib.suppress(OSError):
                (self.folder / one.file).unlink(missing_ok=True)

    def bury(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Remove replaced files whose time is over; part of a transaction.

        Raises:
            StoreError: The disk does not let a file go.
        """
        rows = connection.execute("SELECT file FROM dead WHERE since_ns < ?", (now_ns - GRACE_NS,)).fetchall()
        for (file,) in rows:
            try:
                (self.folder / file).unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"cannot remove the sealed file {self.folder / file}: {error}") from error
            connection.execute("DELETE FROM dead WHERE file = ?", (file,))

    def remove_orphans(self, connection: sqlite3.Connection) -> list[str]:
        """Remove what a kill left between a file and its row in the database; returns their names."""
        known = {row[0] for row in connection.execute("SELECT file FROM part UNION SELECT file FROM dead")}
        orphans = []
        for path in sorted(self.folder.glob("*/*")):
            file = f"{path.parent.name}/{path.name}"
            mine = path.suffix == ".tmp" or (path.suffix == ".parquet" and path.name.split("-")[0] in KINDS)
            if mine and file not in known:
                path.unlink(missing_ok=True)
                orphans.append(file)
        return orphans


class _Extent:
    """Rows and times of tables that pass by."""

    def __init__(self, kind: Kind) -> None:
        self._name, self._scale = ("wall_ns", 1) if kind is POLLS else ("time", NS_PER_MS)
        self.first_ns = 2**62
        self.last_ns = 0
        self.rows = 0

    def see(self, table: Table) -> Table:
        """Note a table and hand it on."""
        if table.rows:
            times = table.columns[self._name]
            self.first_ns = min(self.first_ns, int(times.min()) * self._scale)
            self.last_ns = max(self.last_ns, int(times.max()) * self._scale)
            self.rows += table.rows
        return table


def _stamp(at_ns: int) -> str:
    return iso_utc(at_ns)[:10].replace("-", "")
