"""A slow link between two TCP ends on loopback: few bytes a second, a delay, lost segments sent twice.

All connections share it, as the flows of a box share its modem: segments of all of them wait in one line for
the wire, in the order in which they came. A connection has `_MOST_WAITING` of them there, which is what TCP
keeps on its way at such a loss (Mathis et al. 1997: 1.22 / sqrt(0.1) = 4 segments); the rest waits at the
sender.
"""

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
_MOST_WAITING: Final = 4


@dataclass(slots=True)
class _Flow:
    """One direction of one connection."""

    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MOST_WAITING))
    due: asyncio.Queue[tuple[float, bytes]] = field(default_factory=asyncio.Queue)

    async def carry(self, line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.TaskGroup() as tasks:
            delivery = tasks.create_task(self._deliver(writer))
            while data := await reader.read(_SEGMENT):
                await self.room.acquire()
                line.put_nowait((data, self))
            delivery.cancel()

    async def _deliver(self, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while True:
            at_s, data = await self.due.get()
            await asyncio.sleep(max(0.0, at_s - loop.time()))
            writer.write(data)
            await writer.drain()


class _Line(asyncio.Queue[tuple[bytes, _Flow]]):
    """Segments that wait for the wire."""


@dataclass(slots=True)
class SlowLink:
    """What a link does to bytes, and what it did.

    Attributes:
        rate_byte_s: Bytes a second in each direction, of all connections together.
        delay_s: One way. [s]
        loss: Share of segments that take the wire twice and a round trip more.
        port: Where it listens.
        busy_s: Time in which the direction from who connects was transmitting. [s]
        accepted: Connections that were made through it.
    """

    rate_byte_s: float
    delay_s: float
    loss: float
    port: int = 0
    busy_s: float = 0.0
    accepted: int = 0
    _out: _Line = field(default_factory=_Line)
    _back: _Line = field(default_factory=_Line)
    _chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311  repeatable, no secret

    async def run(self) -> None:
        """Move segments until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._transmit(self._out))
            tasks.create_task(self._transmit(self._back))

    async def _transmit(self, line: _Line) -> None:
        """One segment after the other; a machine that wakes us late does not make the link slower."""
        loop, free_s = asyncio.get_running_loop(), 0.0
        while True:
            data, flow = await line.get()
            lost = self._chance.random() < self.loss
            wire_s = len(data) * (1 + lost) / self.rate_byte_s
            free_s = max(free_s, loop.time()) + wire_s
            await asyncio.sleep(free_s - loop.time())
            flow.room.release()
            if line is self._out:
                self.busy_s += wire_s
            flow.due.put_nowait((loop.time() + self.delay_s * (3 if lost else 1), data))

    async def serve(self, to_port: int, near: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """One connection through the link."""
        self.accepted += 1
        far = await asyncio.open_connection("127.0.0.1", to_port)
        try:
            with contextlib.suppress(OSError, ExceptionGroup):
                async with asyncio.TaskGroup() as tasks:
                    back = tasks.create_task(_Flow().carry(self._back, far[0], near[1]))
                    await _Flow().carry(self._out, near[0], far[1])
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
            with contextlib.suppress(asyncio.CancelledError):  # it ends here; asyncio's own look at it fails
                await link.serve(to_port, (reader, writer))
        finally:
            open_now.discard(task)

    ear = socket.create_server(("127.0.0.1", 0))
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    server = await asyncio.start_server(connected, sock=ear, limit=_BUFFER)
    link.port = ear.getsockname()[1]
    try:
        async with asyncio.TaskGroup() as tasks:
            moving = tasks.create_task(link.run())
            yield link
            moving.cancel()
    finally:
        server.close()
        ending = set(open_now)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
