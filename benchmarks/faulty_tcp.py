"""Modbus TCP units in a thread of their own: sound, silent, hanging in a frame, or talking unasked."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

_BABBLE_S: Final = 0.05


class Manner(StrEnum):
    """How a unit behaves once the faults have begun."""

    SOUND = "sound"
    SILENT = "silent"
    HANGING = "hanging"
    TALKING = "talking"


class FaultyUnits:
    """One server; `faults` switches the manners on, `bad` is a register that is refused."""

    def __init__(self, manners: Mapping[int, Manner], bad: int | None = None) -> None:
        self._manners = manners
        self._bad = bad
        self.faults = threading.Event()
        self.port = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve_all()), daemon=True)

    def start(self) -> None:
        """Listen; returns when `port` is known."""
        self._thread.start()
        self._ready.wait(10)

    def end(self) -> None:
        """Stop listening."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve_all(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                talk = tasks.create_task(self._talk(writer))
                await self._answer_all(reader, writer)
                talk.cancel()
        except asyncio.CancelledError:
            pass  # the thread ends
        finally:
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(6)
                self._answer(writer, head, await reader.readexactly(head[5]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    def _answer(self, writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
        manner = self._manners.get(body[0], Manner.SOUND) if self.faults.is_set() else Manner.SOUND
        start, count = struct.unpack(">HH", body[2:6])
        pdu = bytes((body[1] | 0x80, 2))
        if self._bad is None or not start <= self._bad < start + count:
            words = ((start + at + 100 * body[0]) & 0xFFFF for at in range(count))
            pdu = bytes((body[1], 2 * count)) + struct.pack(f">{count}H", *words)
        frame = head[:4] + struct.pack(">HB", len(pdu) + 1, body[0]) + pdu
        if manner is Manner.HANGING:
            writer.write(frame[:5])
        elif manner is not Manner.SILENT:
            writer.write(frame)

    async def _talk(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(_BABBLE_S)
            if self.faults.is_set() and Manner.TALKING in self._manners.values():
                unit = next(unit for unit, manner in self._manners.items() if manner is Manner.TALKING)
                writer.write(struct.pack(">HHHBBBH", 0x7777, 0, 5, unit, 3, 2, 1))


@contextmanager
def faulty_units(manners: Mapping[int, Manner], bad: int | None = None) -> Iterator[FaultyUnits]:
    """A server while the block runs."""
    units = FaultyUnits(manners, bad)
    units.start()
    try:
        yield units
    finally:
        units.end()
