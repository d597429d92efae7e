"""W7: a thousand live sockets of two hundred people, a hundred of which never read, leave the API at work."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.access_rig import Access, running_access
from benchmarks.served import served
from benchmarks.socket_crowd import OF_ONE
from hub.api.live import LiveHub
from hub.api.models import Value, from_ns
from hub.auth.signed_in import Origin
from hub.auth.tables import SiteRoleRow, UserRow

pytestmark = [pytest.mark.net, pytest.mark.nightly]

PEOPLE = 200
UNREAD = 100
QUESTIONS = 100
POINTS = 200
ROOT = Path(__file__).parents[2]


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


@asynccontextmanager
async def _child(tokens: Sequence[str], *words: str) -> AsyncIterator[Process]:
    """Clients in a process of their own, that take nothing from what they measure."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.socket_crowd", *words, stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    try:
        await _tell(child, json.dumps(tokens))
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _tell(child: Process, line: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{line}\n".encode())
    await child.stdin.drain()


async def _says(child: Process) -> str:
    assert child.stdout is not None
    async with asyncio.timeout(600):
        return (await child.stdout.readline()).decode().strip()


async def _p99_ms(address: str, tokens: Sequence[str]) -> float:
    async with _child(tokens, "ask", address, str(QUESTIONS)) as child:
        return float(json.loads(await _says(child))["p99_ms"])


async def _news(live: LiveHub) -> None:
    """Two hundred values a second until cancelled."""
    turn = 0
    while True:
        turn += 1
        values = [
            Value(
                point=f"demo/m/p{at}_kw", value=float(turn), quality=0, quality_class="good", time=from_ns(1),
                age_s=0.0, source_time=None,
            )
            for at in range(POINTS)
        ]  # fmt: skip
        live.tell_values(values)
        await asyncio.sleep(1)


@pytest.mark.timeout(1800)
async def test_a_thousand_sockets_are_served_and_those_that_do_not_read_cost_no_more_than_the_newest(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    low, high = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(low, 8192), high), high))
    live, tokens, process = LiveHub(access.api.deps), await _people(access), psutil.Process()
    sockets = PEOPLE * OF_ONE
    async with served(access.api.deps, live) as address, asyncio.TaskGroup() as group:
        idle_ms = await _p99_ms(address, tokens)
        before = process.memory_info().rss
        async with _child(tokens, "crowd", address, str(sockets), str(UNREAD)) as crowd:
            assert await _says(crowd) == "ready"
            news = group.create_task(_news(live))
            assert await _says(crowd) == "heard"  # each of those that read
            flood_ms = await _p99_ms(address, tokens)
            grown_mb = (process.memory_info().rss - before) / 1e6
            await _tell(crowd, "")
            heard = json.loads(await _says(crowd))["values"]
        news.cancel()
    assert heard >= sockets - UNREAD
    assert grown_mb < 200
    told = f"{sockets} sockets, {UNREAD} unread, {POINTS} values a second: {grown_mb:.0f} MB"
    record_property("figure", f"{told}, API p99 {idle_ms:.0f} ms idle, {flood_ms:.0f} ms then")
