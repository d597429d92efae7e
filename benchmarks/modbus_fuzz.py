"""Modbus frames of every wrong kind against the client, in virtual time; each answer it takes is checked.

A device in memory answers each request with registers made from their address and the number of the request,
so that an answer to anything else is seen. On top of it come the faults of the field: late, doubled, cut off,
split, foreign, silent, noisy, wrong unit, function, count or transaction, a lost connection.

What no client can see is left out: changed data inside an intact MBAP frame (it has no checksum), and on RTU
an answer of the right shape and checksum that the unit sends without having been asked in between.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import selectors
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from typing_extensions import override

from protocols.drivers.modbus.client import ModbusClient, Terms
from protocols.drivers.modbus.pdu import Request, read_request
from protocols.drivers.modbus.rtu import RtuClient, rtu_frame
from protocols.drivers.modbus.tcp import MbapClient
from protocols.errors import DeviceError
from protocols.links.link import Ears, Link

TIMEOUT_S: Final = 0.1
MOST_S: Final = 1.0
"""Virtual time one question may take at most, all told."""

_UNITS: Final = (1, 2)
_LONGEST_LATE_S: Final = 0.35


@dataclass(slots=True)
class Count:
    """What a run saw.

    Attributes:
        frames: Frames, right and wrong, handed to the client.
        answers: Requests that were answered with data.
        misattributed: Of these, data that is not of that request.
        crashes: Errors that are not of our tree, also inside callbacks.
        hangs: Questions that took longer than `MOST_S` of virtual time.
        slowest_ms: Longest real time of one question.
    """

    frames: int = 0
    answers: int = 0
    misattributed: int = 0
    crashes: int = 0
    hangs: int = 0
    slowest_ms: float = 0.0
    wrong: list[str] = field(default_factory=list)


class _JumpSelector(selectors.DefaultSelector):
    """Does not wait: tells the loop how far to jump."""

    jumped_s = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout > 0:
            self.jumped_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when it would wait."""

    def __init__(self) -> None:
        self._jumps = _JumpSelector()
        super().__init__(self._jumps)

    @override
    def time(self) -> float:
        return self._jumps.jumped_s


def truth(request: Request, number: int) -> bytes:
    """Data unit of the right answer to the request with this number."""
    function, start, count = struct.unpack(">BHH", request.pdu)
    words = [(31 * at + 7919 * number + 101 * request.unit) & 0xFFFF for at in range(start, start + count)]
    data = struct.pack(f">{count}H", *words)
    size = request.size - 2
    return bytes((function, size)) + data[:size]


