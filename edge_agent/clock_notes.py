"""Clock notes: each minute, and when the wall clock jumps, the journal keeps how both clocks stand.

Nothing in the agent decides by the wall clock; the notes are for the hub, which stamps samples anew that a
wrong clock stamped (ADR 0008).
"""

from __future__ import annotations

import ctypes
import functools
import logging
from pathlib import Path
from typing import Final, Protocol

from protocols.clock import Clock
from protocols.clock_note import ClockNote
from protocols.errors import StoreError

_log = logging.getLogger(__name__)

NOTE_S: Final = 60.0
"""Longest time between two notes. [s]"""

JUMP_S: Final = 0.5
"""A wall clock that moved so far against the boot clock since the last note is noted at once. [s]"""

_LOOK_S: Final = 1.0
_NS: Final = 1_000_000_000
_STA_UNSYNC: Final = 0x40
_STATUS_AT: Final = 40
_TIMEX_BYTES: Final = 256
_TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")


class NoteKeeper(Protocol):
    """Where notes go: the journal."""

    async def append_receipts(self, bodies: list[bytes]) -> list[int]:
        """Keep them durably; raises StoreError."""
        ...


def clock_is_synced() -> bool:
    """Whether a time source disciplines this kernel's wall clock (`adjtimex`, flag STA_UNSYNC not set).

    In a unit with `ProtectClock=` the call is refused; then the mark of systemd-timesyncd is looked for. A
    clock kept in another way counts as not kept there, and the hub goes by the echo of the heartbeats.
    """
    room = ctypes.create_string_buffer(_TIMEX_BYTES)
    if _libc().adjtimex(room) < 0:
        return _TIMESYNCD.exists()
    status = ctypes.c_int.from_buffer(room, _STATUS_AT).value
    return not status & _STA_UNSYNC


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class ClockNotes:
    """Writes notes until cancelled."""

    def __init__(self, edge: str, keeper: NoteKeeper, clock: Clock) -> None:
        self._edge = edge
        self._keeper = keeper
        self._clock = clock
        self._last: ClockNote | None = None

    async def run(self) -> None:
        """Look once a second; a disk that refuses is asked again at the next look."""
        async for _ in self._clock.ticks(_LOOK_S):
            now = self._clock.now()
            note = ClockNote(self._edge, now.boot, now.mono_ns, now.wall_ns, clock_is_synced())
            if not self._due(note):
                continue
            try:
                await self._keeper.append_receipts([note.encode()])
            except StoreError as error:
                _log.debug("a clock note waits: %s", error)
                continue
            self._tell_jump(note)
            self._last = note

    def _due(self, note: ClockNote) -> bool:
        last = self._last
        if last is None or note.synced != last.synced or note.mono_ns - last.mono_ns >= NOTE_S * _NS:
            return True
        return abs(note.offset_ns - last.offset_ns) > JUMP_S * _NS

    def _tell_jump(self, note: ClockNote) -> None:
        moved_s = (note.offset_ns - self._last.offset_ns) / _NS if self._last is not None else 0.0
        if abs(moved_s) > JUMP_S:
            _log.warning("the wall clock jumped by %+.1f s; samples are put right at the hub", moved_s)
