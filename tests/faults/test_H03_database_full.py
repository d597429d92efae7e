"""Fault row H3: the database of the series is full or read-only: as H2, nothing lost, nothing ends."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hub.store.engine import StorePlace, open_store
from hub.store.port import SeriesStore, Span
from protocols.errors import StoreError
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.influx_server import InfluxServerProcess
from tests.influx import new_place
from tests.needs import missing
from tests.unit.hub.store_stories import METER, MS, POWER, START_NS, frame, row

pytestmark = pytest.mark.net
EVERYTHING = Span("edge1", "j1", 0, 10**9)
SIZE_BYTES = 24_000_000
SERVER_BYTES = 160_000_000
"""The server takes 32 MB of it for its first series."""


@contextmanager
def small_disk(folder: Path, size_bytes: int = SIZE_BYTES) -> Iterator[Path]:
    """A file system with little room, which only root may mount."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        missing("root", "a small file system can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "fill").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def append(store: SeriesStore, first: int, last: int) -> None:
    for seq in range(first, last + 1):
        store.append(
            [row(seq, *(frame(START_NS + (seq * 50 + n) * MS, n + 0.1, seq + 0.7) for n in range(50)))]
        )


def until_refused(store: SeriesStore) -> int:
    """Append until the disk is full; gives the last row that was taken."""
    seq = 1
    with pytest.raises(StoreError):
        while seq < 3000:
            seq += 1
            append(store, seq, seq)
    return seq - 1


def goes_on(store: SeriesStore, kept: int) -> None:
    """The same rows again and two more: everything is there once."""
    append(store, kept, kept + 2)
    assert store.ranges("edge1", "j1") == [(1, kept + 2)]
    counts = store.counts(EVERYTHING)
    assert (counts.stored, counts.duplicates) == ((kept + 2) * 100, 0)


def test_a_full_server_takes_nothing_answers_on_and_goes_on_with_room_and_a_new_start(
    influx: InfluxServerProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with small_disk(tmp_path / "disk", SERVER_BYTES) as disk:
        server = InfluxServerProcess(influx.executable, disk / "server", free_port(), "token-of-tests")
        server.start()
        try:
            place = new_place(server, tmp_path)
            store = open_store(place, SystemClock())
            store.add_catalogue(METER)
            append(store, 1, 1)
            fill(disk)
            kept = until_refused(store)
            assert store.ranges("edge1", "j1") == [(1, kept)]
            assert store.raw(POWER, START_NS + 50 * MS, START_NS + 52 * MS).values.tolist() == [0.1, 1.1]
            (disk / "fill").unlink()
            server.stop()  # a shard that could not be opened stays shut until the server starts anew
            server.start()
            goes_on(store, kept)
            record_property("figure", f"full after {kept} rows; 0 lost, 0 doubled")
            store.close()
        finally:
            server.stop()


def test_a_full_embedded_store_takes_nothing_answers_on_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        store = open_store(StorePlace(disk / "series.db"), SystemClock())
        store.add_catalogue(METER)
        append(store, 1, 1)
        fill(disk)
        kept = until_refused(store)
        assert store.raw(POWER, START_NS + 50 * MS, START_NS + 52 * MS).values.tolist() == [0.1, 1.1]
        (disk / "fill").unlink()
        goes_on(store, kept)
        store.close()


def test_a_business_database_that_may_not_be_written_covers_nothing_and_doubles_nothing(
    influx: InfluxServerProcess, tmp_path: Path
) -> None:
    place = new_place(influx, tmp_path)
    store = open_store(place, SystemClock())
    store.add_catalogue(METER)
    append(store, 1, 3)
    with sqlite3.connect(tmp_path / "business.db") as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE UPDATE ON series_source BEGIN SELECT RAISE(ABORT, 'read-only'); END"
        )
    connection.close()
    with pytest.raises(StoreError, match="business database"):
        append(store, 4, 4)
    assert store.ranges("edge1", "j1") == [(1, 3)]
    with sqlite3.connect(tmp_path / "business.db") as connection:
        connection.execute("DROP TRIGGER refuse")
    connection.close()
    goes_on(store, 3)
    store.close()
