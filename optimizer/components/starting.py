"""Start limits, warming up, running on, ramps: what hangs on the starts and stops of `commitment`.

A start limit is a rolling sum of starts, those before the window counted with their ages. Warming up is a
fixed course after each start: `run` = on less the share of the step that is spent warming up, and the output
hangs on `run`. Ramps have their exceptions at start and stop (Arroyo and Conejo 2000, in the tight form).
A switch of a first step that has begun comes when the plan does, what follows it is counted from then on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.matrix import MatrixBuilder
from optimizer.starting import MINUTE_S
from optimizer.switching import OFF, ON, Commitment, steps_of
from optimizer.window import Window

_PAST = 1e-6
"""A start so close to the end of its hour counts as out of it. [s]"""


@dataclass(frozen=True, slots=True)
class Switched:
    """Column indices of a machine that switches, each (steps,); from `commitment.OnColumns`."""

    on: IntArray
    start: IntArray
    stop: IntArray
    run: IntArray
    """Share of the step in which it may give something; `on` where it never warms up."""


def add_start_limits(
    builder: MatrixBuilder, window: Window, of: tuple[str, Commitment, int], start: IntArray
) -> None:
    """Add the rolling sums; `of` is name, commitment and how many identical machines it counts."""
    name, commitment, machines = of
    count, (begins, _) = window.steps, _axis(window)
    forced = np.zeros(count, dtype=np.bool_) if commitment.lock is None else commitment.lock == ON
    for most, length_s in commitment.starting.limits:
        ages = np.array(commitment.starting.ages_s, dtype=np.float64)
        used = [int(np.sum(ages + at < length_s - _PAST)) for at in begins]
        oldest = np.searchsorted(begins, begins - (length_s - _PAST), side="right")
        # machines held running from outside are started whatever the count says
        held = np.array([bool(forced[first : t + 1].any()) for t, first in enumerate(oldest)])
        room = np.where(held, np.inf, np.maximum(most * machines - np.array(used), 0))
        row = builder.rows(f"{name}.starts_in_{length_s:.0f}_s", count, -np.inf, room)
        for lag in range(int((np.arange(count) - oldest).max()) + 1):
            inside = np.arange(lag, count)[oldest[lag:] <= np.arange(count - lag)]
            builder.add(row[inside], start[inside - lag], 1.0)


def add_run(
    builder: MatrixBuilder,
    window: Window,
    of: tuple[str, Commitment],
    switch: tuple[IntArray, IntArray, IntArray],
) -> Switched:
    """Add the share of each step in which the machine may give something; `switch` is on, start, stop."""
    (name, commitment), (on, start, stop) = of, switch
    own, count = commitment.starting, window.steps
    if own.warm_up_s <= 0:
        return Switched(on, start, stop, on)
    run = builder.columns(f"{name}.run", count, (0.0, 1.0))
    owed = _owed(commitment, window)
    row = builder.rows(f"{name}.warming", count, -owed, -owed)
    builder.add(row, run, 1.0)
    builder.add(row, on, -1.0)
    for lag, share in _shares(own.warm_up_s, window):
        kept = _not_tripped(commitment, count, lag)
        builder.add(row[lag:], start[: count - lag], share * kept)
    return Switched(on, start, stop, run)


def add_course(
    builder: MatrixBuilder, window: Window, of: tuple[str, Commitment, Switched], fuel_eur_kw: FloatArray
) -> tuple[IntArray | None, IntArray | None]:
    """Columns of the electric power and of the fuel of warming up and running on, where there is any.

    `fuel_eur_kw` is what one kW of fuel costs in each step.
    """
    name, commitment, switch = of
    own = commitment.starting
    carried_kw, carried_fuel_kw = _carried(commitment, window)
    warm = _shares(own.warm_up_s, window)
    after = _shares(own.run_on_s, window)
    power = fuel = None
    if own.warm_up_kw > 0 or own.run_on_kw > 0:
        power = builder.columns(f"{name}.course_kw", window.steps)
        row = builder.rows(f"{name}.course", window.steps, carried_kw, carried_kw)
        builder.add(row, power, 1.0)
        _add_after(builder, row, (switch.start, commitment), warm, own.warm_up_kw)
        _add_after(builder, row, (switch.stop, None), after, own.run_on_kw)
    if own.warm_up_fuel_kw > 0:
        fuel = builder.columns(f"{name}.course_fuel", window.steps, cost=fuel_eur_kw)
        row = builder.rows(f"{name}.course_burn", window.steps, carried_fuel_kw, carried_fuel_kw)
        builder.add(row, fuel, 1.0)
        _add_after(builder, row, (switch.start, commitment), warm, own.warm_up_fuel_kw)
    return power, fuel


def _add_after(
    builder: MatrixBuilder,
    row: IntArray,
    of: tuple[IntArray, Commitment | None],
    shares: list[tuple[int, FloatArray]],
    amount_kw: float,
) -> None:
    """What follows each switch, step by step; a trip ends what follows a start."""
    (switch, commitment), count = of, len(row)
    for lag, share in shares:
        kept = np.ones(count - lag) if commitment is None else _not_tripped(commitment, count, lag)
        builder.add(row[lag:], switch[: count - lag], -amount_kw * share * kept)


def _carried(commitment: Commitment, window: Window) -> tuple[FloatArray, FloatArray]:
    """Electric power and fuel still owed from a start or stop before the window, each (steps,). [kW]."""
    own = commitment.starting
    owed = _owed(commitment, window)
    left = np.zeros(window.steps)
    if not commitment.on and own.run_on_s > 0:
        left = _left(own.run_on_s - commitment.state_s, window)
    return owed * own.warm_up_kw + left * own.run_on_kw, owed * own.warm_up_fuel_kw


def add_ramp(
    builder: MatrixBuilder,
    window: Window,
    of: tuple[str, Commitment, Switched],
    level: IntArray,
    ends: tuple[FloatArray, FloatArray],
) -> None:
    """Keep the output of a machine within its ramp; `ends` are least and most output, each (steps,)."""
    name, commitment, switch = of
    ramp, count = commitment.ramp, window.steps
    if ramp is None:
        return
    least, most = ends
    minutes = window.step_s / MINUTE_S
    up, down = ramp.up_per_min * minutes, ramp.down_per_min * minutes
    last = float(np.clip(ramp.last, least[0], most[0])) if commitment.on else 0.0
    if np.isfinite(up):
        begin = np.minimum(np.maximum(least, up) if ramp.at_start is None else ramp.at_start, most)
        warming = commitment.on and commitment.state_s < commitment.starting.warm_up_s
        first = 0.0 if not commitment.on else float(begin[0]) if warming else last + up
        row = builder.rows(f"{name}.ramp_up", count, -np.inf, _first(count, first))
        _add_change(builder, row, level, 1.0)
        builder.add(row, switch.start, -begin)
        builder.add(row[1:], switch.run[:-1], begin[1:] - up)
        builder.add(row[1:], switch.on[:-1], -begin[1:])
    if np.isfinite(down):
        end = np.maximum(least, down) if ramp.at_stop is None else np.full(count, ramp.at_stop)
        tripped = np.zeros(count, dtype=np.bool_) if commitment.lock is None else commitment.lock == OFF
        end = np.where(tripped, np.maximum(end, max(float(most.max()), last)), end)
        # a capacity that falls with the weather falls faster than any ramp
        sinks = np.maximum(np.concatenate([[0.0], most[:-1] - most[1:]]), 0.0)
        row = builder.rows(f"{name}.ramp_down", count, -np.inf, sinks - _first(count, last))
        _add_change(builder, row, level, -1.0)
        builder.add(row, switch.on, -down)
        builder.add(row, switch.stop, -end)


def _add_change(builder: MatrixBuilder, row: IntArray, level: IntArray, sign: float) -> None:
    builder.add(row, level, sign)
    builder.add(row[1:], level[:-1], -sign)


def _first(count: int, value: float) -> FloatArray:
    first = np.zeros(count)
    first[0] = value
    return first


def _axis(window: Window) -> tuple[FloatArray, FloatArray]:
    """When each step can switch, and its end, from the begin of the first one; (steps,) each. [s]."""
    ends: FloatArray = np.arange(1.0, window.steps + 1.0) * window.step_s
    begins: FloatArray = ends - window.step_s
    begins[0] = window.gone_s
    return begins, ends


def _shares(length_s: float, window: Window) -> list[tuple[int, FloatArray]]:
    """How much of what is left of a step lies within a time after the switch of an earlier one.

    For each number of steps in between the shares by the switching step, shape (steps - that number,).
    """
    begins, ends = _axis(window)
    lags = min(steps_of(length_s + window.gone_s, window.step_s) if length_s > 0 else 0, window.steps)
    found: list[tuple[int, FloatArray]] = []
    for lag in range(lags):
        until = begins[: window.steps - lag] + length_s
        shared = np.minimum(until, ends[lag:]) - begins[lag:]
        found.append((lag, np.maximum(shared, 0.0) / (ends - begins)[lag:]))
    return found


def _left(length_s: float, window: Window) -> FloatArray:
    """How much of what is left of each step lies within a time from the begin of the first one."""
    begins, ends = _axis(window)
    shares: FloatArray = np.clip((length_s - begins) / (ends - begins), 0.0, 1.0)
    return shares


def _owed(commitment: Commitment, window: Window) -> FloatArray:
    """Share of each step still spent warming up from a start before the window, none after a trip.

    A machine that has just started in a step which is planned whole has a negative time in its state.
    """
    if not commitment.on or commitment.starting.warm_up_s <= 0:
        return np.zeros(window.steps)
    owed = _left(commitment.starting.warm_up_s - commitment.state_s, window)
    if commitment.lock is not None and (commitment.lock == OFF).any():
        owed[int(np.argmax(commitment.lock == OFF)) :] = 0.0
    return owed


def _not_tripped(commitment: Commitment, count: int, lag: int) -> FloatArray:
    """1 for each step from `lag` on that can be reached from a start so many steps before, without a trip."""
    if commitment.lock is None:
        return np.ones(max(count - lag, 0))
    off = commitment.lock == OFF
    free: BoolArray = np.array([not off[t - lag + 1 : t + 1].any() for t in range(lag, count)])
    return free.astype(np.float64)
