"""B2: the bus comes back with the disk it had seconds ago; what it had acknowledged since is sent again."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.ingest_rig import ingest_rig

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]

RATE = 3_000
CUTS = 2
FLIPS = 20


async def test_a_bus_that_forgot_its_last_seconds_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """An image of its store is taken at work, and put in place of the store after a kill some seconds later.

    That is what a power cut leaves with the server's default `sync_interval`, or worse: streams, positions of
    consumers and the window of message ids go back together, and not all files to the same moment.
    """
    await asyncio.to_thread(_cut, tmp_path, CUTS, record_property)


@pytest.mark.nightly
@pytest.mark.timeout(5400)
async def test_a_bus_that_forgot_its_last_seconds_two_hundred_times_loses_and_doubles_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(_cut, tmp_path, 200, record_property)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
async def test_bits_that_flip_in_the_store_of_the_bus_cost_and_double_no_sample(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One bit in a block of a stream after each kill: the server drops messages then, mostly in silence."""
    await asyncio.to_thread(_flip, tmp_path, record_property)


def _flip(folder: Path, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(2)  # noqa: S311  repeatable, no secret
    with ingest_rig(folder) as rig:
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE)
        rig.wait_for_row(6, 60)
        for _turn in range(FLIPS):
            rig.end_hub("hub1")  # what the bus took waits there while nobody takes it in
            time.sleep(1.5)
            rig.bus.kill()
            _flip_one(folder / "bus" / "store", chance)
            rig.bus.start()
            rig.start_hub("hub1")
            rig.wait_for_row(rig.rows(), 60)
        balance = rig.settle()
    record_property(
        "figures",
        f"{FLIPS} flipped bits, {balance.lost} of {balance.fed} samples lost, {balance.duplicate} duplicate",
    )
    assert (balance.lost, balance.duplicate) == (0, 0)


def _flip_one(store: Path, chance: random.Random) -> None:
    """In one of the blocks that hold rows."""
    blocks = sorted(path for path in store.rglob("*.blk") if path.stat().st_size)
    path = max(blocks, key=lambda block: (block.stat().st_size, str(block)))
    with path.open("r+b") as block:
        at = chance.randrange(path.stat().st_size)
        block.seek(at)
        (byte,) = block.read(1)
        block.seek(at)
        block.write(bytes((byte ^ 1 << chance.randrange(8),)))


def _cut(folder: Path, cuts: int, record_property: Callable[[str, object], None]) -> None:
    store, image = folder / "bus" / "store", folder / "image"
    gone = 0
    with ingest_rig(folder) as rig:
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE)
        rig.wait_for_row(6, 60)
        for _turn in range(cuts):
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
        f"{cuts} cuts that took back {gone} acknowledged rows, {balance.lost} of {balance.fed} samples lost,"
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
