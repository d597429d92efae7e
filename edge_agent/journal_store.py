"""The journal's file: rows numbered for ever, deleted one by one as the hub has them. Blocking; one thread.

Telemetry is committed with `synchronous=NORMAL`: it is in the kernel at once, so kill -9 loses nothing. At
least every `DURABLE_S` a commit is made with FULL, which flushes all before it; a power cut loses no more.
Receipts are committed with FULL. `seq` is the AUTOINCREMENT key; `journal` is a random id, renewed at each
kernel boot, so that numbers a power cut forgot are never used again under one name.

Flash is spared: pages of 1 KiB, because a commit writes whole pages and touches five small ones beside its
body; covered rows are deleted by the commit that comes next and leave their pages to its row; the log grows
to `_LOG_PAGES` before it is copied into the file, so that a row that lived for seconds is never copied.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from edge_agent.holding import Holding
from edge_agent.journal_disk import Commit, Reserve, is_full
from edge_agent.journal_kept import Kept
from edge_agent.journal_names import SCHEMA as NAMES
from edge_agent.journal_names import keep_names, kept_names
from edge_agent.journal_rows import PROTOCOLS, SCHEMA, WAITING, Entry, Kind, Run
from protocols.coverage import Mark
from protocols.errors import StoreError
from protocols.frame import Bundle, Catalogue, Frame, decode_bundle, encode_bundle
from protocols.gap import WHY_MEMORY, WHY_ROOM, Gap
from runtime.clock import iso_utc
from runtime.database import open_sqlite, transaction

_log = logging.getLogger(__name__)

DURABLE_S: Final = 1.5
"""Longest time between two commits that reach the disk while rows come in."""

_EVICT_FRACTION: Final = 0.01
MOST_WAITING: Final = 500
"""Most numbers of waiting rows told at once."""

_PAGE_BYTES: Final = 1024
_LOG_PAGES: Final = 8192


class JournalStore:
    """Opens the file, or makes it; every method that adds commits before it returns."""

    def __init__(self, path: Path, edge: str, boot: str, started_wall_ns: int, max_bytes: int) -> None:
        self._edge = edge
        self._max_bytes = max_bytes
        self._db = open_sqlite(path, synchronous="FULL", page_bytes=_PAGE_BYTES)
        self._durable_at_s = time.monotonic()
        self._gone: dict[int, int] = {}
        self._path, self._taken, self._holding = path, 0, Holding()
        self.dirty = False
        self.reserve = Reserve(path.with_suffix(".reserve"))
        try:
            self._begin(boot, started_wall_ns)
        except sqlite3.Error as error:
            if not (is_full(error) and self.reserve.release()):
                raise StoreError(f"the journal {path} cannot be used: {error}") from error
            self._begin_in_reserve(path, boot, started_wall_ns)
        self._bytes = self._stored_bytes()
        self._kept = Kept(self._db, path.parent)

    def _begin(self, boot: str, started_wall_ns: int) -> None:
        self._db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        self._db.executescript(SCHEMA + NAMES)
        with transaction(self._db):
            self.journal = self._journal_of(boot)
            row = (self.journal, started_wall_ns)
            self._run = self._db.execute(
                "INSERT INTO run (journal, started_wall_ns) VALUES (?, ?)", row
            ).lastrowid

    def _begin_in_reserve(self, path: Path, boot: str, started_wall_ns: int) -> None:
        try:
            self._begin(boot, started_wall_ns)
        except sqlite3.Error as error:
            raise StoreError(f"the journal {path} cannot be used: {error}") from error

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
        try:
            self.tidy()
            self.make_durable()
        finally:
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

        if not self.reserve.restore():
            raise StoreError("the disk is full; the reserve is for receipts and commands")
        with self._commit(durable=due):
            self._delete_gone()
            entry = self._insert(Kind.TELEMETRY, samples, body(self._next_seq()))
            counts = [by_protocol.get(name, 0) for name in PROTOCOLS]
            self._count_run(entry.seq, samples, counts)
            self._evict()
        return entry

    def add_receipts(self, bodies: Sequence[bytes]) -> list[Entry]:
        """Write receipts or events; they are on the disk when this returns. A full disk costs the reserve.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        try:
            return self._add_receipts(bodies)
        except StoreError as error:
            if not (is_full(error.__cause__) and self.reserve.release()):
                raise
        return self._add_receipts(bodies)

    def _add_receipts(self, bodies: Sequence[bytes]) -> list[Entry]:
        with self._commit(durable=True):
            self._delete_gone()
            entries = [self._insert(Kind.RECEIPT, 0, body) for body in bodies]
            for entry in entries:
                self._count_run(entry.seq, 0, [0] * len(PROTOCOLS))
            self._evict()
        return entries

    def name_rows(self, catalogues: Sequence[Catalogue]) -> tuple[Catalogue, ...]:
        """Keep what the points of the rows to come are called; returns the catalogues of rows before them.

        Raises:
            StoreError: The disk refused; nothing was written.
        """
        try:
            return self._name_rows(catalogues)
        except StoreError as error:
            if not (is_full(error.__cause__) and self.reserve.release()):
                raise
        return self._name_rows(catalogues)

    def _name_rows(self, catalogues: Sequence[Catalogue]) -> tuple[Catalogue, ...]:
        with self._commit(durable=True):
            self._delete_gone()
            keep_names(self._db, self._next_seq() - 1, catalogues)
        present = {catalogue.hash() for catalogue in catalogues}
        return tuple(found for name, found in kept_names(self._db).items() if name not in present)

    def add_memory_gap(self, samples: int, from_ns: int, to_ns: int) -> Entry:
        """Leave a counted record of samples that were dropped from memory while the disk took nothing.

        Raises:
            StoreError: The disk still refuses.
        """
        with self._commit(durable=True):
            seq = self._next_seq()
            gap = Gap(self._edge, self.journal, seq, seq, 1, samples, from_ns, to_ns, WHY_MEMORY)
            return self._insert_gap(gap)

    def make_durable(self) -> None:
        """Flush what NORMAL commits left to the kernel."""
        if self.dirty:
            with self._commit(durable=True):
                self._db.execute("UPDATE run SET samples = samples WHERE run = ?", (self._run,))

    def make_durable_if_due(self) -> None:
        """Flush when the last commit that reached the disk is `DURABLE_S` old."""
        if time.monotonic() - self._durable_at_s >= DURABLE_S:
            self.make_durable()

    def waiting(self, after: int, limit: int = MOST_WAITING, kind: Kind | None = None) -> list[int]:
        """Numbers of the rows that are still here, of one kind or all, ascending, above `after`."""
        rows = self._db.execute(WAITING[kind], (after, limit + len(self._gone)))
        return [seq for (seq,) in rows if seq not in self._gone][:limit]

    def entry(self, seq: int) -> Entry | None:
        """One row; None when it is covered or evicted by now."""
        row = self._db.execute("SELECT seq, journal, kind, body FROM entry WHERE seq = ?", (seq,)).fetchone()
        covered = row is None or seq in self._gone
        return None if covered else Entry(row[0], row[1], Kind(row[2]), row[3])

    def entries(self, seqs: Sequence[int], most_bytes: int) -> list[Entry]:
        """Rows by their numbers, in that order, until `most_bytes` are together; at least one."""
        found: list[Entry] = []
        for seq in seqs:
            row = self.entry(seq)
            if row is None:
                continue
            found.append(row)
            most_bytes -= len(row.body)
            if most_bytes <= 0:
                break
        return found

    def cover(self, journal: str, ranges: Iterable[tuple[int, int]]) -> list[int]:
        """Forget the rows of `journal` whose own number is covered; returns those numbers.

        They are deleted with the next row that is written, or by `tidy`; a kill before that only means that
        they are sent, and known at the hub, once more.
        """
        gone: dict[int, int] = {}
        for first, last in ranges:
            gone |= dict(
                self._db.execute(
                    "SELECT seq, length(body) FROM entry WHERE seq BETWEEN ? AND ? AND journal = ?",
                    (first, last, journal),
                )
            )
        fresh = {seq: size for seq, size in gone.items() if seq not in self._gone}
        self._gone |= fresh
        return list(fresh)

    def mark(self, told: Mark) -> list[int]:
        """Take what the hub tells of its backups; returns rows that it lost and that wait again.

        Raises:
            StoreError: The disk refused; nothing was changed.
        """
        with self._commit(durable=False):
            self._delete_gone()
            lost = self._kept.mark(told)
        self._bytes = self._stored_bytes() if lost else self._bytes
        return lost

    def keeps(self) -> bool:
        """Whether rows are kept until a backup of the hub has them."""
        return self._kept.on

    def kept_bytes(self) -> int:
        """Bytes of rows that the hub has and no backup of it, bodies alone."""
        return self._kept.bytes

    def tidy(self) -> None:
        """Delete covered rows that no new row took along.

        Raises:
            StoreError: The disk refused; nothing was deleted.
        """
        if self._gone:
            with self._commit(durable=False):
                self._delete_gone()

    def pending(self) -> int:
        """How many rows the hub has not covered."""
        (count,) = self._db.execute("SELECT count(*) FROM entry").fetchone()
        return int(count) - len(self._gone)

    def stored_bytes(self) -> int:
        """Bytes of all rows that wait, bodies alone."""
        return self._bytes - sum(self._gone.values())

    def hold_s(self) -> float | None:
        """How long there is room for what comes in if the hub takes nothing; None: not known yet. [s].

        Rows that are only kept for a backup make room.
        """
        disk = os.statvfs(self._path.parent)
        room = disk.f_bavail * disk.f_frsize + self._kept.bytes
        bound = self._max_bytes - self.stored_bytes()
        return self._holding.lasts_s(time.monotonic(), self._taken, bound, room)

    def runs(self) -> list[Run]:
        """Every start of the agent, oldest first; the last one is this."""
        rows = self._db.execute(
            "SELECT journal, started_wall_ns, first_seq, last_seq, samples, modbus, bacnet, opcua, mqtt "
            "FROM run ORDER BY run"
        )
        return [
            Run(journal, started, first, last, samples, dict(zip(PROTOCOLS, counts, strict=True)))
            for journal, started, first, last, samples, *counts in rows
        ]

    def _commit(self, *, durable: bool) -> Commit:
        def after(happened: bool) -> None:  # noqa: FBT001  the one thing it tells
            if not happened:
                self._bytes = self._stored_bytes()
                self._kept.recount()
                return
            self.dirty = not durable
            self._gone = {seq: size for seq, size in self._gone.items() if seq not in self._deleted}
            if durable:
                self._durable_at_s = time.monotonic()

        self._deleted: frozenset[int] = frozenset()
        return Commit(self._db, after, durable=durable)

    def _delete_gone(self) -> None:
        self._deleted = frozenset(self._gone)
        self._kept.take(self._deleted)
        self._db.executemany("DELETE FROM entry WHERE seq = ?", [(seq,) for seq in self._deleted])
        self._bytes -= sum(self._gone[seq] for seq in self._deleted)

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
        self._taken += len(body)
        return Entry(seq, self.journal, kind, body)

    def _count_run(self, seq: int, samples: int, counts: list[int]) -> None:
        self._db.execute(
            "UPDATE run SET first_seq = coalesce(first_seq, ?1), last_seq = ?1, samples = samples + ?2, "
            "modbus = modbus + ?3, bacnet = bacnet + ?4, opcua = opcua + ?5, mqtt = mqtt + ?6 WHERE run = ?7",
            (seq, samples, *counts, self._run),
        )

    def _insert_gap(self, gap: Gap) -> Entry:
        entry = self._insert(Kind.RECEIPT, 0, gap.encode())
        self._count_run(entry.seq, 0, [0] * len(PROTOCOLS))
        return entry

    def _evict(self) -> None:
        """Give up the oldest telemetry when the byte bound asks, and leave a counted record of it."""
        self._kept.make_room(max(self._max_bytes - self._bytes, 0))
        if self._bytes <= self._max_bytes:
            return
        rows = self._db.execute(
            "SELECT seq, journal, samples, length(body) FROM entry WHERE kind = ? ORDER BY seq",
            (int(Kind.TELEMETRY),),
        )
        goal = self._max_bytes * (1 - _EVICT_FRACTION)
        lost: dict[str, list[tuple[int, int]]] = {}
        for seq, journal, samples, size in rows:
            if self._bytes <= goal:
                break
            lost.setdefault(journal, []).append((seq, samples))
            self._bytes -= size
        for journal, given_up in lost.items():
            self._give_up(journal, given_up)

    def _give_up(self, journal: str, lost: Sequence[tuple[int, int]]) -> None:
        first, last = lost[0][0], lost[-1][0]
        from_ns, to_ns = self._times_of(first)[0], self._times_of(last)[1]
        self._db.executemany("DELETE FROM entry WHERE seq = ?", [(seq,) for seq, _ in lost])
        samples = sum(count for _, count in lost)
        gap = Gap(self._edge, journal, first, last, len(lost), samples, from_ns, to_ns, WHY_ROOM)
        self._insert_gap(gap)
        _log.warning(
            "the journal is full: %d rows with %d samples given up, %s to %s",
            gap.rows, gap.samples, iso_utc(from_ns), iso_utc(to_ns),
        )  # fmt: skip

    def _times_of(self, seq: int) -> tuple[int, int]:
        """Wall clock of the first and of the last sample of a row. [ns]."""
        (body,) = self._db.execute("SELECT body FROM entry WHERE seq = ?", (seq,)).fetchone()
        walls = [frame.at.wall_ns for frame in decode_bundle(body).frames] or [0]
        return min(walls), max(walls)
