"""Time-weighted windows: a value holds until the next sample, and no longer than it may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hub.store.port import FloatArray, TimeArray, Windows

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


def time_weighted(
    times_ns: TimeArray, values: FloatArray, usable: NDArray[np.bool_], edges_ns: TimeArray, hold_ns: int
) -> Windows:
    """Mean, lowest and highest held value and covered time of each window.

    Args:
        times_ns: Instants of the samples, ascending, shape (m,).
        values: Values, shape (m,).
        usable: False where a sample only ends the hold of the one before, shape (m,).
        edges_ns: Edges of the windows, ascending, shape (n + 1,).
        hold_ns: A sample stands for at most this long.

    Returns:
        Arrays of shape (n,); NaN where nothing is covered.

    Example:
        >>> minute = 60_000_000_000
        >>> at = np.array([0, 1, 5]) * minute
        >>> edges = np.array([0, 6]) * minute
        >>> w = time_weighted(at, np.array([5.0, 10.0, 5.0]), np.ones(3, bool), edges, 15 * minute)
        >>> round(float(w.mean[0]), 2), float(w.covered_s[0])
        (8.33, 360.0)
    """
    count = max(len(edges_ns) - 1, 0)
    starts, ends, held = _segments(times_ns, values, usable, edges_ns, hold_ns)
    first = np.searchsorted(edges_ns, starts, side="right") - 1
    last = np.searchsorted(edges_ns, ends, side="left") - 1
    pieces = last - first + 1
    of = np.repeat(np.arange(len(starts)), pieces)
    window = first[of] + np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    length_s = (
        np.minimum(ends[of], edges_ns[window + 1]) - np.maximum(starts[of], edges_ns[window])
    ) / _NS_PER_S
    covered_s = np.bincount(window, weights=length_s, minlength=count).astype(np.float64)
    total = np.bincount(window, weights=length_s * held[of], minlength=count)
    low = np.full(count, np.inf)
    high = np.full(count, -np.inf)
    np.minimum.at(low, window, held[of])
    np.maximum.at(high, window, held[of])
    empty = covered_s <= 0.0
    mean = np.divide(total, covered_s, out=np.full(count, np.nan), where=~empty)
    low[empty] = high[empty] = np.nan
    return Windows(edges_ns[:-1], mean, low, high, covered_s)


def _segments(
    times_ns: TimeArray, values: FloatArray, usable: NDArray[np.bool_], edges_ns: TimeArray, hold_ns: int
) -> tuple[TimeArray, TimeArray, FloatArray]:
    """Start, end and value of every stretch of held time inside the edges."""
    if not len(times_ns) or len(edges_ns) < 2:  # noqa: PLR2004  two edges make a window
        nothing = np.empty(0, np.int64)
        return nothing, nothing, np.empty(0)
    following = np.append(times_ns[1:], edges_ns[-1])
    ends = np.minimum(np.minimum(following, times_ns + hold_ns), edges_ns[-1])
    starts = np.maximum(times_ns, edges_ns[0])
    keep = usable & (ends > starts)
    return starts[keep], ends[keep], values[keep]
