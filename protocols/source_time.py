"""Source times: when the devices themselves say that values were taken, beside the instant of the poll.

A device's clock may be wrong, so it never places a sample further away than the poll before: told times are
kept as they came, and a sample's own time is the told one only where that lies after the poll before. A later
one (the read takes a moment, or the clock is ahead) counts as the poll's instant; an earlier one is a value
that stands since then, or a clock that is behind, and both were seen at the poll. So the samples of a point
never change their order, whatever a device's clock does (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ContractError

Times = NDArray[np.int64]

AHEAD_NS: Final = 2_000_000_000
"""A told time further than this after the end of the read is of a wrong clock. [ns]"""

BEHIND_NS: Final = 60_000_000_000
"""A new told time further than this before the poll before is of a wrong clock, or came too late. [ns]"""

NEVER_SET_NS: Final = 946_684_800_000_000_000
"""1 January 2000: a clock that tells an earlier time was never set. [ns]"""

LATEST_NS: Final = 2**62
"""Told times end here, in the year 2116; what is later is told as this. [ns]"""

_NS_PER_MS: Final = 1_000_000
_LATEST_MS: Final = LATEST_NS // _NS_PER_MS
_MOST_SINCE_MS: Final = 86_400_000
"""The poll before counts for a day at most. [ms]"""


@dataclass(frozen=True, slots=True, eq=False)
class SourceTimes:
    """Told times of the samples of one frame.

    Attributes:
        since_ns: How far before this poll the poll before was; 0 where there was none. [ns]
        told_ns: Shape (n,), Unix time by the clock of the device, whole milliseconds on the wire; 0 where
            none was told. [ns]
    """

    since_ns: int
    told_ns: Times

    def picked(self, where: NDArray[np.intp]) -> SourceTimes | None:
        """Those of some samples; None where none of these has one."""
        told_ns = self.told_ns[where]
        return SourceTimes(self.since_ns, told_ns) if told_ns.any() else None

    def times_ns(self, wall_ns: int) -> Times:
        """The samples' own times, shape (n,): after the poll before, and never after the poll. [ns].

        Example:
            >>> told = np.array([0, 70, 95, 103])
            >>> SourceTimes(10, told).times_ns(100).tolist()
            [100, 100, 95, 100]
        """
        return np.where(self.told_ns > wall_ns - self.since_ns, np.minimum(self.told_ns, wall_ns), wall_ns)


def pack_sources(sources: SourceTimes, wall_ns: int) -> list[object]:
    """For the wire: `[since_ms, offsets]`, told time less the frame's wall clock, both cut to ms.

    The offsets are little-endian i4, or i8 where one does not fit; the least number says "not told".
    """
    offsets = sources.told_ns // _NS_PER_MS - wall_ns // _NS_PER_MS
    told = sources.told_ns > 0
    wide = np.any(np.abs(offsets[told]) > np.iinfo(np.int32).max)
    kind = "<i8" if wide else "<i4"
    none = np.iinfo(kind).min
    since_ms = min(sources.since_ns // _NS_PER_MS, _MOST_SINCE_MS)
    return [since_ms, np.where(told, offsets, none).astype(kind).tobytes()]


def unpack_sources(row: object, wall_ns: int, count: int) -> SourceTimes:
    """Read `pack_sources` back for a frame of `count` samples.

    Raises:
        ContractError: Another layout, another length, or a time that cannot be.
    """
    if not (isinstance(row, Sequence) and len(row) == 2):  # noqa: PLR2004  since and offsets
        raise ContractError("source times do not follow their schema")
    since_ms, raw = row
    if not (isinstance(since_ms, int) and isinstance(raw, bytes) and 0 <= since_ms <= _MOST_SINCE_MS):
        raise ContractError("source times do not follow their schema")
    if not 0 <= wall_ns <= LATEST_NS:
        raise ContractError("source times beside an instant out of all range")
    if len(raw) not in {4 * count, 8 * count}:
        raise ContractError("a frame with columns of unequal length")
    kind = "<i4" if len(raw) == 4 * count else "<i8"
    offsets = np.frombuffer(raw, kind).astype(np.int64)
    told = offsets != np.iinfo(kind).min
    base_ms = wall_ns // _NS_PER_MS
    if np.any((offsets[told] < -base_ms) | (offsets[told] > _LATEST_MS - base_ms)):
        raise ContractError("a source time out of all range")
    told_ns = np.where(told, (offsets + base_ms) * _NS_PER_MS, 0)
    return SourceTimes(since_ms * _NS_PER_MS, told_ns)
