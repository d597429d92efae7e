"""B4: 64 kbit/s, a tenth of the segments lost, 600 ms to and fro: set-points beside samples and a backlog."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cases.edge_backfill import fill
from benchmarks.edge_orders import FALLBACK, orders, point, prove, write_set_points
from benchmarks.edge_rig import CountingHub, Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import set_points
from benchmarks.slow_link import SlowLink, slow_link
from runtime.clock import SystemClock

MOST_S = 5.0
BACKLOG_S = 900
MOST_LAG_S = 15.0
"""Live rows come with the order of a second; a machine that is busy with other things adds to it. [s]"""

pytestmark = [pytest.mark.net, pytest.mark.slow]
Note = Callable[[str, object], None]


def _rows(hub: CountingHub) -> Counter[str]:
    """How many rows came by each lane."""
    counted: Counter[str] = Counter()
    for (lane, _), seqs in hub.order.items():
        counted[lane] += len(seqs)
    return counted


async def _order(bench: Rig, link: SlowLink, turns: int) -> tuple[list[float], list[float]]:
    """Set one point after the other; how long each took, and how far behind live rows were then. [s]"""
    clock, took_s, lags_s = SystemClock(), [], []
    bench.bus_port = link.port
    bench.start_agent()
    await until(lambda: bench.hub.newest_ns > 0 and len(_rows(bench.hub)) >= 2, 60, "live rows and a backlog")
    async with orders(bench, lease_s=60.0) as hub:
        for turn in range(turns):
            took_s.append(await hub.set(point(0), 25.0 + turn % 7))
            lags_s.append((clock.now().wall_ns - bench.hub.newest_ns) / 1e9)
    return took_s, lags_s


@pytest.mark.parametrize("turns", [8, pytest.param(100, marks=pytest.mark.nightly)])
@pytest.mark.timeout(600)
async def test_set_points_are_verified_within_five_seconds_beside_live_rows_and_a_backlog(
    tmp_path: Path, record_property: Note, turns: int
) -> None:
    with farm(10, 20) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=10, floats=20)  # 200 points/s
        write_set_points(tmp_path / "config", device.port, 1)
        rows = await asyncio.to_thread(fill, tmp_path, BACKLOG_S * (1 if turns < 100 else 4))
        async with (
            rig(tmp_path) as bench,
            slow_link(bench.config.port, rate_byte_s=8_000, delay_s=0.3, loss=0.1) as link,
        ):
            await prove(bench)
            took_s, lags_s = await _order(bench, link, turns)
            left = rows - sum(seq <= rows for _, seq in bench.hub.samples)
            lanes, beats, used_s = _rows(bench.hub), len(bench.hub.beats), link.busy_s
            out_of_order, connections = bench.hub.out_of_order, link.accepted
            assert device.value(0) == pytest.approx(25.0 + (turns - 1) % 7)
    p50, p99 = (float(np.percentile(took_s, at)) for at in (50, 99))
    record_property(
        "figures",
        f"{turns} set-points beside a backlog: p50 {p50:.2f} s, p99 {p99:.2f} s; live rows at most"
        f" {max(lags_s):.1f} s behind; {lanes['live']} live rows, {lanes['backlog']} of the backlog,"
        f" {used_s:.0f} s of the wire",
    )
    assert left > 0, "there was a backlog all the time"
    assert lanes["backlog"] > 0
    assert beats > 0
    assert p99 <= MOST_S
    assert max(lags_s) < MOST_LAG_S, "200 points a second are carried"
    assert out_of_order == 0
    assert connections >= 2, "commands have a connection of their own"


@pytest.mark.nightly
@pytest.mark.timeout(120)
async def test_a_link_that_becomes_slow_in_a_backfill_leaves_set_points_their_way(
    tmp_path: Path, record_property: Note
) -> None:
    with farm(10, 20) as port, set_points(1, FALLBACK) as device:
        write_site(tmp_path / "config", port, devices=10, floats=20)
        write_set_points(tmp_path / "config", device.port, 1)
        rows = await asyncio.to_thread(fill, tmp_path, 3 * BACKLOG_S)
        async with (
            rig(tmp_path) as bench,
            slow_link(bench.config.port, rate_byte_s=1e6, delay_s=0.01, loss=0.0) as link,
        ):
            await prove(bench)
            bench.bus_port = link.port
            bench.start_agent()
            async with orders(bench, lease_s=60.0) as hub:
                await until(lambda: _rows(bench.hub)["backlog"] > 200, 30, "a backfill at full speed")
                link.rate_byte_s, link.delay_s, link.loss = 8_000, 0.3, 0.1
                took_s = [await hub.set(point(0), 25.0 + turn % 7) for turn in range(5)]
            left = rows - sum(seq <= rows for _, seq in bench.hub.samples)
    record_property("figures", f"slowest of {len(took_s)} set-points {max(took_s):.2f} s")
    assert left > 0, "the backfill went on"
    assert max(took_s) <= MOST_S
