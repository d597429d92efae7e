"""What an alarm looks at: pure judgements over the facts of an instant, one class a kind.

A judgement is true, false, or None where an input cannot be used: then the alarm stays as it is. That a value
is away is an alarm of its own only where a rule of kind `stale` says that a person must see to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np

from hub.alarms.facts import Facts
from hub.alarms.phrases import IN_MIN, PER_MIN, REACHED, WANTED
from protocols.expression import Expression
from protocols.quality import is_bad

_FEWEST: Final = 4
_COVERED: Final = 0.5
_SURE: Final = 3.0
"""A slope counts when it is so many of its own standard errors away from none. [-]"""

_LOOSER: Final = 1.5


class Judged(NamedTuple):
    """What was found: whether it is so (None: nobody can say), the value of it, and words."""

    so: bool | None
    value: float | None = None
    words: str = ""


class Condition(Protocol):
    """What an alarm looks at."""

    @property
    def points(self) -> tuple[str, ...]:
        """Points `device/point` it reads."""
        ...

    @property
    def timed(self) -> bool:
        """Whether it may change without a new sample."""
        ...

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:
        """Look; `was`: whether the alarm is there already, for dead-bands."""
        ...


@dataclass(frozen=True, slots=True)
class Marked:
    """A cause that is noted from outside: a link, a box, a part of the hub."""

    name: str
    points: tuple[str, ...] = ()
    timed: bool = False

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """Whether it is noted."""
        if facts.unknown(self.name):
            return Judged(None)
        why = facts.why(self.name)
        return Judged(why is not None, None, why or "")


@dataclass(frozen=True, slots=True)
class Beyond:
    """A value beyond a limit; `sign` 1: above it, -1: below it."""

    point: str
    limit: float
    sign: int
    deadband: float = 0.0
    timed: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        """The one point."""
        return (self.point,)

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:
        """Beyond, or not back by the dead-band yet."""
        value = facts.present(self.point, now_s)
        if value is None:
            return Judged(None)
        over = self.sign * (value - self.limit)
        return Judged(over > (-self.deadband if was else 0.0), value)


@dataclass(frozen=True, slots=True)
class Apart:
    """Two values too far from each other; `scale` and `offset` bring the target into the point's unit."""

    point: str
    target: str
    more_than: float
    deadband: float = 0.0
    scale: float = 1.0
    offset: float = 0.0
    timed: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        """Both."""
        return (self.point, self.target)

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:
        """Too far, or not near enough again."""
        value, target = facts.present(self.point, now_s), facts.present(self.target, now_s)
        if value is None or target is None:
            return Judged(None)
        far = abs(value - (target * self.scale + self.offset))
        return Judged(far > self.more_than - (self.deadband if was else 0.0), value)


@dataclass(frozen=True, slots=True)
class Moving:
    """A value that moves too fast; the slope is that of a straight line through what was said."""

    point: str
    over_s: float
    up_per_s: float | None
    down_per_s: float | None
    timed: bool = True

    @property
    def points(self) -> tuple[str, ...]:
        """The one point."""
        return (self.point,)

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """The slope against what is allowed; None until half of the time is seen."""
        value, line = _course_of(facts, self.point, self.over_s, now_s)
        if value is None or line is None:
            return Judged(None)
        fast = self.up_per_s is not None and line.slope_per_s > self.up_per_s
        fast = fast or (self.down_per_s is not None and -line.slope_per_s > self.down_per_s)
        return Judged(fast, value, PER_MIN.say(slope=f"{line.slope_per_s * 60:+.3g}"))


@dataclass(frozen=True, slots=True)
class Old:
    """Points that say nothing, or nothing that can be used; `under`: causes that would explain it."""

    points: tuple[str, ...]
    after_s: float | None
    under: tuple[str, ...] = ()
    timed: bool = True

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """Which are old or bad; None while one was never heard and may still speak."""
        found = [point for point in self.points if self._lost(facts, point, now_s)]
        unheard = any(facts.newest(point) is None for point in self.points)
        return Judged(None if unheard and not found else bool(found), None, ", ".join(found))

    def _lost(self, facts: Facts, point: str, now_s: float) -> bool:
        seen = facts.newest(point)
        after_s = facts.stale_s(point) if self.after_s is None else self.after_s
        if facts.silent_s(point, now_s, self.under) > after_s:
            return True
        freed = facts.silent_s(point, now_s, self.under) < facts.silent_s(point, now_s)
        return seen is not None and is_bad(seen.quality) and not freed


