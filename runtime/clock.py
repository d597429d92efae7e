"""The real clock, and a virtual one for tests and closed-loop runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from typing_extensions import override

from protocols.clock import Clock, Instant

NS: Final = 1_000_000_000

ROUND_S: Final = 0.25
"""Grids begin on multiples of this, or of the period where that is shorter: what is due at about
the same time is done at the same time, as waking a process costs more than most of what it then does. [s]"""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class SystemClock(Clock):
    """CLOCK_BOOTTIME and the wall clock of this machine."""

    def __init__(self) -> None:
        self._boot = _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "")[:16]

    @property
    @override
    def boot(self) -> str:
        return self._boot

    @override
    def mono_s(self) -> float:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / NS

    @override
    def now(self) -> Instant:
        return Instant(self._boot, time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns())

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @override
    async def ticks(self, period_s: float, *, phase_s: float = 0.0) -> AsyncIterator[Instant]:
        round_s = min(period_s, ROUND_S)
        first_s = math.ceil(self.mono_s() / round_s) * round_s + phase_s
        count = 0
        while True:
            wait_s = first_s + count * period_s - self.mono_s()
            if wait_s > 0:
                await self.sleep(wait_s)
            yield self.now()
            count = max(count + 1, int((self.mono_s() - first_s) / period_s))


class VirtualClock(Clock):
    """Stands still until it is told to `advance`; for synchronous cores and simulations."""

    def __init__(self, wall_ns: int = 0, boot: str = "virtualboot00000") -> None:
        self._boot = boot
        self._mono_ns = 0
        self._wall_ns = wall_ns

    @property
    @override
    def boot(self) -> str:
        return self._boot

    @override
    def mono_s(self) -> float:
        return self._mono_ns / NS

    @override
    def now(self) -> Instant:
        return Instant(self._boot, self._mono_ns, self._wall_ns)

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._mono_ns += round(seconds * NS)
        self._wall_ns += round(seconds * NS)

    def shift_wall(self, seconds: float) -> None:
        """Move the wall clock alone, as a person or a time server does."""
        self._wall_ns += round(seconds * NS)

    @override
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    @override
    async def ticks(self, period_s: float, *, phase_s: float = 0.0) -> AsyncIterator[Instant]:
        await self.sleep(phase_s)
        while True:
            yield self.now()
            await self.sleep(period_s)


def iso_utc(wall_ns: int) -> str:
    """Nanoseconds since the epoch as ISO 8601 in UTC with milliseconds.

    Example:
        >>> iso_utc(1_500_000_000)
        '1970-01-01T00:00:01.500Z'
    """
    seconds, rest_ns = divmod(wall_ns, NS)
    stamp = dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000_000:03d}Z"
