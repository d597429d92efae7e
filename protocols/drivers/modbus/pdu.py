"""Requests and what a right answer to each looks like: pure, the same for every framing.

Source: MODBUS Application Protocol Specification V1.1b3, section 6 (functions 1-6, 15, 16, 22, 23, 43/14) and
section 7 (exception codes).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.errors import BadAnswerError, DeviceError, DeviceRefusedError, DeviceUnreachableError

READ_FUNCTIONS: Final = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""Table to the function that reads it."""

EXCEPTIONS: Final = {
    1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "server device failure",
    5: "acknowledge", 6: "server device busy", 8: "memory parity error",
    10: "gateway path unavailable", 11: "gateway target device failed to respond",
}  # fmt: skip
"""Exception codes by number."""

GATEWAY_SILENCE: Final = (10, 11)
"""Codes by which a gateway says that its device does not answer."""

_EXCEPTION_BIT: Final = 0x80
_COUNT_AT: Final = 2
_ON: Final = b"\xff\x00"
_OFF: Final = b"\x00\x00"
_IDENTITY_HEAD: Final = 7
_IDENTITY: Final = b"\x2b\x0e"

Outcome = bytes | DeviceError
"""The data unit of a right answer, or why there is none."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, sent once.

    Attributes:
        unit: Whom it is for.
        pdu: Function code and data.
        prefix: How a right answer begins.
        size: Length of a right answer; 0 where the answer itself tells it (function 43). [byte]
    """

    unit: int
    pdu: bytes
    prefix: bytes
    size: int

    @property
    def function(self) -> int:
        """Function code."""
        return self.pdu[0]


def read_request(unit: int, function: int, start: int, count: int) -> Request:
    """Functions 1 to 4: `count` bits or registers from `start` on."""
    data_bytes = 2 * count if function > READ_FUNCTIONS["discrete"] else -(-count // 8)
    pdu = struct.pack(">BHH", function, start, count)
    return Request(unit, pdu, bytes((function, data_bytes)), 2 + data_bytes)


def write_coil(unit: int, address: int, *, on: bool) -> Request:
    """Function 5."""
    pdu = struct.pack(">BH", 5, address) + (_ON if on else _OFF)
    return Request(unit, pdu, pdu, len(pdu))


def write_register(unit: int, address: int, word: int) -> Request:
    """Function 6."""
    pdu = struct.pack(">BHH", 6, address, word)
    return Request(unit, pdu, pdu, len(pdu))


def write_coils(unit: int, address: int, bits: Sequence[bool]) -> Request:
    """Function 15."""
    packed = sum(bit << at for at, bit in enumerate(bits)).to_bytes(-(-len(bits) // 8), "little")
    pdu = struct.pack(">BHHB", 15, address, len(bits), len(packed)) + packed
    return Request(unit, pdu, pdu[:5], 5)


def write_registers(unit: int, address: int, words: Sequence[int]) -> Request:
    """Function 16."""
    pdu = struct.pack(f">BHHB{len(words)}H", 16, address, len(words), 2 * len(words), *words)
    return Request(unit, pdu, pdu[:5], 5)


def mask_write(unit: int, address: int, and_mask: int, or_mask: int) -> Request:
    """Function 22: the register becomes (register AND `and_mask`) OR (`or_mask` AND NOT `and_mask`)."""
    pdu = struct.pack(">BHHH", 22, address, and_mask, or_mask)
    return Request(unit, pdu, pdu, len(pdu))


def read_write(unit: int, read: tuple[int, int], address: int, words: Sequence[int]) -> Request:
    """Function 23: write `words` from `address` on, then read `read` (start, count) in the same request."""
    start, count = read
    head = struct.pack(">BHHHHB", 23, start, count, address, len(words), 2 * len(words))
    pdu = head + struct.pack(f">{len(words)}H", *words)
    return Request(unit, pdu, bytes((23, 2 * count)), 2 + 2 * count)


def read_identity(unit: int, level: int = 1, first: int = 0) -> Request:
    """Function 43/14: identity objects; level 1 basic, 2 regular, 3 extended, 4 one object."""
    pdu = _IDENTITY + bytes((level, first))
    return Request(unit, pdu, _IDENTITY + bytes((level,)), 0)


def check(request: Request, pdu: bytes) -> Outcome:
    """Decide what an answer means for a request; function, count and echo must fit exactly."""
    if pdu.startswith(request.prefix) and len(pdu) == (request.size or identity_size(pdu)):
        return pdu
    if len(pdu) == _COUNT_AT and pdu[0] == request.pdu[0] | _EXCEPTION_BIT:
        return refusal(request, pdu[1])
    return BadAnswerError(_misfit(request, pdu), unit=request.unit)


def refusal(request: Request, code: int) -> DeviceError:
    """Turn an exception code into its error; the code stands in the context."""
    text = EXCEPTIONS.get(code, "unknown")
    if code in GATEWAY_SILENCE:
        return DeviceUnreachableError(f"the gateway says: {text} ({code})", unit=request.unit, code=code)
    return DeviceRefusedError(
        f"exception {code}: {text}", unit=request.unit, function=request.function, code=code
    )


def _misfit(request: Request, pdu: bytes) -> str:
    function = pdu[0] if pdu else None
    if function != request.function:
        return f"asked function {request.function}, answered {function}"
    if request.function in READ_FUNCTIONS.values() and len(pdu) >= _COUNT_AT:
        (asked,) = struct.unpack_from(">H", request.pdu, 3)
        what = "bits" if request.function <= READ_FUNCTIONS["discrete"] else "registers"
        return f"asked for {asked} {what}, got {len(pdu) - 2} bytes and a count of {pdu[1]}"
    return "the answer names another address, value or count than the request"


def identity_size(pdu: bytes) -> int:
    """Length of an answer to function 43/14 as its objects tell it; -1 while it is not all there."""
    if len(pdu) < _IDENTITY_HEAD:
        return -1
    at = _IDENTITY_HEAD
    for _ in range(pdu[6]):
        if at + 2 > len(pdu):
            return -1
        at += 2 + pdu[at + 1]
    return at if at <= len(pdu) else -1


def identity_objects(pdu: bytes) -> tuple[dict[int, str], int | None]:
    """Objects of an answer to function 43/14, and the first object of the next request or None at the end.

    Example:
        >>> identity_objects(bytes((0x2B, 14, 1, 1, 0, 0, 1, 0, 2)) + b"Ax")
        ({0: 'Ax'}, None)
    """
    found: dict[int, str] = {}
    at = _IDENTITY_HEAD
    for _ in range(pdu[6]):
        key, length = pdu[at], pdu[at + 1]
        found[key] = pdu[at + 2 : at + 2 + length].decode("latin-1").strip("\0 ")
        at += 2 + length
    return found, pdu[5] if pdu[4] == 0xFF else None  # noqa: PLR2004  "more follows" of the standard
