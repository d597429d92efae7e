"""Rows of the journal: their kinds, their table, and the count of what each start of the agent wrote."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

PROTOCOLS: Final = ("modbus", "bacnet", "opcua", "mqtt")
"""Columns of the table `run`."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, kind INTEGER NOT NULL,
  samples INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS kept (
  seq INTEGER PRIMARY KEY, journal TEXT NOT NULL, kind INTEGER NOT NULL,
  samples INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS run (
  run INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, started_wall_ns INTEGER NOT NULL,
  first_seq INTEGER, last_seq INTEGER, samples INTEGER NOT NULL DEFAULT 0, modbus INTEGER NOT NULL DEFAULT 0,
  bacnet INTEGER NOT NULL DEFAULT 0, opcua INTEGER NOT NULL DEFAULT 0, mqtt INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS receipt ON entry (seq) WHERE kind = 1;
"""
"""Receipts are few among days of telemetry, and are looked for twice a second: by an index of their own."""


class Kind(IntEnum):
    """What a row holds; telemetry alone may be evicted."""

    TELEMETRY = 0
    RECEIPT = 1


WAITING: Final = {
    None: "SELECT seq FROM entry WHERE seq > ? ORDER BY seq LIMIT ?",
    Kind.TELEMETRY: "SELECT seq FROM entry WHERE seq > ? AND kind = 0 ORDER BY seq LIMIT ?",
    Kind.RECEIPT: "SELECT seq FROM entry INDEXED BY receipt WHERE seq > ? AND kind = 1 ORDER BY seq LIMIT ?",
}
"""Numbers above one, at most so many, by kind; the kind is no parameter because an index is chosen by it."""


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
