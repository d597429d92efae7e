"""Committed ranges: which rows of an edge's journal are safe in the hub's database.

A *set* per (edge, journal), not one number, because live data runs ahead of a backlog. The edge deletes a row
only when its own seq is covered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgpack

from protocols.errors import ContractError

VERSION: Final = 1
MARK_VERSION: Final = 2
"""An agent that knows no marks takes one for a coverage message of a later version, and drops it."""


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


@dataclass(frozen=True, slots=True)
class Mark:
    """What a hub with backups tells an edge now and then, on the subject of coverage.

    An edge that never heard one deletes rows as soon as they are covered. After one it keeps them, as far as
    its disk allows, until they are marked; and it sends those again that are no longer covered: the hub was
    restored.

    Attributes:
        edge: The edge.
        journal: Journal the ranges are about.
        covered: Inclusive ranges of seq that are in the database.
        marked: Those that are in the newest backup too; None: there is no backup.
    """

    edge: str
    journal: str
    covered: tuple[tuple[int, int], ...]
    marked: tuple[tuple[int, int], ...] | None

    def encode(self) -> bytes:
        """Pack it."""
        return bytes(msgpack.packb([MARK_VERSION, self.edge, self.journal, self.covered, self.marked]))


def is_mark(data: bytes) -> bool:
    """Whether a message on the subject of coverage is a mark: five things, the first of them its version."""
    return data[:2] == bytes((0x95, MARK_VERSION))


def decode_mark(data: bytes) -> Mark:
    """Read a mark back.

    Raises:
        ContractError: Not a mark of a known version.
    """
    try:
        version, edge, journal, covered, marked = msgpack.unpackb(data)
        if version != MARK_VERSION:
            raise ContractError("a mark of an unknown version")
        return Mark(str(edge), str(journal), _pairs(covered), None if marked is None else _pairs(marked))
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise ContractError("not a mark") from error


def _pairs(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    return tuple((int(first), int(last)) for first, last in ranges)
