"""Bounds the library lacks, so that no answer of a broken or hostile server stops the event loop.

An array of nulls takes no bytes: six bytes make asyncua 2.1 build a list of two thousand million elements,
for half a minute and with all memory there is. Every other element takes at least one byte (OPC UA Part 6,
section 5.2.2), so an array has at most as many elements as bytes are left. The same holds for lists of
structures, some of which have no fields. The shape of a matrix is followed only where it fits its elements;
the library would fill it up, for seconds. A point is one number, so no shape is needed.

A text of negative length makes its buffer go back and longer than it is: the same bytes are read again, lists
have room for any number of elements, and the loop stands while memory runs out. So does a message that claims
to be shorter than its own header. Nothing goes back here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua import ua_binary
from asyncua.ua.uaerrors import UaError

_unpack, _reshape = ua_binary.unpack_uatype_array, ua_binary._reshape  # noqa: SLF001  what is to be bounded
_list_reader = ua_binary._create_list_deserializer  # noqa: SLF001  as above
_MOST_DIMENSIONS: Final = 8


def unpack_bounded(vtype: ua.VariantType, data: Buffer | IO[bytes]) -> list[Any] | None:
    """Decode an array as the library does.

    Raises:
        UaError: It claims more elements than there are bytes.
    """
    _check(data)
    return _unpack(vtype, data)


def list_reader_bounded(uatype: object) -> Callable[[Buffer | IO[bytes]], list[Any]]:
    """What decodes a list of structures, with the same bound."""
    read = _list_reader(uatype)

    def deserialize(data: Buffer | IO[bytes]) -> list[Any]:
        _check(data)
        return read(data)

    return deserialize


def _check(data: Buffer | IO[bytes]) -> None:
    if isinstance(data, Buffer):
        ahead = data.copy()
        length = ua_binary.Primitives.Int32.unpack(ahead)
        if length > len(ahead):
            raise UaError(f"an array claims {length} elements, {len(ahead)} bytes are left")


def reshape_bounded(flat: list[Any], dims: list[int] | None) -> list[Any]:
    """Rows and columns as the library makes them; the plain list where the shape does not fit it."""
    fits = bool(dims) and len(dims or ()) <= _MOST_DIMENSIONS and math.prod(dims or ()) == len(flat)
    return _reshape(flat, dims) if dims and fits and min(dims) > 0 else flat


def read_forward(buffer: Buffer, size: int) -> bytes:
    """Take bytes as the library does.

    Raises:
        UaError: Less than none are asked for, or more than are left.
    """
    at = buffer._cur_pos  # noqa: SLF001  in place of its own method
    skip_forward(buffer, size)
    return buffer._data[at : at + size]  # noqa: SLF001  as above


def skip_forward(buffer: Buffer, size: int) -> None:
    """Leave bytes out as the library does.

    Raises:
        UaError: Less than none are asked for, or more than are left.
    """
    if size < 0:
        raise UaError(f"a length of {size} bytes")
    if size > buffer._size:  # noqa: SLF001  in place of its own method
        raise NotEnoughData(f"{size} bytes are told, {buffer._size} are left")  # noqa: SLF001  as above
    buffer._size -= size  # noqa: SLF001  as above
    buffer._cur_pos += size  # noqa: SLF001  as above


def bound_arrays() -> None:
    """Put the bounds into the library; once or more often, for all sessions of this process."""
    Buffer.read, Buffer.skip = read_forward, skip_forward  # type: ignore[method-assign,assignment]  # that is the bound
    ua_binary.unpack_uatype_array = unpack_bounded
    ua_binary._reshape = reshape_bounded  # noqa: SLF001  it has no name of its own for others
    if ua_binary._create_list_deserializer is not list_reader_bounded:  # noqa: SLF001  as above
        ua_binary._create_list_deserializer = list_reader_bounded  # type: ignore[assignment]  # its own has a cache  # noqa: SLF001  as above
        for built in (ua_binary._create_type_deserializer, ua_binary._create_dataclass_deserializer):  # noqa: SLF001  as above
            built.cache_clear()  # what was built before has no bound
