"""E1: after a power cut the command store holds what the last finished commit left, or the next one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from edge_agent.gate.events import (
    Change,
    DropIntent,
    DropLease,
    SaveAnswer,
    SaveFence,
    SaveIntent,
    SaveLease,
)
from edge_agent.gate.start import Saved
from edge_agent.gate.state import Fence, Intent, Lease
from edge_agent.gate.store import ControlStore
from protocols.clock import Instant
from protocols.command import Level
from protocols.receipt import Received, Verified
from tests.faults.power_cut import Disk, the_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]
CUTS = 200
COMMITS = 120
BOOT = "boot000000000001"


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


@dataclass(frozen=True)
class Held:
    """What the store holds."""

    saved: Saved
    outbox: list[tuple[int, bytes]]


def held(store: ControlStore) -> Held:
    return Held(store.load(), store.outbox())


def decision(chance: Random, seq: int) -> tuple[list[Change], list[Received | Verified]]:
    """What the gate lets the store keep for an order, or for its read-back and the end of the one before."""
    point, ident = f"demo/comp{chance.randint(1, 4)}/role_set_code", chance.randbytes(16)
    at = Instant(BOOT, seq * 10**9, seq * 10**9)
    received = Received(ident, "edge1", point, at, 60.0)
    lease = Lease(ident, "hub", Level.OPTIMISER, chance.random(), seq, seq + 60)
    changes: list[Change] = [
        SaveFence("hub", Fence(1, seq)),
        SaveAnswer(ident, received, None),
        SaveLease(point, BOOT, lease),
        SaveIntent(point, BOOT, Intent(ident, (lease.value,), seq + 60)),
    ]
    if chance.random() < 0.5:
        changes += [DropIntent(point), DropLease(point, ident)]
    return changes, [received, Verified(ident, "edge1", point, at, lease.value)]


def test_after_200_cuts_no_order_no_lease_no_receipt_is_lost_and_none_is_half(
    tmp_path: Path, memory: Path, disk: Disk
) -> None:
    chance = Random(4)  # noqa: S311  a seed makes a cut repeatable
    disk.ops.clear()
    store = ControlStore(tmp_path / "control.db?vfs=powercut")
    store._db.execute("PRAGMA wal_autocheckpoint = 40")  # so that cuts fall into checkpoints too
    done = [(len(disk.ops), held(store))]
    for seq in range(1, COMMITS + 1):
        changes, receipts = decision(chance, seq)
        store.commit(changes, receipts, sent=max(0, 2 * seq - 20))
        done.append((len(disk.ops), held(store)))
    store.close()
    between = 0
    for cut in range(CUTS):
        at = chance.randint(done[0][0], done[-1][0])
        folder = memory / f"cut{cut}"
        folder.mkdir()
        for file, content in disk.after_cut(at, chance).items():
            (folder / file).write_bytes(content)
        again = ControlStore(folder / "control.db")
        assert again._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finished = max(n for n, (ops, _) in enumerate(done) if ops <= at)
        found = held(again)
        assert found in [one for _, one in done[finished : finished + 2]], f"cut {cut} at operation {at}"
        between += found != done[finished][1]
        again.close()
        shutil.rmtree(folder)
    assert between > 0  # some cuts fell behind a flush and before the commit had returned
