"""Who holds each set-point of an edge and why: a small message, on change and on ask.

    [v, edge, boot, mono_ns, wall_ns, whole, [[point, rung, value, until_s, actor, why], …]]

`whole` says that all points of the edge are named; otherwise only those that changed are. Nothing rests on
this message: it shows what the gate decided, and the next whole one repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgpack

from protocols.clock import Instant
from protocols.errors import ContractError

VERSION: Final = 1
_FIELDS: Final = 6


class Holder(NamedTuple):
    """The holder of one point.

    `rung` is one of the ladder: safety, local, locked_out, stopped, interlock, operator, schedule, optimiser,
    controller, fallback; nobody while a foreign value is left alone. `value` is wanted, in the unit of the
    point (None: nothing, or an empty priority slot); `until_s` is left of the lease (None: no end).
    """

    point: str
    rung: str
    value: float | None
    until_s: float | None
    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class Holders:
    """The holders of an edge's points."""

    edge: str
    at: Instant
    whole: bool
    holders: tuple[Holder, ...]

    def encode(self) -> bytes:
        """Pack it."""
        head = [VERSION, self.edge, self.at.boot, self.at.mono_ns, self.at.wall_ns, self.whole]
        return bytes(msgpack.packb([*head, [list(holder) for holder in self.holders]]))


def decode_holders(data: bytes) -> Holders:
    """Read it back.

    Raises:
        ContractError: Unknown version, or another form.
    """
    try:
        version, edge, boot, mono_ns, wall_ns, whole, rows = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a message of holders") from error
    if version != VERSION or not isinstance(rows, list) or not isinstance(whole, bool):
        raise ContractError("a message of holders of an unknown version or form")
    if not (isinstance(edge, str) and isinstance(boot, str) and isinstance(mono_ns, int)):
        raise ContractError("a message of holders without its edge and instant")
    if not isinstance(wall_ns, int):
        raise ContractError("a message of holders without its edge and instant")
    return Holders(edge, Instant(boot, mono_ns, wall_ns), whole, tuple(_holder(row) for row in rows))


def read_holders(rows: object) -> tuple[Holder, ...]:
    """Read the answer to the question `holders`: a list of maps with the fields of a holder.

    Raises:
        ContractError: Another form.
    """
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        raise ContractError("not a list of holders")
    try:
        return tuple(_holder([row[name] for name in Holder._fields]) for row in rows)
    except KeyError as error:
        raise ContractError(f"a holder without {error}") from error


def _holder(row: object) -> Holder:
    if not isinstance(row, Sequence) or len(row) != _FIELDS:
        raise ContractError("a holder has 6 fields")
    point, rung, value, until_s, actor, why = row
    if not all(isinstance(text, str) for text in (point, rung, actor, why)):
        raise ContractError("a holder with a text that is none")
    return Holder(point, rung, _number(value), _number(until_s), actor, why)


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ContractError("a holder with a number that is none")
    return float(value)
