"""The name of a process that no other ever has, and whether such a process is certainly over.

A process id is used again, and means nothing on another machine or in another container. Kernel boot, pid
name space, pid and start time together name one process for good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_ENDED: Final = frozenset({"Z", "X", "x"})
_STATE, _STARTED = 0, 19
"""Places of state and start time behind the name in /proc/<pid>/stat, proc(5) fields 3 and 22."""


@dataclass(frozen=True, slots=True)
class ProcessName:
    """One process.

    Attributes:
        host: Kernel boot and pid name space; empty where they cannot be told.
        pid: Process id inside that name space.
        started: Start time in clock ticks since the boot.
    """

    host: str
    pid: int
    started: int


def own_name() -> ProcessName:
    """The name of this process."""
    pid = os.getpid()
    stat = _stat(pid)
    return ProcessName(_host(), pid, stat[1] if stat is not None else 0)


def is_gone(name: ProcessName) -> bool:
    """Whether that process has certainly ended; False for one elsewhere, and for one that is only stopped."""
    host = _host()
    if not host or name.host != host or name.pid <= 0:
        return False
    try:
        os.kill(name.pid, 0)  # no signal, only the question; hidden entries of /proc do not disturb it
    except ProcessLookupError:
        return True
    except OSError:
        return False
    stat = _stat(name.pid)
    return stat is not None and (stat[0] in _ENDED or stat[1] != name.started)


def _host() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}:{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _stat(pid: int) -> tuple[str, int] | None:
    """State and start time; None where they cannot be read."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    return fields[_STATE], int(fields[_STARTED])
