"""Which of two agents with the id of one edge may write: a record on the bus, by compare-and-set; pure.

Who wants the record and sees another's waits until it did not change for a whole `LEASE_S` on its own boot
clock; no two clocks are compared. An earlier run of the same box is replaced at once. The record keeps the
epoch of its last holder, so that a new holder always has a higher one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import msgpack

from protocols.errors import ContractError
from protocols.units import Seconds

RENEW_S: Final[Seconds] = 3.0
"""How often the holder changes its record."""

LEASE_S: Final[Seconds] = 9.0
"""A record that stood still for so long is free."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants to be the agent of an edge.

    Attributes:
        box: Names the box: kernel boot and state folder. A clone of a disk has another.
        run: Names this run of the agent.
        epoch: Its agent epoch.
    """

    box: str
    run: str
    epoch: int

    def encode(self) -> bytes:
        """Pack it."""
        return bytes(msgpack.packb([1, self.box, self.run, self.epoch]))


def decode_claimant(data: bytes) -> Claimant:
    """Read the record's holder.

    Raises:
        ContractError: Unknown version or another form.
    """
    try:
        version, box, run, epoch = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a record of an edge's agent") from error
    if version != 1 or not (isinstance(box, str) and isinstance(run, str) and isinstance(epoch, int)):
        raise ContractError("a record of an edge's agent of an unknown version or form")
    return Claimant(box, run, epoch)


@dataclass(frozen=True, slots=True)
class Record:
    """What the bus has; `revision` grows with each change."""

    revision: int
    holder: Claimant


@dataclass(frozen=True, slots=True)
class Take:
    """Write the record if its revision is still `last`, 0 for none."""

    last: int


@dataclass(frozen=True, slots=True)
class Raise:
    """This run's epoch is not above `epoch`, the record's: begin another run with a higher one."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Another agent holds the record."""

    holder: Claimant


class Contest:
    """One agent's view of the record."""

    def __init__(self, me: Claimant) -> None:
        self._me = me
        self._seen: int | None = None
        self._still_since_s = math.inf

    def look(self, record: Record | None, now_s: float) -> Take | Raise | Wait:
        """What to do about a record; `now_s` is the boot clock."""
        if record is None:
            return Take(0)
        holder = record.holder
        if holder.run == self._me.run:
            return Take(record.revision)
        if record.revision != self._seen:
            self._seen, self._still_since_s = record.revision, now_s
        if holder.box != self._me.box and now_s - self._still_since_s < LEASE_S:
            return Wait(holder)
        return Raise(holder.epoch) if holder.epoch >= self._me.epoch else Take(record.revision)
