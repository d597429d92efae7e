"""A serial bus of several units on a pseudo-terminal, or behind TCP: what RTU tests talk to."""

from __future__ import annotations

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pymodbus.framer import FramerRTU

Answer = Callable[[int, bytes], "list[tuple[float, bytes]]"]
"""Takes unit and PDU of a request; gives frames to send, each after some seconds."""


def crc(data: bytes) -> bytes:
    """Checksum by pymodbus, so that a mistake in ours cannot hide itself."""
    return struct.pack(">H", FramerRTU.compute_CRC(data))


def rtu(unit: int, pdu: bytes) -> bytes:
    """A frame as a unit sends it."""
    body = bytes((unit,)) + pdu
    return body + crc(body)


def holding(unit: int, pdu: bytes, value: Callable[[int], int] = lambda at: at) -> bytes:
    """A right answer to functions 3 and 4; each register holds a value made of its address."""
    start, count = struct.unpack(">HH", pdu[1:5])
    data = struct.pack(f">{count}H", *(value(at) for at in range(start, start + count)))
    return rtu(unit, bytes((pdu[0], len(data))) + data)


class BusEnd:
    """The units' end of a pseudo-terminal; `path` is the port the driver opens."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        os.set_blocking(self._master, False)
        self.asked: list[bytes] = []
        self._heard = b""
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def _readable(self) -> None:
        try:
            self._heard += os.read(self._master, 4096)
        except (BlockingIOError, OSError):
            return
        while len(self._heard) >= 7:
            size = {15: 9 + self._heard[6], 16: 9 + self._heard[6], 43: 7}.get(self._heard[1], 8)
            if len(self._heard) < size:
                return
            frame, self._heard = self._heard[:size], self._heard[size:]
            assert crc(frame[:-2]) == frame[-2:], "the master's checksum is wrong"
            self.asked.append(frame)
            for delay_s, answer in self._answer(frame[0], frame[1:-2]):
                asyncio.get_running_loop().call_later(delay_s, self.send, answer)

    def send(self, data: bytes) -> None:
        """Put bytes on the wire."""
        if self._master >= 0:
            os.write(self._master, data)

    def close(self) -> None:
        """Unplug."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1


@asynccontextmanager
async def serial_bus(answer: Answer) -> AsyncIterator[BusEnd]:
    """A bus whose units answer as told."""
    bus = BusEnd(answer)
    try:
        yield bus
    finally:
        if bus._master >= 0:
            bus.close()
