"""What of the gate outlives a crash: `control.db`, SQLite with synchronous=FULL.

One transaction for what was judged together. Receipts stand in an outbox, committed together with
what they tell of, until the journal has them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_agent.gate.audit import AUDIT_SCHEMA, append
from edge_agent.gate.events import (
    Change,
    DropIntent,
    DropLatch,
    DropLease,
    DropSelection,
    SaveAnswer,
    SaveCoolDown,
    SavedIntent,
    SavedLease,
    SaveEntry,
    SaveFence,
    SaveIntent,
    SaveLatch,
    SaveLease,
    SaveSelection,
    SaveWear,
)
from edge_agent.gate.saved import (
    intent_row,
    latch_row,
    lease_row,
    read_intent,
    read_latch,
    read_lease,
    read_wear,
    wear_row,
)
from edge_agent.gate.start import Saved
from edge_agent.gate.state import Fence
from protocols.errors import StoreError
from protocols.receipt import Receipt, decode_receipt, encode_receipt
from runtime.database import open_sqlite, transaction

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS fence (issuer TEXT PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS answer (
  n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, receipt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS lease (
  id BLOB PRIMARY KEY, point TEXT NOT NULL, boot TEXT NOT NULL, issuer TEXT NOT NULL, level TEXT NOT NULL,
  value REAL NOT NULL, start_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, verified INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS intent (
  point TEXT PRIMARY KEY, boot TEXT NOT NULL,
  id BLOB NOT NULL, vals BLOB NOT NULL, until_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cool_down (point TEXT PRIMARY KEY, boot TEXT NOT NULL, until_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS wear (point TEXT PRIMARY KEY, boot TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS latch (
  kind TEXT NOT NULL, scope TEXT NOT NULL, boot TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, scope));
CREATE TABLE IF NOT EXISTS selection (id BLOB PRIMARY KEY, point TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, receipt BLOB NOT NULL);
"""

_LATER_COLUMNS: Final = (("lease", "more BLOB"), ("intent", "before REAL"))
"""Columns that a file of an older version does not have."""


