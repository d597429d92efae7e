"""Try a backup: restore it into a folder of its own, open what is in it, compare, say how long it took."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgpack

from hub import database
from hub.backup import archive
from hub.backup.manifest import Manifest
from hub.backup.restore import restore
from hub.backup.snapshot import DUMP, SEALED, count, sealed_files
from hub.ledger import audit
from hub.store import schema
from hub.store.engine import embedded_place, open_reader, open_store
from protocols.clock import Clock
from protocols.errors import EmsError


class Drill(NamedTuple):
    """What a drill found.

    Attributes:
        faults: What is not as it should be, one sentence each; empty: the backup can be used.
        restore_s: How long the restore took. [s]
        check_s: How long the look at it took. [s]
        rows: Rows of all tables.
        newest_ns: Time of the newest sample; 0: there is none.
    """

    faults: tuple[str, ...]
    restore_s: float
    check_s: float
    rows: int
    newest_ns: int


def drill(file: Path, where: Path | None, clock: Clock) -> Drill:
    """Restore a backup below `where` (None: where the system keeps such things) and remove it again.

    Raises:
        ConfigError: There is no such file.
        StoreError: It is damaged, or of a later version.
    """
    folder = Path(tempfile.mkdtemp(prefix="ems-drill-", dir=where))
    try:
        begun_s = clock.mono_s()
        manifest = restore(file, folder / "hub")
        restored_s = clock.mono_s()
        newest: list[int] = []
        faults = list(_faults(folder / "hub", manifest, clock, newest))
        took_s = (restored_s - begun_s, clock.mono_s() - restored_s)
        return Drill(tuple(faults), *took_s, sum(manifest.counts.values()), max(newest, default=0))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _faults(folder: Path, manifest: Manifest, clock: Clock, newest: list[int]) -> Iterator[str]:
    for entry in manifest.files:
        if archive.entry_of(folder, folder / entry.path) != entry:
            yield f"{entry.path} is not on the disk as it was read"
    yield from _counts(folder, manifest)
    looks: list[tuple[str, Callable[[], Iterator[str]]]] = []
    if manifest.business == "sqlite":
        looks.append((database.FILE, lambda: _business(folder, manifest.site)))
    elif not (folder / DUMP).exists():
        yield "there is no business data in it"
    if manifest.series_schema:
        looks.append((schema.FILE, lambda: _series(folder, manifest, clock, newest)))
    for name, look in looks:
        try:
            yield from look()
        except (EmsError, sqlite3.Error) as error:
            yield f"{name}: {error}"


def _counts(folder: Path, manifest: Manifest) -> Iterator[str]:
    for name in (database.FILE, schema.FILE):
        if (folder / name).exists():
            said = {table: rows for table, rows in manifest.counts.items() if table.startswith(f"{name}.")}
            if count(folder / name) != said:
                yield f"{name} has other numbers of rows than when it was copied"


def _business(folder: Path, site: str) -> Iterator[str]:
    url = database.embedded_url(folder)
    database.upgrade(url)  # as the next start would

    async def look() -> int | None:
        engine = database.create_engine(url)
        try:
            return await audit.broken_at(database.sessions_of(engine), site)
        finally:
            await engine.dispose()

    broken = asyncio.run(look())
    if broken is not None:
        yield f"the audit chain of {site} is broken at entry {broken}"


def _series(folder: Path, manifest: Manifest, clock: Clock, newest: list[int]) -> Iterator[str]:
    for name in sealed_files(folder / schema.FILE):
        if not (folder / SEALED / name).is_file():
            yield f"the sealed file {name} is missing"
    with closing(sqlite3.connect(folder / schema.FILE)) as opened:
        rows = opened.execute("SELECT edge, journal, ranges FROM source").fetchall()
    found = {
        (edge, journal): [tuple(pair) for pair in msgpack.unpackb(ranges)] for edge, journal, ranges in rows
    }
    if found != {(one.edge, one.journal): list(one.ranges) for one in manifest.journals}:
        yield "the committed ranges are others than when it was copied"
    open_store(embedded_place(folder), clock).close()  # as the next start would
    reader = open_reader(embedded_place(folder))
    try:
        newest += [last.time_ns for last in reader.last().values()]
    finally:
        reader.close()
