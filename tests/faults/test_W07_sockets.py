"""W7: a flood of sockets, of messages, and readers that do not read leave the API as it was."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.access_rig import Access, running_access
from benchmarks.served import served
from hub.api.live import _MOST_OF_ONE, _MOST_WAITING, TRY_AGAIN_LATER

pytestmark = pytest.mark.net


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


async def _open(stack: AsyncExitStack, url: str) -> ClientConnection | None:
    try:
        return await stack.enter_async_context(connect(url))
    except InvalidStatus:
        return None


async def _sign_in(socket: ClientConnection, token: str) -> bool:
    await socket.send(json.dumps({"type": "auth", "token": token, "site": "demo"}))
    try:
        async with asyncio.timeout(10):
            await socket.recv()
    except ConnectionClosed as closed:
        code = None if closed.rcvd is None else closed.rcvd.code
    else:
        code = None
    assert code in {None, TRY_AGAIN_LATER}
    return code is None


@pytest.mark.timeout(60)
async def test_of_many_sockets_that_do_not_sign_in_only_so_many_are_let_wait_and_the_api_goes_on(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    before = psutil.Process().memory_info().rss
    async with AsyncExitStack() as stack, served(access.api.deps) as address:
        url = f"ws://{address}/api/v1/live"
        opened = [await _open(stack, url) for _ in range(_MOST_WAITING + 60)]
        began_s = time.perf_counter()
        assert (await access.api.get("/sites", access.tokens["viewer"])).status_code == 200
        took_s = time.perf_counter() - began_s
        waiting = sum(socket is not None and socket.close_code is None for socket in opened)
    grown_mb = (psutil.Process().memory_info().rss - before) / 1e6
    assert waiting <= _MOST_WAITING
    assert grown_mb < 100
    told = f"{waiting} of {len(opened)} wait, {grown_mb:.0f} MB, API {took_s * 1000:.0f} ms"
    record_property("figure", told)


async def test_one_person_has_so_many_sockets_and_the_next_is_told_to_come_later(access: Access) -> None:
    async with AsyncExitStack() as stack, served(access.api.deps) as address:
        sockets = [await _open(stack, f"ws://{address}/api/v1/live") for _ in range(_MOST_OF_ONE + 2)]
        signed_in = [
            await _sign_in(socket, access.tokens["operator"]) for socket in sockets if socket is not None
        ]
    assert signed_in == [True] * _MOST_OF_ONE + [False] * 2


async def test_who_sends_without_end_is_closed_and_others_are_served(access: Access) -> None:
    async with AsyncExitStack() as stack, served(access.api.deps) as address:
        url = f"ws://{address}/api/v1/live"
        loud, quiet = [await stack.enter_async_context(connect(url)) for _ in range(2)]
        assert await _sign_in(loud, access.tokens["operator"])
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await loud.send("x" * 1000)
                    await asyncio.sleep(0)
        assert await _sign_in(quiet, access.tokens["viewer"])
        with pytest.raises(ConnectionClosed):
            await quiet.send("x" * 100_000)  # longer than a message may be
            async with asyncio.timeout(10):
                while True:
                    await quiet.recv()
