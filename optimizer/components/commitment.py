"""On, start and stop of a machine in the tight form.

Only `on` is whole; start and stop are continuous and become whole through on[t] - on[t-1] = start[t] -
stop[t] with the aggregated minimum times: starts of the last UT steps ≤ on[t], stops of the last DT steps ≤
1 - on[t] (Rajan and Takriti 2005). Valid from the first step: what is owed from before the window is in
`effective_lock`.

Identical machines in one state may share one whole number `on` (`count`): the same rows then hold for the
class, and `optimizer.fleet` shares the plan out. A start that is dearer when cold is matched with the stop
before it (Morales-España et al. 2013; Knueven et al. 2020, the matching form).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.components.starting import add_start_limits
from optimizer.matrix import MatrixBuilder
from optimizer.problem import FREE, LONG_S, OFF, ON, BoolArray, Commitment, IntArray, effective_lock, steps_of
from optimizer.window import Window, whole_steps


@dataclass(frozen=True, slots=True)
class OnColumns:
    """Column indices, each (steps,)."""

    on: IntArray
    start: IntArray
    stop: IntArray


def add_on(
    builder: MatrixBuilder,
    window: Window,
    name: str,
    commitment: Commitment,
    group: tuple[int, int] | None = None,
) -> OnColumns:
    """Add the on-variable of one machine with starts, times and locks.

    `group` makes it a class of identical machines: how many there are, and how many of them run when the
    window begins; where that is neither none nor all, none of them may still owe a minimum time.
    """
    count = window.steps
    machines, running = group or (1, int(commitment.on))
    mixed = 0 < running < machines
    owed = replace(commitment, state_s=LONG_S) if mixed else commitment
    lock = effective_lock(owed, count, window.step_s, window.gone_s)
    low = np.where(lock == FREE, 0, lock) * machines
    high = np.where(lock == FREE, 1, lock) * machines
    on = builder.columns(f"{name}.on", count, (low, high), integer=whole_steps(window))
    starts, stops = np.where(lock == OFF, 0, machines), np.where(lock == ON, 0, machines)
    start = builder.columns(f"{name}.start", count, (0.0, starts), cost=commitment.dearest_start_eur)
    stop = builder.columns(f"{name}.stop", count, (0.0, stops), cost=commitment.starting.stop_eur)

    before = np.zeros(count)
    before[0] = running
    change = builder.rows(f"{name}.change", count, before, before)
    builder.add(change, on, 1.0)
    builder.add(change[1:], on[:-1], -1.0)
    builder.add(change, start, -1.0)
    builder.add(change, stop, 1.0)

    _add_least_times(builder, window, (name, commitment, machines), OnColumns(on, start, stop))
    add_start_limits(builder, window, (name, commitment, machines), start)
    columns = OnColumns(on, start, stop)
    if commitment.cold_start_eur is not None:
        _add_warm_starts(builder, window, name, (commitment, machines), columns)
    return columns


def _add_least_times(
    builder: MatrixBuilder, window: Window, of: tuple[str, Commitment, int], columns: OnColumns
) -> None:
    (name, commitment, machines), count = of, window.steps
    on, start, stop = columns.on, columns.start, columns.stop
    locked = np.zeros(count, dtype=np.bool_) if commitment.lock is None else commitment.lock != FREE
    least_up_s = max(commitment.min_up_s, commitment.starting.warm_up_s)
    free_up = _windows(locked, max(1, steps_of(least_up_s, window.step_s)))
    up = builder.rows(f"{name}.min_up", len(free_up), -np.inf, 0.0)
    _add_windows(builder, up, free_up, start)
    builder.add(up, on[free_up[:, -1]], -1.0)
    free_down = _windows(locked, max(1, steps_of(commitment.min_down_s, window.step_s)))
    down = builder.rows(f"{name}.min_down", len(free_down), -np.inf, machines)
    _add_windows(builder, down, free_down, stop)
    builder.add(down, on[free_down[:, -1]], 1.0)
    if window.gone_s > 0:
        _add_late_first(builder, window, of, columns)


def _add_late_first(
    builder: MatrixBuilder, window: Window, of: tuple[str, Commitment, int], columns: OnColumns
) -> None:
    """A switch of a first step that has begun comes late in it, so the time it begins ends later."""
    (name, commitment, machines), count = of, window.steps
    locked = np.zeros(count, dtype=np.bool_) if commitment.lock is None else commitment.lock != FREE
    free = int(np.argmax(locked)) if locked.any() else count
    up_s, down_s = max(commitment.min_up_s, commitment.starting.warm_up_s), commitment.min_down_s
    for least_s, switch, sign, most, word in (
        (up_s, columns.start, -1.0, 0.0, "up"),
        (down_s, columns.stop, 1.0, float(machines), "down"),
    ):
        ends = steps_of(least_s + window.gone_s, window.step_s) if least_s > 0 else 0
        later = np.arange(max(1, steps_of(least_s, window.step_s)), min(ends, free))
        row = builder.rows(f"{name}.late_{word}", len(later), -np.inf, most)
        builder.add(row, switch[:1], 1.0)
        builder.add(row, columns.on[later], sign)


def _add_warm_starts(
    builder: MatrixBuilder, window: Window, name: str, of: tuple[Commitment, int], columns: OnColumns
) -> None:
    """One column per start and each stop it may follow while still warm; each start and stop once."""
    commitment, machines = of
    count, step_s = window.steps, window.step_s
    least = max(1, steps_of(commitment.min_down_s, step_s))
    longest = int(commitment.cold_after_s / step_s + 1e-9)
    stood = -1 if commitment.on else int(min(commitment.state_s / step_s + 1e-9, longest + 1))
    starts = builder.rows(f"{name}.warm_start", count, -np.inf, 0.0)
    stops = builder.rows(f"{name}.warm_stop", count, -np.inf, 0.0)
    builder.add(starts, columns.start, -1.0)
    builder.add(stops, columns.stop, -1.0)
    before = builder.rows(f"{name}.warm_before", 1, -np.inf, 0.0 if commitment.on else machines)
    spared = commitment.start_eur - commitment.dearest_start_eur
    # late in a first step that has begun, a stop may be over that was younger than the shortest at its begin
    youngest = min(least, max(stood, 0)) if window.gone_s > 0 else least
    for lag in range(youngest, longest + 1):
        ends = np.arange(lag, count) if lag >= least else np.arange(0)
        if len(ends):
            warm = builder.columns(f"{name}.warm{lag}", len(ends), (0.0, machines), cost=spared)
            builder.add(starts[ends], warm, 1.0)
            builder.add(stops[ends - lag], warm, 1.0)
        if 0 <= lag - stood < count and stood >= 0:
            first = builder.columns(f"{name}.warm_first{lag}", 1, (0.0, machines), cost=spared)
            builder.add(starts[lag - stood : lag - stood + 1], first, 1.0)
            builder.add(before, first, 1.0)


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
