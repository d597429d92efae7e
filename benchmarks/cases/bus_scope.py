"""How far a stolen key of one edge reaches at the plant bus: probes that succeeded, judged by effect."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.bus_probes import OTHER, THIEF, probes, scene_on, succeeded
from benchmarks.registry import Case, Result
from benchmarks.shared_bus import shared_bus
from protocols.errors import ContractError
from runtime.nats_server import RunningBus, running_bus


def run() -> Result:
    """All probes, then the same where all share one account, which the judge must notice.

    Raises:
        ContractError: The judge saw nothing of what is known to work in a shared account.
    """
    with tempfile.TemporaryDirectory() as folder, running_bus(Path(folder), (THIEF, OTHER)) as bus:
        came_through = asyncio.run(count(bus))
    with tempfile.TemporaryDirectory() as folder, shared_bus(Path(folder), (THIEF, OTHER)) as bus:
        in_shared = asyncio.run(count(bus))
    if not in_shared:
        raise ContractError("no probe came through in a shared account either: the judge does not see them")
    ours = {"probes": float(len(probes())), "succeeded": float(came_through)}
    return Result(ours, {"one shared account": {"probes": ours["probes"], "succeeded": float(in_shared)}})


async def count(bus: RunningBus) -> int:
    """How many probes came through, one after the other on one bus."""
    came_through = 0
    async with scene_on(bus) as scene:
        for probe in probes():
            came_through += await succeeded(scene, probe)
    return came_through


CASE: Final = Case(
    "bus_scope", "how far a stolen key of one edge reaches at the bus", run, {"probes": (len(probes()),)}
)
