"""A farm of Modbus TCP meters in a process of its own, for edge benchmarks and fault tests.

`python -m benchmarks.edge_farm DEVICES FLOATS` prints its port and serves units 1 … DEVICES on it, each with
FLOATS float32 holding registers from address 0 that move each second, until its standard input closes.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from typing import Final

import numpy as np

_HEAD: Final = struct.Struct(">HHHBB")
_QUESTION: Final = struct.Struct(">HH")
_MOVE_S: Final = 1.0


class Farm:
    """Registers of all units; values are random walks rounded to float32, as meters give them."""

    def __init__(self, devices: int, floats: int) -> None:
        self._rng = np.random.default_rng(1)
        self._values = self._rng.normal(50.0, 20.0, (devices, floats))
        self._registers: list[bytes] = []
        self._move()

    def _move(self) -> None:
        self._values += self._rng.normal(0.0, 0.1, self._values.shape)
        self._registers = [row.astype(">f4").tobytes() for row in self._values]

    async def move(self) -> None:
        """Let the values walk until cancelled."""
        while True:
            await asyncio.sleep(_MOVE_S)
            self._move()

    def answer(self, unit: int, function: int, body: bytes) -> bytes:
        """Answer of one request without its transaction id: FC3 and FC4, exception 2 beyond the end."""
        address, count = _QUESTION.unpack(body[:4])
        data = self._registers[(unit - 1) % len(self._registers)][2 * address : 2 * (address + count)]
        if function not in {3, 4} or len(data) < 2 * count:
            return bytes([function | 0x80, 2])
        return bytes([function, len(data)]) + data

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                tid, _, length, unit, function = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                said = self.answer(unit, function, await reader.readexactly(length - 2))
                writer.write(struct.pack(">HHHB", tid, 0, len(said) + 1, unit) + said)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _main(devices: int, floats: int) -> None:
    farm = Farm(devices, floats)
    server = await asyncio.start_server(farm.serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server, asyncio.TaskGroup() as tasks:
        moving = tasks.create_task(farm.move())
        await asyncio.to_thread(sys.stdin.read)
        moving.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
