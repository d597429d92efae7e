"""The file by which a process shows that its loop turns."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from runtime.alive import shows_life
from runtime.clock import SystemClock


def _told(path: Path) -> float:
    return float(path.read_text())


async def _until_newer(path: Path, than_s: float) -> float:
    async with asyncio.timeout(5):
        while (found := _told(path)) <= than_s:
            await asyncio.sleep(0.01)
    return found


async def test_the_file_tells_the_boot_clock_as_long_as_the_loop_turns(tmp_path: Path) -> None:
    path = tmp_path / "api.alive"
    with shows_life(path, SystemClock(), 0.05):
        first = _told(path)
        assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - first) < 2
        last = await _until_newer(path, first)
    await asyncio.sleep(0.05)
    assert _told(path) <= last + 0.1


async def test_a_folder_that_cannot_be_written_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with shows_life(tmp_path / "gone" / "api.alive", SystemClock(), 0.01):
        await asyncio.sleep(0.05)
    assert [record.message.count("looks dead") for record in caplog.records] == [1]
