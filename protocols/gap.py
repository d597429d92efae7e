"""A gap record: rows an edge had to give up for want of space, counted, so that nothing is missed in silence.

It travels as msgpack [v, "gap", edge, journal, first, last, rows, samples] among the receipts of its journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 1
KIND: Final = "gap"
_END: Final = 2**62


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
    """

    edge: str
    journal: str
    first: int
    last: int
    rows: int
    samples: int

    def encode(self) -> bytes:
        """Pack it."""
        head = [VERSION, KIND, self.edge, self.journal]
        return bytes(msgpack.packb([*head, self.first, self.last, self.rows, self.samples]))


def is_gap(data: bytes) -> bool:
    """Whether a receipt row holds a gap record; never raises."""
    try:
        row = msgpack.unpackb(data)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return False
    return isinstance(row, list) and row[1:2] == [KIND]


def decode_gap(data: bytes) -> Gap:
    """Read a gap record back.

    Raises:
        ContractError: Not a gap record of a known version.
    """
    try:
        version, kind, edge, journal, first, last, rows, samples = msgpack.unpackb(data)
        gap = Gap(str(edge), str(journal), int(first), int(last), int(rows), int(samples))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a gap record") from error
    if version != VERSION or kind != KIND:
        raise ContractError("not a gap record of a known version")
    if not 0 < gap.first <= gap.last < _END or not 0 < gap.rows < _END or not 0 <= gap.samples < _END:
        raise ContractError("a gap record whose numbers cannot be")
    return gap
