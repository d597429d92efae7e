"""Rollups: time-weighted windows of samples, coarser ones of finer ones, and which answer a question.

Pure and the same for every engine. A value holds until the next sample and no longer than it may; a bad
sample only ends the one before. A window of a rollup holds what a look at its samples would give, so windows
put together are exact: integral and covered time add up, extremes and worst quality are those of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.port import FloatArray, QualityArray, Raw, TimeArray, Windows
from protocols.quality import is_bad

NS_PER_S: Final = 1_000_000_000
MINUTE_S: Final = 60
"""Finest rollup, kept only where samples are denser. [s]"""
LEVELS_S: Final = (86_400, 3_600, 900, MINUTE_S)
"""Lengths of the rollups, coarsest first; each is a multiple of the next, on the grid of UTC. [s]"""

_BAD_FROM: Final = next(code for code in range(256) if is_bad(code))
_Positions = NDArray[np.intp]


def held(raw: Raw, qualities: QualityArray, edges_ns: TimeArray, hold_ns: int) -> Windows:
    """Windows of samples.

    Args:
        raw: Samples of one point, ascending, shape (m,).
        qualities: Their qualities by the rules of the point, shape (m,).
        edges_ns: Ascending, shape (n + 1,).
        hold_ns: A sample stands for at most this long. [ns]

    Returns:
        Arrays of shape (n,); NaN where nothing is covered.

    Example:
        >>> minute = 60 * NS_PER_S
        >>> none = np.zeros(3, np.int64)
        >>> raw = Raw(np.array([0, 1, 5]) * minute, np.array([5.0, 10.0, 5.0]), none.astype(np.uint8), none)
        >>> windows = held(raw, raw.qualities, np.array([0, 6]) * minute, 15 * minute)
        >>> round(float(windows.mean[0]), 2), float(windows.covered_s[0])
        (8.33, 360.0)
    """
    if len(edges_ns) < 2 or not len(raw.times_ns):  # noqa: PLR2004  two edges make a window
        return blank(edges_ns[:-1])
    stood = _stood(raw, qualities, edges_ns, hold_ns)
    if not len(stood.starts):
        return blank(edges_ns[:-1])
    at = np.searchsorted(stood.starts, edges_ns, side="left")
    inside = _inside(stood, at, edges_ns)
    carried = _carried(stood, at, edges_ns)
    return _joined(carried, inside)


def combine(parts: Windows, edges_ns: TimeArray) -> Windows:
    """Windows of windows; each part lies whole between two edges.

    Args:
        parts: In order of time, without overlap.
        edges_ns: Ascending, shape (n + 1,).

    Returns:
        Arrays of shape (n,); NaN where nothing is covered.
    """
    if len(edges_ns) < 2 or not len(parts.starts_ns):  # noqa: PLR2004  two edges make a window
        return blank(edges_ns[:-1])
    at = np.searchsorted(parts.starts_ns, edges_ns, side="left")
    covered = parts.covered_s > 0.0
    total = np.where(covered, parts.mean * parts.covered_s, 0.0)
    first, last = _ends_of(covered, at)
    return _windows(
        edges_ns[:-1],
        _Sums(_add(total, at), _add(parts.covered_s, at)),
        (_extreme(np.where(covered, parts.low, np.inf), at, np.minimum, np.inf),
         _extreme(np.where(covered, parts.high, -np.inf), at, np.maximum, -np.inf)),
        (_taken(parts.first, first), _taken(parts.last, last)),
        _extreme(parts.worst, at, np.maximum, 0),
    )  # fmt: skip


def blank(starts_ns: TimeArray) -> Windows:
    """Windows in which nothing stood."""
    count = len(starts_ns)
    nothing = np.full(count, np.nan)
    return Windows(
        starts_ns, nothing, nothing, nothing, nothing, nothing, np.zeros(count), np.zeros(count, np.uint8)
    )


def picked(windows: Windows, where: NDArray[np.bool_] | _Positions) -> Windows:
    """Some of the windows."""
    return Windows(*(column[where] for column in columns_of(windows)))


def joined(parts: Sequence[Windows]) -> Windows:
    """Windows of several answers, in order of time."""
    columns = [np.concatenate(same) for same in zip(*map(columns_of, parts), strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return Windows(*(column[order] for column in columns))


def columns_of(windows: Windows) -> tuple[NDArray[Any], ...]:
    """The arrays of windows, in the order of `Windows`."""
    return (
        windows.starts_ns, windows.mean, windows.low, windows.high,
        windows.first, windows.last, windows.covered_s, windows.worst,
    )  # fmt: skip


class Spans(NamedTuple):
    """Stretches of time, ascending, without overlap: starts and ends, shape (n,). [ns]."""

    starts_ns: TimeArray
    ends_ns: TimeArray

    @classmethod
    def between(cls, edges_ns: TimeArray) -> Spans:
        """The windows between edges."""
        return cls(edges_ns[:-1], edges_ns[1:])


def take(
    spans: Spans, level_s: int, final: Callable[[TimeArray], NDArray[np.bool_]]
) -> tuple[TimeArray, Spans]:
    """Take out of spans the windows of a rollup that lie whole in them and are final.

    Args:
        spans: What is asked.
        level_s: Length of the rollup's windows. [s]
        final: Of starts of windows, which are there for good.

    Returns:
        Starts of the windows taken, and what is left of the spans.
    """
    size_ns = level_s * NS_PER_S
    low = -(-spans.starts_ns // size_ns) * size_ns
    high = spans.ends_ns // size_ns * size_ns
    whole = high > low
    low, high = np.where(whole, low, spans.ends_ns), np.where(whole, high, spans.ends_ns)
    counts = (high - low) // size_ns
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(low, counts) + within * size_ns
    good = final(starts)
    if not good.any():
        return starts[:0], spans
    rest_starts = np.concatenate([spans.starts_ns, starts[~good], high])
    rest_ends = np.concatenate([low, starts[~good] + size_ns, spans.ends_ns])
    return starts[good], _merged(
        rest_starts, rest_ends, np.concatenate([spans.starts_ns, low + counts * size_ns])
    )


def cuts(spans: Spans) -> tuple[TimeArray, NDArray[np.bool_]]:
    """Edges that hold all spans, and which windows between them are spans."""
    edges = np.unique(np.concatenate([spans.starts_ns, spans.ends_ns]))
    return edges, np.isin(edges[:-1], spans.starts_ns)


def _merged(starts: TimeArray, ends: TimeArray, keep: TimeArray) -> Spans:
    """Spans in order; neighbours become one unless a start is to be kept."""
    some = ends > starts
    order = np.argsort(starts[some], kind="stable")
    starts, ends = starts[some][order], ends[some][order]
    fresh = np.ones(len(starts), bool)
    fresh[1:] = (starts[1:] != ends[:-1]) | np.isin(starts[1:], keep)
    closing = np.append(fresh[1:], True)[: len(starts)]
    return Spans(starts[fresh], ends[closing])


class _Stood(NamedTuple):
    """Stretches in which samples stood, ascending, without overlap."""

    starts: TimeArray
    ends: TimeArray
    values: FloatArray
    usable: NDArray[np.bool_]
    qualities: QualityArray


def _stood(raw: Raw, qualities: QualityArray, edges_ns: TimeArray, hold_ns: int) -> _Stood:
    times = raw.times_ns
    ends = np.minimum(times + hold_ns, edges_ns[-1])
    np.minimum(ends[:-1], times[1:], out=ends[:-1])
    starts = np.maximum(times, edges_ns[0])
    keep = ends > starts
    usable = ~np.isnan(raw.values) & (qualities < _BAD_FROM)
    if keep.all():
        return _Stood(starts, ends, raw.values, usable, qualities)
    return _Stood(starts[keep], ends[keep], raw.values[keep], usable[keep], qualities[keep])


def _inside(stood: _Stood, at: _Positions, edges_ns: TimeArray) -> Windows:
    """Of each window, what began in it, cut at its end."""
    length_s = (stood.ends - stood.starts) / NS_PER_S
    some = at[1:] > at[:-1]
    final = at[1:][some] - 1
    length_s[final] = (np.minimum(stood.ends[final], edges_ns[1:][some]) - stood.starts[final]) / NS_PER_S
    length_s = np.where(stood.usable, length_s, 0.0)
    value = np.where(stood.usable, stood.values, 0.0)
    first, last = _ends_of(stood.usable, at)
    return _windows(
        edges_ns[:-1],
        _Sums(_add(value * length_s, at), _add(length_s, at)),
        (_extreme(np.where(stood.usable, stood.values, np.inf), at, np.minimum, np.inf),
         _extreme(np.where(stood.usable, stood.values, -np.inf), at, np.maximum, -np.inf)),
        (_taken(stood.values, first), _taken(stood.values, last)),
        _extreme(stood.qualities, at, np.maximum, 0),
    )  # fmt: skip


def _carried(stood: _Stood, at: _Positions, edges_ns: TimeArray) -> Windows:
    """Of each window, the one stretch that began before it and reaches into it."""
    before = at[:-1] - 1
    ends = np.minimum(stood.ends[before], edges_ns[1:])
    there = (before >= 0) & (ends > edges_ns[:-1])
    usable = there & stood.usable[before]
    value = np.where(usable, stood.values[before], np.nan)
    covered_s = np.where(usable, (ends - edges_ns[:-1]) / NS_PER_S, 0.0)
    worst = np.where(there, stood.qualities[before], 0).astype(np.uint8)
    return Windows(edges_ns[:-1], value, value, value, value, value, covered_s, worst)


def _joined(before: Windows, after: Windows) -> Windows:
    """Two parts of the same windows, one before the other."""
    covered_s = before.covered_s + after.covered_s
    total = np.nan_to_num(before.mean) * before.covered_s + np.nan_to_num(after.mean) * after.covered_s
    return Windows(
        before.starts_ns,
        np.divide(total, covered_s, out=np.full(len(total), np.nan), where=covered_s > 0.0),
        np.fmin(before.low, after.low),
        np.fmax(before.high, after.high),
        np.where(before.covered_s > 0.0, before.first, after.first),
        np.where(after.covered_s > 0.0, after.last, before.last),
        covered_s,
        np.maximum(before.worst, after.worst),
    )


class _Sums(NamedTuple):
    total: FloatArray
    covered_s: FloatArray


def _windows(
    starts_ns: TimeArray,
    sums: _Sums,
    extremes: tuple[FloatArray, FloatArray],
    ends: tuple[FloatArray, FloatArray],
    worst: NDArray[np.generic],
) -> Windows:
    some = sums.covered_s > 0.0
    mean = np.divide(sums.total, sums.covered_s, out=np.full(len(some), np.nan), where=some)
    low, high = (np.where(some, column, np.nan) for column in extremes)
    return Windows(starts_ns, mean, low, high, *ends, sums.covered_s, worst.astype(np.uint8))


def _add(column: FloatArray, at: _Positions) -> FloatArray:
    return _reduced(column, at, np.add, 0.0)


def _extreme(column: NDArray[np.generic], at: _Positions, how: np.ufunc, none: float) -> FloatArray:
    return _reduced(column, at, how, none)


def _reduced(column: NDArray[np.generic], at: _Positions, how: np.ufunc, none: float) -> FloatArray:
    """`how` over the rows of each window; `none` where it has no rows."""
    some = at[1:] > at[:-1]
    out = np.full(len(some), none)
    if some.any():
        out[some] = how.reduceat(column[: at[-1]], at[:-1][some])
    return out


def _ends_of(usable: NDArray[np.bool_], at: _Positions) -> tuple[_Positions, _Positions]:
    """First and last usable row of each window; -1 where there is none."""
    rows = np.flatnonzero(usable)
    if not len(rows):
        nothing = np.full(len(at) - 1, -1)
        return nothing, nothing
    low, high = np.searchsorted(rows, at[:-1]), np.searchsorted(rows, at[1:]) - 1
    some = high >= low
    return np.where(some, rows[np.minimum(low, len(rows) - 1)], -1), np.where(some, rows[high], -1)


def _taken(column: FloatArray, rows: _Positions) -> FloatArray:
    return np.where(rows >= 0, column[rows], np.nan)
