"""The edge's audit chain: one entry before each write, each with the hash of the one before it.

hash = SHA-256(hash of the entry before || body); the oldest entries leave, and the chain then begins with the
hash of the last that left. Anybody who changes one bit breaks the chain from there on.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final, NamedTuple

import msgpack

from edge_agent.gate.events import SaveEntry

AUDIT_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS audit (
  n INTEGER PRIMARY KEY AUTOINCREMENT, before BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL);
"""
MOST_ENTRIES: Final = 100_000
"""About 20 MB; a plant of 100 points that changes each quarter of an hour fills it in ten days."""

_FIRST: Final = bytes(32)


class Entry(NamedTuple):
    """One write that was asked for; `value` None empties a priority slot."""

    point: str
    value: float | None
    why: str
    id: bytes
    boot: str
    at_ns: int


def append(db: sqlite3.Connection, change: SaveEntry, most: int = MOST_ENTRIES) -> None:
    """Add an entry in the transaction of the decision that asks for the write."""
    last = db.execute("SELECT hash FROM audit ORDER BY n DESC LIMIT 1").fetchone()
    before = last[0] if last is not None else _FIRST
    body = msgpack.packb([change.point, change.value, change.why, change.id, change.boot, change.at_ns])
    cursor = db.execute(
        "INSERT INTO audit (before, body, hash) VALUES (?, ?, ?)", (before, body, _hash(before, body))
    )
    db.execute("DELETE FROM audit WHERE n <= ?", ((cursor.lastrowid or 0) - most,))


def entries(db: sqlite3.Connection) -> list[Entry]:
    """All entries kept, oldest first."""
    return [Entry(*msgpack.unpackb(body)) for (body,) in db.execute("SELECT body FROM audit ORDER BY n")]


def broken_at(db: sqlite3.Connection) -> int | None:
    """Number of the first entry that does not follow from the one before it; None: the chain verifies."""
    known: bytes | None = None
    for number, before, body, own in db.execute("SELECT n, before, body, hash FROM audit ORDER BY n"):
        if (known is not None and before != known) or own != _hash(before, body):
            return int(number)
        known = own
    return None


def _hash(before: bytes, body: bytes) -> bytes:
    return hashlib.sha256(before + body).digest()
