"""What the points of journalled frames are called: catalogues, kept as long as a row may need them.

A frame names its points by the hash of a catalogue. A device list that is changed while the hub is away would
leave the rows before it without names, at the hub and in an export; so each start writes its catalogues here,
and those of earlier starts stay until the last row of their time has gone. Blocking; in the journal's thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from protocols.frame import Catalogue, decode_catalogue

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS catalogue (name BLOB PRIMARY KEY, body BLOB NOT NULL, last_seq INTEGER) STRICT;
"""
"""`last_seq`: no row above it needs this catalogue; empty while the present start uses it."""

_OLDEST_ROW: Final = (
    "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM entry UNION ALL SELECT min(seq) FROM kept)"
)


def keep_names(db: sqlite3.Connection, last_seq: int, catalogues: Iterable[Catalogue]) -> None:
    """Take over the catalogues of a start, inside a transaction; `last_seq` is the newest row before it."""
    db.execute("UPDATE catalogue SET last_seq = ? WHERE last_seq IS NULL", (last_seq,))
    db.executemany(
        "INSERT INTO catalogue VALUES (?, ?, NULL) ON CONFLICT (name) DO UPDATE SET last_seq = NULL",
        [(catalogue.hash(), catalogue.encode()) for catalogue in catalogues],
    )
    (oldest,) = db.execute(_OLDEST_ROW).fetchone()
    db.execute(
        "DELETE FROM catalogue WHERE last_seq IS NOT NULL AND last_seq < coalesce(?, last_seq + 1)", (oldest,)
    )


def kept_names(db: sqlite3.Connection) -> dict[bytes, Catalogue]:
    """Every catalogue that a row of this journal may need, by its hash."""
    return {
        bytes(name): decode_catalogue(body) for name, body in db.execute("SELECT name, body FROM catalogue")
    }