class FaultyDevice(Link):
    """The far end: hears requests, answers them with faults."""

    def __init__(self, seed: int, count: Count, *, rtu: bool) -> None:
        self._random = random.Random(seed)  # noqa: S311  a seeded fuzz
        self._count = count
        self._rtu = rtu
        self._ears: Ears | None = None
        self._past: list[tuple[int, Request, int]] = []
        self._busy_until_s = 0.0
        self._queue: list[tuple[float, int, bytes]] = []
        self._order = itertools.count()
        self._life = 0
        self.number = 0
        self.asked: Request | None = None

    @property
    @override
    def name(self) -> str:
        return "fuzz"

    @property
    @override
    def is_open(self) -> bool:
        return self._ears is not None

    @override
    async def open(self, ears: Ears) -> None:
        self._ears = ears
        self._life += 1

    @override
    def close(self) -> None:
        self._ears = None

    @override
    def send(self, data: bytes) -> None:
        self.number += 1
        key, unit, pdu = self._parse(data)
        self.asked = read_request(unit, *struct.unpack(">BHH", pdu))
        fault = self._random.choice(_FAULTS)
        fault(self, key, self.asked)
        self._past = [*self._past[-7:], (key, self.asked, self.number)]

    def _parse(self, data: bytes) -> tuple[int, int, bytes]:
        if self._rtu:
            return 0, data[0], data[1:-2]
        return int.from_bytes(data[:2], "big"), data[6], data[7:]

    def frame(self, key: int, unit: int, pdu: bytes) -> bytes:
        """A whole frame with a right checksum or header."""
        return rtu_frame(unit, pdu) if self._rtu else struct.pack(">HHHB", key, 0, len(pdu) + 1, unit) + pdu

    def right(self, key: int, request: Request) -> bytes:
        """The right answer to the newest request."""
        return self.frame(key, request.unit, truth(request, self.number))

    def put(self, data: bytes, after_s: float = 0.0) -> None:
        """Deliver bytes after some time; a serial unit answers in order."""
        loop = asyncio.get_running_loop()
        at_s = loop.time() + after_s
        if self._rtu:
            at_s = self._busy_until_s = max(at_s, self._busy_until_s)
        self._count.frames += 1
        heapq.heappush(self._queue, (at_s, next(self._order), data))
        loop.call_at(at_s, self._deliver, self._life)

    def _deliver(self, life: int) -> None:
        _, _, data = heapq.heappop(self._queue)
        if self._ears is not None and (self._rtu or life == self._life):
            self._ears.heard(data)

    def lose(self) -> None:
        """The connection breaks."""
        ears, self._ears = self._ears, None
        if ears is not None:
            asyncio.get_running_loop().call_soon(ears.lost, "cut")

    def well(self, key: int, request: Request) -> None:
        """The right answer at once."""
        self.put(self.right(key, request))

    def slow(self, key: int, request: Request) -> None:
        """In time, but only just."""
        self.put(self.right(key, request), self._random.uniform(0.0, 0.9 * TIMEOUT_S))

    def late(self, key: int, request: Request) -> None:
        """After the time-out."""
        self.put(self.right(key, request), self._random.uniform(TIMEOUT_S, _LONGEST_LATE_S))

    def doubled(self, key: int, request: Request) -> None:
        """Twice or three times."""
        for _ in range(self._random.randint(2, 3)):
            self.put(self.right(key, request))

    def split(self, key: int, request: Request) -> None:
        """In two portions."""
        data = self.right(key, request)
        cut = self._random.randint(1, len(data) - 1)
        self.put(data[:cut])
        self.put(data[cut:], self._random.choice((0.0, 0.01)) if self._rtu else 0.0)

    def cut_off(self, key: int, request: Request) -> None:
        """Ends in the middle."""
        data = self.right(key, request)
        self.put(data[: self._random.randint(1, len(data) - 1)])
        if not self._rtu:
            self._life += 1  # a TCP stream that ends in the middle of a frame brings nothing more

    def silent(self, key: int, request: Request) -> None:
        """Nothing."""
        del key, request

    def noise(self, key: int, request: Request) -> None:
        """Bytes without meaning."""
        self.put(self._random.randbytes(self._random.randint(1, 40)))
        if self._rtu:
            self.put(self.right(key, request))

    def refused(self, key: int, request: Request) -> None:
        """An exception, known or not."""
        code = self._random.choice((1, 2, 3, 4, 5, 6, 8, 10, 11, 0, 255))
        self.put(self.frame(key, request.unit, bytes((request.function | 0x80, code))))

    def other_unit(self, key: int, request: Request) -> None:
        """From a unit that was not asked."""
        self.put(self.frame(key, request.unit % 2 + 3, truth(request, self.number)))

    def other_function(self, key: int, request: Request) -> None:
        """With another function."""
        function = request.function % 4 + 1
        self.put(self.frame(key, request.unit, bytes((function,)) + truth(request, self.number)[1:]))

    def other_count(self, key: int, request: Request) -> None:
        """Intact, but shorter or longer."""
        body = truth(request, self.number)[2:]
        body = self._random.choice((body[:-1], body[:-2], body + b"\0\0", body + b"\0", b""))
        self.put(self.frame(key, request.unit, bytes((request.function, len(body))) + body))

    def lying_count(self, key: int, request: Request) -> None:
        """The byte count does not fit the data."""
        pdu = bytearray(truth(request, self.number))
        pdu[1] = (pdu[1] + self._random.choice((-2, -1, 1, 2))) & 0xFF
        self.put(self.frame(key, request.unit, bytes(pdu)))

    def old_again(self, key: int, request: Request) -> None:
        """An answer to an earlier request with its own transaction number, then the right one."""
        if not self._rtu:
            for old_key, old, number in self._past[-3:]:
                self.put(self.frame(old_key, old.unit, truth(old, number)))
        self.put(self.right(key, request))

    def other_number(self, key: int, request: Request) -> None:
        """With a transaction number that is not ours."""
        if self._rtu:
            self.well(key, request)
            return
        wrong = self._random.choice((0, (key + self._random.randint(1, 30_000)) & 0xFFFF))
        self.put(self.frame(wrong, request.unit, truth(request, self.number)))

    def damaged(self, key: int, request: Request) -> None:
        """Up to three bits turned: anywhere on RTU, which has a checksum; in length and protocol on TCP."""
        data = bytearray(self.right(key, request))
        places = range(len(data)) if self._rtu else (2, 3, 4)
        for _ in range(self._random.randint(1, 3)):
            data[self._random.choice(places)] ^= 1 << self._random.randrange(8)
        if bytes(data) == self.right(key, request):
            data[2] ^= 0x40
        self.put(bytes(data))

    def lost(self, key: int, request: Request) -> None:
        """The connection breaks."""
        del key, request
        self.lose()


