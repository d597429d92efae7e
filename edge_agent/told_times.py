"""Told times of the devices become part of a frame; what a wrong clock tells is marked (docs/adr/0014).

Only devices that tell times come here. Which times are new is known by comparing them with those of the poll
before: no clock takes part in that. Whether a new one can be right is judged by the edge's own wall clock,
unless that was never set itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from protocols.clock import Clock, Instant
from protocols.frame import Frame
from protocols.quality import Quality
from protocols.source_time import AHEAD_NS, BEHIND_NS, NEVER_SET_NS, SourceTimes, Times


@dataclass(slots=True)
class _Before:
    """The last poll of a group that told times.

    `marked` is where a time was of a wrong clock: it stays so until the next new one.
    """

    mono_ns: int
    told_ns: Times
    marked: NDArray[np.bool_]


class ToldTimes:
    """Remembers the last told times of each poll group."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before: dict[bytes, _Before] = {}

    def stamped(self, frame: Frame, told_ns: Times, every_ns: int) -> Frame:
        """The frame of a poll with its told times, and marks where the clock that told one is wrong.

        Args:
            frame: As the driver gave it, one sample a point of its group.
            told_ns: Shape (n,), Unix time, 0 where none was told. [ns]
            every_ns: Period of the group. [ns]
        """
        if not told_ns.any():
            return frame
        before = self._before.get(frame.catalogue)
        marked = self._wrong(before, frame.at, told_ns)
        self._before[frame.catalogue] = _Before(frame.at.mono_ns, told_ns, marked)
        # polls between that failed are samples too, and a told time must not go before them
        since_ns = 0 if before is None else min(frame.at.mono_ns - before.mono_ns, every_ns)
        qualities = frame.qualities
        if marked.any():
            late = marked & (qualities == Quality.GOOD)
            qualities = np.where(late, np.uint8(Quality.UNCERTAIN_TIME), qualities)
        return replace(frame, qualities=qualities, sources=SourceTimes(since_ns, told_ns))

    def _wrong(self, before: _Before | None, at: Instant, told_ns: Times) -> NDArray[np.bool_]:
        """Where the clock that told a time must be wrong, shape (n,)."""
        told = told_ns > 0
        if at.wall_ns < NEVER_SET_NS:
            return np.zeros(len(told_ns), np.bool_)
        wrong = told & ((told_ns > self._clock.now().wall_ns + AHEAD_NS) | (told_ns < NEVER_SET_NS))
        if before is not None:
            earliest_ns = at.wall_ns - (at.mono_ns - before.mono_ns) - BEHIND_NS
            new = told & (told_ns != before.told_ns)
            wrong |= np.where(new, told_ns < earliest_ns, told & before.marked & (told_ns == before.told_ns))
        return wrong
