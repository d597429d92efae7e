"""E7: a device stops in the middle of a frame: it is bad for two polls at most, the others notice nothing."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from benchmarks.polling import Polls, lines_of, made_site, poller_of
from runtime.clock import NS, SystemClock

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
DEVICES = 6
EVERY_S = 0.5
FOR_S = 3.0
SOUND_BYTES = 5


class Meter:
    """Registers that hold their own address; `hang` cuts one answer after five bytes, then says nothing."""

    def __init__(self) -> None:
        self.hang = False
        self.hung = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(6)
                body = await reader.readexactly(head[5])
                start, count = struct.unpack(">HH", body[2:6])
                data = struct.pack(f">{count}H", *range(start, start + count))
                answer = head[:4] + struct.pack(">H", 3 + len(data)) + body[:2] + bytes((len(data),)) + data
                if self.hang:
                    self.hang, self.hung = False, self.hung + 1
                    writer.write(answer[:SOUND_BYTES])
                    await reader.read()  # until the edge gives this connection up
                    break
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def meters() -> AsyncIterator[list[Meter]]:
    made = [Meter() for _ in range(DEVICES)]
    servers = [await asyncio.start_server(meter.serve, "127.0.0.1", 0) for meter in made]
    for meter, server in zip(made, servers, strict=True):
        meter.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for server in servers:
            server.close()


def periods_s(polls: Polls, device: str, from_ns: int, to_ns: int) -> list[float]:
    """Time from one frame that was handed on to the next."""
    done_s = [done for done, frame in polls.frames[device] if from_ns <= frame.at.mono_ns < to_ns]
    return list(np.diff(done_s))


async def test_one_that_hangs_in_a_frame_is_back_at_once_and_the_others_keep_their_periods() -> None:
    clock, polls = SystemClock(), Polls()
    async with meters() as made:
        connections = {
            f"m{at}": {"kind": "modbus", "host": "127.0.0.1", "port": meter.port, "timeout_s": EVERY_S / 2}
            for at, meter in enumerate(made)
        }
        site = made_site(connections, 2, EVERY_S)
        async with lines_of(site) as lines, asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(poller_of(site, lines, polls).run())
            await clock.sleep(2 * EVERY_S)
            begin_ns = clock.now().mono_ns
            await clock.sleep(FOR_S)
            hung_ns = clock.now().mono_ns
            for _ in range(round(FOR_S / (4 * EVERY_S))):
                made[0].hang = True
                await clock.sleep(4 * EVERY_S)
            end_ns = clock.now().mono_ns
            polling.cancel()
    assert made[0].hung >= 1
    bad = [bool(frame.qualities.any()) for _, frame in polls.frames["m0"] if frame.at.mono_ns >= hung_ns]
    assert sum(bad) <= 2 * made[0].hung
    assert max(map(len, "".join("x" if one else " " for one in bad).split()), default=0) <= 2
    others = [f"m{at}" for at in range(1, DEVICES)]
    assert not any(frame.qualities.any() for name in others for _, frame in polls.frames[name])
    before = [one for name in others for one in periods_s(polls, name, begin_ns, hung_ns)]
    during = [one for name in others for one in periods_s(polls, name, hung_ns, end_ns)]
    assert np.percentile(during, 99) <= 1.1 * max(float(np.percentile(before, 99)), EVERY_S)
    assert (end_ns - begin_ns) / NS < 4 * FOR_S
