"""How fast callers may ask: a bucket for each person, and one for each address that has not signed in.

What a person's programs and tabs ask comes out of one bucket. It is far above what pages need, so that it
stops a loop that runs wild and nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from protocols.clock import Clock

_MOST_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket.

    Attributes:
        per_s: Requests that come back each second. [1/s]
        most: Requests that may come at once.
    """

    per_s: float
    most: float


PERSON: Final = Rate(per_s=500.0, most=2000.0)
"""Requests of one signed-in person with all of their programs."""
STRANGER: Final = Rate(per_s=10.0, most=200.0)
"""Requests from one address to the routes of signing in."""


class Pace:
    """Buckets, the least used of which are forgotten where there are too many."""

    def __init__(self, clock: Clock, rate: Rate) -> None:
        self._clock = clock
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Take one request out of a bucket; 0 where there was one, else how long until there is. [s]."""
        now_s = self._clock.mono_s()
        left, then_s = self._left.pop(key, (self._rate.most, now_s))
        left = min(self._rate.most, left + (now_s - then_s) * self._rate.per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._rate.per_s
        self._left[key] = (left - 1 if left >= 1 else left, now_s)
        while len(self._left) > _MOST_KEYS:
            self._left.popitem(last=False)
        return wait_s
