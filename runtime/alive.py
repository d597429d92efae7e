"""A file that says that the event loop of a process turns, for whoever watches processes from outside.

It holds the reading of the boot clock, so it means the same in every container of a machine and whatever the
wall clock does. A process that hangs, or is gone, leaves an old one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from protocols.clock import Clock

_log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
"""How often it is written. [s]"""


@contextlib.contextmanager
def shows_life(path: Path, clock: Clock, every_s: float = EVERY_S) -> Iterator[None]:
    """Write the boot clock in seconds into `path` every `every_s` while the block runs and the loop turns.

    A file that cannot be written is told once and stops nothing: its age then says that something is wrong.
    """
    beat = _Beat(path, clock, every_s)
    beat.write()
    try:
        yield
    finally:
        beat.end()


class _Beat:
    """Callbacks of the running loop, not a task: it can fail nobody."""

    def __init__(self, path: Path, clock: Clock, every_s: float) -> None:
        self._path = path
        self._clock = clock
        self._every_s = every_s
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None
        self._told = False

    def write(self) -> None:
        """Write, and again later."""
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(f"{self._clock.mono_s():.1f}\n", encoding="ascii")
            fresh.replace(self._path)
        except OSError as error:
            if not self._told:
                _log.warning(
                    "%s cannot be written (%s); this process looks dead from outside", self._path, error
                )
            self._told = True
        self._next = self._loop.call_later(self._every_s, self.write)

    def end(self) -> None:
        """Write no more."""
        if self._next is not None:
            self._next.cancel()
