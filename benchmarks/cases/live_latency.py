"""From a change in a device to the message of a WebSocket, on real processes, with 1,000 points a second.

The way is that of every value: device, poll of one second, journal, bus, ingest with its durable commit,
event, API, socket. The device changes at moments of its own, so the wait for the next poll is in the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.edge_orders import DEVICE
from benchmarks.hub_rig import FIRST_C, SITE, HubRig, hub_rig
from benchmarks.order_client import OrderClient
from benchmarks.registry import Case, Figures, Result
from protocols.errors import ContractError

METERS: Final = 49
POINTS: Final = 20
FOR_S: Final = float(os.environ.get("LIVE_LATENCY_S", "60"))
"""How long the device changes; longer by this variable. [s]"""
_EVERY_S: Final = 3.7
"""Mean time between two changes of one point. [s]"""
_WARM_S: Final = 8.0
_LATE_S: Final = 10.0
"""What was not seen within this time is missed. [s]"""


def run() -> Result:
    """Change points of a device and see each change at the socket.

    Raises:
        ContractError: A change was never seen.
        BusError: Something does not start.
    """
    return Result(asyncio.run(_run()))


async def _run() -> Figures:
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        async with hub_rig(Path(name), POINTS, meters=METERS) as rig:
            rig.start("api")
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{rig.options.port}", timeout=30.0
            ) as http:
                people = OrderClient(rig, http)
                await people.sign_in(1)
            watch = _Watch(rig)
            async with connect(f"ws://127.0.0.1:{rig.options.port}/api/v1/live", max_size=None) as socket:
                await socket.send(json.dumps({"type": "auth", "token": people.tokens[0], "site": SITE}))
                async with asyncio.TaskGroup() as tasks:
                    listening = tasks.create_task(watch.listen(socket))
                    await asyncio.sleep(_WARM_S)
                    watch.heard = 0
                    await watch.change(FOR_S)
                    listening.cancel()
            return watch.figures()


class _Watch:
    """What the device was made to hold, and when a client saw it."""

    def __init__(self, rig: HubRig) -> None:
        self._rig = rig
        self._open: dict[str, tuple[float, float]] = {}
        self.seen_s: list[float] = []
        self.changes = 0
        self.heard = 0
        self._lasted_s = 0.0

    async def listen(self, socket: ClientConnection) -> None:
        """Hear until cancelled."""
        async for text in socket:
            now_s = self._rig.clock.mono_s()
            message: dict[str, Any] = json.loads(text)
            for value in message.get("values", ()):
                self.heard += 1
                wanted = self._open.get(value["point"])
                if wanted is not None and value["value"] == wanted[0]:
                    self.seen_s.append(now_s - self._open.pop(value["point"])[1])

    async def change(self, for_s: float) -> None:
        """Change one point after the other at random moments; one that was not seen yet is left alone."""
        random, begun_s = Random(1), self._rig.clock.mono_s()  # noqa: S311  no secret
        while self._rig.clock.mono_s() - begun_s < for_s:
            await asyncio.sleep(random.expovariate(POINTS / _EVERY_S))
            number = random.randrange(POINTS)
            point = f"{SITE}/{DEVICE}/s{number}_c"
            if point not in self._open:
                self.changes += 1
                value = FIRST_C + self.changes / 64.0  # exact in 32 bits
                self._open[point] = (value, self._rig.clock.mono_s())
                self._rig.device.put(number, value)
        self._lasted_s = self._rig.clock.mono_s() - begun_s
        for _ in range(int(_LATE_S / 0.1)):
            if not self._open:
                return
            await asyncio.sleep(0.1)

    def figures(self) -> Figures:
        """Of all changes.

        Raises:
            ContractError: Some were never seen.
        """
        if self._open:
            raise ContractError(f"{len(self._open)} of {self.changes} changes were never seen: {self._open}")
        seen = np.array(self.seen_s)
        return {
            "p50_s": round(float(np.quantile(seen, 0.5)), 3),
            "p99_s": round(float(np.quantile(seen, 0.99)), 3),
            "max_s": round(float(seen.max()), 3),
            "changes": float(self.changes),
            "values_per_s": round(self.heard / self._lasted_s, 1),
        }


CASE: Final = Case(
    "live_latency", "Device change to WebSocket message, 1 s poll included, at 1,000 points a second", run
)
