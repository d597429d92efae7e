"""B2: the bus comes back with the disk it had seconds ago; what it had acknowledged since is sent again."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.ingest_rig import ingest_rig

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]

RATE = 3_000
CUTS = 2


async def test_a_bus_that_forgot_its_last_seconds_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """An image of its store is taken at work, and put in place of the store after a kill some seconds later.

    That is what a power cut leaves with the server's default `sync_interval`, or worse: streams, positions of
    consumers and the window of message ids go back together, and not all files to the same moment.
    """
    await asyncio.to_thread(_cut, tmp_path, record_property)


def _cut(folder: Path, record_property: Callable[[str, object], None]) -> None:
    store, image = folder / "bus" / "store", folder / "image"
    gone = 0
    with ingest_rig(folder) as rig:
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE)
        rig.wait_for_row(6, 60)
        for _turn in range(CUTS):
            shutil.rmtree(image, ignore_errors=True)
            _copy(store, image)
            before = rig.rows()
            time.sleep(4)
            rig.bus.kill()
            gone += rig.rows() - before
            shutil.rmtree(store)
            image.rename(store)
            rig.bus.start()
            rig.wait_for_row(rig.rows(), 60)
        balance = rig.settle()
    record_property(
        "figures",
        f"{CUTS} cuts that took back {gone} acknowledged rows, {balance.lost} of {balance.fed} samples lost,"
        f" {balance.duplicate} duplicate",
    )
    assert gone > 0
    assert (balance.lost, balance.duplicate) == (0, 0)


def _copy(store: Path, image: Path) -> None:
    """As a disk image: file after file, while the server writes and removes some."""
    for path in sorted(store.rglob("*")):
        if path.is_file():
            target = image / path.relative_to(store)
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path, target)
