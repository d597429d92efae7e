"""A hub's folder from a backup: into an empty place only, whole or not at all, every hash checked.

Where a server keeps the series, their buckets are made again on it, under names that are not there yet.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from hub import database
from hub.backup import archive, sealed_keys
from hub.backup.manifest import FileEntry, Manifest
from hub.backup.snapshot import BUCKETS_FOLDER, DUMP
from hub.registry.documents import sync_folder
from hub.store import schema
from hub.store.engine import PLACE_FILE, place_of, remember
from hub.store.influx.place import InfluxPlace
from protocols.errors import ConfigError, StoreError
from runtime.clock import iso_utc


@dataclass(frozen=True, slots=True)
class Server:
    """The server that is to keep the series of a backup.

    Attributes:
        fields: Fields of `InfluxPlace` that are others now than when the backup was made.
        buckets_stay: The buckets outlived the hub: they are used as they are.
    """

    fields: Mapping[str, object] = field(default_factory=dict)
    buckets_stay: bool = False

    def place(self, folder: Path) -> InfluxPlace:
        """Where the buckets of a hub's folder are or go, by what the folder says and what is others now.

        Raises:
            ConfigError: No address, or a name that can be none.
        """
        noted = place_of(folder).influx
        known = {} if noted is None else noted.model_dump()
        try:
            return InfluxPlace.model_validate({**known, **self.fields})
        except ValidationError as error:
            first = error.errors()[0]
            words = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"--store-{first['loc'][0]}: {words}") from error


_AS_BEFORE: Final = Server()
TOLD_NS: Final = 3_600_000_000_000
"""So much older than its poll the newest sample may be by the clock of its device. [ns]"""

_MIGRATIONS: Final = Path(database.__file__).parent / "migrations" / "versions"


def restore(file: Path, target: Path, server: Server = _AS_BEFORE) -> Manifest:
    """Make a hub's folder; `target` must not be there, or be empty.

    Args:
        file: The backup.
        target: The folder.
        server: Where the buckets go.

    Raises:
        ConfigError: `target` holds something, there is no such file, or it has no buckets for a server.
        StoreError: The backup is damaged or of a later version, or disk or server refused; nothing is left.
    """
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such backup")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(f"{target} is not empty; a backup is restored into an empty folder only")
    parent = target.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    try:
        manifest = archive.read(file, lambda found: _begin(found, parent), _taker(staging))
        _look_at_databases(staging)
        with ExitStack() as undo:
            _bring_back(staging, server, undo)
            if target.exists():
                target.rmdir()
            staging.rename(target)
            sync_folder(parent)
            undo.pop_all()
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror or error}; nothing was restored") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


def _bring_back(staging: Path, server: Server, undo: ExitStack) -> None:
    """Make the buckets of a backup on their server; they are removed again if anything fails after that."""
    if not (staging / PLACE_FILE).exists():
        if server.fields or server.buckets_stay:
            raise ConfigError("this backup keeps its series in files; --store-… options do not belong to it")
        return
    from hub.store.influx.copying import (  # noqa: PLC0415  the client costs 0.2 s
        CopyingServer,
        drop_buckets,
        faults_of,
    )

    influx, copies = server.place(staging), staging / BUCKETS_FOLDER
    for fault in faults_of(copies):
        raise StoreError(f"{fault}; use another backup")
    opened = CopyingServer(influx)
    try:
        if server.buckets_stay:
            opened.check()
            _refuse_older(staging, influx)
        else:
            opened.put(copies)
            undo.callback(drop_buckets, influx)
    finally:
        opened.close()
    shutil.rmtree(copies)
    noted = place_of(staging).influx
    remember(staging, influx if noted is None else influx.model_copy(update={"token_file": noted.token_file}))


def _refuse_older(staging: Path, influx: InfluxPlace) -> None:
    """Buckets that stay must have what the ranges of the backup cover."""
    from hub.store.influx.reader import InfluxReader  # noqa: PLC0415  the client costs 0.2 s
    from hub.store.influx.records import RecordBook  # noqa: PLC0415  as above

    if not (staging / database.FILE).exists():
        return
    url = database.embedded_url(staging)
    with closing(RecordBook(url)) as book, closing(InfluxReader(influx, url)) as reader:
        polled_ns = book.newest_poll_ns()
        newest_ns = max((last.time_ns for last in reader.last().values()), default=0)
    if newest_ns < polled_ns - TOLD_NS:
        raise StoreError(
            f"the buckets end at {iso_utc(newest_ns)}, and this backup covers samples up to "
            f"{iso_utc(polled_ns)}; bring them back from it, without --buckets-stay"
        )


def _begin(manifest: Manifest, parent: Path) -> None:
    if manifest.series_schema > schema.SCHEMA or manifest.business_schema > newest_revision():
        raise StoreError(
            f"this backup has schema {manifest.business_schema} and {manifest.series_schema}, "
            f"this version knows {newest_revision()} and {schema.SCHEMA}; install the later version"
        )
    needed, free = sum(one.size for one in manifest.files), shutil.disk_usage(parent).free
    if needed > free:
        raise StoreError(
            f"{parent} has {free / 1e6:.0f} MB free, {needed / 1e6:.0f} MB are needed; nothing was restored"
        )


def newest_revision() -> str:
    """Highest schema of the business database that this version makes.

    Example:
        >>> newest_revision() >= "0006"
        True
    """
    return max(path.name[1:5] for path in _MIGRATIONS.glob("v[0-9][0-9][0-9][0-9]_*.py"))


def _taker(staging: Path) -> archive.Take:
    def take(entry: FileEntry, chunks: Iterator[bytes]) -> None:
        path = staging / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    return take


def _look_at_databases(folder: Path) -> None:
    for name in (database.FILE, schema.FILE):
        if (folder / name).exists():
            with closing(sqlite3.connect(folder / name)) as opened:
                try:
                    (said,) = opened.execute("PRAGMA quick_check").fetchone()
                except sqlite3.Error as error:
                    said = str(error)
            if said != "ok":
                raise StoreError(f"{name} of this backup is damaged: {said}; use another backup")


def take_keys(folder: Path, passphrase: bytes, keys: Path) -> int:
    """Unseal the keys of a restored folder into `keys`; returns how many.

    Raises:
        ConfigError: There are none, or another passphrase.
        KeyFileError: A key is there already.
    """
    sealed = folder / sealed_keys.NAME
    if not sealed.exists():
        raise ConfigError("there are no keys in this backup")
    return sealed_keys.unseal(sealed.read_bytes(), passphrase, keys)


def next_steps(manifest: Manifest, target: Path) -> list[str]:
    """What a person does now, in words."""
    steps = [f"not in it: {words}" for words in manifest.without]
    if manifest.business == "postgresql":
        steps.append(
            f"the business data: pg_restore --exit-on-error --single-transaction --no-owner "
            f"--dbname=postgresql://user@host/empty {target / DUMP}"
        )
    influx = place_of(target).influx
    if influx is not None:
        token = "EMS_INFLUX_TOKEN" if influx.token_file is None else str(influx.token_file)
        steps.append(
            f"the series are in {influx.bucket} on {influx.url}: put a token into {token} that may read and "
            "write these buckets; one of the buckets before may not"
        )
    steps.append(f"start it: ems hub run --state {target}; the edges send again what came after the backup")
    return steps
