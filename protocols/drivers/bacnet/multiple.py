"""ReadPropertyMultiple of present values with their status flags ↔ bytes and numpy; pure.

The first answer of a request is read with care, tag by tag, and leaves a `Template`: which octets are numbers
and flags, and what every other octet must be. The next answer is compared with it as a whole and its numbers
are taken by their places; where one octet differs, it is read with care again. So the fast way checks
every object, property and tag just as the slow way does.

    request   per object   [0] object  [1]{ [0] present-value  [0] status-flags }
    answer    per object   [0] object  [1]{ [2] present-value  [4]{ value } or [5]{ error }  [2] … }

Source: ANSI/ASHRAE 135-2020, clause 15.7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.drivers.bacnet.services import Property
from protocols.drivers.bacnet.tags import (
    DataType,
    Kind,
    ObjectId,
    Tag,
    closing,
    context,
    expect,
    inside,
    object_id,
    octets,
    peek,
    read_tag,
    unsigned,
)
from protocols.drivers.bacnet.values import one_number, status_flags
from protocols.errors import BadAnswerError
from protocols.frame import Qualities, Values
from protocols.quality import Quality

ANSWER_BYTES: Final = 24
"""Octets of one object in an answer: analog value and flags, or an error of a vendor's own code."""

ANSWER_HEAD_BYTES: Final = 3
REQUEST_BYTES: Final = 11
REQUEST_HEAD_BYTES: Final = 4

_ASKED: Final = inside(
    1, context(0, octets(Property.PRESENT_VALUE)) + context(0, octets(Property.STATUS_FLAGS))
)
_FLOAT_BYTES: Final = 4

Octets = NDArray[np.uint8]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One answer, an entry an object.

    Attributes:
        values: Raw present values; NaN where there is none.
        flags: Octets of status flags; 0 where the object has none.
        qualities: Good, refused or garbled; nothing else is judged here.
    """

    values: Values
    flags: Octets
    qualities: Qualities


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """Shape of an answer whose changing parts are float32s, single octets and flags only.

    Attributes:
        keep: 255 where an octet must be as in `fixed`, 0 where it may change.
        fixed: The answer with its changing octets set to 0.
        float_rows, float_at: Rows with a float32, and the places of its octets, shape (k, 4).
        octet_rows, octet_at: Rows with a number of one octet, and its place.
        flag_rows, flag_at: Rows with status flags, and their place.
        qualities: As in the first answer.
    """

    keep: Octets
    fixed: Octets
    float_rows: Places
    float_at: Places
    octet_rows: Places
    octet_at: Places
    flag_rows: Places
    flag_at: Places
    qualities: Qualities

    def take(self, body: bytes) -> Rows | None:
        """Numbers of an answer of this shape; None for any other."""
        got = np.frombuffer(body, np.uint8)
        if len(got) != len(self.fixed) or not np.array_equal(got & self.keep, self.fixed):
            return None
        values = np.full(len(self.qualities), math.nan)
        values[self.float_rows] = got[self.float_at].view(">f4")[:, 0]
        values[self.octet_rows] = got[self.octet_at]
        flags = np.zeros(len(self.qualities), np.uint8)
        flags[self.flag_rows] = got[self.flag_at] & 0xF0
        return Rows(values, flags, self.qualities.copy())


@dataclass(slots=True)
class _Shape:
    """What the careful way finds out about an answer's shape."""

    size: int
    floats: list[tuple[int, int]] = field(default_factory=list)
    octets: list[tuple[int, int]] = field(default_factory=list)
    flags: list[tuple[int, int]] = field(default_factory=list)
    regular: bool = True

    def note(self, row: int, tag: Tag) -> None:
        """Note where the value of a row lies."""
        length = tag.end - tag.start
        if tag.number == DataType.REAL:
            self.floats.append((row, tag.start))
        elif tag.number in {DataType.UNSIGNED, DataType.ENUMERATED} and length == 1:
            self.octets.append((row, tag.start))
        elif length or tag.number == DataType.BOOLEAN:
            self.regular = False

    def template(self, body: bytes, qualities: Qualities) -> Template | None:
        """The template, where every number has a fixed place."""
        if not self.regular:
            return None
        float_at = np.array([at for _, at in self.floats], np.intp)[:, None] + np.arange(_FLOAT_BYTES)
        octet_at = np.array([at for _, at in self.octets], np.intp)
        flag_at = np.array([at for _, at in self.flags], np.intp)
        keep = np.full(self.size, 255, np.uint8)
        keep[float_at] = keep[octet_at] = keep[flag_at] = 0
        return Template(
            keep,
            np.frombuffer(body, np.uint8) & keep,
            np.array([row for row, _ in self.floats], np.intp),
            float_at,
            np.array([row for row, _ in self.octets], np.intp),
            octet_at,
            np.array([row for row, _ in self.flags], np.intp),
            flag_at,
            qualities.copy(),
        )


