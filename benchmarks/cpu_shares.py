"""Which of a bench's processes had how much of the processors, and how much others had beside them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from time import monotonic
from typing import Final

import psutil

from benchmarks.registry import Figures

_ALL_PCT: Final = 100.0


class CpuShares:
    """Counts from its making on; in percent of one processor."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Begin to count.

        Args:
            names: Part of a command line to what such a process is called; this process is `bench`.
        """
        self._names = names
        self._begun_s = monotonic()
        self._before = self._spent_s()
        self._all_before = _busy_s()

    def figures(self) -> Figures:
        """Of each name and of all others on the machine, since the begin. [%]."""
        length_s = monotonic() - self._begun_s
        spent = self._spent_s()
        mine = {name: spent[name] - self._before.get(name, 0.0) for name in spent}
        others = max(_busy_s() - self._all_before - sum(mine.values()), 0.0)
        shares = {**mine, "others": others}
        return {f"cpu_{name}_pct": _ALL_PCT * used_s / length_s for name, used_s in sorted(shares.items())}

    def _spent_s(self) -> dict[str, float]:
        found: dict[str, float] = defaultdict(float)
        own = psutil.Process(os.getpid())
        for process in [own, *own.children(recursive=True)]:
            try:
                used, line = process.cpu_times(), " ".join(process.cmdline())
            except psutil.NoSuchProcess:
                continue
            named = (name for part, name in self._names.items() if part in line)
            found["bench" if process == own else next(named, "rest")] += used.user + used.system
        return found


def _busy_s() -> float:
    """Processor time of the whole machine that was used. [s]."""
    now = psutil.cpu_times()
    idle = now.idle + getattr(now, "iowait", 0.0)
    return float(sum(now)) - idle - float(getattr(now, "guest", 0.0)) - float(getattr(now, "guest_nice", 0.0))
