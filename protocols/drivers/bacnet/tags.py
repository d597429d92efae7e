"""Tagged values of BACnet ↔ bytes; pure, and no length on the wire is trusted.

    tag octet   nnnn c lll      nnnn tag number (15: in the next octet), c class, lll length or value
    class       0 application (the number is the data type), 1 context (the number names the field)
    lll         0..4 octets follow; 5: the length follows; 6 and 7 with class 1: opening and closing

Source: ANSI/ASHRAE 135-2020, clause 20.2.
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from protocols.errors import BadAnswerError


class Kind(IntEnum):
    """What a tag octet announces."""

    APPLICATION = 0
    CONTEXT = 1
    OPENING = 2
    CLOSING = 3


class DataType(IntEnum):
    """Application tag numbers; the values are the standard's."""

    NULL = 0
    BOOLEAN = 1
    UNSIGNED = 2
    INTEGER = 3
    REAL = 4
    DOUBLE = 5
    OCTETS = 6
    TEXT = 7
    BITS = 8
    ENUMERATED = 9
    DATE = 10
    TIME = 11
    OBJECT = 12


class Tag(NamedTuple):
    """One tag and where its content lies.

    `end` is where the next tag begins; an application boolean has its value in `lvt` and no content.
    """

    number: int
    kind: Kind
    lvt: int
    start: int
    end: int


class ObjectId(NamedTuple):
    """An object: type number of the standard (0 analog-input … 8 device) and instance."""

    kind: int
    instance: int

    def packed(self) -> bytes:
        """Four octets: 10 bits of type, 22 of instance."""
        return struct.pack(">I", self.kind << _INSTANCE_BITS | self.instance)


_INSTANCE_BITS: Final = 22
_INSTANCE_MASK: Final = (1 << _INSTANCE_BITS) - 1
_CONTEXT_BIT: Final = 0x08
_NEXT_OCTET: Final = 15
_SHORT_MOST: Final = 4
_EXTENDED: Final = 5
_OPENING: Final = 6
_CLOSING: Final = 7
_TWO_OCTETS: Final = 254
_FOUR_OCTETS: Final = 255
_OBJECT_OCTETS: Final = 4
_MOST_NUMBER_OCTETS: Final = 8
_MOST_DEPTH: Final = 16
_UTF8: Final = 0
_UCS2: Final = 4
_LATIN1: Final = 5


def read_tag(data: bytes, at: int) -> Tag:
    """Tag at `at`, with its content inside `data`.

    Raises:
        BadAnswerError: The tag or its content runs over the end.
    """
    try:
        first = data[at]
        number, at = first >> 4, at + 1
        if number == _NEXT_OCTET:
            number, at = data[at], at + 1
        lvt = first & 0x07
        if first & _CONTEXT_BIT and lvt in {_OPENING, _CLOSING}:
            return Tag(number, Kind.OPENING if lvt == _OPENING else Kind.CLOSING, lvt, at, at)
        kind = Kind.CONTEXT if first & _CONTEXT_BIT else Kind.APPLICATION
        if kind is Kind.APPLICATION and number == DataType.BOOLEAN:
            return Tag(number, kind, lvt, at, at)
        length, at = _length(data, at, lvt)
    except (IndexError, struct.error) as error:
        raise BadAnswerError("an answer that ends inside a tag") from error
    if at + length > len(data):
        raise BadAnswerError("an answer that ends inside a value")
    return Tag(number, kind, lvt, at, at + length)


def _length(data: bytes, at: int, lvt: int) -> tuple[int, int]:
    if lvt <= _SHORT_MOST:
        return lvt, at
    if lvt != _EXTENDED:
        raise BadAnswerError(f"a tag of length code {lvt}")
    length, at = data[at], at + 1
    if length == _TWO_OCTETS:
        return int(struct.unpack_from(">H", data, at)[0]), at + 2
    if length == _FOUR_OCTETS:
        return int(struct.unpack_from(">I", data, at)[0]), at + 4
    return length, at


def expect(data: bytes, at: int, number: int, kind: Kind) -> Tag:
    """Tag at `at`, which must be this one.

    Raises:
        BadAnswerError: Another tag, or none.
    """
    tag = read_tag(data, at)
    if tag.number != number or tag.kind is not kind:
        raise BadAnswerError(f"a {tag.kind.name.lower()} tag {tag.number} where {number} belongs")
    return tag


def peek(data: bytes, at: int, number: int, kind: Kind) -> Tag | None:
    """Tag at `at` when it is this one, else None; None at the end of the data too.

    Raises:
        BadAnswerError: The data ends inside a tag.
    """
    if at >= len(data):
        return None
    tag = read_tag(data, at)
    return tag if tag.number == number and tag.kind is kind else None


def closing(data: bytes, at: int, number: int) -> int:
    """Where the closing tag that belongs to an opened `number` stands; what is between may be nested.

    Raises:
        BadAnswerError: It is not there, or nested too deep.
    """
    depth = 0
    while True:
        tag = read_tag(data, at)
        if tag.kind is Kind.CLOSING:
            if depth == 0:
                if tag.number != number:
                    raise BadAnswerError(f"closing tag {tag.number} where {number} belongs")
                return at
            depth -= 1
        elif tag.kind is Kind.OPENING:
            depth += 1
            if depth > _MOST_DEPTH:
                raise BadAnswerError("an answer nested too deep")
        at = tag.end


