"""Any curve of one variable from below, as few convex pieces as a stated error allows.

On an interval the lower convex hull of the curve needs no binary: it is the curve itself where that is
convex, a chord where it is concave, and both where it turns or has kinks. Where the curve lies above its
hull by more than the error allowed, the interval is split at the worst point, so convexity is found and not
declared. A matrix made of pieces from below bounds the true cost from below; where its answer lies is
refined, until the true cost of the answer and the bound meet.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from optimizer.problem import BoolArray, FloatArray

_SAMPLES: Final = 513
_NARROW_FRAC: Final = 1e-7
"""Pieces narrower than this share of the range are not split again."""
_SAFETY: Final = 0.25
"""In a cell a convex curve dips an eighth of f''·h² below the chord; twice that here."""
_CLOSE_FRAC: Final = 1e-4
"""Samples beside a load that was refined, as a share of its piece."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve on a range.

    Attributes:
        value: Vectorised, any load between `low` and `high` to power or money.
        low: Least load.
        high: Most load.
        kinks: Loads at which the slope jumps.
    """

    value: Callable[[FloatArray], FloatArray]
    low: float
    high: float
    kinks: tuple[float, ...] = ()

    def at(self, load: float) -> float:
        """Value at one load."""
        return float(self.value(np.array([load]))[0])


@dataclass(frozen=True, slots=True)
class Piece:
    """A convex run of corners on or below the curve.

    Attributes:
        x: Corners, rising.
        y: Values, convex.
        error: Most the curve lies above.
        worst: Load where it does.
        bent: Most the curve lies above its own hull; above zero only where it is not convex.
    """

    x: FloatArray
    y: FloatArray
    error: float
    worst: float
    bent: float


@dataclass(slots=True)
class Under:
    """One curve from below, refined where it matters.

    Attributes:
        curve: The curve.
        error: Most it may lie above its pieces at first, in its own unit.
    """

    curve: Curve
    error: float
    _edges: list[float] = field(default_factory=list)
    _kept: list[float] = field(default_factory=list)
    _made: dict[tuple[float, float], Piece] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Split until the error is kept."""
        self._edges = [self.curve.low, self.curve.high]
        while True:
            worst = max(self.pieces(), key=lambda piece: piece.bent)
            if worst.bent <= self.error or not self._split(worst.worst):
                return

    def pieces(self) -> list[Piece]:
        """The pieces in the order of the load; neighbours share a corner's load."""
        found: list[Piece] = []
        for low, high in pairwise(self._edges):
            if (low, high) not in self._made:
                self._made[low, high] = self._piece(low, high)
            found.append(self._made[low, high])
        return found

    def below(self, load: float) -> float:
        """Value of the pieces at a load."""
        place = min(max(bisect.bisect_right(self._edges, load) - 1, 0), len(self._edges) - 2)
        piece = self.pieces()[place]
        return float(np.interp(load, piece.x, piece.y))

    def refine(self, load: float, enough: float) -> bool:
        """Make the pieces meet the curve at a load; False where they lie within `enough` of it already."""
        load = min(max(load, self.curve.low), self.curve.high)
        if self.curve.at(load) - self.below(load) <= enough:
            return False
        place = min(max(bisect.bisect_right(self._edges, load) - 1, 0), len(self._edges) - 2)
        piece = self.pieces()[place]
        if piece.bent > enough and self._split(load):
            return True
        self._kept.append(load)
        self._made.pop((self._edges[place], self._edges[place + 1]), None)
        return True

    def _split(self, load: float) -> bool:
        narrow = _NARROW_FRAC * (self.curve.high - self.curve.low)
        place = bisect.bisect_left(self._edges, load)
        near = min(abs(load - edge) for edge in self._edges[max(0, place - 1) : place + 1])
        if near <= narrow:
            return False
        self._edges.insert(place, load)
        return True

    def _piece(self, low: float, high: float) -> Piece:
        if high <= low:
            value = self.curve.at(low)
            return Piece(np.array([low, low]), np.array([value, value]), 0.0, low, 0.0)
        kinks = [at for at in self.curve.kinks if low < at < high]
        kept = [at for at in self._kept if low <= at <= high]
        near = [at + side * _CLOSE_FRAC * (high - low) for at in kept for side in (-1.0, 0.0, 1.0)]
        inside = [at for at in (*kinks, *near) if low < at < high]
        x = np.unique(np.concatenate([np.linspace(low, high, _SAMPLES), inside]))
        y = self.curve.value(x)
        hull = lower_hull(x, y)
        bent = y - np.interp(x, x[hull], y[hull])
        dips = _dips(x, y, np.isin(x, kinks))
        margin = np.array([max(dips[a], dips[a - 1], dips[b - 1], dips[b]) for a, b in pairwise(hull)])
        corners = _thinned((x[hull], y[hull]), margin, np.array([low, *kinks, *kept, high]), self.error / 4.0)
        over = y - np.interp(x, corners[0], corners[1])
        return Piece(corners[0], corners[1], float(over.max()), float(x[bent.argmax()]), float(bent.max()))


