"""Deadlines of many connections by one timer of the event loop.

Nearly every request is answered long before its deadline, so a timer for each would be set and ended in vain,
hundreds of times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from protocols.units import Seconds

Wake = Callable[[], None]


class Deadlines:
    """Who is to be woken when, each for its earliest deadline; times are those of the event loop."""

    def __init__(self) -> None:
        self._due: dict[Wake, Seconds] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, wake: Wake, until_s: Seconds) -> None:
        """Call `wake` then; one that is to be woken sooner is woken sooner, and only once."""
        known_s = self._due.get(wake)
        if known_s is None or until_s < known_s:
            self._due[wake] = until_s
            self._arm(until_s)

    def forget(self, wake: Wake) -> None:
        """It need not be woken any more; the timer is left to find that out."""
        self._due.pop(wake, None)

    def _arm(self, until_s: Seconds) -> None:
        if self._timer is not None:
            if self._timer.when() <= until_s:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(until_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for wake in [wake for wake, until_s in self._due.items() if until_s <= now_s]:
            del self._due[wake]
            loop.call_soon(wake)  # one that fails keeps nobody else asleep
        if self._due:
            self._arm(min(self._due.values()))
