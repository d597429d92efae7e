"""What of the gate outlives a crash: `control.db`, SQLite with synchronous=FULL, one transaction a decision.

Receipts stand in an outbox, committed together with what they tell of, until the journal has them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgpack

from edge_agent.gate.events import (
    Change,
    DropIntent,
    DropLease,
    SaveAnswer,
    SaveCoolDown,
    SavedIntent,
    SavedLease,
    SaveFence,
    SaveIntent,
    SaveLease,
)
from edge_agent.gate.start import Saved
from edge_agent.gate.state import Fence, Intent, Lease
from protocols.command import Level
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
CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, receipt BLOB NOT NULL);
"""


class ControlStore:
    """Usable from one thread at a time; a commit takes a disk flush (some ms)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_sqlite(path)
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(f"cannot use the command store {path}: {error}") from error

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
            "SELECT point, boot, id, issuer, level, value, start_ns, until_ns, verified "
            "FROM lease ORDER BY rowid"
        )
        intents = self._db.execute("SELECT point, boot, id, vals, until_ns FROM intent")
        cool_downs = self._db.execute("SELECT point, boot, until_ns FROM cool_down")
        return Saved(
            fences={issuer: Fence(epoch, seq) for issuer, epoch, seq in fences},
            answers=tuple((ident, decode_receipt(body)) for ident, body in answers),
            leases=tuple(_lease(row) for row in leases),
            intents=tuple(_intent(row) for row in intents),
            cool_downs=tuple(SaveCoolDown(*row) for row in cool_downs),
        )

    def _apply(self, change: Change) -> None:
        sql, row = _statement(change)
        self._db.execute(sql, row)
        if isinstance(change, SaveAnswer) and change.forget is not None:
            self._db.execute("DELETE FROM answer WHERE id = ?", (change.forget,))

    def _send_later(self, receipt: Receipt) -> int:
        cursor = self._db.execute("INSERT INTO outbox (receipt) VALUES (?)", (encode_receipt(receipt),))
        return cursor.lastrowid or 0


def _statement(change: Change) -> tuple[str, tuple[object, ...]]:
    match change:
        case SaveFence(issuer, fence):
            return "INSERT OR REPLACE INTO fence VALUES (?, ?, ?)", (issuer, fence.epoch, fence.seq)
        case SaveAnswer(ident, receipt):
            return "INSERT INTO answer (id, receipt) VALUES (?, ?)", (ident, encode_receipt(receipt))
        case SaveCoolDown(point, boot, until_ns):
            return "INSERT OR REPLACE INTO cool_down VALUES (?, ?, ?)", (point, boot, until_ns)
        case _:
            return _point_statement(change)


def _point_statement(
    change: SaveLease | DropLease | SaveIntent | DropIntent,
) -> tuple[str, tuple[object, ...]]:
    match change:
        case DropLease(_, ident):
            return "DELETE FROM lease WHERE id = ?", (ident,)
        case DropIntent(point):
            return "DELETE FROM intent WHERE point = ?", (point,)
        case SaveIntent(point, boot, intent):
            row = (point, boot, intent.id, msgpack.packb(intent.values), intent.until_ns)
            return "INSERT OR REPLACE INTO intent VALUES (?, ?, ?, ?, ?)", row
        case _:
            return _lease_statement(change)


def _lease_statement(change: SaveLease) -> tuple[str, tuple[object, ...]]:
    lease = change.lease
    row = (
        lease.id, change.point, change.boot, lease.issuer, lease.level.value,
        lease.value, lease.start_ns, lease.until_ns, lease.verified,
    )  # fmt: skip
    return "INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row


def _lease(row: tuple[str, str, bytes, str, str, float, int, int, int]) -> SavedLease:
    point, boot, ident, issuer, level, value, start_ns, until_ns, verified = row
    lease = Lease(ident, issuer, Level(level), value, start_ns, until_ns, bool(verified))
    return SavedLease(point, boot, lease)


def _intent(row: tuple[str, str, bytes, bytes, int]) -> SavedIntent:
    point, boot, ident, packed, until_ns = row
    values = tuple(float(value) for value in msgpack.unpackb(packed))
    return SavedIntent(point, boot, Intent(ident, values, until_ns))
