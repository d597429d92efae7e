"""A socket lives as long as the sign-in it came with, whoever else comes and goes with the same token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi import WebSocket
from typing_extensions import override

from hub.api.live import BAD_TOKEN, LiveHub
from hub.auth.sessions import Auth
from hub.auth.tokens import LIFE_S, Tokens
from protocols.clock import Instant
from runtime.clock import VirtualClock
from tests.unit.hub.api_running import NOW_S, Running, S, running_api

WAIT_S = 15.0


@dataclass
class Browser:
    """The other end of a socket of the API, as its server has it."""

    live: LiveHub
    said: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    heard: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def serve(self) -> None:
        async def send(message: Any) -> None:  # noqa: ANN401  as ASGI has it
            await self.heard.put(message)

        scope = {"type": "websocket", "path": "/api/v1/live", "headers": [], "query_string": b""}
        await self.live.serve(WebSocket(scope, self.said.get, send))

    async def sign_in(self, token: str) -> None:
        await self.said.put({"type": "websocket.connect"})
        hello = json.dumps({"type": "auth", "token": token, "site": "demo"})
        await self.said.put({"type": "websocket.receive", "text": hello})

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message = await self.heard.get()
                if message["type"] == kind:
                    return message


class Passing(VirtualClock):
    """A second passes with each look at it."""

    @override
    def now(self) -> Instant:
        found = super().now()
        self.advance(1.0)
        return found


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_a_sign_in_that_ended_closes_its_sockets_though_others_of_it_leave_meanwhile(
    api: Running,
) -> None:
    live, token = LiveHub(api.deps), await api.token()
    stays, leaves = Browser(live), Browser(live)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.serve()) for one in (stays, leaves)]
        for one in (stays, leaves):
            await one.sign_in(token)
            await one.until("websocket.send")
        assert (await api.client.post("/api/v1/auth/logout")).is_success
        api.clock.advance(2.0)
        await leaves.said.put({"type": "websocket.disconnect", "code": 1000})
        await tasks[1]
        api.clock.advance(1.5)  # more than 3 s since it was looked
        assert (await stays.until("websocket.close"))["code"] == BAD_TOKEN


async def test_a_token_that_ends_while_somebody_signs_in_closes_the_socket_as_one_that_is_over(
    api: Running,
) -> None:
    token = await api.token()
    last_second = Passing(wall_ns=(NOW_S + LIFE_S - 1) * S)
    api.deps.auth = Auth(api.deps.sessions, Tokens(api.key, last_second), api.clock, "demo")
    browser = Browser(LiveHub(api.deps))
    async with asyncio.TaskGroup() as group:
        group.create_task(browser.serve())
        await browser.sign_in(token)
        await browser.until("websocket.send")
        api.clock.advance(3.5)
        assert (await browser.until("websocket.close"))["code"] == BAD_TOKEN
