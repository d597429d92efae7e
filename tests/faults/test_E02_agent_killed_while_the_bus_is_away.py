"""E2 and "broker down": the bus dies, the agent is killed half way, both come back; nothing is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from benchmarks.edge_rig import farm, rig, until, write_site

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]


async def test_what_was_journalled_arrives_once_and_in_order_over_a_dead_bus_and_a_killed_agent(
    tmp_path: Path,
) -> None:
    with farm(4, 25) as port:
        write_site(tmp_path / "config", port, devices=4, floats=25, every_s=0.2)
        async with rig(tmp_path) as bench:
            bench.start_agent()
            await until(lambda: len(bench.hub.samples) >= 4, 15, "first rows")
            bench.bus.kill()
            await bench.journals(6)
            await bench.end_agent(signal.SIGKILL)
            bench.start_agent()
            await bench.journals(6)
            bench.bus.start()
            before = len(bench.hub.samples)
            await until(lambda: len(bench.hub.samples) > before + 12, 20, "rows after the outage")
            await bench.end_agent()
            rows, samples = bench.journalled()
            here = bench.hub
            await until(lambda: len(here.samples) + len(here.receipts) >= rows, 10, f"all {rows} rows")
    assert sum(bench.hub.samples.values()) == samples
    assert bench.hub.out_of_order == 0
    assert {lane for lane, _ in bench.hub.order} >= {"live", "backlog"}
