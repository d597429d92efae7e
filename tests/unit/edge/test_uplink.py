"""The uplink against a real bus: every row arrives and is kept until it is covered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from edge_agent import uplink_way
from edge_agent.journal import Journal, JournalPlace
from edge_agent.uplink import Uplink
from protocols import subjects
from protocols.clock import Instant
from protocols.coverage import Coverage
from protocols.frame import Catalogue, Frame, decode_bundle, decode_catalogue
from runtime.bus import connect, ensure_streams
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus

pytestmark = pytest.mark.net
CATALOGUE = Catalogue("demo", "meter", ("a_kw",), ("kW",), ("measurement",))


def frame() -> Frame:
    return Frame(CATALOGUE.hash(), Instant("b", 1, 2), np.ones(1), np.zeros(1, np.uint8))


async def until(done: Callable[[], bool], most_s: float = 8.0) -> None:
    async with asyncio.timeout(most_s):
        while not done():
            await asyncio.sleep(0.01)


class Hub:
    """Takes rows from the stream as ingest does, and tells what it has when asked to."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rows: list[tuple[str, int]] = []
        self.catalogues: list[Catalogue] = []

    async def listen(self) -> None:
        await self.client.subscribe("tel.>", cb=self._on_row)
        await self.client.subscribe("cat.>", cb=self._on_catalogue)

    async def _on_row(self, message: object) -> None:
        bundle = decode_bundle(message.data)  # type: ignore[attr-defined]  # a nats message
        self.rows.append((bundle.journal, bundle.seq))

    async def _on_catalogue(self, message: object) -> None:
        self.catalogues.append(decode_catalogue(message.data))  # type: ignore[attr-defined]  # a nats message

    async def cover(self, journal: str, *ranges: tuple[int, int]) -> None:
        body = Coverage("edge1", journal, ranges).encode()
        await self.client.publish(subjects.coverage("edge1"), body)


@asynccontextmanager
async def hub_on(bus: RunningBus) -> AsyncIterator[Hub]:
    client = await connect(bus.login("hub"), None)
    await ensure_streams(client.jetstream())
    hub = Hub(client)
    await hub.listen()
    try:
        yield hub
    finally:
        await client.close()


@asynccontextmanager
async def edge_on(bus: RunningBus, folder: Path) -> AsyncIterator[tuple[Journal, Uplink]]:
    """Journal and uplink, running."""
    uplink = Uplink("edge1", [CATALOGUE], SystemClock())

    async def send(journal: Journal) -> None:
        samples = await connect(bus.login("edge1"), uplink.on_bus)
        commands = await connect(bus.login("edge1"), uplink.on_command_bus)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(uplink.run(samples, journal))
                both.create_task(uplink.run_receipts(commands, journal))
        finally:
            await samples.close()
            await commands.close()

    async with (
        Journal(JournalPlace(folder / "j.db", "edge1"), SystemClock(), uplink.announce) as journal,
        asyncio.TaskGroup() as tasks,
    ):
        sending = tasks.create_task(send(journal))
        try:
            yield journal, uplink
        finally:
            sending.cancel()


async def add(journal: Journal, rows: int) -> None:
    for _ in range(rows):
        journal.put(frame(), "modbus")
        await journal.flush()


async def test_a_row_goes_only_when_its_own_number_is_covered(
    tmp_path: Path,
) -> None:
    with running_bus(tmp_path) as bus:
        async with hub_on(bus) as hub, edge_on(bus, tmp_path) as (journal, _):
            await add(journal, 5)
            await until(lambda: len(hub.rows) == 5 and len(hub.catalogues) == 1)
            assert hub.catalogues[0] == CATALOGUE
            await hub.cover(journal.name, (1, 2), (4, 4))
            async with asyncio.timeout(5):
                while await journal.waiting(0) != [3, 5]:
                    await asyncio.sleep(0.01)


async def test_rows_of_an_earlier_run_are_sent_beside_the_live_ones(tmp_path: Path) -> None:
    async with Journal(JournalPlace(tmp_path / "j.db", "edge1"), SystemClock(), lambda _: None) as journal:
        await add(journal, 20)
    with running_bus(tmp_path) as bus:
        async with hub_on(bus) as hub, edge_on(bus, tmp_path) as (journal, uplink):
            await add(journal, 3)
            await until(lambda: {seq for _, seq in hub.rows} == set(range(1, 24)))
            await hub.cover(journal.name, (1, 23))
            assert await uplink.drained(journal, 5.0)


async def test_a_receipt_goes_ahead_of_any_backlog(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "j.db", "edge1")
    async with Journal(place, SystemClock(), lambda _: None) as journal:
        await add(journal, 2_000)  # 5 s of backlog at its cap
        receipts = await journal.append_receipts([b"verified", b"expired"])  # of an earlier run
        await add(journal, 10)
    with running_bus(tmp_path) as bus:
        async with hub_on(bus) as hub, edge_on(bus, tmp_path) as (journal, uplink):
            heard: list[int] = []

            async def on_receipt(message: Msg) -> None:
                heard.append(int((message.headers or {})["Nats-Msg-Id"].rpartition(":")[2]))

            await hub.client.subscribe("rcpt.>", cb=on_receipt)
            receipts += await journal.append_receipts([b"received"])
            await until(lambda: sorted(set(heard)) == receipts)
            assert len(hub.rows) < 1_500
            await until(lambda: len(hub.rows) >= 2_010, 15.0)
            await hub.cover(journal.name, (1, 2_013))
            assert await uplink.drained(journal, 5.0)
            assert uplink.lanes["owed"].rows >= 2


async def test_a_row_that_is_not_covered_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplink_way, "RESEND_S", 0.2)
    with running_bus(tmp_path) as bus:
        async with hub_on(bus) as hub, edge_on(bus, tmp_path) as (journal, _):
            await add(journal, 2)
            await until(lambda: len(hub.rows) == 2)
            while len(hub.rows) < 3:  # the hub is heard, and the first row is not among what it has
                await hub.cover(journal.name, (2, 2))
                await asyncio.sleep(0.05)
            assert hub.rows[2] == (journal.name, 1)


async def test_a_bus_that_comes_late_or_goes_away_costs_nothing(tmp_path: Path) -> None:
    with running_bus(tmp_path) as bus:
        async with hub_on(bus):
            pass
        bus.server.kill()
        async with edge_on(bus, tmp_path) as (journal, uplink):
            await add(journal, 4)
            bus.server.start()
            async with hub_on(bus) as hub:
                js = hub.client.jetstream()
                await until_async(lambda: _stored(js), 4)
                bus.server.kill()
                await add(journal, 3)
                bus.server.start()
                await until_async(lambda: _stored(js), 7)
                await hub.cover(journal.name, (1, 7))
                assert await uplink.drained(journal, 5.0)


async def _stored(js: object) -> int:
    try:
        info = await js.stream_info(subjects.STREAM_TELEMETRY)  # type: ignore[attr-defined]  # a JetStream context
    except (NotFoundError, TimeoutError):
        return 0
    return int(info.state.messages)


async def until_async(count: Callable[[], object], wanted: int) -> None:
    async with asyncio.timeout(15):
        while await count() != wanted:  # type: ignore[misc]  # a coroutine
            await asyncio.sleep(0.02)
