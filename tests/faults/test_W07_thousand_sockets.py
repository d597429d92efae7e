"""W7: a thousand live sockets of two hundred people, a hundred of which never read, leave the API at work."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.access_rig import Access, running_access
from benchmarks.served import served
from hub.api.live import _MOST_OF_ONE, LiveHub
from hub.api.models import Value, from_ns
from hub.auth.signed_in import Origin
from hub.auth.tables import SiteRoleRow, UserRow

pytestmark = [pytest.mark.net, pytest.mark.nightly]

PEOPLE = 200
UNREAD = 100
QUESTIONS = 100
POINTS = 200
TURNS = 12
"""Seconds of news."""


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


async def _people(access: Access) -> list[str]:
    """Tokens of as many people as it takes."""
    sessions, owners = access.api.deps.sessions, []
    async with sessions.begin() as session:
        for at in range(PEOPLE):
            row = UserRow(name=f"p{at}", role="", password="", changed_ns=0)
            session.add(row)
            await session.flush()
            session.add(SiteRoleRow(user_id=row.id, site="demo", role="viewer"))
            owners.append(row.id)
    return [(await access.api.deps.auth.admit(owner, Origin("::1"))).access for owner in owners]


async def _reader(stack: AsyncExitStack, url: str, token: str) -> ClientConnection:
    """A socket that is signed in."""
    socket = await stack.enter_async_context(connect(url, max_queue=1))
    await socket.send(json.dumps({"type": "auth", "token": token, "site": "demo"}))
    return socket


async def _heard(socket: ClientConnection, heard: list[int]) -> None:
    async for message in socket:
        heard[0] += '"values"' in str(message)


async def _p99_ms(address: str, token: str) -> float:
    took = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:
        for _ in range(QUESTIONS):
            began_s = time.perf_counter()
            answer = await client.get(f"http://{address}/api/v1/sites")
            assert answer.status_code == 200
            took.append(1e3 * (time.perf_counter() - began_s))
    return float(np.percentile(took, 99))


async def _news(live: LiveHub, turns: int) -> None:
    for turn in range(turns):
        values = [
            Value(
                point=f"demo/m/p{at}_kw", value=float(turn), quality=0, quality_class="good", time=from_ns(1),
                age_s=0.0, source_time=None,
            )
            for at in range(POINTS)
        ]  # fmt: skip
        live.tell_values(values)
        await asyncio.sleep(0.05)


@pytest.mark.timeout(900)
async def test_a_thousand_sockets_are_served_and_those_that_do_not_read_cost_no_more_than_the_newest(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    low, high = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(low, 8192), high), high))
    live, tokens, heard = LiveHub(access.api.deps), await _people(access), [0]
    process = psutil.Process()
    async with (
        AsyncExitStack() as stack,
        served(access.api.deps, live) as address,
        asyncio.TaskGroup() as group,
    ):
        idle_ms = await _p99_ms(address, tokens[0])
        before = process.memory_info().rss
        url = f"ws://{address}/api/v1/live"
        tasks = []
        for at in range(PEOPLE * _MOST_OF_ONE):
            socket = await _reader(stack, url, tokens[at // _MOST_OF_ONE])
            if at >= UNREAD:
                tasks.append(group.create_task(_heard(socket, heard)))
        first = heard[0]
        news = group.create_task(_news(live, 20 * TURNS))
        flood_ms = await _p99_ms(address, tokens[0])
        await news
        async with asyncio.timeout(300):
            while heard[0] - first < len(tasks):
                await asyncio.sleep(0.05)
        grown_mb = (process.memory_info().rss - before) / 1e6
        for task in tasks:
            task.cancel()
    assert grown_mb < 400  # both ends of all sockets are in this process
    told = f"{PEOPLE * _MOST_OF_ONE} sockets, {UNREAD} unread: {grown_mb:.0f} MB of both ends"
    record_property("figure", f"{told}, API p99 {idle_ms:.0f} ms idle, {flood_ms:.0f} ms then")
