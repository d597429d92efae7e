"""Wrong clocks of edges put right: samples are stamped anew by the boot clock they carry (ADR 0008).

What is known of a boot, best first: the newest note of a moment when a time source disciplined the clock;
else the echo of its heartbeats against the hub's own clock. A stamp that agrees is left as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from protocols.clock import Clock, Instant
from protocols.clock_note import ClockNote
from protocols.frame import Frame
from protocols.heartbeat import Heartbeat
from protocols.quality import Quality
from protocols.source_time import BEHIND_NS, NEVER_SET_NS

NOTED_NS: Final = 1_000_000_000
"""A stamp further off a disciplined note than this is put right. [ns]"""

ECHOED_NS: Final = 5_000_000_000
"""The same against heartbeats, which are late by the way of a message. [ns]"""

_ECHOES: Final = 30
_NS_PER_MS: Final = 1_000_000
_PLAUSIBLE_NS: Final = 1_577_836_800_000_000_000
"""1 January 2020: no sample of this system is older, so an earlier stamp is a clock that was never set."""

_Boot = tuple[str, str]


class Clocks:
    """Offsets of wall clock against boot clock, by edge and boot."""

    def __init__(self, clock: Clock, notes: Iterable[ClockNote] = ()) -> None:
        self.clock = clock
        self._noted: dict[_Boot, ClockNote] = {}
        self._echoed: dict[_Boot, deque[int]] = {}
        for note in notes:
            self.learn(note)

    def learn(self, note: ClockNote) -> None:
        """Take a note of an edge; only disciplined ones say what the time was."""
        known = self._noted.get((note.edge, note.boot))
        if note.synced and (known is None or note.mono_ns >= known.mono_ns):
            self._noted[note.edge, note.boot] = note

    def hear(self, beat: Heartbeat) -> None:
        """Take the echo of a heartbeat that arrives now."""
        echoes = self._echoed.setdefault((beat.edge, beat.boot), deque(maxlen=_ECHOES))
        echoes.append(self.clock.now().wall_ns - beat.reading_ms * _NS_PER_MS)

    def put_right(self, edge: str, frames: Iterable[Frame]) -> tuple[Frame, ...]:
        """Frames with the instants they were polled at, as well as it can be known.

        Where nothing is known of the boot and the stamp cannot be true, good samples get an uncertain time.
        """
        return tuple(self._frame(edge, frame) for frame in frames)

    def _frame(self, edge: str, frame: Frame) -> Frame:
        boot = (edge, frame.at.boot)
        note, echoes = self._noted.get(boot), self._echoed.get(boot)
        if note is not None:
            return _stamped(frame, note.offset_ns, NOTED_NS)
        if echoes:
            return _stamped(frame, min(echoes), ECHOED_NS)
        return frame if frame.at.wall_ns >= _PLAUSIBLE_NS else _uncertain(frame)


def _stamped(frame: Frame, offset_ns: int, tolerance_ns: int) -> Frame:
    at = frame.at
    right_ns = at.mono_ns + offset_ns
    if abs(right_ns - at.wall_ns) <= tolerance_ns:
        return frame
    return _judged_anew(replace(frame, at=Instant(at.boot, at.mono_ns, right_ns)))


def _judged_anew(frame: Frame) -> Frame:
    """Take back what the edge said of its devices' clocks by a wrong one of its own (ADR 0014)."""
    if frame.sources is None:
        return frame
    told_ns, marks = frame.sources.told_ns, frame.qualities.copy()
    marks[marks == Quality.UNCERTAIN_TIME] = Quality.GOOD
    wrong = (told_ns > frame.at.wall_ns + BEHIND_NS) | ((told_ns > 0) & (told_ns < NEVER_SET_NS))
    marks[wrong & (marks == Quality.GOOD)] = Quality.UNCERTAIN_TIME
    return replace(frame, qualities=marks)


def _uncertain(frame: Frame) -> Frame:
    marks = np.where(frame.qualities == Quality.GOOD, np.uint8(Quality.UNCERTAIN_TIME), frame.qualities)
    return replace(frame, qualities=marks)
