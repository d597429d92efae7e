"""Flash written at 1,000 points/s with the hub taking everything: bytes the agent sends to the block device.

10 meters of 100 float32 each at 1 s, random walks as meters give them. `write_bytes` of /proc/PID/io over two
minutes, as a day; the file system's own journal is not in it.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.edge_rig import farm, rig, until, write_site
from benchmarks.registry import Case, Result
from protocols.errors import BusError

DEVICES: Final = 10
FLOATS: Final = 100
WARM_UP_S: Final = 15.0
MEASURED_S: Final = 120.0
_DAY_S: Final = 86_400.0


def written_bytes(pid: int) -> int:
    """`write_bytes` of a process: what it caused to go to the storage layer (proc(5))."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


async def _measure() -> Result:
    # beside the results: a temporary folder may be in memory, where nothing is written to a device
    here = Path(__file__).parents[1] / "results"
    with tempfile.TemporaryDirectory(dir=here) as folder, farm(DEVICES, FLOATS) as port:
        write_site(Path(folder) / "config", port, devices=DEVICES, floats=FLOATS)
        async with rig(Path(folder)) as bench:
            pid = bench.start_agent()
            await until(lambda: len(bench.hub.samples) >= 1, 30, "first rows")
            await asyncio.sleep(WARM_UP_S)
            loop = asyncio.get_running_loop()
            begun_s, begun, (_, before) = loop.time(), written_bytes(pid), bench.journalled()
            await asyncio.sleep(MEASURED_S)
            took_s = loop.time() - begun_s
            written, (_, after) = written_bytes(pid) - begun, bench.journalled()
    rate = (after - before) / took_s
    if rate < DEVICES * FLOATS * 0.95:
        raise BusError(f"only {rate:.0f} points/s were journalled; the figure would flatter")
    day_gb = written / took_s * _DAY_S / 1e9
    return Result({"gb_per_day": day_gb, "points_per_s": rate, "bytes_per_point": written / (after - before)})


CASE: Final = Case(
    "edge_flash",
    "Bytes written to the block device at 1,000 points/s, as a day.",
    lambda: asyncio.run(_measure()),
    {"points_per_s": (DEVICES * FLOATS,)},
)
