"""Requests and answers of single services ↔ bytes; pure, and an answer must repeat what was asked.

Source: ANSI/ASHRAE 135-2020, clauses 13.14 (SubscribeCOV), 15.5 (ReadProperty), 15.9 (WriteProperty),
16.10 (Who-Is, I-Am), 21 (the productions).
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Final, NamedTuple

from protocols.drivers.bacnet.tags import (
    DataType,
    Kind,
    ObjectId,
    closing,
    context,
    expect,
    inside,
    object_id,
    octets,
    peek,
    unsigned,
)
from protocols.drivers.bacnet.values import one_number, status_flags
from protocols.errors import BadAnswerError

ALL_INSTANCES: Final = 4_194_302
"""Highest instance a device may have."""

TYPES: Final[dict[str, int]] = {
    "analog-input": 0,
    "analog-output": 1,
    "analog-value": 2,
    "binary-input": 3,
    "binary-output": 4,
    "binary-value": 5,
    "device": 8,
    "multi-state-input": 13,
    "multi-state-output": 14,
    "multi-state-value": 19,
    "accumulator": 23,
    "pulse-converter": 24,
    "integer-value": 45,
    "large-analog-value": 46,
    "positive-integer-value": 48,
}
"""Object types that are known here, with the standard's numbers."""


class Property(IntEnum):
    """Properties that are asked for."""

    COV_INCREMENT = 22
    DESCRIPTION = 28
    MAX_APDU = 62
    MODEL = 70
    OBJECT_ID = 75
    OBJECT_LIST = 76
    OBJECT_NAME = 77
    PRESENT_VALUE = 85
    PRIORITY_ARRAY = 87
    SERVICES = 97
    RELIABILITY = 103
    SEGMENTATION = 107
    STATUS_FLAGS = 111
    UNITS = 117
    VENDOR_NAME = 121


class IAm(NamedTuple):
    """What a device says of itself."""

    instance: int
    max_apdu: int
    segmentation: int
    vendor: int


class Notice(NamedTuple):
    """A change of value: NaN where no present value came, flags 0 where none came."""

    process: int
    device: int
    object: ObjectId
    remaining_s: int
    value: float
    flags: int


def read_property(of: ObjectId, prop: int, index: int | None = None) -> bytes:
    """Body of a ReadProperty request."""
    tail = b"" if index is None else context(2, octets(index))
    return context(0, of.packed()) + context(1, octets(prop)) + tail


def property_value(body: bytes, of: ObjectId, prop: int, index: int | None = None) -> bytes:
    """Encoded value inside a ReadProperty acknowledgement.

    Raises:
        BadAnswerError: It answers for another object, property or index, or cannot be read.
    """
    tag = expect(body, 0, 0, Kind.CONTEXT)
    name = expect(body, tag.end, 1, Kind.CONTEXT)
    at, got = name.end, None
    array = peek(body, at, 2, Kind.CONTEXT)
    if array is not None:
        at, got = array.end, unsigned(body, array)
    if (object_id(body, tag), unsigned(body, name), got) != (of, prop, index):
        raise BadAnswerError("an answer for another object or property than asked")
    opened = expect(body, at, 3, Kind.OPENING)
    end = closing(body, opened.end, 3)
    if end + 1 != len(body):
        raise BadAnswerError("an answer with more behind its end")
    return body[opened.end : end]


def write_property(of: ObjectId, value: bytes, priority: int | None) -> bytes:
    """Body of a WriteProperty request for the present value; `value` is already encoded."""
    tail = b"" if priority is None else context(4, octets(priority))
    name = context(1, octets(Property.PRESENT_VALUE))
    return context(0, of.packed()) + name + inside(3, value) + tail


def subscribe_cov(process: int, of: ObjectId, lifetime_s: int | None, *, confirmed: bool) -> bytes:
    """Body of a SubscribeCOV request; without a lifetime the subscription is cancelled."""
    head = context(0, octets(process)) + context(1, of.packed())
    if lifetime_s is None:
        return head
    return head + context(2, bytes((confirmed,))) + context(3, octets(lifetime_s))


def notice(body: bytes) -> Notice:
    """Read a COV notification.

    Raises:
        BadAnswerError: It cannot be read, or its present value is no number.
    """
    fields, at = [], 0
    for place in range(4):
        tag = expect(body, at, place, Kind.CONTEXT)
        fields.append(tag)
        at = tag.end
    at = expect(body, at, 4, Kind.OPENING).end
    found: dict[int, bytes] = {}
    while peek(body, at, 4, Kind.CLOSING) is None:
        prop, content, at = _listed_value(body, at)
        found[prop] = content
    present = found.get(Property.PRESENT_VALUE)
    status = found.get(Property.STATUS_FLAGS)
    return Notice(
        process=unsigned(body, fields[0]),
        device=object_id(body, fields[1]).instance,
        object=object_id(body, fields[2]),
        remaining_s=unsigned(body, fields[3]),
        value=math.nan if present is None else one_number(present),
        flags=0 if status is None else status_flags(status),
    )


def _listed_value(body: bytes, at: int) -> tuple[int, bytes, int]:
    name = expect(body, at, 0, Kind.CONTEXT)
    array = peek(body, name.end, 1, Kind.CONTEXT)
    opened = expect(body, array.end if array else name.end, 2, Kind.OPENING)
    end = closing(body, opened.end, 2)
    priority = peek(body, end + 1, 3, Kind.CONTEXT)
    return unsigned(body, name), body[opened.end : end], priority.end if priority else end + 1


def who_is(low: int, high: int) -> bytes:
    """Body of a Who-Is for instances `low` to `high`, both included."""
    return context(0, octets(low)) + context(1, octets(high))


def i_am(body: bytes) -> IAm:
    """Read an I-Am.

    Raises:
        BadAnswerError: It cannot be read, or is not of a device.
    """
    device = expect(body, 0, DataType.OBJECT, Kind.APPLICATION)
    apdu = expect(body, device.end, DataType.UNSIGNED, Kind.APPLICATION)
    segmentation = expect(body, apdu.end, DataType.ENUMERATED, Kind.APPLICATION)
    vendor = expect(body, segmentation.end, DataType.UNSIGNED, Kind.APPLICATION)
    of = object_id(body, device)
    if of.kind != TYPES["device"]:
        raise BadAnswerError("an I-Am of something that is no device")
    return IAm(of.instance, unsigned(body, apdu), unsigned(body, segmentation), unsigned(body, vendor))


def error_codes(body: bytes) -> tuple[int, int]:
    """Class and code of an Error; (-1, -1) where they cannot be read.

    Example:
        >>> error_codes(bytes((0x91, 1, 0x91, 31)))
        (1, 31)
    """
    try:
        first = expect(body, 0, DataType.ENUMERATED, Kind.APPLICATION)
        second = expect(body, first.end, DataType.ENUMERATED, Kind.APPLICATION)
        return unsigned(body, first), unsigned(body, second)
    except BadAnswerError:
        return -1, -1
