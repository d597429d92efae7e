"""The newest samples judged by what came before them.

Range, rate and a value that does not move need nothing else. Whether a value far from those before it is a
spike or a step only those after it can tell: until then it is uncertain, and its number is shown.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from hub.store.port import HOLD_S, LastValue, SeriesReader
from hub.values.cleaning import MAD_TO_SIGMA, margin_of
from hub.values.config import Cleaning, Spike
from protocols.point import PointId
from protocols.quality import Quality, is_bad

_NS: Final = 1e9

Rules = Mapping[PointId, tuple[Cleaning, ...]]


class Recent:
    """Of each point with rules, what they have to know of the samples so far."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._states = {point: tuple(_State(rule) for rule in some) for point, some in rules.items()}
        self._told: dict[PointId, tuple[LastValue, LastValue]] = {}

    def hear(self, point: PointId, last: LastValue) -> LastValue:
        """A sample with its mark; tell each in order of time. One not newer than the last is not kept.

        Args:
            point: The point.
            last: The sample as it came.
        """
        known = self._told.get(point)
        if known is not None and last.time_ns <= known[0].time_ns:
            again = last.time_ns == known[0].time_ns and last.value == known[0].value
            return _marked(
                last, max(last.quality, known[1].quality) if again else _by_range(self._rules[point], last)
            )
        quality = last.quality
        for state in self._states.get(point, ()):
            quality = max(quality, state.judge(last.time_ns, last.value, quality))
        judged = _marked(last, quality)
        if point in self._states:
            self._told[point] = last, judged
        return judged

    def learn(self, reader: SeriesReader, told: Mapping[PointId, LastValue]) -> dict[PointId, LastValue]:
        """Newest samples with their marks, after a look at the samples between what is known and them.

        Args:
            reader: Where samples are.
            told: Newest samples of points of any kind; without rules they stay as they are.

        Raises:
            StoreError: The series cannot be read now.
        """
        found = dict(told)
        for point in self._rules.keys() & told.keys():
            last, margin_ns = told[point], margin_of(self._rules[point])
            known = self._told.get(point)
            if margin_ns and (known is None or known[0].time_ns < last.time_ns):
                from_ns = last.time_ns - margin_ns
                if known is not None:
                    from_ns = max(from_ns, known[0].time_ns + 1)
                raw = reader.raw(point, from_ns, last.time_ns)
                for time_ns, value, quality in zip(
                    raw.times_ns.tolist(), raw.values.tolist(), raw.qualities.tolist(), strict=True
                ):
                    self.hear(point, LastValue(value, quality, time_ns))
            found[point] = self.hear(point, last)
        return found

    def go_on(self, before: Recent) -> None:
        """Take over what is known of points whose rules stayed."""
        for point, rules in self._rules.items():
            if before._rules.get(point) == rules and point in before._told:
                self._states[point] = before._states[point]
                self._told[point] = before._told[point]


class _Step(NamedTuple):
    time_ns: int
    value: float


class _State:
    """What one rule knows of one point."""

    def __init__(self, rule: Cleaning) -> None:
        self._rule = rule
        self._accepted: _Step | None = None
        self._still: _Step | None = None
        width = 0 if rule.spike is None else 2 * rule.spike.neighbours
        self._before: deque[float] = deque(maxlen=width)

    def judge(self, time_ns: int, value: float, quality: int) -> int:
        """Quality of the next sample; one that is bad already is no neighbour."""
        if is_bad(quality) or math.isnan(value):
            return quality
        if _outside(self._rule, value):
            return Quality.BAD_RANGE
        far = self._is_far(value)
        if self._is_fast(_Step(time_ns, value)):
            return Quality.BAD_RATE
        if self._is_flat(_Step(time_ns, value)):
            quality = max(quality, Quality.UNCERTAIN_FLAT)
        return max(quality, Quality.UNCERTAIN_SPIKE) if far else quality

    def _is_far(self, value: float) -> bool:
        spike = self._rule.spike
        if spike is None:
            return False
        far = len(self._before) == self._before.maxlen and _far(spike, (*self._before, value))
        self._before.append(value)
        return far

    def _is_fast(self, now: _Step) -> bool:
        most = self._rule.most_per_min
        if most is None:
            return False
        good = self._accepted
        if good is not None:
            passed_s = (now.time_ns - good.time_ns) / _NS
            if passed_s <= HOLD_S and abs(now.value - good.value) > most / 60.0 * passed_s:
                return True
        self._accepted = now
        return False

    def _is_flat(self, now: _Step) -> bool:
        most_s = self._rule.flat_s
        if most_s is None:
            return False
        if self._still is None or self._still.value != now.value:
            self._still = now
        still = (now.time_ns - self._still.time_ns) / _NS >= most_s
        return still and now.value != self._rule.flat_except


def _far(spike: Spike, values: tuple[float, ...]) -> bool:
    """Whether the last value is far from the median of those before it and itself (Hampel 1974)."""
    around = np.array(values)
    median = float(np.median(around))
    spread = MAD_TO_SIGMA * float(np.median(np.abs(around - median)))
    return abs(values[-1] - median) > max(spike.sigmas * spread, spike.least)


def _outside(rule: Cleaning, value: float) -> bool:
    return (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high)


def _by_range(rules: tuple[Cleaning, ...], last: LastValue) -> int:
    if is_bad(last.quality) or not any(_outside(rule, last.value) for rule in rules):
        return last.quality
    return Quality.BAD_RANGE


def _marked(last: LastValue, quality: int) -> LastValue:
    value = math.nan if is_bad(quality) else last.value
    return last if quality == last.quality else LastValue(value, int(quality), last.time_ns, last.source_ns)
