"""A Modbus TCP device whose registers can be written, in a thread of its own, that remembers every write.

Functions 3, 6 and 16 on any unit; set-points are float32 at even addresses.
"""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from typing_extensions import override

_HEAD: Final = struct.Struct(">HHHBB")
_READ: Final = 3
_WRITE_ONE: Final = 6
_WRITE_MANY: Final = 16
_READY_S: Final = 10.0


class Written(NamedTuple):
    """One write: which set-point, which value, when on this machine's boot clock."""

    number: int
    value: float
    at_s: float


class SetPointServer(threading.Thread):
    """The device; `port` is known after `start`."""

    def __init__(self, points: int, first: float) -> None:
        super().__init__(name="set-points", daemon=True)
        self._cells = bytearray(struct.pack(">f", first) * points)
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Event | None = None
        self.port = 0
        self.written: list[Written] = []

    @override
    def run(self) -> None:
        """Serve until `end`."""
        asyncio.run(self._serve_all())

    def begin(self) -> None:
        """Start, and wait for the port."""
        self.start()
        self._ready.wait(_READY_S)

    def end(self) -> None:
        """Stop listening and wait for the end."""
        if self._loop is not None and self._leaving is not None:
            self._loop.call_soon_threadsafe(self._leaving.set)
        self.join()

    def value(self, number: int) -> float:
        """What the device holds now."""
        return float(struct.unpack_from(">f", self._cells, 4 * number)[0])

    def put(self, number: int, value: float) -> None:
        """Let the device itself change what it holds, as at its own panel."""
        self._cells[4 * number : 4 * number + 4] = struct.pack(">f", value)

    async def _serve_all(self) -> None:
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._leaving.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                tid, _, length, unit, function = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                said = self._answer(function, await reader.readexactly(length - 2))
                writer.write(struct.pack(">HHHB", tid, 0, len(said) + 1, unit) + said)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def _answer(self, function: int, body: bytes) -> bytes:
        address, count = struct.unpack(">HH", body[:4])
        if function == _READ and 2 * (address + count) <= len(self._cells):
            data = bytes(self._cells[2 * address : 2 * (address + count)])
            return bytes((function, len(data))) + data
        if function == _WRITE_MANY and 2 * (address + count) <= len(self._cells):
            self._take(address, body[5 : 5 + 2 * count])
            return bytes((function,)) + body[:4]
        if function == _WRITE_ONE and 2 * (address + 1) <= len(self._cells):
            self._take(address, body[2:4])
            return bytes((function,)) + body[:4]
        return bytes((function | 0x80, 2))

    def _take(self, address: int, data: bytes) -> None:
        self._cells[2 * address : 2 * address + len(data)] = data
        number = address // 2
        self.written.append(Written(number, self.value(number), time.clock_gettime(time.CLOCK_BOOTTIME)))


@contextmanager
def set_points(points: int, first: float) -> Iterator[SetPointServer]:
    """A device with so many set-points that all hold `first`, while the block runs."""
    server = SetPointServer(points, first)
    server.begin()
    try:
        yield server
    finally:
        server.end()
