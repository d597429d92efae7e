"""E8: frames of every wrong kind; no crash, no hang, no answer taken for another request's."""

from __future__ import annotations

import asyncio
import random
import struct

import numpy as np
import pytest

from benchmarks.modbus_fuzz import fuzz
from protocols.config import Text
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.pdu import check, identity_objects, identity_size, read_identity, read_request
from protocols.drivers.modbus.rtu import find_answer
from protocols.drivers.modbus.tcp import MbapClient
from protocols.errors import DeviceError
from protocols.links.tcp import TcpLink
from protocols.profile import ModbusAddress, PointSpec


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("rtu", [False, True])
def test_fifty_thousand_wrong_frames_never_become_a_value(*, rtu: bool) -> None:
    seen = fuzz(50_000, seed=20, rtu=rtu)
    assert seen.frames >= 50_000
    assert seen.answers > 5_000  # the right ones among them are taken
    assert (seen.crashes, seen.misattributed, seen.hangs) == (0, 0, 0), seen.wrong[:3]


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rtu", [False, True])
def test_a_million_wrong_frames_never_become_a_value(*, rtu: bool) -> None:
    for seed in range(10):
        seen = fuzz(100_000, seed, rtu=rtu)
        assert (seen.crashes, seen.misattributed, seen.hangs) == (0, 0, 0), (seed, seen.wrong[:3])


def test_any_bytes_are_an_answer_or_a_device_error() -> None:
    chance = random.Random(7)  # noqa: S311  seeded noise
    requests = [read_request(1, function, 3, 2) for function in (1, 2, 3, 4)] + [read_identity(1)]
    for _ in range(20_000):
        request = chance.choice(requests)
        noise = chance.choice((b"", request.prefix)) + chance.randbytes(chance.randint(0, 30))
        outcome = check(request, noise)
        assert outcome == noise or isinstance(outcome, DeviceError)
        if outcome == noise and request.size == 0:
            identity_objects(noise)
        find_answer(bytes((1,)) + noise, request)
        assert identity_size(noise) <= len(noise)


class _Spoiler:
    """A server whose answers are right or wrong by chance."""

    def __init__(self) -> None:
        self.served = 0
        self._chance = random.Random(3)  # noqa: S311  seeded noise
        self._closed: list[asyncio.Event] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.Event()
        self._closed.append(gone)
        try:
            while True:
                head = await reader.readexactly(6)
                body = await reader.readexactly(head[5])
                self.served += 1
                writer.write(_spoilt(self._chance, _right(head, body)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            gone.set()

    async def all_gone(self) -> None:
        async with asyncio.timeout(2):
            for gone in self._closed:
                await gone.wait()


@pytest.mark.net
async def test_wrong_frames_over_a_real_socket_never_become_a_value() -> None:
    spoiler, good = _Spoiler(), 0
    server = await asyncio.start_server(spoiler.serve, "127.0.0.1", 0)
    client = MbapClient(TcpLink("127.0.0.1", server.sockets[0].getsockname()[1], 1.0))
    driver = ModbusDriver(client, UnitSettings(1, timeout_s=0.02))
    points = tuple(
        PointSpec(name=f"p{at}_kw", label=Text(en="x", zh="x"), unit="kW", address=ModbusAddress(address=at))
        for at in range(300)
    )
    while spoiler.served < 400:
        try:
            reading = await driver.read(points)
        except DeviceError:
            continue
        sound = reading.qualities == 0
        good += int(sound.sum())
        assert np.array_equal(reading.values[sound], np.arange(300.0)[sound])
    assert good > 1000
    client.close()
    await spoiler.all_gone()
    server.close()


def _right(head: bytes, body: bytes) -> bytes:
    start, count = struct.unpack(">HH", body[2:6])
    data = struct.pack(f">{count}H", *range(start, start + count))
    return head[:4] + (3 + len(data)).to_bytes(2, "big") + body[:2] + bytes((len(data),)) + data


def _spoilt(chance: random.Random, right: bytes) -> bytes:
    """One of the ways in which a frame is wrong, or the frame as it is."""
    cut = chance.randint(1, len(right) - 1)
    wrong_number = bytes((right[0] ^ 0x40, right[1])) + right[2:]
    ways = (
        right, right, right, right, right[:cut], right + right, chance.randbytes(20), wrong_number + right,
        right[:6] + b"\x07" + right[7:], right[:7] + b"\x04" + right[8:],
        right[:4] + b"\x00\x03" + right[6:8] + b"\x02",
    )  # fmt: skip
    return chance.choice(ways)
