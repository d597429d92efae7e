"""A moment of a running hub, as files: the databases copied by SQLite itself, sealed files linked or copied.

The business database comes first: what it has read of the series is then surely in the copy of the series.
Where a server keeps the series, the ranges come before all else: what they cover is in all that follows.
A sealed file that was replaced between the two looks is found missing, and the series are copied once more.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgpack
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from hub import database
from hub.backup.manifest import JournalRanges
from hub.store import schema
from hub.store.engine import PLACE_FILE, StorePlace, place_of
from hub.store.influx.place import InfluxPlace
from hub.store.influx.records import RecordBook
from protocols.errors import StoreError

DUMP: Final = "business.dump"
BUCKETS_FOLDER: Final = "influx"
"""Folder of copies of a server's buckets."""

SEALED: Final = "series"
"""Folder of the sealed files beside `series.db`."""

_TRIES: Final = 3
_DUMP_S: Final = 3600.0


@dataclass(slots=True)
class Snapshot:
    """What was copied.

    Attributes:
        folder: Where the copies are.
        business: As in the manifest.
        business_schema: Revision of the business database.
        series_schema: Schema of the series database; 0: a server keeps the series.
        journals: What is in it of each edge's journal.
        counts: Rows by table.
        without: What is not in it, in words.
    """

    folder: Path
    business: str = "sqlite"
    business_schema: str = ""
    series_schema: int = 0
    journals: list[JournalRanges] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)


def take(state: Path, folder: Path, token_file: Path | None = None) -> Snapshot:
    """Copy the databases of a hub's folder, which may be running.

    Args:
        state: The hub's own folder.
        folder: Where the copies go.
        token_file: Token of an operator of the server that keeps the series; None: the hub's own token.

    Raises:
        ConfigError: The note where the series are cannot be read.
        StoreError: A database cannot be read, or the disk is full.
    """
    found = Snapshot(folder)
    place = place_of(state)
    try:
        if place.influx is not None:
            _journals(place, found)
        _business(state, found)
        if place.influx is not None:
            _buckets(state, place.influx, token_file, found)
        elif (state / schema.FILE).exists():
            _series(state, found)
        else:
            found.without.append("the series: there are none yet")
    except sqlite3.Error as error:
        raise StoreError(f"the databases in {state} cannot be copied: {error}; nothing was made") from error
    return found


def _journals(place: StorePlace, found: Snapshot) -> None:
    book = RecordBook(place.business_url)
    try:
        ranges = book.all_ranges()
    finally:
        book.close()
    found.journals = [
        JournalRanges(edge=edge, journal=journal, ranges=tuple(some))
        for (edge, journal), some in ranges.items()
    ]


def _buckets(state: Path, influx: InfluxPlace, token_file: Path | None, found: Snapshot) -> None:
    from hub.store.influx.copying import CopyingServer  # noqa: PLC0415  the client costs 0.2 s

    server = CopyingServer(influx if token_file is None else influx.with_token(token_file))
    try:
        server.take(found.folder / BUCKETS_FOLDER)
    finally:
        server.close()
    shutil.copyfile(state / PLACE_FILE, found.folder / PLACE_FILE)


def _business(state: Path, found: Snapshot) -> None:
    url = database.url_of(state)
    if url.startswith("sqlite"):
        copy = found.folder / database.FILE
        _copy(state / database.FILE, copy)
        with closing(sqlite3.connect(copy)) as opened:
            (found.business_schema,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
        found.business = "sqlite"
        found.counts |= count(copy)
        return
    dump(url, found.folder / DUMP)
    found.business, found.business_schema = "postgresql", _revision_of(url)


def _revision_of(url: str) -> str:
    engine = database.create_sync_engine(url, writing=False)
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    except SQLAlchemyError as error:
        raise StoreError(f"the business database cannot be read: {error}; nothing was made") from error
    finally:
        engine.dispose()


def _series(state: Path, found: Snapshot) -> None:
    copy = found.folder / schema.FILE
    for _ in range(_TRIES):
        _copy(state / schema.FILE, copy)
        if all(_take_file(state / SEALED, found.folder / SEALED, name) for name in sealed_files(copy)):
            break
    else:
        raise StoreError("sealed files of the series went away while they were copied; try again")
    with closing(sqlite3.connect(copy)) as opened:
        (found.series_schema,) = opened.execute("PRAGMA user_version").fetchone()
        rows = opened.execute("SELECT edge, journal, ranges FROM source ORDER BY edge, journal").fetchall()
    found.journals = [JournalRanges(edge=e, journal=j, ranges=msgpack.unpackb(r)) for e, j, r in rows]
    found.counts |= count(copy)


def _copy(source: Path, target: Path) -> None:
    """Copy a database in one read transaction: whoever writes goes on meanwhile."""
    target.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=10.0)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, with nothing beside it


def sealed_files(series: Path) -> list[str]:
    """Names of the sealed files that a series database counts on, damaged ones left out."""
    with closing(sqlite3.connect(f"file:{series}?mode=ro", uri=True)) as opened:
        tables = {name for (name,) in opened.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if "part" not in tables:
            return []
        return [name for (name,) in opened.execute("SELECT file FROM part WHERE damaged = 0 ORDER BY file")]


def _take_file(source: Path, target: Path, name: str) -> bool:
    """Link or copy a sealed file; False when it is gone."""
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    if (target / name).exists():
        return True
    try:
        os.link(source / name, target / name)  # sealed files never change
    except FileNotFoundError:
        return False
    except OSError:
        try:
            shutil.copyfile(source / name, target / name)
        except FileNotFoundError:
            return False
    return True


def count(file: Path) -> dict[str, int]:
    """Rows of every table, by `file.table`."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
        return {f"{file.name}.{name}": rows for name, rows in _counted(opened)}


def _counted(opened: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for (name,) in opened.execute(query).fetchall():
        (rows,) = opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608  a name of the file itself
        yield name, rows


def dump(url: str, target: Path) -> None:
    """Dump a PostgreSQL database with its own tool; the password comes from the file PGPASSFILE names.

    Raises:
        StoreError: The tool is not there, or it failed.
    """
    tool = shutil.which("pg_dump")
    if tool is None:
        raise StoreError(
            "the business data is in PostgreSQL and there is no pg_dump here; install its client"
        )
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    command = [
        tool,
        "--format=custom",
        "--no-owner",
        "--no-password",
        f"--file={target}",
        f"--dbname={address}",
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_DUMP_S, check=False, text=True)  # noqa: S603  our own words
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"pg_dump did not end within {_DUMP_S:.0f} s; nothing was made") from error
    if done.returncode:
        raise StoreError(f"pg_dump failed: {done.stderr.strip().splitlines()[-1:]}; nothing was made")
