"""Walks the chain of models in a SunSpec device: from "SunS" over each id and length to its end.

What a device says about itself is not believed blindly: the chain has an end, stays inside the table, and
every length is checked before it is followed.

Source: SunSpec Device Information Model Specification: "SunS" at 40000, 0 or 50000, then for each model its
id, its length and its points; 0xFFFF ends the list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.commission.rawread import RawReader
from protocols.drivers.modbus.codec import text_of
from protocols.errors import DeviceRefusedError, DeviceUnreachableError

BASES: Final = (40000, 0, 50000)
"""Where the mark may stand."""

HEAD: Final = 2
"""Registers of a model's id and length."""

_MARK: Final = b"SunS"
_END: Final = 0xFFFF
_TABLE_END: Final = 65536
_MOST_MODELS: Final = 64
_COMMON: Final = 1
_MAKER, _TYPE, _VERSION = slice(4, 36), slice(36, 68), slice(84, 100)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model lies.

    Attributes:
        model: Its id.
        at: Register of its id.
        length: Registers behind id and length, as the device says.
    """

    model: int
    at: int
    length: int

    @property
    def title(self) -> str:
        """Words for a sentence."""
        return f"model {self.model} at {self.at}"


@dataclass(frozen=True, slots=True)
class Chain:
    """The models of a device.

    Attributes:
        base: Register of the mark; None: the device is no SunSpec device.
        places: Its models in their order.
        fault: Why the chain does not end as it must; empty when it does.
    """

    base: int | None = None
    places: tuple[Place, ...] = ()
    fault: str = ""


async def walk(reader: RawReader) -> Chain:
    """Find the models of a device.

    Raises:
        DeviceUnreachableError: No answer; in the middle of the chain the message says how far it went.
    """
    for base in BASES:
        if await _words(reader, base, 2) == _MARK:
            return await _follow(reader, base)
    return Chain()


async def _follow(reader: RawReader, base: int) -> Chain:
    found: list[Place] = []
    at = base + 2
    fault = ""
    while not fault:
        head = await _head(reader, at, found)
        model, length = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:], "big")
        if head and model == _END:
            return Chain(base, tuple(found))
        place = Place(model, at, length)
        fault = _fault_of(head, place, found)
        if not fault:
            found.append(place)
            at += HEAD + length
    return Chain(base, tuple(found), fault)


async def _head(reader: RawReader, at: int, found: list[Place]) -> bytes:
    try:
        return await _words(reader, at, HEAD) or _with_length(await _words(reader, at, 1))
    except DeviceUnreachableError as error:
        raise DeviceUnreachableError(
            f"fell silent at register {at}, {_behind(found)}: {error}; try again, or a longer --timeout-s"
        ) from error


def _with_length(end: bytes) -> bytes:
    """The end mark of a device whose last register it is; anything else needs its length."""
    return end + bytes(2) if end == _END.to_bytes(2, "big") else b""


def _fault_of(head: bytes, place: Place, found: list[Place]) -> str:
    if not head:
        return (
            f"registers {place.at} and {place.at + 1}, {_behind(found)}, are refused; the next model or the "
            "end mark 0xFFFF must be there, so a length before is wrong or the list is cut off"
        )
    if place.model == 0:
        return f"register {place.at}, {_behind(found)}, holds 0, which is no model; a length before is wrong"
    if place.at + HEAD + place.length + HEAD > _TABLE_END:
        return f"{place.title} says {place.length} registers, which leads beyond the last register 65535"
    return f"no end mark 0xFFFF behind {_MOST_MODELS} models" if len(found) >= _MOST_MODELS else ""


def _behind(found: list[Place]) -> str:
    return f"behind {found[-1].title} of {found[-1].length} registers" if found else "behind the mark"


async def read_model(reader: RawReader, place: Place, max_registers: int) -> tuple[int, ...]:
    """All registers of a model, id and length included.

    Raises:
        DeviceRefusedError: Some are refused.
        DeviceUnreachableError: No answer.
    """
    end = place.at + HEAD + place.length
    data = b""
    for start in range(place.at, end, max_registers):
        data += await reader.read_raw("holding", start, min(max_registers, end - start))
    return tuple(_each(data))


def nameplate(words: tuple[int, ...]) -> tuple[str, str]:
    """Maker with type, and version, out of the registers of the common model; empty where they are."""
    data = b"".join(word.to_bytes(2, "big") for word in words)
    return f"{_text(data[_MAKER])} {_text(data[_TYPE])}".strip(), _text(data[_VERSION])


def _text(data: bytes) -> str:
    """Text without signs that would move a cursor or begin a line where it is shown."""
    return "".join(sign for sign in text_of(data) if sign.isprintable())


def is_common(place: Place) -> bool:
    """Whether it is the model that every device begins with."""
    return place.model == _COMMON


def _each(data: bytes) -> Iterator[int]:
    for at in range(0, len(data), 2):
        yield int.from_bytes(data[at : at + 2], "big")


async def _words(reader: RawReader, start: int, count: int) -> bytes:
    """Bytes of some holding registers; empty when they are refused."""
    try:
        return await reader.read_raw("holding", start, count)
    except DeviceRefusedError:
        return b""