_FAULTS: Final[tuple[Callable[[FaultyDevice, int, Request], None], ...]] = (
    *(FaultyDevice.well,) * 6,
    FaultyDevice.slow, FaultyDevice.late, FaultyDevice.late, FaultyDevice.doubled, FaultyDevice.split,
    FaultyDevice.cut_off, FaultyDevice.silent, FaultyDevice.noise, FaultyDevice.refused,
    FaultyDevice.other_unit, FaultyDevice.other_function, FaultyDevice.other_count,
    FaultyDevice.lying_count, FaultyDevice.old_again,
    FaultyDevice.other_number, FaultyDevice.damaged, FaultyDevice.lost,
)  # fmt: skip


def fuzz(frames: int, seed: int, *, rtu: bool) -> Count:
    """Let the client face at least so many frames; gives what it saw.

    Args:
        frames: How many frames at least.
        seed: Of all chances.
        rtu: RTU framing in place of MBAP.
    """
    count = Count()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_run(frames, seed, count, rtu=rtu))
    return count


async def _run(frames: int, seed: int, count: Count, *, rtu: bool) -> None:
    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        count.crashes += 1
        count.wrong.append(str(context.get("exception") or context.get("message")))

    asyncio.get_running_loop().set_exception_handler(note)
    device = FaultyDevice(seed, count, rtu=rtu)
    client: ModbusClient = RtuClient(device, 1e-4) if rtu else MbapClient(device)
    chance = random.Random(seed + 1)  # noqa: S311  a seeded fuzz
    request = _question(chance)
    while count.frames < frames:
        if chance.random() < 0.5:  # noqa: PLR2004  half of the questions are like the one before
            request = _question(chance)
        await _ask(client, device, request, count)


def _question(chance: random.Random) -> Request:
    function = chance.choice((3, 3, 3, 4, 4, 1, 2))
    return read_request(
        chance.choice(_UNITS), function, chance.randrange(4) * 50, chance.choice((1, 2, 2, 10, 25))
    )


async def _ask(client: ModbusClient, device: FaultyDevice, request: Request, count: Count) -> None:
    loop = asyncio.get_running_loop()
    begin_s, wall_s = loop.time(), time.perf_counter()
    try:
        (outcome,) = await client.ask([request], Terms(TIMEOUT_S))
    except DeviceError:
        outcome = None
    except Exception as error:  # noqa: BLE001  a crash is what is looked for
        count.crashes += 1
        count.wrong.append(repr(error))
        return
    count.slowest_ms = max(count.slowest_ms, 1000 * (time.perf_counter() - wall_s))
    count.hangs += loop.time() - begin_s > MOST_S
    if isinstance(outcome, bytes):
        count.answers += 1
        if device.asked != request or outcome != truth(request, device.number):
            count.misattributed += 1
            count.wrong.append(f"asked {request.pdu.hex()} of {request.unit}, took {outcome.hex()}")
