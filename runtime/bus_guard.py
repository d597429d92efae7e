"""Beside the server of the bus: ends it when its disk has room again after it was full.

nats-server keeps the first error of a write to a stream's file: from then on it answers no message of that
stream, also when there is room again, until it is started anew (seen with 2.15.1). Whoever runs the bus does
so: systemd, the demo. Its streams stand on the disk; what it did not answer is still in the boxes' journals.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from runtime.children import die_with_parent
from runtime.logs import setup_logging

FULL_BYTES: Final = 1_000_000
"""A disk with less room than this counts as full: a write of the server may have failed. [byte]"""

ROOM_BYTES: Final = 20_000_000
"""Room from which on the server is started anew. [byte]"""

_LOOK_S: Final = 1.0
_log = logging.getLogger(__name__)


class DiskWatch:
    """Remembers that the disk was full.

    Example:
        >>> watch = DiskWatch()
        >>> [watch.room_again(free) for free in (50_000_000, 0, 2_000_000, 30_000_000, 30_000_000)]
        [False, False, False, True, False]
    """

    def __init__(self) -> None:
        self._was_full = False

    def room_again(self, free_bytes: int) -> bool:
        """Whether there is room for the first time since the disk was full."""
        self._was_full |= free_bytes < FULL_BYTES
        again = self._was_full and free_bytes >= ROOM_BYTES
        if again:
            self._was_full = False
        return again


def start_guard(folder: Path) -> None:
    """Start the guard of the server that takes this process's place; it ends with it."""
    command = [sys.executable, "-m", "runtime.bus_guard", str(os.getpid()), str(folder)]
    subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  our own module


def guard(server_pid: int, folder: Path) -> None:
    """Look at the disk each second for as long as the server, our parent, lives."""
    watch = DiskWatch()
    while os.getppid() == server_pid:
        room = os.statvfs(folder)
        if watch.room_again(room.f_bavail * room.f_frsize):
            _log.warning("the disk of the bus was full and has room again: the bus is started anew")
            os.kill(server_pid, signal.SIGTERM)
        time.sleep(_LOOK_S)


if __name__ == "__main__":
    die_with_parent()  # at once, not at the next look
    setup_logging("bus")
    guard(int(sys.argv[1]), Path(sys.argv[2]))
