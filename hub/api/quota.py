"""The hub's brake on storms of orders: so many in ten seconds, per person and per site."""

from __future__ import annotations

from collections import deque
from typing import Final

from protocols.clock import Clock

WINDOW_S: Final = 10.0
PERSON: Final = 10
"""Most orders of one person in the window."""
SITE: Final = 30
"""Most orders of all people of a site in the window."""


class Quota:
    """Counts what was let through; each scope's stop counts apart, so that nothing holds it up but itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._taken: dict[tuple[str, str], deque[float]] = {}
        self._said: dict[str, float] = {}

    def wait_s(self, person: str, stops: str | None) -> float:
        """Take one place; how long to wait where there is none, 0 where there was. [s].

        `stops`: the scope a stop is asked for, empty for one that does not exist; None: another order.
        """
        now_s = self._clock.mono_s()
        lane = "order" if stops is None else f"stop {stops}"
        keys = {(lane, person): PERSON, (lane, ""): SITE}
        wait_s = max(self._wait_s(key, most, now_s) for key, most in keys.items())
        if wait_s <= 0:
            for key in keys:
                self._taken[key].append(now_s)
        return wait_s

    def first_no(self, person: str) -> bool:
        """Whether this is the person's first refusal in the window: one is noted, a storm of them is not."""
        now_s = self._clock.mono_s()
        first = now_s - self._said.get(person, float("-inf")) >= WINDOW_S
        if first:
            self._said[person] = now_s
        return first

    def _wait_s(self, key: tuple[str, str], most: int, now_s: float) -> float:
        times = self._taken.setdefault(key, deque())
        while times and now_s - times[0] >= WINDOW_S:
            times.popleft()
        return 0.0 if len(times) < most else times[0] + WINDOW_S - now_s
