"""The box of the demo plant in a process of its own: the simulator's plant behind journal and uplink.

`python -m tests.web.plant_box BUS_URL KEYS CONFIG FOLDER`. Each line of its standard input is a JSON object
of points `device/point` that are told otherwise from then on: by a number, by numbers in turn, or with null
as they are. A stopped process (SIGSTOP) is a dead box: what it kept is sent when it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from nats.aio.client import Client
from nats.errors import Error as NatsError

from edge_agent.journal import Journal, JournalPlace
from edge_agent.poll import PollGroup, poll_groups
from edge_agent.uplink import Uplink
from protocols.clock import Instant
from protocols.frame import Frame
from protocols.heartbeat import Heartbeat
from protocols.quality import Quality
from protocols.subjects import heartbeat
from runtime.bus import BusLogin, connect
from runtime.clock import SystemClock
from runtime.nats_server import seed_file
from runtime.site import devices_file, load_devices
from runtime.supervise import supervise
from simulator.core import SimulatedPlant
from simulator.service import SimulatorSettings, load_plant

SITE: Final = "demo"
EDGE: Final = "edge1"
IN_TURN: Final = 5
"""Seconds that each of the numbers in turn is told. [s]"""

Told = float | list[float] | None


@dataclass(slots=True)
class Box:
    """The plant, and what is told of it otherwise than it is."""

    plant: SimulatedPlant
    groups: Sequence[PollGroup]
    clock: SystemClock = field(default_factory=SystemClock)
    instead: dict[str, Told] = field(default_factory=dict)
    seconds: int = 0

    async def run(self, login: BusLogin, folder: Path) -> None:
        """Poll, keep and send until the input ends."""
        uplink = Uplink(EDGE, [group.catalogue for group in self.groups], self.clock)
        place = JournalPlace(folder / "journal.db", EDGE)
        async with Journal(place, self.clock, uplink.announce) as journal, asyncio.TaskGroup() as group:
            client = await connect(login, uplink.on_bus)

            async def send() -> None:
                await uplink.run(client, journal)

            tasks = [
                group.create_task(supervise("uplink", send)),
                group.create_task(supervise("journal", journal.run)),
                group.create_task(supervise("poll", partial(self._poll, client, journal))),
            ]
            while line := await asyncio.to_thread(sys.stdin.readline):
                self.instead |= json.loads(line)
            for task in tasks:
                task.cancel()
            await client.close()

    async def _poll(self, client: Client, journal: Journal) -> None:
        async for now in self.clock.ticks(1.0):
            self.seconds += 1
            self.plant.advance(now.wall_ns)
            for number, group in enumerate(self.groups):
                instant = Instant(now.boot, now.mono_ns + number, now.wall_ns + number)
                journal.put(self._frame(group, instant), group.protocol)
            if client.is_connected:
                with contextlib.suppress(NatsError, OSError):  # the bus goes away while it is said
                    await client.publish(heartbeat(EDGE), self._beat(now, journal).encode())

    def _frame(self, group: PollGroup, now: Instant) -> Frame:
        values = np.array([self._told(group.device, name) for name in group.points])
        marks = np.where(np.isnan(values), np.uint8(Quality.BAD_NOT_AVAILABLE), np.uint8(Quality.GOOD))
        return Frame(group.hash, now, values, marks.astype(np.uint8))

    def _told(self, device: str, point: str) -> float:
        instead = self.instead.get(f"{device}/{point}")
        if isinstance(instead, list):
            return instead[self.seconds // IN_TURN % len(instead)]
        true = self.plant.devices[device].value(point) if instead is None else instead
        return np.nan if true is None else true

    def _beat(self, now: Instant, journal: Journal) -> Heartbeat:
        links = dict.fromkeys(self.plant.devices, "up")
        return Heartbeat(
            EDGE, SITE, 1, now.boot, now.mono_ns // 1_000_000, now.wall_ns // 1_000_000, 0, links=links,
            journal=journal.name,
        )  # fmt: skip


def main(url: str, keys: Path, config: Path, folder: Path) -> None:
    """Run until the input ends."""
    folder.mkdir()
    plant = load_plant(SimulatorSettings(config, SITE, folder, seed=1), SystemClock())
    groups = poll_groups(load_devices(config, devices_file(config, SITE, EDGE)))
    asyncio.run(Box(plant, groups).run(BusLogin(url, EDGE, seed_file(keys, EDGE)), folder))


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:5]))
