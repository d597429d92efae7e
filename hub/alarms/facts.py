"""What the watch knows of a plant at an instant: present values, their course, and what is away. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from protocols.quality import is_bad

_NS: Final = 1_000_000_000
_MOST_KEPT: Final = 4000
_HELD_S: Final = 25.0
"""A box names all of its holders every 10 s; after two and a half of these nobody knows. [s]"""


class Moment(NamedTuple):
    """One instant: `mono_s` decides, `wall_ns` labels."""

    mono_s: float
    wall_ns: int


class Sample(NamedTuple):
    """One sample of a point `device/point`."""

    point: str
    value: float
    quality: int
    time_ns: int


class Seen(NamedTuple):
    """The newest live sample of a point; `at_s` is when it was true, on the boot clock of the hub."""

    value: float
    quality: int
    time_ns: int
    at_s: float


class Commanded(NamedTuple):
    """What became of the newest set-point of a point: state and code of the ledger, when. [s]."""

    state: str
    code: str
    at_s: float


class Facts:
    """Values, courses and causes; nothing here is ever decided by old data."""

    def __init__(self, now_s: float) -> None:
        self._begun_s = now_s
        self._stale_s: dict[str, float] = {}
        self._keep_s: dict[str, float] = {}
        self._seen: dict[str, Seen] = {}
        self._course: dict[str, deque[tuple[float, float]]] = {}
        self._marks: dict[str, str | None] = {}
        self._free_s: dict[str, float] = {}
        self._commanded: dict[str, Commanded] = {}
        self._rungs: dict[str, tuple[str, float]] = {}

    def watch(self, stale_s: Mapping[str, float], keep_s: Mapping[str, float]) -> None:
        """Look at these points from now on.

        Args:
            stale_s: Age from which on a value of a point is no longer the present one. [s]
            keep_s: How long its course is kept, for points whose course is looked at. [s]
        """
        self._stale_s, self._keep_s = dict(stale_s), dict(keep_s)
        self._seen = {point: seen for point, seen in self._seen.items() if point in stale_s}
        self._course = {point: self._course.get(point, deque(maxlen=_MOST_KEPT)) for point in keep_s}

    def hear(self, samples: Iterable[Sample], now: Moment) -> set[str]:
        """Take samples in; gives the points that have a newer live one. What was filled in late is none."""
        touched = set()
        for one in samples:
            stale_s = self._stale_s.get(one.point)
            seen = self._seen.get(one.point)
            if stale_s is None or (seen is not None and _nothing_new(one, seen, now)):
                continue
            one = one._replace(time_ns=min(one.time_ns, now.wall_ns))  # noqa: PLW2901  of a clock that is ahead
            age_s = (now.wall_ns - one.time_ns) / _NS
            if age_s > stale_s:
                continue
            at_s = now.mono_s - age_s
            self._seen[one.point] = Seen(one.value, one.quality, one.time_ns, at_s)
            touched.add(one.point)
            self._draw(one, at_s)
        return touched

    def mark(self, name: str, why: str | None, now_s: float, *, known: bool = True) -> bool:
        """Note whether a cause is there (`why`: in words) or not (None); whether that is new.

        `known` False: nobody can say, because what would tell is away itself.
        """
        had, was = name in self._marks, self._marks.get(name)
        if not known:
            self._marks[name] = None
            return not had or was is not None
        if why is None:
            if had:
                del self._marks[name]
                self._free_s[name] = now_s
            return had
        self._marks[name] = why
        return not had or was is None

    def command(self, told: Mapping[str, Commanded]) -> None:
        """Note what became of the newest set-points."""
        self._commanded.update(told)

    def commanded(self, point: str) -> Commanded | None:
        """What became of its newest set-point; None: nobody commanded it of late."""
        return self._commanded.get(point)

    def hold(self, rungs: Mapping[str, str], now_s: float) -> None:
        """Note which rung holds points, as their box says."""
        self._rungs.update({point: (rung, now_s) for point, rung in rungs.items()})

    def rung(self, point: str, now_s: float) -> str | None:
        """Who holds it; None: its box has not said so for a while."""
        rung, at_s = self._rungs.get(point, ("", float("-inf")))
        return rung if now_s - at_s <= _HELD_S else None

    def why(self, name: str) -> str | None:
        """What is said of a cause that is there; None: it is not there, or nobody can say."""
        return self._marks.get(name)

    def unknown(self, name: str) -> bool:
        """Whether nobody can say whether a cause is there."""
        return name in self._marks and self._marks[name] is None

    def present(self, point: str, now_s: float) -> float | None:
        """The value, if it can be used: good or doubtful, and not old."""
        seen = self._seen.get(point)
        if seen is None or is_bad(seen.quality) or not math.isfinite(seen.value):
            return None
        return seen.value if now_s - seen.at_s <= self._stale_s.get(point, 0.0) else None

    def begin(self, now_s: float) -> None:
        """Count the silence of points that were never heard from now on."""
        self._begun_s = now_s

    def newest(self, point: str) -> Seen | None:
        """The newest live sample, usable or not."""
        return self._seen.get(point)

    def silent_s(self, point: str, now_s: float, under: Iterable[str] = ()) -> float:
        """How long a point has said nothing while nothing that is known kept it from it. [s]."""
        seen = self._seen.get(point)
        since_s = self._begun_s if seen is None else seen.at_s
        return now_s - max(since_s, *(self._free_s.get(name, since_s) for name in under), since_s)

    def stale_s(self, point: str) -> float:
        """Age from which on its value is no longer the present one. [s]."""
        return self._stale_s.get(point, 0.0)

    def course(self, point: str, over_s: float, now_s: float) -> list[tuple[float, float]]:
        """Usable samples of the last `over_s`: when on the boot clock, and what. [s, unit]."""
        return [one for one in self._course.get(point, ()) if now_s - one[0] <= over_s]

    def _draw(self, one: Sample, at_s: float) -> None:
        course = self._course.get(one.point)
        if course is None or is_bad(one.quality) or not math.isfinite(one.value):
            return
        course.append((at_s, one.value))
        while course and at_s - course[0][0] > self._keep_s[one.point]:
            course.popleft()


def _nothing_new(one: Sample, seen: Seen, now: Moment) -> bool:
    """Older, or the same again; a virtual point is as old as its oldest input and may change in one.

    What was seen at a time that is still to come was seen before the hub's clock was put back.
    """
    if seen.time_ns > now.wall_ns + _NS:
        return False
    same = (one.value, one.quality) == (seen.value, seen.quality)
    return one.time_ns < seen.time_ns or (one.time_ns == seen.time_ns and same)
