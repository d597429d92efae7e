"""The journal's file: rows numbered for ever, deleted one by one as the hub has them. Blocking; one thread.

Telemetry is committed with `synchronous=NORMAL`: it is in the kernel at once, so kill -9 loses nothing. At
least every `DURABLE_S` a commit is made with FULL, which flushes all before it; a power cut loses no more.
Receipts are committed with FULL. `seq` is the AUTOINCREMENT key; `journal` is a random id, renewed at each
kernel boot, so that numbers a power cut forgot are never used again under one name.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from protocols.errors import StoreError
from protocols.frame import Bundle, Frame, encode_bundle
from protocols.gap import Gap
from runtime.database import open_sqlite, transaction

_log = logging.getLogger(__name__)

DURABLE_S: Final = 1.5
"""Longest time between two commits that reach the disk while rows come in."""

_EVICT_FRACTION: Final = 0.05
_CHUNK: Final = 500
_PROTOCOLS: Final = ("modbus", "bacnet", "opcua", "mqtt")
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, kind INTEGER NOT NULL,
  samples INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS run (
  run INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, started_wall_ns INTEGER NOT NULL,
  first_seq INTEGER, last_seq INTEGER, samples INTEGER NOT NULL DEFAULT 0, modbus INTEGER NOT NULL DEFAULT 0,
  bacnet INTEGER NOT NULL DEFAULT 0, opcua INTEGER NOT NULL DEFAULT 0, mqtt INTEGER NOT NULL DEFAULT 0
) STRICT;
"""


