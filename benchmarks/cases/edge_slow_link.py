"""64 kbit/s with 10 % of the segments lost and 600 ms to and fro: how much of it is used, how late is what.

A backlog, live rows and set-points share the link; a set-point counts from its publication to its `verified`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.cases.edge_backfill import fill
from benchmarks.edge_orders import FALLBACK, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.registry import Case, Result
from benchmarks.setpoint_server import set_points
from benchmarks.slow_link import SlowLink, slow_link
from protocols.errors import BusError
from runtime.clock import NS, SystemClock

RATE_BYTE_S: Final = 8_000
LOSS: Final = 0.1
DELAY_S: Final = 0.3
_ORDERS: Final = int(os.environ.get("EMS_BENCH_ORDERS", "40"))
"""A longer run says more of the slowest in a hundred."""
_BACKLOG_S: Final = 40 * _ORDERS
_SETTLED_S: Final = 5.0
_LOOK_S: Final = 0.05


async def _look(bench: Rig, lags_s: list[float]) -> None:
    """Note how far behind live rows are, until cancelled."""
    clock = SystemClock()
    while True:
        await asyncio.sleep(_LOOK_S)
        lags_s.append((clock.now().wall_ns - bench.hub.newest_ns) / NS)


async def _order(hub: Orders, bench: Rig, link: SlowLink) -> dict[str, float]:
    lags_s: list[float] = []
    loop = asyncio.get_running_loop()
    begun_s, busy_s = loop.time(), link.busy_s
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(_look(bench, lags_s))
        took_s = [await hub.set(point(0), 25.0 + turn % 7) for turn in range(_ORDERS)]
        looking.cancel()
    return {
        "link_use_frac": (link.busy_s - busy_s) / (loop.time() - begun_s),
        "live_lag_s": max(lags_s),
        "command_p50_s": float(np.percentile(took_s, 50)),
        "command_p99_s": float(np.percentile(took_s, 99)),
        "commands": float(len(took_s)),
    }


async def _measure() -> Result:
    with tempfile.TemporaryDirectory() as name, farm(10, 20) as port, set_points(1, FALLBACK) as device:
        folder = Path(name)
        write_site(folder / "config", port, devices=10, floats=20)
        write_set_points(folder / "config", device.port, 1)
        rows = await asyncio.to_thread(fill, folder, _BACKLOG_S)
        async with (
            rig(folder) as bench,
            slow_link(bench.config.port, rate_byte_s=RATE_BYTE_S, delay_s=DELAY_S, loss=LOSS) as link,
        ):
            await prove(bench)
            bench.bus_port = link.port
            bench.start_agent()
            await until(lambda: len(bench.hub.order) >= 2 and bench.hub.newest_ns > 0, 30, "both lanes")  # noqa: PLR2004  live and backlog
            await asyncio.sleep(_SETTLED_S)
            async with orders(bench, lease_s=60.0) as hub:
                figures = await _order(hub, bench, link)
            arrived = sum(seq <= rows for _, seq in bench.hub.samples)
            out_of_order = bench.hub.out_of_order
    if arrived >= rows:
        raise BusError("the backlog ended before the measurement; nothing can be said of the link's use")
    return Result({**figures, "out_of_order": float(out_of_order)})


CASE: Final = Case(
    "edge_slow_link",
    "backlog, live rows and set-points over 64 kbit/s with 10 % loss and 600 ms",
    lambda: asyncio.run(_measure()),
    {"rate_byte_s": (RATE_BYTE_S,), "loss": (LOSS,), "delay_s": (DELAY_S,)},
)
