"""A gap record: rows an edge had to give up for want of space, counted, so that nothing is missed in silence.

It travels among the receipts of its journal as msgpack
[v, "gap", edge, journal, first, last, rows, samples, from_ns, to_ns, why]; version 1 ends after `samples`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 2
KIND: Final = "gap"

WHY_ROOM: Final = "room"
"""The byte bound of the journal asked for it."""

WHY_MEMORY: Final = "memory"
"""The disk took nothing for longer than memory lasts; the row was never written, `first` names the record."""

_END: Final = 2**62
_OLD_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """What was given up.

    Attributes:
        edge: The edge.
        journal: Journal the rows were numbered in.
        first: Lowest seq given up.
        last: Highest seq given up.
        rows: How many rows.
        samples: How many samples were in them.
        from_ns: Wall clock of the first sample given up; 0 where it is not known. [ns]
        to_ns: Wall clock of the last one. [ns]
        why: `WHY_ROOM` or `WHY_MEMORY`.
    """

    edge: str
    journal: str
    first: int
    last: int
    rows: int
    samples: int
    from_ns: int = 0
    to_ns: int = 0
    why: str = WHY_ROOM

    def encode(self) -> bytes:
        """Pack it."""
        head = [VERSION, KIND, self.edge, self.journal]
        counts = [self.first, self.last, self.rows, self.samples]
        return bytes(msgpack.packb([*head, *counts, self.from_ns, self.to_ns, self.why]))


def is_gap(data: bytes) -> bool:
    """Whether a receipt row holds a gap record; never raises."""
    try:
        row = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return False
    return isinstance(row, list) and row[1:2] == [KIND]


def decode_gap(data: bytes) -> Gap:
    """Read a gap record back, also one of the version before.

    Raises:
        ContractError: Not a gap record of a known version.
    """
    try:
        row = msgpack.unpackb(data)
        version, kind, edge, journal, *counts = row[:_OLD_LENGTH]
        first, last, rows, samples = map(int, counts)
        gap = Gap(str(edge), str(journal), first, last, rows, samples, *_times(version, row[_OLD_LENGTH:]))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a gap record") from error
    if version not in (VERSION, VERSION - 1) or kind != KIND:  # a tuple: what came may have no hash
        raise ContractError("not a gap record of a known version")
    if not 0 < gap.first <= gap.last < _END or not 0 < gap.rows < _END or not 0 <= gap.samples < _END:
        raise ContractError("a gap record whose numbers cannot be")
    return gap


def _times(version: object, rest: list[object]) -> tuple[int, int, str]:
    if version == VERSION - 1:
        return 0, 0, WHY_ROOM
    from_ns, to_ns, why = rest
    if not (isinstance(from_ns, int) and isinstance(to_ns, int)) or why not in {WHY_ROOM, WHY_MEMORY}:
        raise ContractError("a gap record whose times cannot be")
    return from_ns, to_ns, str(why)
