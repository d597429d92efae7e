"""Kills, a full disk and readers in other processes, while samples are sealed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from hub.store.embedded import EmbeddedStore
from hub.store.port import HOLD_S
from hub.store.reader import EmbeddedReader
from protocols.errors import StoreError
from runtime.clock import VirtualClock
from tests.unit.hub.store_day import (
    DAY,
    EVERYTHING,
    HOUR,
    POWER,
    START,
    S,
    day_of_rows,
    fed,
    row,
    same,
    settle,
)

ROOT = Path(__file__).resolve().parents[3]


def killed_everywhere(tmp_path: Path, each: int) -> int:
    """Kill at every `each`-th step; afterwards nothing is lost, doubled or left over. Returns the kills."""
    template = tmp_path / "template"
    rows = day_of_rows(step_s=60)
    fed(template / "series.db", rows).close()
    plain = fed(tmp_path / "plain.db", rows)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tests.unit.hub.sealing_crash", str(template), str(out), str(each)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for folder in sorted(out.iterdir(), key=lambda path: int(path.name)):
        clock = VirtualClock(START + 3 * DAY)
        store = EmbeddedStore(folder / "series.db", clock)
        assert store.counts(EVERYTHING) == plain.counts(EVERYTHING), folder.name
        raw, wanted = store.raw(POWER, START, START + DAY), plain.raw(POWER, START, START + DAY)
        np.testing.assert_array_equal(raw.times_ns, wanted.times_ns)
        np.testing.assert_array_equal(raw.values, wanted.values)
        assert store.append(rows[:3])[0].ranges == ((1, len(rows)),)
        settle(store, clock, START + 4 * DAY)
        settle(store, clock, START + 5 * DAY)
        settle(store, clock, START + 5 * DAY + HOUR)
        same(store, plain, START, START + DAY)
        assert files(folder) == known(folder / "series.db"), folder.name
        store.close()
    plain.close()
    return len(list(out.iterdir())) - 1


def files(folder: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in (folder / "series").glob("*/*")}


def known(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT file FROM part UNION SELECT file FROM dead")}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_kill_at_many_steps_of_sealing_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, 17) >= 5


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_kill_at_every_step_of_sealing_loses_and_doubles_nothing(tmp_path: Path) -> None:
    assert killed_everywhere(tmp_path, 1) >= 80


def test_a_disk_that_is_full_while_sealing_keeps_the_frames_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = VirtualClock(START)
    rows = day_of_rows()
    store = fed(tmp_path / "series.db", rows, clock)
    plain = fed(tmp_path / "plain.db", rows)
    clock.shift_wall(3 * DAY / S)
    fsync = os.fsync

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(3):
        with pytest.raises(StoreError, match=r"cannot write the sealed file .*No space left"):
            store.upkeep()
    assert not files(tmp_path)
    store.append([row(99_999)])
    monkeypatch.setattr(os, "fsync", fsync)
    same(store, plain, START, START + DAY)
    settle(store, clock, START + 3 * DAY)
    assert files(tmp_path)
    same(store, plain, START, START + DAY)


def test_readers_see_every_sample_once_at_every_moment_of_sealing(tmp_path: Path) -> None:
    clock = VirtualClock(START)
    path = tmp_path / "series.db"
    rows = day_of_rows()
    store = fed(path, rows, clock)
    wanted = fed(tmp_path / "plain.db", rows).raw(POWER, START, START + DAY)
    stop = threading.Event()
    wrong: list[str] = []
    looks = 0

    def look() -> None:
        nonlocal looks
        reader = EmbeddedReader(path)
        while not stop.is_set():
            raw = reader.raw(POWER, START, START + DAY)
            looks += 1
            if not np.array_equal(raw.times_ns, wanted.times_ns):
                wrong.append(f"{len(raw.times_ns)} samples")
        reader.close()

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for hour in (9, 20, 72, 73, 96):
        settle(store, clock, START + hour * HOUR)
    stop.set()
    for reader in readers:
        reader.join()
    assert looks > 2
    assert wrong == []


def test_samples_that_come_while_an_hour_is_rolled_up_are_not_forgotten(tmp_path: Path) -> None:
    """`append` and upkeep in two threads, late rows all the while: in the end windows are as from samples."""
    clock = VirtualClock(START + 3 * DAY)
    rows = day_of_rows(step_s=20)
    late = rows[5::7]
    store = fed(tmp_path / "series.db", [one for one in rows if one not in late], clock)
    plain = fed(tmp_path / "plain.db", rows)
    done = threading.Event()

    def keep() -> None:
        while not done.is_set():
            store.upkeep()

    keeper = threading.Thread(target=keep)
    keeper.start()
    for one in late:
        store.append([one])
    done.set()
    keeper.join()
    same(store, plain, START, START + DAY + int(HOLD_S) * S)
    settle(store, clock, START + 4 * DAY)
    same(store, plain, START, START + DAY + int(HOLD_S) * S)