def unsigned(data: bytes, tag: Tag) -> int:
    """Content as an unsigned number.

    Raises:
        BadAnswerError: None or more than eight octets.
    """
    if not 0 < tag.end - tag.start <= _MOST_NUMBER_OCTETS:
        raise BadAnswerError(f"an unsigned number of {tag.end - tag.start} octets")
    return int.from_bytes(data[tag.start : tag.end], "big")


def object_id(data: bytes, tag: Tag) -> ObjectId:
    """Content as an object identifier.

    Raises:
        BadAnswerError: Not four octets.
    """
    if tag.end - tag.start != _OBJECT_OCTETS:
        raise BadAnswerError(f"an object identifier of {tag.end - tag.start} octets")
    whole = int.from_bytes(data[tag.start : tag.end], "big")
    return ObjectId(whole >> _INSTANCE_BITS, whole & _INSTANCE_MASK)


def number(data: bytes, tag: Tag) -> float:
    """Application-tagged number; NaN for null.

    Raises:
        BadAnswerError: No number, or of a wrong length.
    """
    if tag.kind is not Kind.APPLICATION:
        raise BadAnswerError("a property value without a data type")
    content = data[tag.start : tag.end]
    if tag.number == DataType.REAL and len(content) == 4:  # noqa: PLR2004  octets of a float32
        return float(struct.unpack(">f", content)[0])
    if tag.number == DataType.DOUBLE and len(content) == 8:  # noqa: PLR2004  octets of a float64
        return float(struct.unpack(">d", content)[0])
    if tag.number in {DataType.UNSIGNED, DataType.ENUMERATED}:
        return float(unsigned(data, tag))
    return _rare_number(tag, content)


def _rare_number(tag: Tag, content: bytes) -> float:
    if tag.number == DataType.NULL and not content:
        return math.nan
    if tag.number == DataType.BOOLEAN and tag.lvt <= 1:
        return float(tag.lvt)
    if tag.number == DataType.INTEGER and 0 < len(content) <= _MOST_NUMBER_OCTETS:
        return float(int.from_bytes(content, "big", signed=True))
    raise BadAnswerError(f"a property value of type {tag.number} and {len(content)} octets is no number")


def text(data: bytes, tag: Tag) -> str:
    """Application-tagged character string; what cannot be decoded shows as replacement characters.

    Raises:
        BadAnswerError: No character string, or a character set that is not UTF-8, UCS-2 or Latin-1.
    """
    content = data[tag.start : tag.end]
    if tag.kind is not Kind.APPLICATION or tag.number != DataType.TEXT or not content:
        raise BadAnswerError("a property value that is no text")
    known = {_UTF8: "utf-8", _UCS2: "utf-16-be", _LATIN1: "latin-1"}
    if content[0] not in known:
        raise BadAnswerError(f"a text of character set {content[0]}")
    return content[1:].decode(known[content[0]], "replace")


def bits(data: bytes, tag: Tag) -> tuple[bool, ...]:
    """Application-tagged bit string, first bit first.

    Raises:
        BadAnswerError: No bit string.
    """
    content = data[tag.start : tag.end]
    if tag.kind is not Kind.APPLICATION or tag.number != DataType.BITS or not content:
        raise BadAnswerError("a property value that is no bit string")
    unused = content[0]
    count = (len(content) - 1) * 8 - unused
    if unused > 7 or count < 0:  # noqa: PLR2004  bits of an octet
        raise BadAnswerError("a bit string with more unused bits than it has")
    return tuple(bool(content[1 + at // 8] >> (7 - at % 8) & 1) for at in range(count))


def header(number: int, kind: Kind, length: int = 0) -> bytes:
    """Tag octets before `length` octets of content; numbers up to 14, lengths up to 65,535."""
    first = number << 4 | (0 if kind is Kind.APPLICATION else _CONTEXT_BIT)
    if kind in {Kind.OPENING, Kind.CLOSING}:
        return bytes((first | (_OPENING if kind is Kind.OPENING else _CLOSING),))
    if length <= _SHORT_MOST:
        return bytes((first | length,))
    if length < _TWO_OCTETS:
        return bytes((first | _EXTENDED, length))
    return bytes((first | _EXTENDED, _TWO_OCTETS)) + struct.pack(">H", length)


def context(number: int, content: bytes) -> bytes:
    """A context-tagged field."""
    return header(number, Kind.CONTEXT, len(content)) + content


def application(kind: DataType, content: bytes) -> bytes:
    """An application-tagged value (no boolean)."""
    return header(kind, Kind.APPLICATION, len(content)) + content


def octets(value: int) -> bytes:
    """An unsigned number in as few octets as it needs, at least one."""
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def signed_octets(value: int) -> bytes:
    """A signed number in as few octets as it needs, at least one."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def inside(number: int, content: bytes) -> bytes:
    """Content between an opening and a closing tag."""
    return header(number, Kind.OPENING) + content + header(number, Kind.CLOSING)
