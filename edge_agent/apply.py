"""Carry out what the gate asks of one device: one request at a time, so that a slow device delays no other.

A newer request for a point takes the place of an older one that still waits: at most one write and one read
a point are waiting. A write is asked for once more right before it goes on the wire, and waits its turn while
this run may not write: the gate, which counts it as on its way, would try again only much later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.gate.events import ReadBack, ReadBackRequest, Write, WriteDone, WriteFailed
from protocols.errors import DeviceError
from protocols.point import parse_point

_log = logging.getLogger(__name__)

Request = Write | ReadBackRequest
Answer = WriteDone | WriteFailed | ReadBack

_HELD_S: Final = 0.1
"""How often a write that is held back is looked at again. [s]"""


class WriteLines(Protocol):
    """The part of the lines that commands need."""

    async def write(self, device: str, point: str, value: float | None) -> None:
        """Write once; None gives the point back. Raises DeviceError."""
        ...

    async def read_back(self, device: str, point: str) -> float | None:
        """Read by a request of its own; None: our priority slot is empty. Raises DeviceError."""
        ...


@dataclass(frozen=True, slots=True)
class HandPorts:
    """What the requests of a device go by.

    Attributes:
        lines: To the devices.
        admitted: Whether this run may write now.
        wanted: Whether the gate still wants a write.
        answer: Takes what came of a request.
        sleep: Of the agent's clock. [s]
    """

    lines: WriteLines
    admitted: Callable[[], bool]
    wanted: Callable[[Write], bool]
    answer: Callable[[Answer], Awaitable[None]]
    sleep: Callable[[float], Awaitable[None]]


class Hand:
    """The requests of one device."""

    def __init__(self, ports: HandPorts) -> None:
        self._ports = ports
        self._waiting: dict[tuple[str, type], Request] = {}
        self._fresh = asyncio.Event()

    def put(self, request: Request) -> None:
        """Queue a request; never waits."""
        key = (request.point, type(request))
        self._waiting.pop(key, None)
        self._waiting[key] = request
        self._fresh.set()

    async def run(self) -> None:
        """Carry out requests, first come, first served, until cancelled."""
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            while self._waiting:
                request = self._next()
                if request is None:
                    await self._ports.sleep(_HELD_S)
                else:
                    await self._carry_out(request)

    def _next(self) -> Request | None:
        """The oldest request that may be carried out now; None where writes alone wait, and may not go."""
        for key, request in self._waiting.items():
            if isinstance(request, ReadBackRequest) or self._ports.admitted():
                return self._waiting.pop(key)
        return None

    async def _carry_out(self, request: Request) -> None:
        if isinstance(request, ReadBackRequest):
            await self._ports.answer(await self._read(request))
        elif self._ports.wanted(request):
            await self._ports.answer(await self._write(request))

    async def _write(self, write: Write) -> Answer:
        where = parse_point(write.point)
        try:
            await self._ports.lines.write(where.device, where.point, write.value)
        except DeviceError as error:
            _log.debug("%s could not be written (%s): %s", write.point, write.why, error)
            return WriteFailed(write.point, write.ticket)
        return WriteDone(write.point, write.ticket)

    async def _read(self, request: ReadBackRequest) -> Answer:
        device = parse_point(request.point).device
        try:
            value = await self._ports.lines.read_back(device, request.source)
        except DeviceError as error:
            _log.debug("%s could not be read back: %s", request.point, error)
            return ReadBack(request.point, request.ticket, None, failed=True)
        return ReadBack(request.point, request.ticket, value)
