"""Edges that only keep journals: real journal and uplink of the agent, fed with frames at a rate.

A process of its own, so that what hub and bus suffer does not stop the clock of the edges:
`python -m benchmarks.journal_feeder FOLDER BUS_URL KEYS RATE EDGE…`. SIGTERM ends the feeding; it then waits
until the hub has every row, and writes `fed.json`: journal and samples by edge, and whether all is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from nats.aio.client import Client
from nats.errors import Error as NatsError

from edge_agent.journal import Journal, JournalPlace
from edge_agent.uplink import Uplink
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.subjects import heartbeat
from runtime.bus import BusLogin, connect
from runtime.clock import SystemClock
from runtime.logs import setup_logging
from runtime.nats_server import seed_file
from runtime.supervise import supervise

SITE: Final = "demo"
FED: Final = "fed.json"
READY: Final = "journals.json"
"""Journal by edge, written when all are open."""

POINTS: Final = 250
"""Points of a device; each has one sample a second."""

DRAIN_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class Feeder:
    """One edge.

    Attributes:
        edge: Its id.
        devices: How many devices it polls.
        folder: Where its journal stands.
        login: Its account on the bus.
    """

    edge: str
    devices: int
    folder: Path
    login: BusLogin

    def catalogues(self) -> list[Catalogue]:
        """One a device."""
        names = tuple(f"p{at}_kw" for at in range(POINTS))
        units, kinds = ("kW",) * POINTS, ("measurement",) * POINTS
        return [
            Catalogue(SITE, f"{self.edge}_m{number}", names, units, kinds) for number in range(self.devices)
        ]

    async def run(self, names: dict[str, str], stop: asyncio.Event) -> dict[str, object]:
        """Feed until `stop`, then wait until the hub has all; notes its journal, gives what was fed."""
        clock = SystemClock()
        catalogues = self.catalogues()
        uplink = Uplink(self.edge, catalogues, clock)
        place = JournalPlace(self.folder / f"{self.edge}.db", self.edge)
        async with Journal(place, clock, uplink.announce) as journal, asyncio.TaskGroup() as group:
            names[self.edge] = journal.name
            client = await connect(self.login, uplink.on_bus)

            async def send() -> None:
                await uplink.run(client, journal)

            tasks = [
                group.create_task(supervise("uplink", send)),
                group.create_task(supervise("journal", journal.run)),
                group.create_task(supervise("heartbeats", partial(self._beat, client, journal, clock))),
            ]
            await self._feed(clock, journal, [one.hash() for one in catalogues], stop)
            await journal.flush()
            drained = await uplink.drained(journal, DRAIN_S)
            for task in tasks:
                task.cancel()
            await client.close()
        return {"journal": journal.name, "samples": journal.polled, "drained": drained}

    async def _beat(self, client: Client, journal: Journal, clock: SystemClock) -> None:
        """Say each second how much waits, as an agent does: a hub whose word got lost then tells again."""
        async for at in clock.ticks(1.0):
            if client.is_connected:
                beat = Heartbeat(
                    self.edge, SITE, 1, at.boot, at.mono_ns // 1_000_000, at.wall_ns // 1_000_000, 0,
                    pending=await journal.pending(), journal=journal.name,
                )  # fmt: skip
                with contextlib.suppress(NatsError, OSError):  # the bus goes away while it is said
                    await client.publish(heartbeat(self.edge), beat.encode())

    async def _feed(
        self, clock: SystemClock, journal: Journal, names: list[bytes], stop: asyncio.Event
    ) -> None:
        dice, good = np.random.default_rng(1), np.zeros(POINTS, np.uint8)
        values = np.full(POINTS, 20.0)
        async for at in clock.ticks(1.0):
            if stop.is_set():
                return
            for number, name in enumerate(names):
                values = values + 0.1 * dice.integers(-1, 2, POINTS)
                instant = Instant(at.boot, at.mono_ns + number, at.wall_ns + number)
                journal.put(Frame(name, instant, values, good), "bench")


async def main(folder: Path, url: str, keys: Path, rate: int, edges: list[str]) -> None:
    """Feed all edges together with `rate` samples a second until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    devices = -(-rate // (POINTS * len(edges)))
    feeders = [Feeder(edge, devices, folder, BusLogin(url, edge, seed_file(keys, edge))) for edge in edges]
    names: dict[str, str] = {}
    async with asyncio.TaskGroup() as group:
        tasks = {one.edge: group.create_task(one.run(names, stop)) for one in feeders}
        async for _ in SystemClock().ticks(0.02):
            if len(names) == len(edges):
                break
        (folder / READY).write_text(json.dumps(names), encoding="utf-8")
    fed = {edge: task.result() for edge, task in tasks.items()}
    (folder / FED).write_text(json.dumps(fed), encoding="utf-8")


if __name__ == "__main__":
    setup_logging("feeder", "WARNING")
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]))
