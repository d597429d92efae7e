"""Questions of the hub to an edge on `ask.<edge>`, and their answers: reading only, one at a time.

    question  [v, kind, body]      answer  [v, error or "", body]

kind `devices`  body {}                             → [{id, label, profile, protocol, link}, …]
kind `points`   body {device}                       → [{name, unit, kind, every_s, label, writable}, …]
kind `read`     body {device, points}               → {points, values (nil where bad), qualities}
kind `holders`  body {}                             → [{point, rung, value, until_s, actor, why}, …]
kind `raw`      body {device, table, start, count}  → bytes as they came (Modbus)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 1
KINDS: Final = frozenset({"devices", "points", "read", "raw", "holders"})

MOST_POINTS: Final = 200
"""Points of one test read."""

MOST_REGISTERS: Final = 125
"""Registers of one raw read: what one Modbus answer holds."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the hub wants to know."""

    kind: str
    body: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Pack it."""
        return bytes(msgpack.packb([VERSION, self.kind, self.body]))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the edge says; `error` is a sentence for a person, empty when it worked."""

    body: Any = None
    error: str = ""

    def encode(self) -> bytes:
        """Pack it."""
        return bytes(msgpack.packb([VERSION, self.error, self.body]))


def decode_question(data: bytes) -> Question:
    """Read a question.

    Raises:
        ContractError: Not a question of a known version and kind.
    """
    row = _row(data, "question")
    if row[1] not in KINDS or not isinstance(row[2], dict):
        raise ContractError("not a question of a known kind")
    return Question(row[1], row[2])


def decode_answer(data: bytes) -> Answer:
    """Read an answer.

    Raises:
        ContractError: Not an answer of a known version.
    """
    row = _row(data, "answer")
    return Answer(row[2], str(row[1]))


def _row(data: bytes, what: str) -> list[Any]:
    try:
        version, first, body = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError(f"not a {what}") from error
    if version != VERSION:
        raise ContractError(f"a {what} of an unknown version")
    return [version, first, body]
