"""Try a backup: restore it into a folder of its own, open what is in it, compare, say how long it took."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgpack

from hub import database
from hub.backup import archive
from hub.backup.manifest import WITH_BUCKETS, FileEntry, Manifest
from hub.backup.restore import TOLD_NS, Server, restore
from hub.backup.snapshot import BUCKETS_FOLDER, DUMP, SEALED, count, sealed_files
from hub.ledger import audit
from hub.store import schema
from hub.store.engine import PLACE_FILE, embedded_place, open_reader, open_store, place_of, remember
from hub.store.influx.records import RecordBook
from protocols.clock import Clock
from protocols.coverage import RangeSet
from protocols.errors import EmsError
from runtime.clock import iso_utc

_AS_BEFORE: Final = Server()

_Look = Callable[[], Iterator[str]]


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


def drill(file: Path, where: Path | None, clock: Clock, server: Server = _AS_BEFORE) -> Drill:
    """Restore a backup below `where` (None: where the system keeps such things) and remove it again.

    Buckets are made under a name of the drill's own, and removed again.

    Args:
        file: The backup.
        where: A folder with room.
        clock: Says how long it took.
        server: Where buckets are tried.

    Raises:
        ConfigError: There is no such file.
        StoreError: It is damaged, of a later version, or its server is away.
    """
    folder = Path(tempfile.mkdtemp(prefix="ems-drill-", dir=where))
    try:
        begun_s, apart = clock.mono_s(), _apart(file, server)
        manifest = restore(file, folder / "hub", apart)
        if manifest.format == WITH_BUCKETS:  # the hub's own token may not know them
            remember(folder / "hub", apart.place(folder / "hub"))
        restored_s = clock.mono_s()
        newest: list[int] = []
        faults = list(_faults(folder / "hub", manifest, clock, newest))
        took_s = (restored_s - begun_s, clock.mono_s() - restored_s)
        return Drill(tuple(faults), *took_s, sum(manifest.counts.values()), max(newest, default=0))
    finally:
        _drop(folder / "hub")
        shutil.rmtree(folder, ignore_errors=True)


def _apart(file: Path, server: Server) -> Server:
    """A bucket of the drill's own, where a backup has buckets; else as it was given."""
    head: list[Manifest] = []

    def begin(found: Manifest) -> None:
        head.append(found)
        raise EnoughReadError("it is known what is in it")

    if file.is_file():
        with suppress(EnoughReadError):
            archive.read(file, begin, lambda _entry, _chunks: None)
    if not head or head[0].format != WITH_BUCKETS:
        return server
    return Server({**server.fields, "bucket": f"drill-{secrets.token_hex(6)}"})


class EnoughReadError(EmsError):
    """Enough of an archive was read."""


def _drop(folder: Path) -> None:
    """Remove the buckets of a drill."""
    if not (folder / PLACE_FILE).exists():
        return
    influx = place_of(folder).influx
    if influx is not None:
        from hub.store.influx.copying import drop_buckets  # noqa: PLC0415  the client costs 0.2 s

        drop_buckets(influx)


def _faults(folder: Path, manifest: Manifest, clock: Clock, newest: list[int]) -> Iterator[str]:
    for entry in _of_disk(manifest):
        if archive.entry_of(folder, folder / entry.path) != entry:
            yield f"{entry.path} is not on the disk as it was read"
    yield from _counts(folder, manifest)
    for name, look in _looks(folder, manifest, clock, newest):
        try:
            yield from look()
        except (EmsError, sqlite3.Error) as error:
            yield f"{name}: {error}"


def _looks(folder: Path, manifest: Manifest, clock: Clock, newest: list[int]) -> list[tuple[str, _Look]]:
    looks: list[tuple[str, _Look]] = []
    if manifest.business == "sqlite":
        looks.append((database.FILE, lambda: _business(folder, manifest.site)))
    elif not (folder / DUMP).exists():
        looks.append((DUMP, lambda: iter(["there is no business data in it"])))
    if manifest.series_schema:
        looks.append((schema.FILE, lambda: _series(folder, manifest, clock, newest)))
    if manifest.format == WITH_BUCKETS:
        looks.append((PLACE_FILE, lambda: _buckets(folder, manifest, newest)))
    return looks


def _of_disk(manifest: Manifest) -> list[FileEntry]:
    """Files that stay as they were read: copies of buckets are on the server by now, under another name."""
    if manifest.format != WITH_BUCKETS:
        return list(manifest.files)
    moved = {PLACE_FILE, BUCKETS_FOLDER}
    return [entry for entry in manifest.files if entry.path.partition("/")[0] not in moved]


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


def _buckets(folder: Path, manifest: Manifest, newest: list[int]) -> Iterator[str]:
    """The buckets answer, and have what the ranges cover last."""
    with closing(open_reader(place_of(folder))) as reader:
        newest += [last.time_ns for last in reader.last().values()]
    if manifest.business != "sqlite":
        return
    book = RecordBook(database.embedded_url(folder))
    try:
        found, polled_ns = book.all_ranges(), book.newest_poll_ns()
    finally:
        book.close()
    for one in manifest.journals:
        known = RangeSet(found.get((one.edge, one.journal), []))
        if any(seq not in known for pair in one.ranges for seq in pair):
            yield f"the committed ranges of {one.edge} are others than when they were read"
    if polled_ns and max(newest, default=0) < polled_ns - TOLD_NS:
        yield f"samples up to {iso_utc(polled_ns)} are covered, and the buckets end before that"


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
