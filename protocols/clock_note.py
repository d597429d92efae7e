"""A clock note: how the wall clock of an edge stood against its boot clock, each minute and at each jump.

It travels among the receipts of a journal as msgpack [v, "clock", edge, boot, mono_ns, wall_ns, synced].
The hub puts samples right by it that a wrong wall clock stamped: their instant carries the boot clock too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 1
KIND: Final = "clock"
_MOST: Final = 2**62


@dataclass(frozen=True, slots=True)
class ClockNote:
    """Both clocks of an edge at one moment.

    Attributes:
        edge: The edge.
        boot: Kernel boot the monotonic reading belongs to.
        mono_ns: CLOCK_BOOTTIME. [ns]
        wall_ns: Wall clock since the Unix epoch, UTC. [ns]
        synced: Whether a time source disciplined the wall clock then.
    """

    edge: str
    boot: str
    mono_ns: int
    wall_ns: int
    synced: bool

    @property
    def offset_ns(self) -> int:
        """Wall clock minus boot clock. [ns]."""
        return self.wall_ns - self.mono_ns

    def encode(self) -> bytes:
        """Pack it."""
        row = [VERSION, KIND, self.edge, self.boot, self.mono_ns, self.wall_ns, self.synced]
        return bytes(msgpack.packb(row))


def is_clock_note(data: bytes) -> bool:
    """Whether a receipt row holds a clock note; never raises."""
    try:
        row = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return False
    return isinstance(row, list) and row[1:2] == [KIND]


def decode_clock_note(data: bytes) -> ClockNote:
    """Read a clock note back.

    Raises:
        ContractError: Not a clock note of a known version.
    """
    try:
        version, kind, edge, boot, mono_ns, wall_ns, synced = msgpack.unpackb(data)
        note = ClockNote(str(edge), str(boot), int(mono_ns), int(wall_ns), bool(synced))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a clock note") from error
    if version != VERSION or kind != KIND or not (0 <= note.mono_ns < _MOST and 0 <= note.wall_ns < _MOST):
        raise ContractError("not a clock note of a known version")
    return note