@dataclass(frozen=True, slots=True)
class Unlike:
    """A state that is not what was asked for."""

    point: str
    wanted: str
    allowed: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    timed: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        """Both."""
        return (self.point, self.wanted)

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """Whether the state is right for what was asked."""
        state, wanted = facts.present(self.point, now_s), facts.present(self.wanted, now_s)
        if state is None or wanted is None:
            return Judged(None)
        right = self.allowed.get(round(wanted), (round(wanted),))
        return Judged(round(state) not in right, state, WANTED.say(value=f"{wanted:g}"))


@dataclass(frozen=True, slots=True)
class Holds:
    """A comparison over points."""

    expression: Expression
    units: Mapping[str, str]
    timed: bool = False

    @property
    def points(self) -> tuple[str, ...]:
        """Inputs of the expression."""
        return self.expression.points

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:  # noqa: ARG002  of the protocol
        """Whether it is true; None where an input cannot be used or the mathematics has no answer."""
        values = {point: facts.present(point, now_s) for point in self.points}
        inputs = {point: np.array([np.nan if v is None else v]) for point, v in values.items()}
        truth = float(self.expression.evaluate(inputs, self.units, "1").reshape(-1)[0])
        return Judged(None) if np.isnan(truth) else Judged(truth != 0.0)


@dataclass(frozen=True, slots=True)
class Coming:
    """A limit that will be reached within a time if it goes on like this."""

    point: str
    limit: float
    sign: int
    within_s: float
    over_s: float
    timed: bool = True

    @property
    def points(self) -> tuple[str, ...]:
        """The one point."""
        return (self.point,)

    def judge(self, facts: Facts, now_s: float, *, was: bool) -> Judged:
        """When the limit is reached; beyond it already the warning stays as it is.

        A course whose slope is lost in its own noise warns of nothing.
        """
        value, line = _course_of(facts, self.point, self.over_s, now_s)
        if value is None or line is None:
            return Judged(None)
        left = self.sign * (self.limit - line.at(now_s))
        if left <= 0.0:
            return Judged(was, value, REACHED.say())
        toward_per_s = self.sign * line.slope_per_s
        if toward_per_s <= 0.0 or (not was and toward_per_s < _SURE * line.error_per_s):
            return Judged(so=False, value=value)
        left_s = left / toward_per_s
        within_s = self.within_s * (_LOOSER if was else 1.0)
        return Judged(left_s <= within_s, value, IN_MIN.say(minutes=f"{max(left_s / 60, 1):.0f}"))


class _Line(NamedTuple):
    slope_per_s: float
    error_per_s: float
    middle_s: float
    middle: float

    def at(self, now_s: float) -> float:
        """Value of the line."""
        return self.middle + self.slope_per_s * (now_s - self.middle_s)


def _course_of(facts: Facts, point: str, over_s: float, now_s: float) -> tuple[float | None, _Line | None]:
    """Present value and line; who said nothing for half of the time, as by exception, did not move."""
    value, newest = facts.present(point, now_s), facts.newest(point)
    if value is None or newest is None:
        return None, None
    if now_s - newest.at_s > _COVERED * over_s:
        return value, _Line(0.0, 0.0, now_s, value)
    return value, _line(facts.course(point, over_s, now_s), over_s)


def _line(course: Sequence[tuple[float, float]], over_s: float) -> _Line | None:
    """Straight line of least squares; None where too little of the time is seen."""
    if len(course) < _FEWEST or course[-1][0] - course[0][0] < _COVERED * over_s:
        return None
    times, values = np.array(course).T
    middle_s, middle = float(times.mean()), float(values.mean())
    spread = float(((times - middle_s) ** 2).sum())
    slope = float(((times - middle_s) * (values - middle)).sum()) / spread
    rest = values - middle - slope * (times - middle_s)
    error = float(np.sqrt((rest**2).sum() / (len(times) - 2) / spread))
    return _Line(slope, error, middle_s, middle)
