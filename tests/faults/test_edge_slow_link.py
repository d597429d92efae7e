"""64 kbit/s with lost segments: the backlog fills the link, live rows and heartbeats pass it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.cases.edge_backfill import fill
from benchmarks.edge_rig import farm, rig, until, write_site
from benchmarks.slow_link import slow_link
from runtime.clock import NS, SystemClock

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(90)]
MEASURED_S = 20.0


async def test_a_backlog_uses_a_slow_link_and_live_rows_stay_fresh(tmp_path: Path) -> None:
    clock = SystemClock()
    with farm(10, 20) as port:
        write_site(tmp_path / "config", port, devices=10, floats=20)  # 200 points/s
        rows = await asyncio.to_thread(fill, tmp_path, 900)
        async with (
            rig(tmp_path) as bench,
            slow_link(bench.config.port, rate_byte_s=8_000, delay_s=0.15, loss=0.1) as link,
        ):
            bench.bus_port = link.port
            bench.start_agent()
            await until(lambda: len(bench.hub.order) >= 2 and bench.hub.newest_ns > 0, 30, "both lanes")
            await asyncio.sleep(5.0)
            begun_s, busy_s, beats = clock.mono_s(), link.busy_s, len(bench.hub.beats)
            lags_s = []
            while clock.mono_s() - begun_s < MEASURED_S:
                await asyncio.sleep(0.05)
                lags_s.append((clock.now().wall_ns - bench.hub.newest_ns) / NS)
            took_s = clock.mono_s() - begun_s
            share = (link.busy_s - busy_s) / took_s
            arrived = sum(seq <= rows for _, seq in bench.hub.samples)
    assert arrived < rows  # there was a backlog all the time
    assert share >= 0.8
    assert max(lags_s) <= 5.0, f"share {share:.2f}, {arrived} of {rows}"
    assert len(bench.hub.beats) - beats >= 0.7 * MEASURED_S
    assert bench.hub.out_of_order == 0
