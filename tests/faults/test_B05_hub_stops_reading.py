"""B5: the hub is stopped for a while; nobody's memory grows with what waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from benchmarks.ingest_rig import IngestRig, ingest_rig
from runtime.nats_server import NatsServer

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(240)]

RATE = 5_000
MOST_GROWTH_MB = 50.0


async def test_a_hub_that_stops_reading_costs_no_memory_and_no_sample(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(_stop, tmp_path, record_property, 8.0)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
async def test_a_hub_that_stops_reading_for_ten_minutes_costs_no_memory_and_no_sample(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(_stop, tmp_path, record_property, 600.0)


def _stop(folder: Path, record_property: Callable[[str, object], None], for_s: float) -> None:
    with ingest_rig(folder) as rig:
        assert isinstance(rig.bus, NatsServer)
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE)
        rig.wait_for_row(12, 60)
        role = _role(rig)
        watched = {"hub": role, "bus": rig.bus.pid}
        before = {name: _rss_mb(pid) for name, pid in watched.items()}
        os.kill(role, signal.SIGSTOP)
        time.sleep(for_s)
        stopped = {name: _rss_mb(pid) for name, pid in watched.items()}
        os.kill(role, signal.SIGCONT)
        rig.wait_for_row(rig.rows(), 30)
        time.sleep(3)
        after = {name: _rss_mb(pid) for name, pid in watched.items()}
        balance = rig.settle()
    growth_mb = {name: max(stopped[name], after[name]) - before[name] for name in watched}
    record_property(
        "figures",
        f"stopped {for_s:g} s at {RATE} samples/s: hub {growth_mb['hub']:+.0f} MB, bus"
        f" {growth_mb['bus']:+.0f} MB, {balance.lost} of {balance.fed} samples lost",
    )
    assert (balance.lost, balance.duplicate) == (0, 0)
    assert max(growth_mb.values()) <= MOST_GROWTH_MB


def _role(rig: IngestRig) -> int:
    said = re.findall(r"role ingest up, pid (\d+)", (rig.folder / "hub1.log").read_text(encoding="utf-8"))
    return int(said[-1])


def _rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6
