"""B3: edges and hub are apart; then live samples come first, the backlog beside them, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.ingest_rig import IngestRig, ingest_rig
from runtime.clock import SystemClock

pytestmark = [pytest.mark.net, pytest.mark.nightly, pytest.mark.timeout(240)]

RATE = 3_000
APART_S = 15.0
"""The row says an hour; `benchmarks/cases/edge_backfill.py` tries an hour's backlog of one edge."""

MOST_LAG_S = 5.0


async def test_after_a_partition_live_samples_are_not_behind_the_backlog(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await asyncio.to_thread(_part, tmp_path, record_property)


def _part(folder: Path, record_property: Callable[[str, object], None]) -> None:
    with ingest_rig(folder) as rig:
        rig.start_hub("hub1")
        rig.reader()
        rig.feed(RATE)
        rig.wait_for_row(6, 60)
        rig.bus.kill()
        before = rig.rows()
        time.sleep(APART_S)
        rig.bus.start()
        rig.wait_for_row(before, 30)
        time.sleep(3)
        lags_s = [_lag_s(rig) for _ in range(20)]
        balance = rig.settle()
    record_property(
        "figures",
        f"{APART_S:g} s apart, live lag at most {max(lags_s):.1f} s, {balance.lost} of {balance.fed} samples"
        f" lost, {balance.duplicate} duplicate",
    )
    assert (balance.lost, balance.duplicate) == (0, 0)
    assert max(lags_s) <= MOST_LAG_S


def _lag_s(rig: IngestRig) -> float:
    """Age of the newest sample of the edge that is furthest behind."""
    time.sleep(0.05)
    newest: dict[str, int] = {}
    for point, value in rig.reader().last().items():
        edge = point.device.partition("_")[0]
        newest[edge] = max(newest.get(edge, 0), value.time_ns)
    return (SystemClock().now().wall_ns - min(newest.values())) / 1e9
