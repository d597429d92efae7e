"""Make a backup of a hub that runs: copy a moment, pack it, and tell the edges how far it reaches."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hub.backup import archive, sealed_keys, snapshot
from hub.backup.manifest import FORMAT, WITH_BUCKETS, Manifest
from hub.backup.marks import set_marks
from hub.database import create_engine, known_url, sessions_of
from hub.moving.note import note_of
from hub.store.engine import PLACE_FILE
from protocols.clock import Clock
from protocols.errors import ConfigError, StoreError

SUFFIX: Final = ".tar.zst"
_NS: Final = 1_000_000_000
_SPARE: Final = 1.1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be backed up.

    Attributes:
        state: The hub's own folder.
        site: Its site.
        target: File to write, or a folder that gets a file named after site and time.
        keys: Folder of keys that go along, sealed; None: without keys.
        passphrase: Seals them.
        token_file: Token of an operator of the server that keeps the series; None: the hub's own.
    """

    state: Path
    site: str
    target: Path
    keys: Path | None = None
    passphrase: bytes = b""
    token_file: Path | None = None


def make(wanted: Wanted, clock: Clock, say: Callable[[str], None]) -> Path:
    """Make a backup; returns its file. The hub may run meanwhile.

    Raises:
        ConfigError: There is no hub, or the file is there already.
        StoreError: A database cannot be read, or the disk refused; nothing is left.
    """
    url = known_url(wanted.state)
    made_ns = clock.now().wall_ns
    target = _target(wanted, made_ns)
    staging = _staging(wanted, target)
    try:
        found = snapshot.take(wanted.state, staging, wanted.token_file)
        _keys(wanted, found)
        _past(wanted.state, found)
        entries = [archive.entry_of(staging, path) for path in sorted(staging.rglob("*")) if path.is_file()]
        manifest = Manifest(
            format=_format(staging), site=wanted.site, made_ns=made_ns, business=found.business,
            business_schema=found.business_schema, series_schema=found.series_schema, files=tuple(entries),
            journals=tuple(found.journals), counts=found.counts, without=tuple(found.without),
        )  # fmt: skip
        archive.write(target, staging, manifest)
    except OSError as error:
        raise StoreError(f"{staging.parent}: {error.strerror or error}; nothing was made") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    asyncio.run(_mark(url, wanted.site, manifest))
    for words in manifest.without:
        say(f"  not in it: {words}")
    size, packed = sum(one.size for one in manifest.files), target.stat().st_size
    say(f"{target}: {len(manifest.files)} files, {size / 1e6:.1f} MB, packed {packed / 1e6:.1f} MB")
    return target


def _format(staging: Path) -> int:
    return WITH_BUCKETS if (staging / PLACE_FILE).exists() else FORMAT


def _target(wanted: Wanted, made_ns: int) -> Path:
    target = wanted.target
    if target.is_dir():
        stamp = datetime.fromtimestamp(made_ns // _NS, UTC).strftime("%Y%m%dT%H%M%SZ")
        target /= f"ems-{wanted.site}-{stamp}{SUFFIX}"
    if not target.name.endswith(SUFFIX):
        raise ConfigError(f"{target}: give a folder that is there, or a file that ends in {SUFFIX}")
    if target.exists():
        raise ConfigError(f"{target} is there already; a backup overwrites nothing")
    if not target.parent.is_dir():
        raise ConfigError(f"{target.parent} is no folder; make it first")
    return target


def _staging(wanted: Wanted, target: Path) -> Path:
    """A folder beside the target, once there is surely room for copies of the databases and for the file."""
    needed = round(2 * _SPARE * sum(file.stat().st_size for file in wanted.state.glob("*.db*")))
    free = shutil.disk_usage(target.parent).free
    if free < needed:
        raise StoreError(
            f"{target.parent} has {free / 1e6:.0f} MB free and about {needed / 1e6:.0f} MB are needed; "
            "make room or give another place; nothing was made"
        )
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))


def _keys(wanted: Wanted, found: snapshot.Snapshot) -> None:
    if wanted.keys is None:
        found.without.append("keys: keep them apart, or give --keys and --passphrase-file")
        return
    sealed = sealed_keys.seal(wanted.keys, wanted.passphrase)
    (found.folder / sealed_keys.NAME).write_bytes(sealed)


def _past(state: Path, found: snapshot.Snapshot) -> None:
    """Say so where samples are still on their way from the embedded store to a server."""
    move = note_of(state)
    if move is not None and not move.compared:
        found.without.append(
            "the past that `ems hub store move` has not brought to the server yet: keep series.db and "
            "series/ of the state folder, and back up again when it is done"
        )


async def _mark(url: str, site: str, manifest: Manifest) -> None:
    engine = create_engine(url)
    try:
        await set_marks(sessions_of(engine), site, manifest.journals, manifest.made_ns)
    finally:
        await engine.dispose()
