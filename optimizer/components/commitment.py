"""On, start and stop of a machine in the tight form.

Only `on` is whole; start and stop are continuous and become whole through on[t] - on[t-1] = start[t] -
stop[t] with the aggregated minimum times: starts of the last UT steps ≤ on[t], stops of the last DT steps ≤
1 - on[t] (Rajan and Takriti 2005). Valid from the first step: what is owed from before the window is in
`effective_lock`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.matrix import MatrixBuilder
from optimizer.problem import FREE, BoolArray, Commitment, DispatchProblem, IntArray, effective_lock, steps_of


@dataclass(frozen=True, slots=True)
class OnColumns:
    """Column indices, each (steps,)."""

    on: IntArray
    start: IntArray
    stop: IntArray


def add_on(builder: MatrixBuilder, problem: DispatchProblem, name: str, commitment: Commitment) -> OnColumns:
    """Add the on-variable of one machine with its starts, minimum times and locks."""
    count = problem.steps
    lock = effective_lock(commitment, count, problem.step_s)
    low = np.where(lock == FREE, 0, lock)
    high = np.where(lock == FREE, 1, lock)
    whole = np.arange(count) < problem.binary_steps
    on = builder.columns(f"{name}.on", count, (low, high), integer=whole)
    start = builder.columns(f"{name}.start", count, (0.0, 1.0), cost=commitment.start_eur)
    stop = builder.columns(f"{name}.stop", count, (0.0, 1.0))

    before = np.zeros(count)
    before[0] = float(commitment.on)
    change = builder.rows(f"{name}.change", count, before, before)
    builder.add(change, on, 1.0)
    builder.add(change[1:], on[:-1], -1.0)
    builder.add(change, start, -1.0)
    builder.add(change, stop, 1.0)

    locked = np.zeros(count, dtype=np.bool_) if commitment.lock is None else commitment.lock != FREE
    free_up = _windows(locked, max(1, steps_of(commitment.min_up_s, problem.step_s)))
    up = builder.rows(f"{name}.min_up", len(free_up), -np.inf, 0.0)
    _add_windows(builder, up, free_up, start)
    builder.add(up, on[free_up[:, -1]], -1.0)
    free_down = _windows(locked, max(1, steps_of(commitment.min_down_s, problem.step_s)))
    down = builder.rows(f"{name}.min_down", len(free_down), -np.inf, 1.0)
    _add_windows(builder, down, free_down, stop)
    builder.add(down, on[free_down[:, -1]], 1.0)
    return OnColumns(on, start, stop)


def _windows(locked: BoolArray, length: int) -> IntArray:
    """Steps of each look-back window, shape (windows, length), -1 where a window is shorter.

    A lock outranks minimum times, so a window begins after the last locked step; a locked step has none.
    """
    last = np.arange(len(locked))
    begins = np.maximum.accumulate(np.where(locked, last, -1)) + 1
    steps = last[:, None] - np.arange(length)[::-1]
    windows: IntArray = np.where(steps >= begins[:, None], steps, -1)[~locked]
    return windows


def _add_windows(builder: MatrixBuilder, rows: IntArray, windows: IntArray, columns: IntArray) -> None:
    which, place = np.nonzero(windows >= 0)
    builder.add(rows[which], columns[windows[which, place]], 1.0)
