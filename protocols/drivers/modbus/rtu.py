"""RTU framing over a serial port or a TCP connection: without numbers, so lateness has to be ruled out.

An answer is recognised by unit, function, exact length and checksum. After a time-out the late answer may
still come, and one of the same shape as the next question would be taken for its answer. So the client
remembers what it is still owed; before it reads from that unit again it asks the unit for something of
*another* shape. A unit answers in order: once that answer is there, the late one has come before it and was
dropped, or never will. Until then an exception is not believed either.

Source: MODBUS over Serial Line Specification V1.02, section 2.5.1 (frame, 3.5 characters, CRC-16).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from typing_extensions import override

from protocols.drivers.modbus.client import ModbusClient, Terms, Waiting
from protocols.drivers.modbus.pdu import READ_FUNCTIONS, Outcome, Request, identity_size, read_request
from protocols.errors import BadAnswerError, DeviceUnreachableError
from protocols.links.link import Link
from protocols.units import Seconds

GAP_CHARACTERS: Final = 3.5
"""Silence between two frames, in characters."""

SHORTEST_GAP_S: Final = 0.00175
"""The gap above 19,200 Bd, as the specification recommends. [s]"""

CLOSE_AFTER: Final = 3
"""Silent requests in a row, of whichever unit, after which a TCP connection is opened anew."""

_EXCEPTION_BIT: Final = 0x80
_EXCEPTION_FRAME: Final = 5
_CRC_BYTES: Final = 2
_FIXED_FRAMES: Final = {5: 8, 6: 8, 15: 8, 16: 8, 22: 10}
"""Length of an answer to these functions; to others it says how many bytes follow. [byte]"""

_MOST_HELD: Final = 600
_OWED_AT_LEAST_S: Final = 3.0
_OWED_TIMEOUTS: Final = 10
_LONGEST_DRAIN_S: Final = 0.1
_MOST_REGISTERS: Final = 125


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
        rows.append(value)
    return tuple(rows)


_CRC_TABLE: Final = _table()


def crc16(data: bytes) -> int:
    """CRC-16 of the RTU framing, polynomial 0xA001 reflected, start 0xFFFF.

    Example:
        >>> hex(crc16(bytes.fromhex("010300000001")))
        '0xa84'
    """
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _CRC_TABLE[(value ^ byte) & 0xFF]
    return value


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    """A frame as it goes over the wire.

    Example:
        >>> rtu_frame(1, bytes.fromhex("0300000001")).hex()
        '010300000001840a'
    """
    body = bytes((unit,)) + pdu
    return body + struct.pack("<H", crc16(body))


class Found(NamedTuple):
    """What a search in heard bytes gave.

    `pdu` is the data unit of the answer, None when there is none yet; `foreign` counts whole frames of that
    unit which answer something else.
    """

    pdu: bytes | None
    foreign: int


def find_answer(heard: bytes, request: Request, *, exceptions: bool = True) -> Found:
    """Look for the answer to `request` among noise, frames of other units and late answers.

    With `exceptions` off an exception counts as foreign: it may be the late answer to an earlier request.
    """
    foreign = 0
    for at in range(len(heard) - _EXCEPTION_FRAME + 1):
        if heard[at] != request.unit or heard[at + 1] & ~_EXCEPTION_BIT != request.function:
            continue
        size = _frame_size(heard, at, request)
        frame = heard[at : at + size]
        if size == 0 or len(frame) < size or not _intact(frame):
            continue
        pdu = frame[1:-_CRC_BYTES]
        if pdu.startswith(request.prefix) or (pdu[0] & _EXCEPTION_BIT and exceptions):
            return Found(pdu, foreign)
        foreign += 1
    return Found(None, foreign)


def _intact(frame: bytes) -> bool:
    return crc16(frame[:-_CRC_BYTES]) == frame[-2] | frame[-1] << 8


def _frame_size(heard: bytes, at: int, request: Request) -> int:
    """Length a frame that begins at `at` claims to have; 0 when it cannot tell."""
    if heard[at + 1] & _EXCEPTION_BIT:
        return _EXCEPTION_FRAME
    if request.function in READ_FUNCTIONS.values():
        return 3 + heard[at + 2] + _CRC_BYTES
    if request.size:
        return 1 + request.size + _CRC_BYTES
    length = identity_size(heard[at + 1 :])
    return 0 if length < 0 else 1 + length + _CRC_BYTES


def _is_frame(heard: bytes) -> bool:
    """Whether what was heard begins with a whole frame, of whichever unit and function."""
    if len(heard) < _EXCEPTION_FRAME:
        return False
    function = heard[1]
    size = _FIXED_FRAMES.get(function, 3 + heard[2] + _CRC_BYTES)
    frame = heard[: _EXCEPTION_FRAME if function & _EXCEPTION_BIT else size]
    return _intact(frame)


class _Shape(NamedTuple):
    """What tells one answer from another on this framing."""

    unit: int
    prefix: bytes


class RtuClient(ModbusClient):
    """A link that carries RTU frames; one request at a time.

    Args:
        link: The wire.
        character_s: Time of one character; 0 where a gateway owns the serial side. [s]
    """

    def __init__(self, link: Link, character_s: Seconds = 0.0) -> None:
        super().__init__(link)
        self._character_s = character_s
        self._gap_s = gap_s(character_s)
        self._heard = b""
        self._foreign = 0
        self._owing: dict[_Shape, float] = {}
        self.crc_errors = 0

    @override
    def heard(self, data: bytes) -> None:
        batch = self._batch
        if batch is None or not batch.waiting:
            self._wait_for_quiet()
            return
        self._heard = (self._heard + data)[-_MOST_HELD:]
        ((key, waiting),) = batch.waiting.items()
        request = waiting.request
        found = find_answer(self._heard, request, exceptions=not self._owes(request.unit))
        self._foreign = max(self._foreign, found.foreign)
        if found.pdu is None:
            return
        self._not_before_s = self._loop().time() + self._gap_s
        self._settled(request.unit)
        self._answered(batch, key, found.pdu)

    def _wait_for_quiet(self) -> None:
        """Bytes nobody asked for: the line is not free yet; one that never is does not block for ever."""
        quiet_s = self._loop().time() + self._gap_s
        self._not_before_s = quiet_s
        if self._batch is not None:
            self._not_before_s = min(quiet_s, self._asked_s + _LONGEST_DRAIN_S)

    @override
    def _before(self, request: Request) -> Request:
        self._heard, self._foreign = b"", 0  # whatever came before the question is no answer to it
        if request.function not in READ_FUNCTIONS.values() or not self._owes(request.unit):
            return request
        sizes = {owed.prefix[1] for owed in self._owing if owed.unit == request.unit}
        return _other_shape(request, {request.prefix[1], *sizes})

    @override
    def _owed(self, waiting: Waiting) -> None:
        request = waiting.request
        patience_s = waiting.until_s - waiting.sent_s
        now_s = self._loop().time()
        for_s = max(_OWED_AT_LEAST_S, _OWED_TIMEOUTS * patience_s)
        self._owing[_Shape(request.unit, request.prefix)] = now_s + for_s
        self._not_before_s = now_s + self._gap_s

    def _owes(self, unit: int) -> bool:
        if not self._owing:
            return False
        now_s = self._loop().time()
        return any(shape.unit == unit and until_s >= now_s for shape, until_s in self._owing.items())

    def _settled(self, unit: int) -> None:
        """A unit answered: everything it still owed came before, or never will."""
        if self._owing:
            self._owing = {shape: until_s for shape, until_s in self._owing.items() if shape.unit != unit}

    @override
    def _silence(self, waiting: Waiting, terms: Terms) -> Outcome:
        if self._foreign:
            return BadAnswerError(
                f"{self.name}: {self._foreign} frames came, none of them the answer",
                unit=waiting.request.unit,
            )
        if self._heard and not _is_frame(self._heard):
            self.crc_errors = (self.crc_errors or 0) + 1
            return DeviceUnreachableError(
                f"no answer from {self.name} within {terms.timeout_s:g} s, only {len(self._heard)} bytes "
                "without a right checksum (noise, a wrong baud rate or parity, two units of one number?)",
                unit=waiting.request.unit,
            )
        return super()._silence(waiting, terms)

    @override
    def _encode(self, request: Request, key: int) -> bytes:
        del key
        return rtu_frame(request.unit, request.pdu)

    @override
    def _wire_s(self, request: Request) -> Seconds:
        answer = request.size or 255
        return (len(request.pdu) + answer + 6) * self._character_s

    @override
    def _forget(self) -> None:
        self._heard, self._foreign = b"", 0

    @override
    def _worn_out(self, silent: int) -> bool:
        # a serial port is not better for being opened again
        return not self._character_s and silent >= CLOSE_AFTER


def gap_s(character_s: Seconds) -> Seconds:
    """Silence before a frame: 3.5 characters, at least 1.75 ms; none where there is no serial side. [s]."""
    return max(SHORTEST_GAP_S, GAP_CHARACTERS * character_s) if character_s else 0.0


def _other_shape(request: Request, owed: set[int]) -> Request:
    """A read of the same place whose answer has a length that no late answer comes near. `owed` in bytes."""
    start, count = struct.unpack_from(">HH", request.pdu, 1)
    step, size = (8, 1) if request.function <= READ_FUNCTIONS["discrete"] else (1, 2)
    fewer = range(count - step, 0, -step)
    more = range(count + step, _MOST_REGISTERS * step + 1, step)
    for apart in (3, 1):
        for other in (*fewer, *more):
            length = -(-other // step) * size
            if all(abs(length - late) >= apart for late in owed):
                return read_request(request.unit, request.function, start, other)
    return request  # not reached: what is owed is forgotten long before every length is
