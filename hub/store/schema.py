"""Tables of `series.db`, and the one place that opens it.

source     one (edge, journal) with its committed ranges, the key against doubles
catalogue  points of one poll group, and the longest stretch of time one row of it covers
commits    one row a group commit; `done_ns` is filled in by the commit after it
frames     the frame journal: the frames of one catalogue in one row of an edge's journal
last       newest values of a catalogue by their time
quarter    15-min means of the time before the first frame (history)
shelf      devices of a site with the same sealed files; samples before `raw_from_ns` are gone
part       sealed files that count; what a file replaces goes in the transaction that adds it
part_source which rows of which journal a sealed file of polls tells of
dead       sealed files that were replaced; removed when no reader can still be at them
todo       hours of a shelf whose rollups are to be made (anew); `touched` counts how often samples came in
remake     points whose rollups of a day are to be made anew, since their rules changed; `asked` is how often
rolled     days of a shelf, with one bit for each hour whose rollups are final, bit 24 for those of the day
receipt    receipts in order of arrival; dispatch reads them by `rowid`
given_up   gap records of the edges: what they had no room for, and so why samples are missing
configured what edges made of configurations they were sent; the registry reads them by `rowid`
clock_note how the clocks of edges stood, so that wrong stamps are put right also after a restart
rejected   rows nobody can read, kept for a person
heartbeat  the newest one of each edge
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hub.store.port import HOLD_S
from protocols.errors import StoreError
from protocols.frame import decode_catalogue
from runtime.database import open_sqlite, transaction

SCHEMA: Final = 4
"""From 2 on, bodies may hold told times (frame schema 2); from 3 on, old frames are sealed into files; from 4
on, rollups of single points can be made anew."""

FILE: Final = "series.db"

HOUR_NS: Final = 3_600_000_000_000
DAY_BIT: Final = 1 << 24
"""Of `rolled.hours`: the rollup of the whole day is final."""
_SHELF_POINTS: Final = 2000
_LONG_HOURS: Final = 48
"""A row that spans more had its clock set in the middle: nothing is between its ends."""

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
CREATE TABLE IF NOT EXISTS shelf (
  id INTEGER PRIMARY KEY, site TEXT NOT NULL, points INTEGER NOT NULL,
  raw_from_ns INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS part (
  id INTEGER PRIMARY KEY AUTOINCREMENT, shelf INTEGER NOT NULL, kind TEXT NOT NULL,
  period_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
  rows INTEGER NOT NULL, bytes INTEGER NOT NULL, file TEXT NOT NULL UNIQUE, made_ns INTEGER NOT NULL,
  damaged INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS part_time ON part (shelf, kind, last_ns);
CREATE TABLE IF NOT EXISTS part_source (
  part INTEGER NOT NULL, source INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  PRIMARY KEY (source, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (file TEXT PRIMARY KEY, since_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS todo (
  shelf INTEGER NOT NULL, hour_ns INTEGER NOT NULL, touched INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (shelf, hour_ns)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS remake (
  shelf INTEGER NOT NULL, day_ns INTEGER NOT NULL, point TEXT NOT NULL, asked INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (shelf, day_ns, point)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rolled (
  shelf INTEGER NOT NULL, day_ns INTEGER NOT NULL, hours INTEGER NOT NULL,
  PRIMARY KEY (shelf, day_ns)) WITHOUT ROWID;
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


def series_folder(path: Path) -> Path:
    """Folder of the sealed files that belong to a database."""
    return path.with_name("series" if path.name == FILE else f"{path.name}.series")


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
    if found < SCHEMA:
        with transaction(connection):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            _take_on(connection)
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
    if found != SCHEMA:
        connection.close()
        raise StoreError(f"{path} has schema {found}, this version reads {SCHEMA}; `ems hub run` takes it on")
    return connection


def shelf_for(connection: sqlite3.Connection, site: str, device: str, count: int) -> int:
    """The shelf of a device: the one it has, else the newest of its site with room for `count` points."""
    row = connection.execute(
        "SELECT shelf FROM catalogue WHERE site = ? AND device = ? AND shelf IS NOT NULL LIMIT 1",
        (site, device),
    ).fetchone()
    if row is None:
        row = connection.execute(
            "SELECT id FROM shelf WHERE site = ? AND points + ? <= ? ORDER BY id DESC LIMIT 1",
            (site, count, _SHELF_POINTS),
        ).fetchone()
    if row is None:
        made = connection.execute("INSERT INTO shelf (site, points) VALUES (?, 0)", (site,))
        row = (made.lastrowid,)
    connection.execute("UPDATE shelf SET points = points + ? WHERE id = ?", (count, row[0]))
    return int(row[0])


def touch(connection: sqlite3.Connection, shelf: int, hours_ns: Iterable[int]) -> None:
    """Samples of these hours came in: their rollups are to be made, and what was made counts no more."""
    for hour_ns in hours_ns:
        connection.execute(
            "INSERT INTO todo VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET touched = touched + 1",
            (shelf, hour_ns),
        )
        hour = hour_ns // HOUR_NS % 24
        mask = 1 << hour | DAY_BIT
        connection.execute(
            "UPDATE rolled SET hours = hours & ~? WHERE shelf = ? AND day_ns = ? AND hours & ?",
            (mask, shelf, hour_ns - hour * HOUR_NS, mask),
        )


def remake(connection: sqlite3.Connection, shelf: int, key: str) -> None:
    """Rollups of a point are to be made anew, on each day that has some and still has its samples."""
    connection.execute(
        "INSERT INTO remake SELECT r.shelf, r.day_ns, ?, 0 FROM rolled AS r JOIN shelf AS s ON s.id = r.shelf"
        " WHERE r.shelf = ? AND r.hours != 0 AND r.day_ns >= s.raw_from_ns"
        " ON CONFLICT DO UPDATE SET asked = asked + 1",
        (key, shelf),
    )


def hours_of(first_ns: int, last_ns: int, margin_ns: int = 0) -> range:
    """Hours whose windows samples between two times have a part in.

    Args:
        first_ns: Time of the first one.
        last_ns: Time of the last one; it may stand for `HOLD_S`.
        margin_ns: How far the rules of the points look.
    """
    low_ns = (first_ns - margin_ns) // HOUR_NS * HOUR_NS
    return range(low_ns, last_ns + int(HOLD_S * 1e9) + margin_ns + 1, HOUR_NS)


def _take_on(connection: sqlite3.Connection) -> None:
    """A file of the version before: its devices get their shelves, its hours are to be rolled up."""
    columns = [row[1] for row in connection.execute("PRAGMA table_info(catalogue)")]
    if "shelf" not in columns:
        connection.execute("ALTER TABLE catalogue ADD COLUMN shelf INTEGER")
    rows = connection.execute("SELECT id, site, device, body FROM catalogue WHERE shelf IS NULL").fetchall()
    for key, site, device, body in rows:
        shelf = shelf_for(connection, site, device, len(decode_catalogue(body).points))
        connection.execute("UPDATE catalogue SET shelf = ? WHERE id = ?", (shelf, key))
    spans = connection.execute(
        "SELECT DISTINCT c.shelf, f.first_ns / ?1, f.last_ns / ?1 FROM frames AS f"
        " JOIN catalogue AS c ON c.id = f.catalogue",
        (HOUR_NS,),
    ).fetchall()
    for shelf, first, last in spans:
        ends = {first, last} if last - first > _LONG_HOURS else range(first, last + 1)
        for hour in ends:
            touch(connection, shelf, hours_of(hour * HOUR_NS, (hour + 1) * HOUR_NS - 1))
