"""Watches the work beside taking in: how long the oldest sample waits to be sealed, and whether in vain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hub.health.meter import Family, Meter
from hub.health.phrases import BEHIND
from hub.health.phrases import DAMAGED as DAMAGED_FILES
from hub.store.port import Keeping
from protocols.clock import Clock

LOOK_S: Final = 30.0
"""How often the store is asked. [s]"""

OLD_S: Final = 7200.0
"""Older than this nothing waits where the work goes on: on a server an hour is left for late samples. [s]"""

STILL_S: Final = 1800.0
"""For so long nothing was done: with a backlog coming in the oldest sample is old, but never the same. [s]"""

AGE: Final = "seal_age_seconds"
STILL: Final = "seal_still_seconds"
DAMAGED: Final = "sealed_files_damaged"

_NS: Final = 1e9

Ask = Callable[[], Awaitable[Keeping]]


class SealWatch:
    """Asks the store how far it is, and puts that into figures; for the one worker that seals."""

    def __init__(self, ask: Ask, meter: Meter, clock: Clock) -> None:
        self._ask = ask
        self._meter = meter
        self._clock = clock
        self._waits_since_ns: int | None = None
        self._since_s = clock.mono_s()

    async def run(self) -> None:
        """Look until cancelled; another worker tells from then on. Raises when the store cannot be read."""
        try:
            async for _ in self._clock.ticks(LOOK_S):
                self.take(await self._ask())
        finally:
            self._meter.forget(AGE, STILL, DAMAGED)

    def take(self, keeping: Keeping) -> None:
        """Put what the store says into figures."""
        now, since_ns = self._clock.now(), keeping.waits_since_ns
        now_s = self._clock.mono_s()
        if since_ns is None or since_ns != self._waits_since_ns:
            self._waits_since_ns, self._since_s = since_ns, now_s
        age_s = 0.0 if since_ns is None else max(now.wall_ns - since_ns, 0) / _NS
        self._meter.put(AGE, "Age of the oldest sample that is not sealed, or rolled up, yet.", age_s)
        self._meter.put(STILL, "How long that has been the same sample.", now_s - self._since_s)
        self._meter.put(DAMAGED, "Sealed files found damaged, missing from answers.", keeping.damaged)


def behind(families: Iterable[Family]) -> str | None:
    """Words for sealing that does not go on, by the figures of a process; None where it does."""
    figures = _figures(families)
    age_s, still_s = figures.get(AGE, 0.0), figures.get(STILL, 0.0)
    if age_s < OLD_S or still_s < STILL_S:
        return None
    return BEHIND.say(hours=f"{age_s / 3600:.1f}", minutes=f"{still_s / 60:.0f}")


def damaged(families: Iterable[Family]) -> str | None:
    """Words for damaged files, by the figures of a process; None where there is none."""
    count = _figures(families).get(DAMAGED, 0.0)
    return DAMAGED_FILES.say(count=f"{count:.0f}") if count else None


def _figures(families: Iterable[Family]) -> dict[str, float]:
    return {family.name: next(iter(family.rows.values())) for family in families if family.rows}
