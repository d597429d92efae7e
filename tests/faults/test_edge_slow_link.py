"""64 kbit/s with lost segments: live rows and heartbeats go beside the backlog, each lane in order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.cases.edge_backfill import fill
from benchmarks.edge_rig import CountingHub, farm, rig, until, write_site
from benchmarks.slow_link import slow_link

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(90)]


class Arrived(NamedTuple):
    live: int
    backlog: int


def _arrived(hub: CountingHub) -> Arrived:
    rows = {lane: len(seqs) for (lane, _), seqs in hub.order.items()}
    return Arrived(rows.get("live", 0), rows.get("backlog", 0))


async def test_a_backlog_on_a_slow_link_leaves_way_for_live_rows(tmp_path: Path) -> None:
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
            before = _arrived(bench.hub)
            await until(
                lambda: _arrived(bench.hub).live >= before.live + 10, 45, "live rows beside the backlog"
            )
            after, beats = _arrived(bench.hub), len(bench.hub.beats)
            left = rows - sum(seq <= rows for _, seq in bench.hub.samples)
    assert left > 0  # there was a backlog all the time
    assert after.backlog > before.backlog
    assert beats > 0
    assert bench.hub.out_of_order == 0
