"""E5: the wall clock jumps ahead, back, and back a year: no lease, no poll and no stored time follows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.edge_orders import FALLBACK, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from hub.store.port import StoreReader
from protocols.receipt import FallbackDone
from runtime.clock import NS, SystemClock
from tests.faults.wall_clock import HOUR_S, YEAR_S, WallClock, hub_of, samples_since

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
LEASE_S = 5.0
LATE_S = 1.5
OLD_ECHO_S = 1.5
"""A lease counts from the heartbeat its order answers, which may be so old."""


async def test_a_lease_lasts_as_long_as_it_was_granted_whatever_the_wall_clock_does(tmp_path: Path) -> None:
    clock, wall = SystemClock(), WallClock(tmp_path, 0.0)
    with farm(1, 4) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=1, floats=4, every_s=0.2)
        write_set_points(tmp_path / "config", device.port, 1)
        async with rig(tmp_path, counting=False) as bench, hub_of(bench) as reader:
            await prove(bench)
            bench.env = wall.env
            bench.start_agent()
            async with orders(bench, lease_s=LEASE_S) as hub:
                await hub.set(point(0), 50.0)
                device.written.clear()
                start_ns = clock.now().wall_ns
                for shift_s in (HOUR_S, -2 * HOUR_S, -YEAR_S):
                    before = len(samples_since(reader, start_ns).times_ns)
                    wall.turn(shift_s)
                    await _samples(reader, start_ns, before + 6)
                assert (device.value(0), device.written) == (50.0, []), "no lease ended early"
                hub.speaking = False
                wall.turn(HOUR_S)
                await _ended_in_time(hub, device)
                got = samples_since(reader, start_ns)
    assert len(np.unique(got.times_ns)) == len(got.times_ns)
    assert got.times_ns.max() <= clock.now().wall_ns
    gaps_s = np.diff(got.times_ns) / NS
    assert (gaps_s.min() > 0.05, gaps_s.max() < 1.5) == (True, True), gaps_s


async def _samples(reader: StoreReader, start_ns: int, least: int) -> None:
    await until(lambda: len(samples_since(reader, start_ns).times_ns) >= least, 15, "samples after the jump")


async def _ended_in_time(hub: Orders, device: SetPointServer) -> None:
    await until(lambda: any(isinstance(r, FallbackDone) for r in hub.receipts), 3 * LEASE_S, "the fallback")
    assert device.value(0) == FALLBACK
    (written,) = device.written
    held_s = written.at_s - hub.renewed_s
    assert LEASE_S - OLD_ECHO_S <= held_s <= LEASE_S + LATE_S
    (done,) = (r for r in hub.receipts if isinstance(r, FallbackDone))
    assert 0.0 <= done.late_s <= LATE_S
