"""Time-weighted windows: a value holds until the next sample, and no longer than it may."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.port import QualityArray, Raw, TimeArray, Windows

_NS_PER_S = 1e9


def window_edges(from_ns: int, to_ns: int, window_s: int) -> TimeArray:
    """Starts of all windows and, last, `to_ns`; shape (n + 1,), empty when there is no time between.

    Example:
        >>> window_edges(0, 2_500_000_000, 1).tolist()
        [0, 1000000000, 2000000000, 2500000000]
    """
    if to_ns <= from_ns:
        return np.empty(0, np.int64)
    starts = np.arange(from_ns, to_ns, window_s * 1_000_000_000, dtype=np.int64)
    return np.append(starts, np.int64(to_ns))


def usable_of(raw: Raw, qualities: QualityArray) -> NDArray[np.bool_]:
    """Where a sample is a number that may be used, shape (n,)."""
    return ~np.isnan(raw.values) & (qualities < 128)  # noqa: PLR2004  protocols.quality: bad from 128 on


def time_weighted(raw: Raw, qualities: QualityArray, edges_ns: TimeArray, hold_ns: int) -> Windows:
    """Mean, lowest, highest, first and last held value, covered time and worst quality of each window.

    Args:
        raw: Samples, ascending, shape (m,).
        qualities: Their qualities by the rules, shape (m,); a bad one only ends the hold of the one before.
        edges_ns: Edges of the windows, ascending, shape (n + 1,).
        hold_ns: A sample stands for at most this long.

    Returns:
        Arrays of shape (n,); NaN where nothing is covered.

    Example:
        >>> minute = 60_000_000_000
        >>> at = np.array([0, 1, 5]) * minute
        >>> good = np.zeros(3, np.uint8)
        >>> raw = Raw(at, np.array([5.0, 10.0, 5.0]), good, np.zeros(3, np.int64))
        >>> w = time_weighted(raw, good, np.array([0, 6]) * minute, 15 * minute)
        >>> round(float(w.mean[0]), 2), float(w.covered_s[0])
        (8.33, 360.0)
    """
    count = max(len(edges_ns) - 1, 0)
    stood = _stood(raw.times_ns, edges_ns, hold_ns)
    sample, window = _pieces(stood, edges_ns)
    worst = np.zeros(count, np.uint8)
    np.maximum.at(worst, window, qualities[stood.sample[sample]])
    use = usable_of(raw, qualities)[stood.sample[sample]]
    sample, window = sample[use], window[use]
    held = raw.values[stood.sample[sample]]
    length_s = (
        np.minimum(stood.ends[sample], edges_ns[window + 1])
        - np.maximum(stood.starts[sample], edges_ns[window])
    ) / _NS_PER_S
    covered_s = np.bincount(window, weights=length_s, minlength=count).astype(np.float64)
    total = np.bincount(window, weights=length_s * held, minlength=count)
    mean = np.divide(total, covered_s, out=np.full(count, np.nan), where=covered_s > 0.0)
    low, high, first, last = (np.full(count, np.nan) for _ in range(4))
    np.fmin.at(low, window, held)
    np.fmax.at(high, window, held)
    last[window] = held
    first[window[::-1]] = held[::-1]
    return Windows(edges_ns[:-1], mean, low, high, first, last, covered_s, worst)


class _Stood(NamedTuple):
    """Stretches of time in which samples stood, inside the edges: index of the sample, start and end."""

    sample: NDArray[np.intp]
    starts: TimeArray
    ends: TimeArray


def _stood(times_ns: TimeArray, edges_ns: TimeArray, hold_ns: int) -> _Stood:
    if not len(times_ns) or len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
        nothing = np.empty(0, np.int64)
        return _Stood(nothing, nothing, nothing)
    following = np.append(times_ns[1:], edges_ns[-1])
    ends = np.minimum(np.minimum(following, times_ns + hold_ns), edges_ns[-1])
    starts = np.maximum(times_ns, edges_ns[0])
    keep = np.flatnonzero(ends > starts)
    return _Stood(keep, starts[keep], ends[keep])


def _pieces(stood: _Stood, edges_ns: TimeArray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cut stretches at the edges: which stretch, and in which window, in order of time."""
    first = np.searchsorted(edges_ns, stood.starts, side="right") - 1
    last = np.searchsorted(edges_ns, stood.ends, side="left") - 1
    pieces = last - first + 1
    of = np.repeat(np.arange(len(stood.starts)), pieces)
    return of, first[of] + np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
