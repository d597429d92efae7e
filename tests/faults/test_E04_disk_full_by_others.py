"""E4: a disk that others filled is ridden through, with the reserve and the memory."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest

from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_disk import Reserve
from edge_agent.journal_rows import Entry
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Frame
from runtime.clock import SystemClock
from tests.faults.power_cut import Disk, the_disk


def frame(number: int) -> Frame:
    values = np.random.default_rng(number).normal(size=200)
    at = Instant("b", number * 10**9, 1_790_000_000_000_000_000 + number * 10**9)
    return Frame(b"12345678", at, values, np.zeros(200, np.uint8))


@pytest.fixture
def disk() -> Disk:
    made = the_disk()
    made.ops.clear()
    made.refuse = None
    return made


def test_an_agent_starts_on_a_full_disk_with_what_was_reserved(tmp_path: Path, disk: Disk) -> None:
    place = (tmp_path / "j.db?vfs=powercut", "edge1", "boot000000000001", 1, 10**9)
    JournalStore(*place).close()
    disk.refuse = 1
    release, calls = Reserve.release, []

    def release_and_have_room(reserve: Reserve) -> bool:
        disk.refuse = None
        calls.append(reserve)
        return release(reserve)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reserve, "release", release_and_have_room)
        store = JournalStore(*place)
    assert store.add_receipts([b"receipt"])
    assert (len(calls), store.reserve.released, (tmp_path / "j.reserve").exists()) == (1, True, False)
    store.close()


async def test_while_others_fill_the_disk_samples_wait_in_memory_and_all_goes_on_by_itself(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    entries: list[Entry] = []
    place = JournalPlace(tmp_path / "j.db?vfs=powercut", "edge1")
    async with Journal(place, SystemClock(), entries.append) as journal, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(journal.run())
        disk.refuse = 1
        for number in range(20):
            journal.put(frame(number), "modbus")
        with pytest.raises(StoreError):
            await journal.append_receipts([b"receipt"])
        assert not (tmp_path / "j.reserve").exists()  # given up for the receipt
        async with asyncio.timeout(5):
            while not journal.troubles:
                await asyncio.sleep(0.02)
        assert "ten minutes" in journal.troubles[0].detail
        disk.refuse = None
        assert await journal.append_receipts([b"receipt"])  # the reserve's room, before any telemetry
        async with asyncio.timeout(12):
            while journal.polled < 20 * 200:
                await asyncio.sleep(0.02)
        assert not journal.troubles
        assert (tmp_path / "j.reserve").exists()
        running.cancel()
    assert [record.message for record in caplog.records if "free some space" in record.message]
    assert [record.message for record in caplog.records if "has space again" in record.message]
