"""A server that ends connections without a word is no bus that is away, until it did so several times."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from runtime.bus import BusLogin, connect

pytestmark = [pytest.mark.net, pytest.mark.timeout(120)]

INFO = b'INFO {"server_id":"s","version":"2.10.0","max_payload":1048576,"headers":true}\r\n'
FULL = b"-ERR 'maximum account active connections exceeded'\r\n"


@dataclass
class Door:
    """Listens as a bus does.

    Attributes:
        words: What it says to each that comes before it ends the connection; nothing: it is reset.
        port: Where it is.
        came: How many came.
    """

    words: Sequence[bytes]
    port: int = 0
    came: int = 0

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say it and end."""
        word = self.words[self.came] if self.came < len(self.words) else b""
        self.came += 1
        writer.write(INFO)
        await reader.readline()
        writer.write(word)
        if not word:
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()


@asynccontextmanager
async def door(*words: bytes) -> AsyncIterator[Door]:
    made = Door(words)
    server = await asyncio.start_server(made.meet, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def told(words: Sequence[bytes], at_least: int) -> list[str]:
    """States that are told until so many came."""
    states: list[str] = []
    async with door(*words) as place, asyncio.timeout(60):
        trying = asyncio.ensure_future(
            connect(BusLogin(f"nats://127.0.0.1:{place.port}", "edge1"), states.append)
        )
        while place.came <= at_least:
            await asyncio.sleep(0.02)
        while not trying.done():  # `asyncio.wait_for` of Python 3.11, in the client, may lose a cancellation
            trying.cancel()
            await asyncio.wait([trying], timeout=1.0)
    return states


async def test_few_ends_without_a_word_tell_nothing_and_many_that_the_bus_is_away() -> None:
    assert await told([], 3) == []
    assert set(await told([], 15)) == {"down"}


async def test_who_was_told_that_its_account_is_full_keeps_to_that_while_no_other_word_comes() -> None:
    states = await told([FULL, b"", FULL], 20)
    assert states
    assert set(states) == {"full"}
