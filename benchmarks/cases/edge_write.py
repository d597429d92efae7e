"""A write of one of 100 set-points under 100,000 polled points a second: from the bus to `verified` on it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from benchmarks.edge_orders import HIGH, LOW, Orders, orders, point, prove, write_set_points
from benchmarks.edge_rig import rig, until
from benchmarks.modbus_load import Load, fast_farm, write_load
from benchmarks.registry import Case, Figures, Result
from benchmarks.setpoint_server import SetPointServer, set_points
from protocols.errors import ContractError

POINTS: Final = 100
WRITES: Final = 600
_LOAD: Final = Load(devices=20, floats=500, every_s=0.1)
_LEAST_POINTS_S: Final = 90_000.0
_WARM_S: Final = 5.0
_MOST_PAUSE_S: Final = 0.05
_SAY_EACH: Final = 100
_FIRST: Final = 20.0


def run() -> Result:
    """Order one value after the other; each is read back by a request of its own, without settling time.

    Raises:
        ContractError: A write was refused or is not on the device, or the polls did not keep their pace.
        ConfigError: The farm is not installed.
    """
    return Result(asyncio.run(_run()))


async def _run() -> Figures:
    with (
        tempfile.TemporaryDirectory(prefix="ems_bench_") as name,
        fast_farm(_LOAD.devices, _LOAD.floats) as port,
        set_points(POINTS, _FIRST) as device,
    ):
        folder = Path(name)
        write_load(folder / "config", _LOAD, port)
        write_set_points(folder / "config", device.port, POINTS)
        async with rig(folder) as made:
            await prove(made, _FIRST)
            made.start_agent()
            async with orders(made) as hub:
                await until(lambda: len(made.hub.samples) > 0, 20, "the first row")
                await asyncio.sleep(_WARM_S)
                before, begin_s = sum(made.hub.samples.values()), asyncio.get_running_loop().time()
                took_s = await _writes(hub, device)
                polled = sum(made.hub.samples.values()) - before
                points_s = polled / (asyncio.get_running_loop().time() - begin_s)
    if points_s < _LEAST_POINTS_S:
        raise ContractError(f"only {points_s:,.0f} points a second were polled meanwhile")
    took_ms = 1000.0 * np.array(took_s)
    return {
        "p50_ms": float(np.percentile(took_ms, 50)),
        "p99_ms": float(np.percentile(took_ms, 99)),
        "max_ms": float(took_ms.max()),
        "writes": float(len(took_s)),
        "points_s": points_s,
    }


async def _writes(hub: Orders, device: SetPointServer) -> list[float]:
    chance = Random(1)  # noqa: S311  the same writes each time
    took_s = []
    for turn in range(WRITES):
        number, value = chance.randrange(POINTS), round(chance.uniform(LOW, HIGH), 2)
        took_s.append(await hub.set(point(number), value))
        if abs(device.value(number) - value) > 0.01:  # noqa: PLR2004  the tolerance of the limits
            raise ContractError(f"{point(number)} holds {device.value(number)}, {value} was verified")
        if (turn + 1) % _SAY_EACH == 0:
            print(f"{turn + 1} of {WRITES} writes", file=sys.stderr, flush=True)
        await asyncio.sleep(chance.uniform(0.0, _MOST_PAUSE_S))
    return took_s


CASE: Final = Case(
    "edge_write",
    "a write of one of 100 set-points under 100,000 polled points a second, from the bus to `verified` on it",
    run,
    {"set_points": (POINTS,), "points_s": (100_000,)},
)
