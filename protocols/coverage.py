"""Committed ranges: which rows of an edge's journal are safe in the hub's database.

A *set* per (edge, journal), not one number, because live data runs ahead of a backlog. The edge deletes a row
only when its own seq is covered.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 1


@dataclass(slots=True)
class RangeSet:
    """Disjoint, sorted, inclusive ranges of whole numbers; neighbours are merged."""

    ranges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, first: int, last: int | None = None) -> None:
        """Cover `first` … `last` (inclusive)."""
        low, high = first, first if last is None else last
        kept: list[tuple[int, int]] = []
        for start, end in self.ranges:
            if end + 1 < low or start > high + 1:
                kept.append((start, end))
            else:
                low, high = min(low, start), max(high, end)
        kept.append((low, high))
        kept.sort()
        self.ranges = kept

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self.ranges, (seq, 2**63)) - 1
        return at >= 0 and self.ranges[at][0] <= seq <= self.ranges[at][1]

    def count(self) -> int:
        """How many numbers are covered."""
        return sum(end - start + 1 for start, end in self.ranges)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the hub tells an edge after commits.

    Attributes:
        edge: The edge.
        journal: Journal the ranges are about.
        ranges: Inclusive ranges of seq that are in the database.
    """

    edge: str
    journal: str
    ranges: tuple[tuple[int, int], ...]

    def encode(self) -> bytes:
        """Pack it."""
        return bytes(msgpack.packb([VERSION, self.edge, self.journal, self.ranges]))


def decode_coverage(data: bytes) -> Coverage:
    """Read a coverage message back.

    Raises:
        ContractError: Not a coverage message of a known version.
    """
    try:
        version, edge, journal, ranges = msgpack.unpackb(data)
        pairs = tuple((int(first), int(last)) for first, last in ranges)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a coverage message") from error
    if version != VERSION:
        raise ContractError("a coverage message of an unknown version")
    return Coverage(str(edge), str(journal), pairs)