class ControlStore:
    """Usable from one thread at a time; a commit takes a disk flush (some ms)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_sqlite(path)
        try:
            self._db.executescript(_SCHEMA + AUDIT_SCHEMA)
            self._widen()
        except sqlite3.Error as error:
            raise StoreError(f"cannot use the command store {path}: {error}") from error

    def _widen(self) -> None:
        for table, column in _LATER_COLUMNS:
            known = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            if column.split()[0] not in known:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    def commit(self, changes: Sequence[Change], receipts: Sequence[Receipt], sent: int = 0) -> list[int]:
        """Make the changes and receipts of one decision durable, all or none.

        Args:
            changes: In the order of the decision.
            receipts: Go into the outbox.
            sent: Outbox numbers up to this one are in the journal and are forgotten.

        Returns:
            Outbox numbers of the receipts.

        Raises:
            StoreError: Nothing was kept; nothing of the decision may be carried out.
        """
        try:
            with transaction(self._db):
                self._db.execute("DELETE FROM outbox WHERE n <= ?", (sent,))
                for change in changes:
                    self._apply(change)
                return [self._send_later(receipt) for receipt in receipts]
        except sqlite3.Error as error:
            raise StoreError(f"the command store {self._path} takes nothing: {error}") from error

    def outbox(self) -> list[tuple[int, bytes]]:
        """Receipts that may not be in the journal yet, oldest first."""
        return self._db.execute("SELECT n, receipt FROM outbox ORDER BY n").fetchall()

    def load(self) -> Saved:
        """All that was kept.

        Raises:
            StoreError: The file does not hold what it should.
        """
        try:
            return self._load()
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"the command store {self._path} cannot be read: {error}") from error

    def _load(self) -> Saved:
        fences = self._db.execute("SELECT issuer, epoch, seq FROM fence")
        answers = self._db.execute("SELECT id, receipt FROM answer ORDER BY n")
        leases = self._db.execute(
            "SELECT point, boot, id, issuer, level, value, start_ns, until_ns, verified, more "
            "FROM lease ORDER BY rowid"
        )
        intents = self._db.execute("SELECT point, boot, id, vals, until_ns, before FROM intent")
        cool_downs = self._db.execute("SELECT point, boot, until_ns FROM cool_down")
        return Saved(
            fences={issuer: Fence(epoch, seq) for issuer, epoch, seq in fences},
            answers=tuple((ident, decode_receipt(body)) for ident, body in answers),
            leases=tuple(SavedLease(row[0], row[1], read_lease(row[2:])) for row in leases),
            intents=tuple(SavedIntent(row[0], row[1], read_intent(row[2:])) for row in intents),
            cool_downs=tuple(SaveCoolDown(*row) for row in cool_downs),
            wears=tuple(
                SaveWear(point, boot, read_wear(body))
                for point, boot, body in self._db.execute("SELECT point, boot, body FROM wear")
            ),
            latches=tuple(
                SaveLatch(boot, read_latch(kind, scope, body))
                for kind, scope, boot, body in self._db.execute("SELECT kind, scope, boot, body FROM latch")
            ),
            selections=tuple(
                SaveSelection(point, ident)
                for point, ident in self._db.execute("SELECT point, id FROM selection ORDER BY rowid")
            ),
        )

    def _apply(self, change: Change) -> None:
        if isinstance(change, SaveEntry):
            append(self._db, change)
            return
        sql, row = _statement(change)
        self._db.execute(sql, row)
        if isinstance(change, SaveAnswer) and change.forget is not None:
            self._db.execute("DELETE FROM answer WHERE id = ?", (change.forget,))

    def _send_later(self, receipt: Receipt) -> int:
        cursor = self._db.execute("INSERT INTO outbox (receipt) VALUES (?)", (encode_receipt(receipt),))
        return cursor.lastrowid or 0


_Statement = tuple[str, tuple[object, ...]]


def _statement(change: Change) -> _Statement:
    match change:
        case SaveAnswer(ident, receipt):
            return "INSERT INTO answer (id, receipt) VALUES (?, ?)", (ident, encode_receipt(receipt))
        case DropLease() | DropSelection() | DropIntent() | DropLatch():
            return _deletion(change)
        case _:
            table, row = _row(change)
            marks = ", ".join("?" * len(row))
            return f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row  # noqa: S608  names of our own


def _deletion(change: DropLease | DropSelection | DropIntent | DropLatch) -> _Statement:
    match change:
        case DropLease(_, ident):
            return "DELETE FROM lease WHERE id = ?", (ident,)
        case DropSelection(ident):
            return "DELETE FROM selection WHERE id = ?", (ident,)
        case DropIntent(point):
            return "DELETE FROM intent WHERE point = ?", (point,)
        case DropLatch(kind, scope):
            return "DELETE FROM latch WHERE kind = ? AND scope = ?", (kind.value, scope)


def _row(change: Change) -> tuple[str, tuple[object, ...]]:
    match change:
        case SaveLease(point, boot, lease):
            return "lease", lease_row(point, boot, lease)
        case SaveIntent(point, boot, intent):
            return "intent", intent_row(point, boot, intent)
        case SaveWear(point, boot, wear):
            return "wear", (point, boot, wear_row(wear))
        case _:
            return _small_row(change)


def _small_row(change: Change) -> tuple[str, tuple[object, ...]]:
    match change:
        case SaveFence(issuer, fence):
            return "fence", (issuer, fence.epoch, fence.seq)
        case SaveCoolDown(point, boot, until_ns):
            return "cool_down", (point, boot, until_ns)
        case SaveLatch(boot, latch):
            return "latch", (latch.kind.value, latch.scope, boot, latch_row(latch))
        case SaveSelection(point, ident):
            return "selection", (ident, point)
    raise StoreError(f"the command store has no place for {type(change).__name__}")
