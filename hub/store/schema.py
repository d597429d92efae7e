"""Tables of `series.db`, and the one place that opens it.

source     one (edge, journal) with its committed ranges, the key against doubles
catalogue  points of one poll group, and the longest stretch of time one row of it covers
commits    one row a group commit; `done_ns` is filled in by the commit after it
frames     the frame journal: the frames of one catalogue in one row of an edge's journal
last       newest values of a catalogue by their time
quarter    15-min means that are final, or were there before the first frame (history)
dirty      quarters whose frames came in and whose means are still to be made
receipt    receipts in order of arrival; dispatch reads them by `rowid`
given_up   gap records of the edges: what they had no room for, and so why samples are missing
configured what edges made of configurations they were sent; the registry reads them by `rowid`
clock_note how the clocks of edges stood, so that wrong stamps are put right also after a restart
rejected   rows nobody can read, kept for a person
heartbeat  the newest one of each edge
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from protocols.errors import StoreError
from runtime.database import open_sqlite

SCHEMA: Final = 2
"""From 2 on, bodies may hold told times (frame schema 2); a file of 1 is read and taken on as it is."""

FILE: Final = "series.db"

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS source (
  id INTEGER PRIMARY KEY, edge TEXT NOT NULL, journal TEXT NOT NULL, ranges BLOB NOT NULL,
  UNIQUE (edge, journal));
CREATE TABLE IF NOT EXISTS catalogue (
  id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, site TEXT NOT NULL, device TEXT NOT NULL,
  body BLOB NOT NULL, span_ns INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS catalogue_device ON catalogue (site, device);
CREATE TABLE IF NOT EXISTS commits (id INTEGER PRIMARY KEY, begun_ns INTEGER NOT NULL, done_ns INTEGER);
CREATE TABLE IF NOT EXISTS frames (
  id INTEGER PRIMARY KEY, source INTEGER NOT NULL, seq INTEGER NOT NULL, catalogue INTEGER NOT NULL,
  first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, commit_id INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS frames_time ON frames (catalogue, last_ns);
CREATE INDEX IF NOT EXISTS frames_seq ON frames (source, seq);
CREATE TABLE IF NOT EXISTS last (catalogue INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS quarter (
  site TEXT NOT NULL, device TEXT NOT NULL, point TEXT NOT NULL, start_ns INTEGER NOT NULL,
  mean REAL, low REAL, high REAL, covered_s REAL NOT NULL,
  PRIMARY KEY (site, device, point, start_ns)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receipt (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS given_up (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS configured (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS clock_note (
  edge TEXT NOT NULL, boot TEXT NOT NULL, mono_ns INTEGER NOT NULL, wall_ns INTEGER NOT NULL,
  PRIMARY KEY (edge, boot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejected (
  rowid INTEGER PRIMARY KEY AUTOINCREMENT, edge TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS heartbeat (
  edge TEXT PRIMARY KEY, received_ns INTEGER NOT NULL, body BLOB NOT NULL);
"""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open or create the database for its one writer.

    Raises:
        StoreError: It cannot be opened, or was written by a later version.
    """
    connection = open_sqlite(path, synchronous="FULL")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > SCHEMA:
        connection.close()
        raise StoreError(
            f"{path} has schema {found}, this version knows {SCHEMA}; install the later version again"
        )
    connection.executescript(_TABLES)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for reading only.

    Raises:
        StoreError: It is not there yet, or has another schema.
    """
    if not path.exists():
        raise StoreError(f"there is no series database at {path} yet; `ems hub run` makes it")
    connection = open_sqlite(path, read_only=True)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in {SCHEMA, SCHEMA - 1}:
        connection.close()
        raise StoreError(f"{path} has schema {found}, this version reads {SCHEMA - 1} and {SCHEMA}")
    return connection
