"""E1: a power cut in mid-write leaves a journal that opens clean, with every receipt and no torn row."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import pytest

from edge_agent import journal_store
from edge_agent.journal_rows import Entry, Kind
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Frame, decode_bundle
from tests.faults.power_cut import Disk, the_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]
CUTS = 200
BOOTS = ("boot000000000001", "boot000000000002")


@pytest.fixture
def disk() -> Disk:
    made = the_disk()
    made.ops.clear()
    made.refuse = None
    return made


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: 200 cuts are 200 databases."""
    where = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=where if where.is_dir() else tmp_path) as folder:
        yield Path(folder)


def opened(folder: Path, boot: str, vfs: str = "") -> JournalStore:
    store = JournalStore(folder / f"j.db{vfs}", "edge1", boot, 1, 10**9)
    store._db.execute("PRAGMA wal_autocheckpoint = 40")  # so that cuts fall into checkpoints too
    return store


def telemetry(store: JournalStore, chance: Random) -> Entry:
    count = chance.randint(1, 400)
    values = np.random.default_rng(chance.randint(0, 10**6)).normal(size=count)
    frame = Frame(b"12345678", Instant(BOOTS[0], 1, 2), values, np.zeros(count, np.uint8))
    return store.add_telemetry([frame], 1, {"modbus": count})


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311  a seed makes a cut repeatable


@dataclass
class Promise:
    """What had been promised when so many operations had been done."""

    ops: int
    kept: dict[int, bytes] = field(default_factory=dict)


def write_some(
    store: JournalStore, disk: Disk, steps: int, chance: Random
) -> tuple[list[Promise], dict[int, bytes]]:
    """Random work; promises are taken where the journal says that all is durable."""
    promises, rows = [Promise(len(disk.ops))], {}
    held: dict[int, bytes] = {}
    for _ in range(steps):
        what = chance.random()
        if what < 0.6:
            entry = telemetry(store, chance)
            rows[entry.seq] = held[entry.seq] = entry.body
        elif what < 0.8:
            for entry in store.add_receipts([chance.randbytes(chance.randint(1, 200))]):
                rows[entry.seq] = held[entry.seq] = entry.body
        else:
            for seq in store.cover(store.journal, [(1, chance.choice([*held, 1]))]):
                held.pop(seq)
        if not store.dirty:
            promises.append(Promise(len(disk.ops), dict(held)))
    promises.append(Promise(len(disk.ops) + 1, dict(held)))  # no cut is as late; it tells what was covered
    return promises, rows


def test_after_200_cuts_everything_promised_is_there_and_nothing_is_torn(
    tmp_path: Path, memory: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_store, "DURABLE_S", 0.01)
    chance = seeded(4)
    disk.ops.clear()
    (tmp_path / "live").mkdir()
    store = opened(tmp_path / "live", BOOTS[0], "?vfs=powercut")
    name = store.journal
    promises, rows = write_some(store, disk, 250, chance)
    ops = len(disk.ops)
    store.close()
    torn = lost = 0
    for cut in range(CUTS):
        at = chance.randint(promises[0].ops, ops)
        folder = memory / f"cut{cut}"
        folder.mkdir()
        for file, content in disk.after_cut(at, chance).items():
            (folder / file).write_bytes(content)
        again = opened(folder, BOOTS[1])
        assert again._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert again.journal != name  # a number the cut forgot is never used again under one name
        here = {seq: again.entry(seq) for seq in again.waiting(0, 10_000)}
        promised = next(promise.kept for promise in reversed(promises) if promise.ops <= at)
        covered_later = {
            seq for promise in promises for seq in promised.keys() - promise.kept.keys() if promise.ops > at
        }
        lost += len(promised.keys() - here.keys() - covered_later)
        torn += sum(entry is None or entry.body != rows[seq] for seq, entry in here.items())
        for entry in here.values():
            if entry is not None and entry.kind is Kind.TELEMETRY:
                assert decode_bundle(entry.body).seq == entry.seq
        again.close()
        shutil.rmtree(folder)
    assert (lost, torn) == (0, 0)


def test_a_cut_without_flushing_does_lose_rows_so_the_disk_of_this_test_is_a_hard_one(
    tmp_path: Path, disk: Disk
) -> None:
    disk.ops.clear()
    store = opened(tmp_path, BOOTS[0], "?vfs=powercut")
    store._durable_at_s = 10.0**12  # never due
    store._db.execute("PRAGMA wal_autocheckpoint = 1000")  # nor by a checkpoint
    for _ in range(20):
        telemetry(store, seeded(1))
    images = [disk.after_cut(len(disk.ops), seeded(seed)) for seed in range(8)]
    store.close()
    left = []
    for number, files in enumerate(images):
        folder = tmp_path / f"cut{number}"
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_bytes(content)
        again = opened(folder, BOOTS[1])
        left.append(len(again.waiting(0)))
        again.close()
    assert min(left) < 20


def test_whichever_write_the_disk_refuses_the_rows_before_it_stay_and_the_next_one_works(
    tmp_path: Path, disk: Disk
) -> None:
    store = opened(tmp_path, BOOTS[0], "?vfs=powercut")
    acknowledged: dict[int, bytes] = {}
    refused = 0
    for nth in range(1, 60):
        disk.refuse = nth
        try:
            for _ in range(3):
                entry = telemetry(store, seeded(nth))
                acknowledged[entry.seq] = entry.body
        except StoreError:
            refused += 1
        disk.refuse = None
        entry = telemetry(store, seeded(nth))
        acknowledged[entry.seq] = entry.body
    assert refused > 20
    assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    here = {seq: store.entry(seq) for seq in store.waiting(0, 10_000)}
    assert {seq: entry.body for seq, entry in here.items() if entry is not None} == acknowledged
    store.close()
    with sqlite3.connect(tmp_path / "j.db") as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (len(acknowledged),)
    db.close()
