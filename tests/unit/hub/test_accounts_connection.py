"""A question of accounts over a real connection: one that is cut off is not worked out to its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from hub.accounts.desk import AccountsDesk
from hub.api.server import Server, server_config
from hub.database import embedded_url, upgrade
from hub.registry.view import load_view
from tests.unit.accounts.site_series import accounts_with
from tests.unit.hub.series_asking import Asker, asker_of

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]
BOOK = """\
meters:
  - {id: main, point: meter_main/import_kwh}
  - {id: air_station, point: meter_air/import_kwh, below: main, area: compressor_room}
  - {id: process, point: meter_process/import_kwh, below: main, area: production}
"""
STATEMENT = "/api/v1/sites/demo/accounts/statement"
BY_AREA = f"{STATEMENT}?period=2026-10-25&by=area"
BY_METER = f"{STATEMENT}?period=2026-10-25&by=meter"


class HeldStore:
    """A store whose reads are counted, and whose first one lasts until it is let go."""

    def __init__(self, store: object) -> None:
        self._store = store
        self.reads = 0
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def read(*asked: object) -> object:
            self.reads += 1
            self.begun.set()
            if not self.may_end.wait(40.0):
                raise TimeoutError
            return getattr(self._store, name)(*asked)

        return read


@asynccontextmanager
async def served(ask: Asker) -> AsyncIterator[int]:
    """The API on a free port of loopback."""
    server = Server(server_config(ask.app, ("127.0.0.1", 0)))
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        try:
            async with asyncio.timeout(20):
                while not server.started:
                    await asyncio.sleep(0.01)
            yield int(server.servers[0].sockets[0].getsockname()[1])
        finally:
            server.should_exit = True


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    upgrade(embedded_url(tmp_path))
    async with asker_of(tmp_path) as made:
        made.deps.accounts = accounts_with(tmp_path, BOOK)
        made.deps.places = load_view(tmp_path / "configs", "demo").places
        for device, kwh in (("meter_main", 25.0), ("meter_air", 10.0), ("meter_process", 7.5)):
            made.put(device, {"import_kwh": (kwh * np.arange(101.0)).tolist()}, every_s=900)
        yield made


async def connected(port: int, question: str) -> asyncio.StreamWriter:
    """A connection on which a question was asked."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {question} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    await writer.drain()
    return writer


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not so():
            await asyncio.sleep(0.01)


async def test_a_question_whose_client_is_gone_ends_at_its_next_read_and_the_next_one_gets_its_turn(
    ask: Asker,
) -> None:
    held = HeldStore(ask.store)
    desk = ask.deps.accounts_desk = AccountsDesk(held, ask.clock)
    async with served(ask) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        gone = await connected(port, BY_AREA)
        await asyncio.to_thread(held.begun.wait, 20.0)
        async with asyncio.TaskGroup() as group:
            other = group.create_task(client.get(BY_METER, timeout=40.0))
            await until(lambda: desk.waiting == 2)
            gone.transport.abort()
            await until(lambda: desk.waiting == 1)
            held.may_end.set()
        assert other.result().status_code == 200
        both = held.reads
        desk.forget()
        assert (await client.get(BY_METER, timeout=40.0)).status_code == 200
        assert both == 1 + (held.reads - both), (
            "of the first nothing was read after the read it was cut off in"
        )


async def test_of_two_who_wait_for_the_same_answer_the_one_who_stays_gets_it(ask: Asker) -> None:
    held = HeldStore(ask.store)
    desk = ask.deps.accounts_desk = AccountsDesk(held, ask.clock)
    async with served(ask) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        gone = await connected(port, BY_AREA)
        await asyncio.to_thread(held.begun.wait, 20.0)
        async with asyncio.TaskGroup() as group:
            stays = group.create_task(client.get(BY_AREA, timeout=40.0))
            await until(lambda: desk.waiting == 2)
            gone.transport.abort()
            await until(lambda: desk.waiting == 1)
            held.may_end.set()
        assert stays.result().status_code == 200
        shared = held.reads
        desk.forget()
        assert (await client.get(BY_AREA, timeout=40.0)).json() == stays.result().json()
        assert held.reads == 2 * shared, "it was worked out once for both"
