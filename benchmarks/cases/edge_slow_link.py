"""A backlog over 64 kbit/s with 10 % of the segments lost: how much of the link is used, how late is live."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.cases.edge_backfill import fill
from benchmarks.edge_rig import farm, rig, until, write_site
from benchmarks.registry import Case, Result
from benchmarks.slow_link import slow_link
from protocols.errors import BusError
from runtime.clock import NS, SystemClock

RATE_BYTE_S: Final = 8_000
LOSS: Final = 0.1
_DELAY_S: Final = 0.15
_BACKLOG_S: Final = 900
_SETTLED_S: Final = 5.0
_MEASURED_S: Final = 20.0
_LOOK_S: Final = 0.05


async def _measure() -> Result:
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name, farm(10, 20) as port:
        folder = Path(name)
        write_site(folder / "config", port, devices=10, floats=20)
        rows = await asyncio.to_thread(fill, folder, _BACKLOG_S)
        async with (
            rig(folder) as bench,
            slow_link(bench.config.port, rate_byte_s=RATE_BYTE_S, delay_s=_DELAY_S, loss=LOSS) as link,
        ):
            bench.bus_port = link.port
            bench.start_agent()
            await until(lambda: len(bench.hub.order) >= 2 and bench.hub.newest_ns > 0, 30, "both lanes")  # noqa: PLR2004  live and backlog
            await asyncio.sleep(_SETTLED_S)
            begun_s, busy_s = clock.mono_s(), link.busy_s
            lags_s = []
            while clock.mono_s() - begun_s < _MEASURED_S:
                await asyncio.sleep(_LOOK_S)
                lags_s.append((clock.now().wall_ns - bench.hub.newest_ns) / NS)
            took_s = clock.mono_s() - begun_s
            used = (link.busy_s - busy_s) / took_s
            arrived = sum(seq <= rows for _, seq in bench.hub.samples)
            out_of_order = bench.hub.out_of_order
    if arrived >= rows:
        raise BusError("the backlog ended before the measurement; nothing can be said of the link's use")
    return Result(
        {"link_use_frac": used, "live_lag_s": max(lags_s), "out_of_order": float(out_of_order)},
    )


CASE: Final = Case(
    "edge_slow_link",
    "backlog and live rows over 64 kbit/s with 10 % loss",
    lambda: asyncio.run(_measure()),
    {"rate_byte_s": (RATE_BYTE_S,), "loss": (LOSS,)},
)