def lower_hull(x: FloatArray, y: FloatArray) -> list[int]:
    """Places of the corners of the lower convex hull; x rising (Andrew's monotone chain, 1979).

    Example:
        >>> lower_hull(np.array([0.0, 1.0, 2.0]), np.array([0.0, 5.0, 1.0]))
        [0, 2]
    """
    turns = np.diff(np.diff(y) / np.diff(x))
    if not len(turns) or turns.min() > 0:
        return list(range(len(x)))
    if turns.max() <= 0:
        return [0, len(x) - 1]
    hull: list[int] = []
    xs, ys = x.tolist(), y.tolist()
    for place in range(len(xs)):
        while len(hull) > 1:
            a, b = hull[-2], hull[-1]
            if (ys[b] - ys[a]) * (xs[place] - xs[a]) < (ys[place] - ys[a]) * (xs[b] - xs[a]):
                break
            hull.pop()
        hull.append(place)
    return hull


def _dips(x: FloatArray, y: FloatArray, kink: BoolArray) -> FloatArray:
    """How far a convex curve may dip below the chord of each cell; one more, so that cell -1 is nothing."""
    step = np.diff(x)
    slope = np.diff(y) / step
    bend = np.zeros(len(x))
    bend[1:-1] = 2.0 * np.diff(slope) / (step[1:] + step[:-1])
    # the slope jumps at a kink, which is a sample: there is no dip beside it but that of its neighbours
    bend[kink] = 0.0
    bend[0], bend[-1] = bend[1], bend[-2]
    around = np.maximum(np.maximum(bend[:-1], bend[1:]), 0.0)
    wider = np.maximum(around, np.maximum(np.roll(around, 1), np.roll(around, -1)))
    return np.append(_SAFETY * wider * step**2, 0.0)


def _thinned(
    hull: tuple[FloatArray, FloatArray], margin: FloatArray, held: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray]:
    """Fewer lines of a convex hull, each lowered by its margin, within the tolerance of it.

    The lines at `held` loads stay, so there nothing is lost.
    """
    x, y = hull
    slope = np.diff(y) / np.diff(x)
    start = y[:-1] - slope * x[:-1] - margin
    at = np.searchsorted(x, held)
    lines = {int(line) for line in np.concatenate([at - 1, at]) if 0 <= line < len(slope)}
    while len(lines) < len(slope):
        used = sorted(lines)
        best = np.max(slope[used, None] * x[None, :] + start[used, None], axis=0)
        worst = int((y - best).argmax())
        more = {line for line in (worst - 1, worst) if 0 <= line < len(slope)} - lines
        if y[worst] - best[worst] <= tolerance or not more:
            break
        lines |= more
    return _corners((slope, start), sorted(lines), (float(x[0]), float(x[-1])))


def _corners(
    lines: tuple[FloatArray, FloatArray], used: list[int], ends: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Corners of the largest of some lines of rising slope between two loads."""
    slope, start = lines
    apart = _NARROW_FRAC * (ends[1] - ends[0])
    x, upper = [ends[0]], [used[0]]
    for line in used[1:]:
        # a lowered line may lie below its neighbours everywhere; then it is left out
        while True:
            steeper = slope[line] - slope[upper[-1]]
            meet = (start[upper[-1]] - start[line]) / steeper if steeper > 0 else ends[1]
            if meet > x[-1] + apart or len(x) == 1:
                break
            x.pop()
            upper.pop()
        if meet < ends[1] - apart:
            if meet <= ends[0] + apart:
                upper[-1] = line
            else:
                x.append(float(meet))
                upper.append(line)
    y = [slope[line] * at + start[line] for line, at in zip(upper, x, strict=True)]
    return np.array([*x, ends[1]]), np.array([*y, slope[upper[-1]] * ends[1] + start[upper[-1]]])