class Kind(IntEnum):
    """What a row holds; telemetry alone may be evicted."""

    TELEMETRY = 0
    RECEIPT = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as it goes to the bus."""

    seq: int
    journal: str
    kind: Kind
    body: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """What one start of the agent journalled, counted row by row in the row's own transaction.

    Attributes:
        journal: Journal its rows are numbered in.
        started_wall_ns: Wall clock at its start.
        first_seq: Its first row; None before one.
        last_seq: Its last row.
        samples: Samples of any quality in its telemetry rows.
        by_protocol: The same by protocol.
    """

    journal: str
    started_wall_ns: int
    first_seq: int | None
    last_seq: int | None
    samples: int
    by_protocol: dict[str, int]


class JournalStore:
    """Opens the file, or makes it; every method commits before it returns."""

    def __init__(self, path: Path, edge: str, boot: str, started_wall_ns: int, max_bytes: int) -> None:
        self._edge = edge
        self._max_bytes = max_bytes
        self._db = open_sqlite(path, synchronous="FULL")
        self._durable_at_s = time.monotonic()
        self.dirty = False
        try:
            self._db.executescript(_SCHEMA)
            with transaction(self._db):
                self.journal = self._journal_of(boot)
                self._run = self._db.execute(
                    "INSERT INTO run (journal, started_wall_ns) VALUES (?, ?)",
                    (self.journal, started_wall_ns),
                ).lastrowid
        except sqlite3.Error as error:
            raise StoreError(f"the journal {path} cannot be used: {error}") from error
        self._bytes = self._stored_bytes()

    def _journal_of(self, boot: str) -> str:
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        journal = meta.get("journal")
        if journal is None or meta.get("boot") != boot:
            journal = secrets.token_hex(8)
            rows = [("journal", journal), ("boot", boot)]
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        return journal

    def close(self) -> None:
        """Make everything durable and let the file go."""
        self.make_durable()
        self._db.close()

    def add_telemetry(self, frames: Sequence[Frame], sent_unix_ns: int, by_protocol: dict[str, int]) -> Entry:
        """Write one bundle; it is in the kernel when this returns, on the disk within `DURABLE_S`.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        due = time.monotonic() - self._durable_at_s >= DURABLE_S
        samples = sum(by_protocol.values())

        def body(seq: int) -> bytes:
            return encode_bundle(Bundle(self._edge, self.journal, seq, sent_unix_ns, tuple(frames)))

        with self._commit(durable=due):
            entry = self._insert(Kind.TELEMETRY, samples, body(self._next_seq()))
            counts = [by_protocol.get(name, 0) for name in _PROTOCOLS]
            self._count_run(entry.seq, samples, counts)
            self._evict()
        return entry

    def add_receipts(self, bodies: Sequence[bytes]) -> list[Entry]:
        """Write receipts; they are on the disk when this returns.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        with self._commit(durable=True):
            entries = [self._insert(Kind.RECEIPT, 0, body) for body in bodies]
            for entry in entries:
                self._count_run(entry.seq, 0, [0] * len(_PROTOCOLS))
            self._evict()
        return entries

    def make_durable(self) -> None:
        """Flush what NORMAL commits left to the kernel."""
        if self.dirty:
            with self._commit(durable=True):
                self._db.execute("UPDATE run SET samples = samples WHERE run = ?", (self._run,))

    def make_durable_if_due(self) -> None:
        """Flush when the last commit that reached the disk is `DURABLE_S` old."""
        if time.monotonic() - self._durable_at_s >= DURABLE_S:
            self.make_durable()

    def waiting(self, after: int, limit: int = _CHUNK) -> list[int]:
        """Numbers of the rows that are still here, ascending, above `after`."""
        rows = self._db.execute("SELECT seq FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
        return [seq for (seq,) in rows]

    def entry(self, seq: int) -> Entry | None:
        """One row; None when it is covered or evicted by now."""
        row = self._db.execute("SELECT seq, journal, kind, body FROM entry WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else Entry(row[0], row[1], Kind(row[2]), row[3])

    def cover(self, journal: str, ranges: Iterable[tuple[int, int]]) -> list[int]:
        """Delete the rows of `journal` whose own number is covered; returns those numbers.

        Raises:
            StoreError: The disk refused; nothing was deleted.
        """
        gone: list[tuple[int, int]] = []
        for first, last in ranges:
            gone += self._db.execute(
                "SELECT seq, length(body) FROM entry WHERE seq BETWEEN ? AND ? AND journal = ?",
                (first, last, journal),
            )
        if gone:
            with self._commit(durable=False):
                self._db.executemany("DELETE FROM entry WHERE seq = ?", [(seq,) for seq, _ in gone])
            self._bytes -= sum(size for _, size in gone)
        return [seq for seq, _ in gone]

    def pending(self) -> int:
        """How many rows the hub has not covered."""
        (count,) = self._db.execute("SELECT count(*) FROM entry").fetchone()
        return int(count)

    def runs(self) -> list[Run]:
        """Every start of the agent, oldest first; the last one is this."""
        rows = self._db.execute(
            "SELECT journal, started_wall_ns, first_seq, last_seq, samples, modbus, bacnet, opcua, mqtt "
            "FROM run ORDER BY run"
        )
        return [
            Run(journal, started, first, last, samples, dict(zip(_PROTOCOLS, counts, strict=True)))
            for journal, started, first, last, samples, *counts in rows
        ]

    def _commit(self, *, durable: bool) -> _Commit:
        return _Commit(self, self._db, durable=durable)

    def committed(self, *, durable: bool) -> None:
        """Note a commit; called by the transaction itself."""
        self.dirty = not durable
        if durable:
            self._durable_at_s = time.monotonic()

    def rolled_back(self) -> None:
        """Count anew after a transaction that did not happen."""
        self._bytes = self._stored_bytes()

    def _stored_bytes(self) -> int:
        (size,) = self._db.execute("SELECT coalesce(sum(length(body)), 0) FROM entry").fetchone()
        return int(size)

    def _next_seq(self) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'entry'").fetchone()
        return 1 if row is None else int(row[0]) + 1

    def _insert(self, kind: Kind, samples: int, body: bytes) -> Entry:
        seq = self._next_seq()
        row = (seq, self.journal, int(kind), samples, body)
        self._db.execute("INSERT INTO entry (seq, journal, kind, samples, body) VALUES (?, ?, ?, ?, ?)", row)
        self._bytes += len(body)
        return Entry(seq, self.journal, kind, body)

    def _count_run(self, seq: int, samples: int, counts: list[int]) -> None:
        self._db.execute(
            "UPDATE run SET first_seq = coalesce(first_seq, ?1), last_seq = ?1, samples = samples + ?2, "
            "modbus = modbus + ?3, bacnet = bacnet + ?4, opcua = opcua + ?5, mqtt = mqtt + ?6 WHERE run = ?7",
            (seq, samples, *counts, self._run),
        )

    def _evict(self) -> None:
        """Give up the oldest telemetry when the byte bound asks, and leave a counted record of it."""
        if self._bytes <= self._max_bytes:
            return
        rows = self._db.execute(
            "SELECT seq, journal, samples, length(body) FROM entry WHERE kind = ? ORDER BY seq",
            (int(Kind.TELEMETRY),),
        )
        goal = self._max_bytes * (1 - _EVICT_FRACTION)
        gone: dict[str, list[tuple[int, int]]] = {}
        for seq, journal, samples, size in rows:
            if self._bytes <= goal:
                break
            gone.setdefault(journal, []).append((seq, samples))
            self._bytes -= size
        for journal, lost in gone.items():
            self._db.executemany("DELETE FROM entry WHERE seq = ?", [(seq,) for seq, _ in lost])
            counted = sum(samples for _, samples in lost)
            gap = Gap(self._edge, journal, lost[0][0], lost[-1][0], len(lost), counted)
            entry = self._insert(Kind.RECEIPT, 0, gap.encode())
            self._count_run(entry.seq, 0, [0] * len(_PROTOCOLS))
            _log.warning("the journal is full: %d rows with %d samples given up", gap.rows, gap.samples)


class _Commit:
    """One transaction with the wanted durability; a refusal of the disk is a `StoreError`."""

    def __init__(self, store: JournalStore, db: sqlite3.Connection, *, durable: bool) -> None:
        self._store = store
        self._db = db
        self._durable = durable

    def __enter__(self) -> None:
        level = "FULL" if self._durable else "NORMAL"
        try:
            self._db.execute(f"PRAGMA synchronous = {level}")
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreError(f"the journal cannot be written: {error}") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error as refused:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._store.rolled_back()
            raise StoreError(f"the journal cannot be written: {refused}") from refused
        if kind is None:
            self._store.committed(durable=self._durable)
            return
        self._store.rolled_back()
        if isinstance(error, sqlite3.Error):
            raise StoreError(f"the journal cannot be written: {error}") from error
