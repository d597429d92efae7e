"""Broker down 20 s, the agent killed with -9 half way and started again: what is missing, double, disordered.

10 meters of 100 float32 each at 1 s. `lost` counts samples that were journalled and are not at the hub at the
end, `duplicate` copies of rows that came past the filter of the bus, so that only the hub's ranges kept them
out, `out_of_order` rows behind a higher seq of their lane, `not_polled` samples that were due while the agent
was down.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.registry import Case, Result
from protocols.errors import BusError

DEVICES: Final = 10
FLOATS: Final = 100
DOWN_S: Final = 20.0
BEFORE_ROWS: Final = 8


async def outage(bench: Rig, down_s: float) -> dict[str, float]:
    """Measure one outage of a rig whose agent is not started yet.

    Raises:
        BusError: Rows did not arrive in time.
    """
    loop = asyncio.get_running_loop()
    bench.start_agent()
    await until(lambda: len(bench.hub.samples) >= BEFORE_ROWS, 30, "first rows")
    bench.bus.kill()
    await asyncio.sleep(down_s / 2)
    await bench.end_agent(signal.SIGKILL)
    killed_s = loop.time()
    rows, _ = bench.journalled()
    bench.start_agent()
    await until(lambda: bench.journalled()[0] > rows, 30, "the first row of the second start")
    away_s = loop.time() - killed_s
    await asyncio.sleep(down_s / 2)
    bench.bus.start()
    begun, back_s = bench.journalled()[0], loop.time()
    await until(lambda: len(bench.hub.samples) + len(bench.hub.receipts) >= begun, 60, "rows of the outage")
    caught_up_s = loop.time() - back_s
    await bench.end_agent()
    rows, samples = bench.journalled()
    await until(lambda: len(bench.hub.samples) + len(bench.hub.receipts) >= rows, 20, "the last rows")
    arrived = sum(bench.hub.samples.values())
    return {
        "lost": float(samples - arrived),
        "duplicate": float(bench.hub.again),
        "out_of_order": float(bench.hub.out_of_order),
        "not_polled": round(away_s) * float(DEVICES * FLOATS),
        "away_s": away_s,
        "caught_up_s": caught_up_s,
        "samples": float(samples),
    }


async def _measure() -> Result:
    with tempfile.TemporaryDirectory() as folder, farm(DEVICES, FLOATS) as port:
        write_site(Path(folder) / "config", port, devices=DEVICES, floats=FLOATS)
        async with rig(Path(folder)) as bench:
            figures = await outage(bench, DOWN_S)
    if figures["lost"] or figures["duplicate"]:
        raise BusError(f"samples were lost or doubled: {figures}")
    return Result(figures)


CASE: Final = Case(
    "edge_outage",
    "Broker down 20 s, agent kill -9 half way: what is lost, doubled or out of order.",
    lambda: asyncio.run(_measure()),
    {"down_s": (DOWN_S,), "points_per_s": (DEVICES * FLOATS,)},
)