def encode(objects: Sequence[ObjectId]) -> bytes:
    """Body of the request for the present values and status flags of `objects`."""
    return b"".join(context(0, one.packed()) + _ASKED for one in objects)


def most_objects(device_apdu: int, own_apdu: int) -> int:
    """How many objects a request may ask so that it and its answer fit in one piece; at least one.

    Example:
        >>> most_objects(1476, 1476), most_objects(480, 1476), most_objects(50, 1476)
        (61, 19, 1)
    """
    answer = (min(device_apdu, own_apdu) - ANSWER_HEAD_BYTES) // ANSWER_BYTES
    request = (device_apdu - REQUEST_HEAD_BYTES) // REQUEST_BYTES
    return max(1, min(answer, request))


def decode(body: bytes, objects: Sequence[ObjectId]) -> tuple[Rows, Template | None]:
    """Read an answer with care; the objects must be those asked, in their order, and no more.

    Raises:
        BadAnswerError: Another object, property or order, or it cannot be read.
    """
    count = len(objects)
    rows = Rows(np.full(count, math.nan), np.zeros(count, np.uint8), np.zeros(count, np.uint8))
    shape, at = _Shape(len(body)), 0
    for row, wanted in enumerate(objects):
        at = _object(body, at, wanted)
        at = _present_value(body, at, row, (rows, shape))
        at = _status_flags(body, at, row, (rows, shape))
        at = expect(body, at, 1, Kind.CLOSING).end
    if at != len(body):
        raise BadAnswerError("an answer with more behind its end")
    return rows, shape.template(body, rows.qualities)


def _object(body: bytes, at: int, wanted: ObjectId) -> int:
    tag = expect(body, at, 0, Kind.CONTEXT)
    if object_id(body, tag) != wanted:
        raise BadAnswerError("an answer for another object than asked")
    return expect(body, tag.end, 1, Kind.OPENING).end


def _opened(body: bytes, at: int, prop: Property) -> tuple[bool, int, int]:
    """Whether the property came (not an error), where its content begins, where its closing tag stands."""
    name = expect(body, at, 2, Kind.CONTEXT)
    if unsigned(body, name) != prop:
        raise BadAnswerError("an answer for another property than asked")
    value = peek(body, name.end, 4, Kind.OPENING)
    if value is not None:
        return True, value.end, closing(body, value.end, 4)
    error = expect(body, name.end, 5, Kind.OPENING)
    return False, error.end, closing(body, error.end, 5)


def _present_value(body: bytes, at: int, row: int, to: tuple[Rows, _Shape]) -> int:
    rows, shape = to
    good, start, end = _opened(body, at, Property.PRESENT_VALUE)
    if not good:
        rows.qualities[row] = Quality.BAD_REFUSED
        return end + 1
    try:
        rows.values[row] = one_number(body[start:end])
        shape.note(row, read_tag(body, start))
    except BadAnswerError:
        rows.qualities[row] = Quality.BAD_ANSWER  # its frame is sound, so only this point is bad
        shape.regular = False
    return end + 1


def _status_flags(body: bytes, at: int, row: int, to: tuple[Rows, _Shape]) -> int:
    rows, shape = to
    good, start, end = _opened(body, at, Property.STATUS_FLAGS)
    if good:
        try:
            rows.flags[row] = status_flags(body[start:end])
            shape.flags.append((row, read_tag(body, start).end - 1))
        except BadAnswerError:
            rows.qualities[row] = Quality.BAD_ANSWER
            shape.regular = False
    return end + 1
