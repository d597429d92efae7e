"""Plain numbers of an answer, decoded in one step each; everything else as the library does it.

asyncua 2.1 walks through the fields of each value by name: 4.6 ms for an answer of a thousand numbers, more
than all the rest of a poll. A number with or without status and times has a fixed length on the wire, so its
first two bytes say how all of it is unpacked. What comes out are the library's own objects.

Source: OPC UA Part 6, sections 5.2.2.16 (Variant) and 5.2.2.17 (DataValue).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary, uatypes

_time: Final[Callable[[int], Any]] = lru_cache(256)(uatypes.win_epoch_to_datetime)
"""Values of one poll often share their time."""

_GOOD: Final = ua.StatusCode()
_NO_BITS: Final = ua.Byte(0)
_blank: Final[Callable[[type], Any]] = object.__new__
_STATUS, _SOURCE, _SERVER = 2, 4, 8
_NUMBERS: Final = {
    ua.VariantType.SByte: "b",
    ua.VariantType.Byte: "B",
    ua.VariantType.Int16: "h",
    ua.VariantType.UInt16: "H",
    ua.VariantType.Int32: "i",
    ua.VariantType.UInt32: "I",
    ua.VariantType.Int64: "q",
    ua.VariantType.UInt64: "Q",
    ua.VariantType.Float: "f",
    ua.VariantType.Double: "d",
}

_library_reader = ua_binary._create_uatype_array_deserializer  # noqa: SLF001  what is to be quickened

DataValues = Callable[[Buffer | IO[bytes]], list[ua.DataValue] | None]
"""Decodes a list of values with its length in front."""


class _Shape(NamedTuple):
    unpack_from: Callable[[bytes, int], tuple[Any, ...]]
    size: int
    kind: ua.VariantType


def _shape(mask: int, kind: ua.VariantType) -> _Shape:
    parts = "".join(part for bit, part in ((_STATUS, "I"), (_SOURCE, "q"), (_SERVER, "q")) if mask & bit)
    made = struct.Struct(f"<xx{_NUMBERS[kind]}{parts}")
    return _Shape(made.unpack_from, made.size, kind)


_SHAPES: Final = {
    bytes((mask, kind.value)): _shape(mask, kind)
    for mask in (1 | status | source | server for status in (0, 2) for source in (0, 4) for server in (0, 8))
    for kind in _NUMBERS
}
"""How a value is unpacked, by its own mask and the encoding byte of its variant."""


def decode_plainly() -> None:
    """Put the quick way into the library; once or more often, for all sessions of this process."""
    if ua_binary._create_uatype_array_deserializer is not _array_reader:  # noqa: SLF001  it has no name for others
        ua_binary._create_uatype_array_deserializer = _array_reader  # type: ignore[assignment]  # its own has a cache  # noqa: SLF001  as above
        for built in (ua_binary._create_type_deserializer, ua_binary._create_dataclass_deserializer):  # noqa: SLF001  as above
            built.cache_clear()  # what was built before has the slow way


def _array_reader(kind: ua.VariantType) -> Callable[[Buffer | IO[bytes]], list[Any] | None]:
    read = _library_reader(kind)
    return _with_plain_values(read) if kind is ua.VariantType.DataValue else read


def _with_plain_values(slow: DataValues) -> DataValues:
    one = ua_binary._create_dataclass_deserializer(ua.DataValue)  # noqa: SLF001  as above

    def decode(data: Buffer | IO[bytes]) -> list[ua.DataValue] | None:
        if not isinstance(data, Buffer):
            return slow(data)
        length = ua_binary.Primitives.Int32.unpack(data)
        return None if length == -1 else [_plain(data) or one(data) for _ in range(length)]

    return decode


def _plain(data: Buffer) -> ua.DataValue | None:
    """The next value, taken out of the buffer; None where it is no plain number or not all there."""
    raw, at = data._data, data._cur_pos  # noqa: SLF001  a method call a byte is what takes the time
    shape = _SHAPES.get(raw[at : at + 2])
    if shape is None or shape.size > data._size:  # noqa: SLF001  as above
        return None
    mask = raw[at]
    rest = iter(shape.unpack_from(raw, at))
    data._cur_pos = at + shape.size  # noqa: SLF001  as above
    data._size -= shape.size  # noqa: SLF001  as above
    made: ua.DataValue = _blank(ua.DataValue)  # its own way asks of each field what is known here
    made.Encoding = _NO_BITS
    made.Value = variant = _blank(ua.Variant)
    variant.Value, variant.VariantType = next(rest), shape.kind
    variant.Dimensions, variant.is_array = None, False
    made.StatusCode = ua.StatusCode(code) if mask & _STATUS and (code := next(rest)) else _GOOD
    made.SourceTimestamp = _time(next(rest)) if mask & _SOURCE else None
    made.ServerTimestamp = _time(next(rest)) if mask & _SERVER else None
    made.SourcePicoseconds = made.ServerPicoseconds = None
    return made
