"""A hub's folder from a backup: into an empty place only, whole or not at all, every hash checked."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from hub import database
from hub.backup import archive, sealed_keys
from hub.backup.manifest import FileEntry, Manifest
from hub.backup.snapshot import DUMP
from hub.registry.documents import sync_folder
from hub.store import schema
from protocols.errors import ConfigError, StoreError

_MIGRATIONS: Final = Path(database.__file__).parent / "migrations" / "versions"


def restore(file: Path, target: Path) -> Manifest:
    """Make a hub's folder; `target` must not be there, or be empty.

    Raises:
        ConfigError: `target` holds something, or there is no such file.
        StoreError: The backup is damaged, of a later version, or the disk refused; nothing is left.
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
        if target.exists():
            target.rmdir()
        staging.rename(target)
        sync_folder(parent)
    except OSError as error:
        raise StoreError(f"{target}: {error.strerror or error}; nothing was restored") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return manifest


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
    steps.append(f"start it: ems hub run --state {target}; the edges send again what came after the backup")
    return steps
