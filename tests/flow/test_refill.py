"""A hub is lost with its disk and restored from a backup: the edges bring what came after it.

Where the bus lives on it drops what it had within two minutes before, so the whole way takes that long.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nats.aio.client import Client

from edge_agent.journal import Journal, JournalPlace
from edge_agent.uplink import Uplink
from hub.backup import telling
from hub.backup.make import Wanted, make
from hub.backup.restore import restore
from hub.preparing import prepare
from hub.roles import ingest
from hub.roles.options import RoleOptions
from hub.store.engine import open_reader
from hub.store.port import Span
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.subjects import heartbeat
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus

pytestmark = pytest.mark.net
ROOT = Path(__file__).parents[2]
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))


@asynccontextmanager
async def taking_in(options: RoleOptions) -> AsyncIterator[None]:
    """The role of the hub that takes in, for as long as the block lasts."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ingest.run(options))
        yield
        task.cancel()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(180):
        while not await true():
            await asyncio.sleep(0.05)


@dataclass
class Rig:
    """An edge's journal and uplink, the bus, and the place of a hub."""

    bus: RunningBus
    client: Client
    options: RoleOptions
    journal: Journal
    clock: SystemClock

    async def poll(self, rows: int) -> None:
        """So many rows, until the hub has them all."""
        for _ in range(rows):
            frame = Frame(METER.hash(), self.clock.now(), np.ones(2), np.zeros(2, np.uint8))
            self.journal.put(frame, "modbus")
            await self.journal.flush()
        await until(self.drained)

    async def beat(self) -> None:
        """Say who is there and which journal is in use, as an edge does each second."""
        pending = await self.journal.pending()
        beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, pending=pending, journal=self.journal.name)
        await self.client.publish(heartbeat("edge1"), beat.encode())

    async def drained(self) -> bool:
        """Whether nothing waits."""
        return await self.journal.pending() == 0

    async def stored(self) -> tuple[int, int]:
        """Samples in the store, and those that are there twice."""
        return await asyncio.to_thread(_stored, self.options, self.journal.name)


@pytest.fixture
async def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(telling, "EVERY_S", 0.3)
    clock = SystemClock()
    with running_bus(tmp_path / "bus") as bus:
        options = RoleOptions(ROOT / "configs", "demo", tmp_path / "hub", bus.url, bus.config.keys, 1)
        await asyncio.to_thread(prepare, options, lambda _: None)
        uplink = Uplink("edge1", [METER], clock)
        client = await connect(bus.login("edge1"), uplink.on_bus)
        place = JournalPlace(tmp_path / "edge" / "j.db", "edge1")
        async with Journal(place, clock, uplink.announce) as journal, asyncio.TaskGroup() as group:
            sending = group.create_task(uplink.run(client, journal))
            yield Rig(bus, client, options, journal, clock)
            sending.cancel()
        await client.close()


@pytest.mark.nightly
@pytest.mark.timeout(240)
async def test_a_hub_restored_from_a_backup_gets_back_what_came_after_it(rig: Rig, tmp_path: Path) -> None:
    wanted = Wanted(rig.options.state, "demo", tmp_path / "b.tar.zst")
    async with taking_in(rig.options):
        await rig.poll(40)
        file = await asyncio.to_thread(make, wanted, rig.clock, lambda _: None)
        await until(rig.journal.keeps)
        await rig.poll(40)
    assert await rig.stored() == (160, 0)
    shutil.rmtree(rig.options.state)
    await asyncio.to_thread(restore, file, rig.options.state)
    assert await rig.stored() == (80, 0)

    async def refilled() -> bool:
        await rig.beat()
        return (await rig.stored())[0] == 160

    async with taking_in(rig.options):
        await until(refilled)
        await rig.poll(10)
    assert await rig.stored() == (180, 0)


@pytest.mark.slow
@pytest.mark.timeout(100)
async def test_a_restored_hub_is_refilled_also_where_the_bus_lost_its_own_store(
    rig: Rig, tmp_path: Path
) -> None:
    wanted = Wanted(rig.options.state, "demo", tmp_path / "b.tar.zst")
    async with taking_in(rig.options):
        await rig.poll(40)
        file = await asyncio.to_thread(make, wanted, rig.clock, lambda _: None)
        await until(rig.journal.keeps)
        await rig.poll(40)
    assert await rig.stored() == (160, 0)
    rig.bus.server.kill()  # the machine of both burns: disk of the hub, disk of the bus
    shutil.rmtree(rig.bus.config.folder / "store")
    shutil.rmtree(rig.options.state)
    await asyncio.to_thread(restore, file, rig.options.state)
    await asyncio.to_thread(rig.bus.server.start)
    assert await rig.stored() == (80, 0)

    async def refilled() -> bool:
        await rig.beat()
        return (await rig.stored())[0] == 160

    async with taking_in(rig.options):
        await until(refilled)
        await rig.poll(10)
    assert await rig.stored() == (180, 0)


def _stored(options: RoleOptions, journal: str) -> tuple[int, int]:
    """Samples in the store, and those that are there twice."""
    reader = open_reader(options.store_place)
    try:
        counts = reader.counts(Span("edge1", journal, 0, 10**9))
    finally:
        reader.close()
    return counts.stored, counts.duplicates
