"""Time as a thing that is handed in: the boot clock decides, the wall clock only labels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks.

    Attributes:
        boot: Id of the kernel boot the monotonic reading belongs to.
        mono_ns: Nanoseconds of CLOCK_BOOTTIME; never jumps inside one boot.
        wall_ns: Nanoseconds since the Unix epoch, UTC, as the clock then believed.
    """

    boot: str
    mono_ns: int
    wall_ns: int


class Clock(Protocol):
    """Where a process takes its time from; tests hand in a virtual one."""

    @property
    def boot(self) -> str:
        """Id of the current kernel boot."""
        ...

    def mono_s(self) -> float:
        """Seconds of the boot clock; the only time a decision may use."""
        ...

    def now(self) -> Instant:
        """Both clocks at once."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def ticks(self, period_s: float, *, phase_s: float = 0.0) -> AsyncIterator[Instant]:
        """Yield on a fixed grid of `period_s`; a late consumer skips missed ticks and stays on the grid."""
        ...
