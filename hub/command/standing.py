"""What holds new set-points back: somebody above the plan on a point, and the quota of the edge. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

from protocols.command import Level
from protocols.holder import Holders

ABOVE_PLANS: Final = frozenset(
    {"safety", "local", "locked_out", "stopped", "interlock", "operator", "nobody"}
)
"""Holders that keep a plan's new set-points away; `nobody`: a value set by somebody else is left alone."""
_NEWS_S: Final = 30.0
"""The edge tells everything each 10 s; what is older says nothing. [s]"""
_DECLINED_S: Final = 900.0
_PACE_S: Final = 1.25
_MOST_OF_PLANS: Final = 8
"""Most set-points within `_PACE_S`: below the quota of an edge, 10 in a second, however they bunch."""
_MOST: Final = 10
"""The same with those of people, who do not wait behind a plan."""


class Standing:
    """Who holds each point of an edge, as it told."""

    def __init__(self) -> None:
        self._rungs: dict[str, str] = {}
        self._values: dict[str, float | None] = {}
        self._told_s: dict[str, float] = {}
        self._declined_s: dict[str, float] = {}

    def told(self, holders: Holders, now_s: float) -> None:
        """Take in what the edge tells."""
        if holders.whole:
            self._rungs.clear()
            self._told_s.clear()
        for holder in holders.holders:
            self._rungs[holder.point], self._told_s[holder.point] = holder.rung, now_s
            self._values[holder.point] = holder.value

    def knows(self, point: str, now_s: float) -> bool:
        """Whether it is known who holds a point."""
        return now_s - self._told_s.get(point, float("-inf")) <= _NEWS_S

    def free(self, point: str, now_s: float) -> bool:
        """Whether a plan may order anew, as far as is known; the edge judges all the same."""
        return not self.knows(point, now_s) or self._rungs[point] not in ABOVE_PLANS

    def above(self, now_s: float) -> dict[str, float | None]:
        """Points a plan cannot have, each with the value wanted there by who holds it, as far as is known."""
        held = (point for point, rung in self._rungs.items() if rung in ABOVE_PLANS)
        declined = {point: None for point, until_s in self._declined_s.items() if now_s < until_s}
        return declined | {point: self._values[point] for point in held if self.knows(point, now_s)}

    def declined(self, point: str, now_s: float) -> None:
        """The site takes no plans there; nothing tells the end of it, so it is asked again after a while."""
        self._declined_s[point] = now_s + _DECLINED_S

    def takes_plans(self) -> None:
        """Somebody has let plans in again."""
        self._declined_s.clear()


class Pace:
    """Set-points in turns, below the quota of an edge."""

    def __init__(self) -> None:
        self._sent_s: deque[float] = deque(maxlen=_MOST)

    def may_set(self, level: Level, now_s: float) -> bool:
        """Whether one more stays below the quota."""
        lately = sum(1 for sent_s in self._sent_s if now_s - sent_s < _PACE_S)
        return lately < (_MOST if level is Level.OPERATOR else _MOST_OF_PLANS)

    def sent(self, now_s: float) -> None:
        """One was sent."""
        self._sent_s.append(now_s)
