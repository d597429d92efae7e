"""One hour of 1,000 points/s is backfilled on loopback beside live data: how long, how far live lags.

The journal is filled with an hour of bundles as the agent writes them, then the agent starts on it.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.registry import Case, Result
from edge_agent.journal_store import JournalStore
from edge_agent.poll import poll_groups
from protocols.clock import Instant
from protocols.errors import BusError
from protocols.frame import Frame
from runtime.clock import NS, SystemClock
from runtime.site import devices_file, load_devices

DEVICES: Final = 10
FLOATS: Final = 100
HOUR_S: Final = 3600
_LOOK_S: Final = 0.2


def fill(folder: Path, seconds: int) -> int:
    """Write so many seconds of samples into the journal, one bundle each half second; returns the rows."""
    site = load_devices(folder / "config", devices_file(folder / "config", "demo", "edge1"))
    groups, clock = poll_groups(site), SystemClock()
    now = clock.now()
    store = JournalStore(folder / "edge" / "journal.db", "edge1", clock.boot, now.wall_ns, 10**10)
    rng = np.random.default_rng(2)
    middle, floats = len(groups) // 2, len(groups[0].points)
    values = rng.normal(50.0, 20.0, (len(groups), floats))
    good = np.zeros(floats, np.uint8)
    for half in range(2 * seconds):
        back_ns = (2 * seconds - half) * NS // 2
        part = groups[:middle] if half % 2 else groups[middle:]
        rows = values[:middle] if half % 2 else values[middle:]
        rows += rng.normal(0.0, 0.1, rows.shape)
        at = Instant(clock.boot, max(now.mono_ns - back_ns, 1), now.wall_ns - back_ns)
        frames = [
            Frame(group.hash, at, row.astype(np.float32).astype(np.float64), good)
            for group, row in zip(part, rows, strict=True)
        ]
        store.add_telemetry(frames, at.wall_ns, {"modbus": len(part) * floats})
    store.close()
    return 2 * seconds


async def backfill(bench: Rig, rows: int, most_s: float) -> dict[str, float]:
    """Start the agent on a filled journal and wait until the hub has it.

    Raises:
        BusError: It has not within `most_s`.
    """
    clock, loop = SystemClock(), asyncio.get_running_loop()
    begun_s = loop.time()
    bench.start_agent()
    await until(lambda: len(bench.hub.samples) >= 1, 30, "the first row")
    first_s = loop.time()
    lags_s: list[float] = []

    def caught_up() -> bool:
        if bench.hub.newest_ns:
            lags_s.append((clock.now().wall_ns - bench.hub.newest_ns) / NS)
        return sum(seq <= rows for _, seq in bench.hub.samples) >= rows

    await until(caught_up, most_s, "the backlog")
    return {
        "seconds_1h": loop.time() - first_s,
        "since_start_s": loop.time() - begun_s,
        "live_lag_s": max(lags_s, default=float("inf")),
        "rows": float(rows),
        "duplicate": float(bench.hub.again),
        "out_of_order": float(bench.hub.out_of_order),
    }


async def _measure() -> Result:
    with tempfile.TemporaryDirectory() as name, farm(DEVICES, FLOATS) as port:
        folder = Path(name)
        write_site(folder / "config", port, devices=DEVICES, floats=FLOATS)
        rows = await asyncio.to_thread(fill, folder, HOUR_S)
        async with rig(folder) as bench:
            figures = await backfill(bench, rows, 300)
            samples = sum(count for (_, seq), count in bench.hub.samples.items() if seq <= rows)
    if samples != HOUR_S * DEVICES * FLOATS:
        raise BusError(f"{samples} samples of the hour arrived, not {HOUR_S * DEVICES * FLOATS}")
    return Result(figures)


CASE: Final = Case(
    "edge_backfill",
    "One hour at 1,000 points/s is sent after an outage, on loopback, live data beside it.",
    lambda: asyncio.run(_measure()),
    {"hours": (1,), "points_per_s": (DEVICES * FLOATS,)},
)
