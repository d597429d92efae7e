"""Cleaning rules: they mark what cannot be right, and never touch what was measured.

Range looks at a sample alone; rate at the last one accepted before it; spike and flat at neighbours on both
sides, so the newest marks may still change (`hub/values/recent.py` judges these). A mark never makes a
quality better than it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from typing_extensions import override

from hub.store.port import HOLD_S, FloatArray, Marker, QualityArray, Raw, TimeArray
from hub.values.config import Cleaning, Spike
from protocols.point import PointId
from protocols.quality import Quality, is_bad

_NS: Final = 1e9
MAD_TO_SIGMA: Final = 1.4826
"""Median deviation of a normal distribution to its standard deviation (Hampel 1974)."""
_BAD_FROM: Final = next(code for code in range(256) if is_bad(code))

_Mask = NDArray[np.bool_]


class RuleMarker(Marker):
    """Marks by the cleaning rules of a site; points without rules keep the qualities they came with."""

    def __init__(self, rules: Mapping[PointId, tuple[Cleaning, ...]]) -> None:
        self._rules = rules
        self._margins = {point: margin_of(found) for point, found in rules.items()}

    def take(self, rules: Mapping[PointId, tuple[Cleaning, ...]]) -> None:
        """Mark by other rules from now on; a margin is never shorter than its rules need, also meanwhile."""
        fresh = {point: margin_of(found) for point, found in rules.items()}
        self._margins = self._margins | fresh
        self._rules = rules
        self._margins = fresh

    @override
    def marks(self, point: PointId, raw: Raw, /) -> QualityArray:
        marks = raw.qualities
        for rule in self._rules.get(point, ()):
            marks = marked(rule, raw, marks)
        return marks

    @override
    def margin_ns(self, point: PointId, /) -> int:
        return self._margins.get(point, 0)


def marked(rule: Cleaning, raw: Raw, qualities: QualityArray) -> QualityArray:
    """Qualities after one rule, shape (n,); a sample that was bad before is neither judged nor a neighbour.

    Args:
        rule: The rule.
        raw: Samples of one point, ascending, shape (n,).
        qualities: What is known of them, shape (n,).
    """
    marks = qualities.copy()
    _judge(marks, raw, _outside(rule, raw.values), Quality.BAD_RANGE)
    if rule.spike is not None:
        at = _usable(marks, raw)
        far = np.zeros(len(marks), bool)
        far[at] = spikes(rule.spike, raw.values[at])
        _judge(marks, raw, far, Quality.BAD_SPIKE)
    if rule.most_per_min is not None:
        at = _usable(marks, raw)
        fast = np.zeros(len(marks), bool)
        fast[at] = too_fast(raw.times_ns[at], raw.values[at], rule.most_per_min / 60.0)
        _judge(marks, raw, fast, Quality.BAD_RATE)
    if rule.flat_s is not None:
        at = _usable(marks, raw)
        still = np.zeros(len(marks), bool)
        still[at] = flat(raw.times_ns[at], raw.values[at], rule.flat_s)
        if rule.flat_except is not None:
            still &= raw.values != rule.flat_except
        _judge(marks, raw, still, Quality.UNCERTAIN_FLAT)
    return marks


def spikes(rule: Spike, values: FloatArray) -> _Mask:
    """Where a value is far from the median of its neighbours and itself (Hampel's filter), shape (n,).

    The first and last ones, without all their neighbours, are not judged.

    Example:
        >>> spikes(Spike(least=1.0), np.array([5.0, 5.1, 5.0, 90.0, 5.1, 5.0, 5.1])).nonzero()[0].tolist()
        [3]
    """
    found = np.zeros(len(values), bool)
    width = 2 * rule.neighbours + 1
    if len(values) < width:
        return found
    around = sliding_window_view(values, width)
    median = np.median(around, axis=1)
    spread = MAD_TO_SIGMA * np.median(np.abs(around - median[:, None]), axis=1)
    middle = values[rule.neighbours : -rule.neighbours]
    limit = np.maximum(rule.sigmas * spread, rule.least)
    found[rule.neighbours : -rule.neighbours] = np.abs(middle - median) > limit
    return found


def too_fast(times_ns: TimeArray, values: FloatArray, most_per_s: float) -> _Mask:
    """Where a value cannot have been reached from the last accepted one, shape (n,).

    After the time a sample stands at most, the next one is accepted as it is: a new level, not a fault.

    Example:
        >>> at = np.arange(5) * 60_000_000_000
        >>> too_fast(at, np.array([20.0, 20.5, 80.0, 20.6, 20.7]), 1 / 60).nonzero()[0].tolist()
        [2]
    """
    found = np.zeros(len(values), bool)
    steps = np.abs(np.diff(values)) > most_per_s * np.diff(times_ns) / _NS
    checked = 0
    for at in np.flatnonzero(steps) + 1:
        if at < checked:
            continue
        good, checked = int(at) - 1, int(at)
        while checked < len(values) and _unreachable(times_ns, values, (good, checked), most_per_s):
            found[checked] = True
            checked += 1
        checked += 1
    return found


def flat(times_ns: TimeArray, values: FloatArray, most_s: float) -> _Mask:
    """Where a value is part of a stretch that did not move for `most_s`, all of the stretch, shape (n,).

    Example:
        >>> at = np.arange(6) * 60_000_000_000
        >>> flat(at, np.array([1.0, 2.0, 2.0, 2.0, 2.0, 3.0]), 120.0).tolist()
        [False, True, True, True, True, False]
    """
    if not len(values):
        return np.zeros(0, bool)
    begins = np.append(True, np.diff(values) != 0.0)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(values)) - 1
    long = (times_ns[last] - times_ns[first]) / _NS >= most_s
    return np.repeat(long, last - first + 1)


def _unreachable(times_ns: TimeArray, values: FloatArray, pair: tuple[int, int], most_per_s: float) -> bool:
    good, at = pair
    passed_s = float(times_ns[at] - times_ns[good]) / _NS
    return passed_s <= HOLD_S and abs(float(values[at] - values[good])) > most_per_s * passed_s


def _outside(rule: Cleaning, values: FloatArray) -> _Mask:
    low = -np.inf if rule.low is None else rule.low
    high = np.inf if rule.high is None else rule.high
    return (values < low) | (values > high)


def _usable(marks: QualityArray, raw: Raw) -> NDArray[np.intp]:
    return np.flatnonzero((marks < _BAD_FROM) & np.isfinite(raw.values))


def _judge(marks: QualityArray, raw: Raw, where: _Mask, mark: Quality) -> None:
    """Put a mark where it says more than what is there: a bad sample keeps its reason."""
    worse = where & np.isfinite(raw.values) & (marks < _BAD_FROM) & (marks < mark)
    marks[worse] = mark


def margin_of(rules: tuple[Cleaning, ...]) -> int:
    """Far enough for the longest look: a value that does not move, a last accepted one, neighbours. [ns]."""
    looks = [HOLD_S]
    looks += [rule.flat_s for rule in rules if rule.flat_s is not None]
    plain = all(rule.flat_s is None and rule.spike is None and rule.most_per_min is None for rule in rules)
    return 0 if plain else int(max(looks) * _NS)
