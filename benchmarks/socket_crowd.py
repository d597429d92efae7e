"""Clients of the live socket in a process of their own, so that they take nothing from the hub they measure.

    python -m benchmarks.socket_crowd crowd HOST:PORT SOCKETS UNREAD    says `ready`, `heard`, what was heard
    python -m benchmarks.socket_crowd ask HOST:PORT QUESTIONS           says p50 and p99 of the API [ms]

Tokens come as a line of JSON on standard input; another line ends the crowd.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

OF_ONE: Final = 5
"""Sockets that come with one token."""
_AT_ONCE: Final = 20


@dataclass
class Heard:
    """What a crowd hears.

    Attributes:
        members: Sockets in all, and those that read.
        ready: Sockets that are signed in.
        values: Messages with values.
        hearing: Sockets that were told values.
        all_ready: All are signed in.
        all_hearing: All that read were told values.
    """

    members: tuple[int, int]
    ready: int = 0
    values: int = 0
    hearing: int = 0
    all_ready: asyncio.Event = field(default_factory=asyncio.Event)
    all_hearing: asyncio.Event = field(default_factory=asyncio.Event)

    def signed_in(self) -> None:
        """Another one is."""
        self.ready += 1
        if self.ready == self.members[0]:
            self.all_ready.set()

    def told(self) -> None:
        """Another one was told values for the first time."""
        self.hearing += 1
        if self.hearing == self.members[1]:
            self.all_hearing.set()


async def crowd(address: str, tokens: Sequence[str], count: int, unread: int) -> None:
    """Hold so many sockets, the first of which never read, until a line comes."""
    heard, room = Heard((count, count - unread)), asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_member(address, tokens[at // OF_ONE], heard, room, reads=at >= unread))
            for at in range(count)
        ]
        await heard.all_ready.wait()
        _say("ready")
        await heard.all_hearing.wait()
        _say("heard")
        await asyncio.to_thread(sys.stdin.readline)
        _say(json.dumps({"values": heard.values}))
        for task in tasks:
            task.cancel()


async def ask(address: str, token: str, count: int) -> None:
    """Ask for the sites one after the other."""
    took_ms = []
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=120) as client:
        for _ in range(count):
            began_s = time.perf_counter()
            (await client.get(f"http://{address}/api/v1/sites")).raise_for_status()
            took_ms.append(1e3 * (time.perf_counter() - began_s))
    p50, p99 = np.percentile(took_ms, (50, 99))
    _say(json.dumps({"p50_ms": float(p50), "p99_ms": float(p99)}))


async def _member(address: str, token: str, heard: Heard, room: asyncio.Semaphore, *, reads: bool) -> None:
    async with room:
        socket = await connect(f"ws://{address}/api/v1/live", max_queue=1, open_timeout=120)
        await socket.send(json.dumps({"type": "auth", "token": token, "site": "demo"}))
        await socket.recv()
        heard.signed_in()
    try:
        await (_read(socket, heard) if reads else asyncio.Event().wait())
    finally:
        socket.transport.abort()


async def _read(socket: ClientConnection, heard: Heard) -> None:
    first = True
    async for message in socket:
        if '"values"' in str(message)[:40]:
            heard.values += 1
            if first:
                heard.told()
            first = False


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(told: Sequence[str]) -> None:
    """As the words at the top say."""
    tokens = json.loads(sys.stdin.readline())
    if told[0] == "crowd":
        asyncio.run(crowd(told[1], tokens, int(told[2]), int(told[3])))
    else:
        asyncio.run(ask(told[1], tokens[0], int(told[2])))


if __name__ == "__main__":
    main(sys.argv[1:])
