"""Single property values ↔ bytes: a value must be just what is expected, with nothing behind it; pure.

Source: ANSI/ASHRAE 135-2020, clauses 20.2 (encoding), 21 (BACnetStatusFlags).
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final

from protocols.drivers.bacnet.tags import (
    DataType,
    Kind,
    ObjectId,
    application,
    bits,
    expect,
    header,
    number,
    object_id,
    octets,
    read_tag,
    signed_octets,
)
from protocols.drivers.bacnet.tags import text as text_of
from protocols.errors import BadAnswerError


class Flag(IntEnum):
    """Status flags as they lie in the octet of the bit string."""

    IN_ALARM = 0x80
    FAULT = 0x40
    OVERRIDDEN = 0x20
    OUT_OF_SERVICE = 0x10


def one_number(value: bytes) -> float:
    """An encoded value that must be one number; NaN for null.

    Raises:
        BadAnswerError: No number, or more than one value.
    """
    tag = read_tag(value, 0)
    if tag.end != len(value):
        raise BadAnswerError("a property value that is not one number")
    return number(value, tag)


def one_whole(value: bytes) -> int:
    """An encoded value that must be one unsigned or enumerated number.

    Raises:
        BadAnswerError: Something else.
    """
    found = one_number(value)
    if not math.isfinite(found) or found < 0 or not found.is_integer():
        raise BadAnswerError(f"a property value of {found} where a whole number belongs")
    return int(found)


def one_bit_string(value: bytes) -> tuple[bool, ...]:
    """An encoded value that must be a bit string.

    Raises:
        BadAnswerError: Something else.
    """
    return bits(value, read_tag(value, 0))


def one_text(value: bytes) -> str:
    """An encoded value that must be one character string.

    Raises:
        BadAnswerError: No text.
    """
    return text_of(value, read_tag(value, 0))


def one_object(value: bytes) -> ObjectId:
    """An encoded value that must be one object identifier.

    Raises:
        BadAnswerError: No object identifier.
    """
    return object_id(value, expect(value, 0, DataType.OBJECT, Kind.APPLICATION))


def objects(value: bytes) -> list[ObjectId]:
    """An encoded list of object identifiers.

    Raises:
        BadAnswerError: Something else is in it.
    """
    found, at = [], 0
    while at < len(value):
        tag = expect(value, at, DataType.OBJECT, Kind.APPLICATION)
        found.append(object_id(value, tag))
        at = tag.end
    return found


def status_flags(value: bytes) -> int:
    """Octet of status flags, see `Flag`.

    Raises:
        BadAnswerError: Not four bits.
    """
    tag = read_tag(value, 0)
    if len(bits(value, tag)) != len(Flag) or tag.end != len(value):
        raise BadAnswerError("status flags that are not four bits")
    return value[tag.start + 1] & 0xF0


NULL: Final = header(DataType.NULL, Kind.APPLICATION)
"""What gives a priority slot back."""


def encoded_enumerated(value: int) -> bytes:
    """An application-tagged enumerated value."""
    return application(DataType.ENUMERATED, octets(value))


def encoded_unsigned(value: int) -> bytes:
    """An application-tagged unsigned value."""
    return application(DataType.UNSIGNED, octets(value))


def encoded_integer(value: int) -> bytes:
    """An application-tagged signed value."""
    return application(DataType.INTEGER, signed_octets(value))
