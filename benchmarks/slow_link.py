"""A slow link between two TCP ends on loopback: few bytes a second, a delay, lost segments sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

_SEGMENT: Final = 1400
_BUFFER: Final = 16_384


@dataclass(slots=True)
class SlowLink:
    """What a link does to bytes, and what it did.

    Attributes:
        rate_byte_s: Bytes a second in each direction.
        delay_s: One way. [s]
        loss: Share of segments that take the wire twice and a round trip more.
        port: Where it listens.
        busy_s: Time in which the direction from who connects was transmitting. [s]
    """

    rate_byte_s: float
    delay_s: float
    loss: float
    port: int = 0
    busy_s: float = 0.0
    _chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  repeatable, no secret

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            delivery = tasks.create_task(self._deliver(due, writer))
            while data := await reader.read(_SEGMENT):
                lost = self._chance.random() < self.loss
                wire_s = len(data) * (1 + lost) / self.rate_byte_s
                await asyncio.sleep(wire_s)
                self.busy_s += wire_s * counted
                due.put_nowait((loop.time() + self.delay_s * (3 if lost else 1), data))
            delivery.cancel()

    async def _deliver(self, due: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at_s, data = await due.get()
            await asyncio.sleep(max(0.0, at_s - loop.time()))
            writer.write(data)
            await writer.drain()

    async def serve(self, to_port: int, near: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """One connection through the link."""
        far = await asyncio.open_connection("127.0.0.1", to_port)
        try:
            with contextlib.suppress(OSError, ExceptionGroup):
                async with asyncio.TaskGroup() as tasks:
                    back = tasks.create_task(self._pipe(far[0], near[1], counted=False))
                    await self._pipe(near[0], far[1], counted=True)
                    back.cancel()
        finally:
            near[1].close()
            far[1].close()


@asynccontextmanager
async def slow_link(
    to_port: int, *, rate_byte_s: float, delay_s: float, loss: float
) -> AsyncIterator[SlowLink]:
    """A link to a port of this machine while the block runs; connect to its `port`."""
    link = SlowLink(rate_byte_s, delay_s, loss)
    open_now: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  the server calls this in a task
        open_now.add(task)
        try:
            await link.serve(to_port, (reader, writer))
        finally:
            open_now.discard(task)

    ear = socket.create_server(("127.0.0.1", 0))
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    server = await asyncio.start_server(connected, sock=ear, limit=_BUFFER)
    link.port = ear.getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        ending = set(open_now)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
