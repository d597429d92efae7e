"""Edges of windows of one length."""

from __future__ import annotations

import numpy as np

from hub.store.port import TimeArray


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
