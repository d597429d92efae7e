"""A serial bus on a pseudo-terminal that takes the time of a real one: symbols, gaps and the units' own time.

A thread plays all units. A request that comes sooner than 3.5 characters after an answer is counted as a
violation. Faulty units: silent ones, ones that stop in the middle of a frame, ones that talk unasked between
the frames of others (frames that collide on the wire are not modelled: no master could mend those).
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from pymodbus.framer import FramerRTU
from typing_extensions import override

_READ: Final = 8
_WRITE: Final = 6
_CHUNK: Final = 16
_BABBLE_S: Final = 0.05
_GAP_CHARACTERS: Final = 3.5
_SHORTEST_GAP_S: Final = 0.00175


@dataclass(slots=True)
class BusSettings:
    """How the bus behaves.

    Attributes:
        baud: Symbol rate; ten symbols a character. [Bd]
        answer_s: Time a unit takes from the end of a request to its answer, gap included. [s]
        silent: Units that do not answer.
        hanging: Units that stop after five bytes.
        talking: Units that send their last answer again and again.
        noise_frac: Share of the answers in which one bit is turned over on the wire.
    """

    baud: int
    answer_s: float
    silent: set[int] = field(default_factory=set)
    hanging: set[int] = field(default_factory=set)
    talking: set[int] = field(default_factory=set)
    noise_frac: float = 0.0

    @property
    def character_s(self) -> float:
        """Seconds a character takes."""
        return 10.0 / self.baud

    @property
    def gap_s(self) -> float:
        """Seconds of silence between frames."""
        return max(_SHORTEST_GAP_S, _GAP_CHARACTERS * self.character_s)

    def exchange_s(self, registers: int) -> float:
        """Seconds from one read request to the next, at least."""
        return (_READ + 5 + 2 * registers) * self.character_s + self.answer_s + self.gap_s


class PacedBus(threading.Thread):
    """The units' side; `path` is the port the master opens."""

    def __init__(self, settings: BusSettings) -> None:
        super().__init__(name="serial bus", daemon=True)
        self.settings = settings
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._ended = threading.Event()
        self._free_s = 0.0
        self._babble_s = 0.0
        self.served = 0
        self.violations = 0
        self.spoilt = 0
        self.served_before_write: list[int] = []
        self.writes_begun_s: list[float] = []
        self._chance = Random(9)  # noqa: S311  the same noise each time

    @override
    def run(self) -> None:
        """Answer until `end`."""
        heard = b""
        while not self._ended.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.01)
            self._babble()
            if not ready:
                continue
            now_s = time.monotonic()
            if not heard and now_s < self._free_s:
                self.violations += 1
            heard += os.read(self._master, 4096)
            while len(heard) >= _READ:
                self._serve(heard[:_READ])
                heard = heard[_READ:]

    def end(self) -> None:
        """Stop and close."""
        self._ended.set()
        self.join()
        os.close(self._master)
        os.close(self._slave)

    def _serve(self, frame: bytes) -> None:
        settings = self.settings
        end_s = time.monotonic() + _READ * settings.character_s
        unit, (start, count) = frame[0], struct.unpack(">HH", frame[2:6])
        if unit in settings.silent:
            return
        answer = frame
        if frame[1] == _WRITE:
            self.served_before_write.append(self.served)
            self.writes_begun_s.append(end_s - 2 * _READ * settings.character_s)
        else:
            data = struct.pack(f">{count}H", *(start + at + 100 * unit & 0xFFFF for at in range(count)))
            answer = _framed(bytes((unit, frame[1], len(data))) + data)
        _sleep_until(end_s + settings.answer_s)
        self._send(answer[:5] if unit in settings.hanging else self._noisy(answer))
        self.served += 1

    def _noisy(self, answer: bytes) -> bytes:
        if self._chance.random() >= self.settings.noise_frac:
            return answer
        self.spoilt += 1
        at = self._chance.randrange(len(answer))
        return answer[:at] + bytes((answer[at] ^ 1 << self._chance.randrange(8),)) + answer[at + 1 :]

    def _send(self, data: bytes) -> None:
        """Bytes reach the master when their last symbol is through, some characters at a time."""
        begin_s = time.monotonic()
        for at in range(0, len(data), _CHUNK):
            part = data[at : at + _CHUNK]
            _sleep_until(begin_s + (at + len(part)) * self.settings.character_s)
            self._free_s = time.monotonic() + self.settings.gap_s * 0.9  # before the master can have seen it
            os.write(self._master, part)

    def _babble(self) -> None:
        now_s = time.monotonic()
        if not self.settings.talking or now_s < self._babble_s:
            return
        self._babble_s = now_s + _BABBLE_S
        for unit in self.settings.talking:
            os.write(self._master, _framed(bytes((unit, 3, 4, 0, 1, 0, 2))))


@contextlib.contextmanager
def paced_bus(settings: BusSettings) -> Iterator[PacedBus]:
    """A bus while the block runs."""
    bus = PacedBus(settings)
    bus.start()
    try:
        yield bus
    finally:
        bus.end()


def _framed(body: bytes) -> bytes:
    return body + struct.pack(">H", FramerRTU.compute_CRC(body))


def _sleep_until(at_s: float) -> None:
    wait_s = at_s - time.monotonic()
    if wait_s > 0:
        time.sleep(wait_s)
