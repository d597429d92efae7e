"""A disk that is full: one clear sentence, nothing torn, and it goes on when there is room again.

The disk is a small tmpfs, which only root may mount; without it the tests are skipped.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edge_agent.gate.events import SaveFence
from edge_agent.gate.state import Fence
from edge_agent.gate.store import ControlStore
from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_store import JournalStore
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, Span
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import SystemClock, VirtualClock
from tests.needs import missing

ROOT = Path(__file__).resolve().parents[2]
SIZE_BYTES = 20_000_000
"""More than the reserve of the journal."""
DEMO_BYTES = 100_000_000
SAMPLES = 200
METER = Catalogue(
    "demo", "meter", tuple(f"p{n}_kw" for n in range(SAMPLES)), ("kW",) * SAMPLES, ("measurement",) * SAMPLES
)


@dataclass
class Disk:
    folder: Path

    def fill(self) -> None:
        with (self.folder / "fill").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return

    def make_room(self) -> None:
        (self.folder / "fill").unlink()


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    size_bytes = getattr(request, "param", SIZE_BYTES)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        missing("root", "a small file system can only be mounted by root")
    try:
        yield Disk(folder)
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", str(folder)], check=True)


def _frame(n: int) -> Frame:
    values = np.random.default_rng(n).normal(size=SAMPLES)
    return Frame(METER.hash(), Instant("b", n, n * 10**9), values, np.zeros(SAMPLES, np.uint8))


def _whole(path: Path) -> bool:
    connection = sqlite3.connect(path)
    try:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    finally:
        connection.close()


async def test_the_journal_keeps_frames_in_memory_and_writes_them_when_there_is_room(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    path = disk.folder / "journal.db"
    async with Journal(JournalPlace(path, "edge1"), SystemClock(), lambda _entry: None) as journal:
        journal.put(_frame(1), "modbus")
        await journal.flush()
        disk.fill()
        for n in range(2, 200):
            journal.put(_frame(n), "modbus")
        with pytest.raises(StoreError, match="full"):
            await journal.flush()
        refused = journal.polled
        assert refused < 199 * SAMPLES, "what is not on the disk does not count as polled"
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(journal.run())
            async with asyncio.timeout(5):
                while "frames are kept in memory" not in caplog.text:
                    await asyncio.sleep(0.02)
            disk.make_room()
            async with asyncio.timeout(12):
                while journal.polled < 199 * SAMPLES:
                    await asyncio.sleep(0.02)
            writing.cancel()
        assert caplog.text.count("frames are kept in memory") == 1
        assert sum(run.samples for run in await journal.runs()) == 199 * SAMPLES
    assert _whole(path)


def test_the_journal_starts_on_a_full_disk_with_a_clear_sentence_or_not_at_all(disk: Disk) -> None:
    disk.fill()
    with pytest.raises(StoreError, match="journal"):
        JournalStore(disk.folder / "journal.db", "edge1", "b", 1, 10**9)
    disk.make_room()
    JournalStore(disk.folder / "journal.db", "edge1", "b", 1, 10**9).close()


def test_the_hub_s_store_takes_the_same_rows_when_there_is_room(disk: Disk) -> None:
    store = open_store(StorePlace(disk.folder / "series.db"), VirtualClock())
    store.add_catalogue(METER)
    kept = 0
    disk.fill()
    with pytest.raises(StoreError, match=r"takes no data: .* full"):
        for seq in range(1, 20_000):
            store.append([Received("edge1", "j1", seq, (_frame(seq),))])
            kept = seq
    assert store.ranges("edge1", "j1") == ([(1, kept)] if kept else [])
    disk.make_room()
    for seq in (kept, kept + 1, kept + 2):
        store.append([Received("edge1", "j1", seq, (_frame(seq),))])
    assert store.ranges("edge1", "j1")[-1][1] == kept + 2
    stored = store.counts(Span("edge1", "j1", 1, 10**9))
    assert (stored.stored, stored.duplicates) == ((kept + 2) * SAMPLES, 0)
    store.close()
    assert _whole(disk.folder / "series.db")


def test_sealing_waits_for_room_and_no_sample_is_lost(disk: Disk) -> None:
    clock = VirtualClock()
    store = open_store(StorePlace(disk.folder / "series.db"), clock)
    store.add_catalogue(METER)
    for seq in range(1, 2001):
        store.append([Received("edge1", "j1", seq, (_frame(seq),))])
    clock.advance(86_400.0 * 3)
    disk.fill()
    for _ in range(3):
        with pytest.raises(StoreError, match=r"cannot write the sealed file .*No space left"):
            store.upkeep()
    assert store.counts(Span("edge1", "j1", 1, 10**9)).stored == 2000 * SAMPLES
    disk.make_room()
    while store.upkeep():
        pass
    assert list(disk.folder.glob("series/*/raw-*.parquet"))
    assert not list(disk.folder.glob("series/*/*.tmp"))
    point = PointId("demo", "meter", "p7_kw")
    assert store.raw(point, 0, 10**15).values.tolist() == [float(_frame(n).values[7]) for n in range(1, 2001)]
    store.close()
    assert _whole(disk.folder / "series.db")


def test_the_gate_keeps_its_fence_as_it_was_and_moves_it_when_there_is_room(disk: Disk) -> None:
    store = ControlStore(disk.folder / "control.db")
    kept = 1
    store.commit([SaveFence("hub", Fence(1, kept))], [])
    disk.fill()
    with pytest.raises(StoreError, match=r"takes nothing: .* full"):
        for seq in range(2, 20_000):
            store.commit([SaveFence("hub", Fence(1, seq))], [])
            kept = seq
    assert store.load().fences["hub"].seq == kept
    disk.make_room()
    store.commit([SaveFence("hub", Fence(1, kept + 1))], [])
    assert store.load().fences["hub"].seq == kept + 1
    store.close()
    assert _whole(disk.folder / "control.db")


@pytest.mark.net
@pytest.mark.nightly
@pytest.mark.timeout(400)
@pytest.mark.parametrize("disk", [DEMO_BYTES], indirect=True)
def test_a_full_disk_under_the_whole_demo_loses_nothing(disk: Disk, tmp_path: Path) -> None:
    out = tmp_path / "demo.json"
    command = [sys.executable, "-m", "ems.main", "demo", f"--state={disk.folder / 'var'}", "--for=100"]
    with subprocess.Popen([*command, f"--out={out}"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            while (line := demo.stdout.readline()) and not line.startswith("login "):
                pass
            disk.fill()
            until_s = time.monotonic() + 20
            while time.monotonic() < until_s:
                time.sleep(0.05)
            disk.make_room()
            text = demo.stdout.read()
            assert demo.wait(60) == 0, text
        finally:
            demo.kill()
    found = json.loads(out.read_text(encoding="utf-8"))
    assert (found["samples"]["lost"], found["samples"]["duplicate"]) == (0, 0), found
    assert found["fallback_test"]["held"] == 0, found
