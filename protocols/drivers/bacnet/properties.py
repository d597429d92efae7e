"""Several properties of one object in one request ↔ bytes; pure. For a person's look, not for the poll.

Source: ANSI/ASHRAE 135-2020, clause 15.7 (ReadPropertyMultiple).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protocols.drivers.bacnet.tags import (
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
from protocols.errors import BadAnswerError


class Asked(NamedTuple):
    """A property, or one element of it."""

    prop: int
    element: int | None = None


def encode_asked(of: ObjectId, asked: Sequence[Asked]) -> bytes:
    """Body of the request."""
    parts = (
        context(0, octets(one.prop)) + (b"" if one.element is None else context(1, octets(one.element)))
        for one in asked
    )
    return context(0, of.packed()) + inside(1, b"".join(parts))


def decode_asked(body: bytes, of: ObjectId, asked: Sequence[Asked]) -> list[bytes | None]:
    """Encoded value of each property in the order asked, None for one that was refused.

    Raises:
        BadAnswerError: Another object, property, index or order, or it cannot be read.
    """
    tag = expect(body, 0, 0, Kind.CONTEXT)
    if object_id(body, tag) != of:
        raise BadAnswerError("an answer for another object than asked")
    at, values = expect(body, tag.end, 1, Kind.OPENING).end, []
    for one in asked:
        value, at = _one(body, at, one)
        values.append(value)
    if expect(body, at, 1, Kind.CLOSING).end != len(body):
        raise BadAnswerError("an answer with more behind its end")
    return values


def _one(body: bytes, at: int, asked: Asked) -> tuple[bytes | None, int]:
    name = expect(body, at, 2, Kind.CONTEXT)
    index = peek(body, name.end, 3, Kind.CONTEXT)
    element = None if index is None else unsigned(body, index)
    at = name.end if index is None else index.end
    opened = peek(body, at, 4, Kind.OPENING)
    # a refusal of an element is allowed to name the property alone, as some stacks do
    known = {asked.element} if opened is not None else {asked.element, None}
    if unsigned(body, name) != asked.prop or element not in known:
        raise BadAnswerError("an answer for another property than asked")
    if opened is not None:
        end = closing(body, opened.end, 4)
        return body[opened.end : end], end + 1
    end = closing(body, expect(body, at, 5, Kind.OPENING).end, 5)
    return None, end + 1
