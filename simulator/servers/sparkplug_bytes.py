"""Sparkplug B payloads made byte by byte, so that a mistake in the driver's codec cannot hide itself.

Source: Sparkplug 3.0, section 6.4 (payload, data types); Protocol Buffers, "Encoding".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from protocols.errors import ContractError

TYPES: Final = {
    "int8": 1, "int16": 2, "int32": 3, "int64": 4, "uint8": 5, "uint16": 6, "uint32": 7, "uint64": 8,
    "float": 9, "double": 10, "boolean": 11,
}  # fmt: skip
"""Name of a data type to its number."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN = 10, 11, 12, 13, 14
_MORE: Final = 0x80
_LONGEST: Final = 10


class Told(NamedTuple):
    """One metric: its name, data type and value."""

    name: str
    type: str
    value: float


def payload(time_ms: int, seq: int | None, metrics: list[Told]) -> bytes:
    """Bytes of one message; `seq` is None where it carries no number, as a death does."""
    data = _number(1, time_ms)
    for metric in metrics:
        data += _bytes(2, _metric(time_ms, metric))
    return data if seq is None else data + _number(3, seq)


def commands(data: bytes) -> list[tuple[str, float]]:
    """Names and values of the metrics of a command.

    Raises:
        ContractError: No such payload.

    Example:
        >>> commands(payload(1, None, [Told("Set", "double", 1.5), Told("On", "boolean", 1.0)]))
        [('Set', 1.5), ('On', 1.0)]
    """
    found = []
    for field, body in _fields(data):
        if field == 2 and isinstance(body, bytes):  # noqa: PLR2004  the number of the metrics
            found.append(_command(body))
    return found


def _metric(time_ms: int, metric: Told) -> bytes:
    head = _bytes(1, metric.name.encode()) + _number(3, time_ms) + _number(4, TYPES[metric.type])
    if metric.type == "double":
        return head + _key(_DOUBLE, _FIXED64) + struct.pack("<d", metric.value)
    if metric.type == "float":
        return head + _key(_FLOAT, _FIXED32) + struct.pack("<f", metric.value)
    if metric.type == "boolean":
        return head + _number(_BOOLEAN, int(metric.value != 0.0))
    long = metric.type in {"int64", "uint64"}
    return head + _number(_LONG if long else _INT, round(metric.value) % 2 ** (64 if long else 32))


def _command(body: bytes) -> tuple[str, float]:
    name, kind, raw = "", 0, 0.0
    for field, value in _fields(body):
        if field == 1 and isinstance(value, bytes):
            name = value.decode(errors="replace")
        elif field == 4 and isinstance(value, int):  # noqa: PLR2004  the number of the data type
            kind = value
        elif field in {_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN} and not isinstance(value, bytes):
            raw = value
    signed = kind in {TYPES["int8"], TYPES["int16"], TYPES["int32"]}
    return name, float(raw - 2**32 if signed and raw >= 2**31 else raw)


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    data = bytearray()
    while value >= _MORE:
        data.append(value % _MORE | _MORE)
        value //= _MORE
    return bytes([*data, value])


def _fields(data: bytes) -> Iterator[tuple[int, float | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise ContractError(f"no Sparkplug B payload: it breaks off at byte {at}")
        body, at = data[at : at + size], at + size
        yield key >> 3, body if wire == _BYTES else struct.unpack("<d" if size == 8 else "<f", body)[0]  # noqa: PLR2004  bytes of a double


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST):
        if at + place >= len(data):
            break
        byte = data[at + place]
        value |= byte % _MORE << 7 * place
        if byte < _MORE:
            return value, at + place + 1
    raise ContractError(f"no Sparkplug B payload: a number breaks off at byte {at}")
