"""Consumption from readings of a counter: roll-over where declared, new meters told, gaps shown.

Readings are joined one after the other. A drop is, in this order: a *glitch*, when the old level is back
within some readings (or had been left just before); a *roll-over*, when the counter is declared to have one
and the step over it is possible; else a *new meter*, which counts from its first reading on: what ran between
the last reading of the old one and that is not known, and said. A step up of more than the counter can count
(`most_per_h`) is a glitch or a new meter as well. Nothing is ever estimated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hub.store.port import HOLD_S, FloatArray, SeriesReader, TimeArray, Windows
from hub.values.config import Counter
from hub.values.virtual import pieces
from protocols.point import PointId
from protocols.quality import is_bad

_NS: Final = 1_000_000_000
_HOLD_NS: Final = int(HOLD_S * _NS)
_HOUR_NS: Final = 3600 * _NS
_LOOK: Final = 8
"""Readings within which an old level is back after a glitch."""
_ROLL_FRAC: Final = 0.1
"""Largest part of its range that a counter counts from one reading to the next where no rate is declared."""

EventKind = Literal["rolled_over", "new_meter", "glitch", "gap"]


class Event(NamedTuple):
    """Something in the readings a person has to know of.

    Attributes:
        kind: What.
        from_ns: Last reading before it.
        to_ns: First reading after it.
        before: That reading. [unit]
        after: That reading. [unit]
        amount: What was counted between, known only as a whole; NaN where it is not known. [unit]
    """

    kind: EventKind
    from_ns: int
    to_ns: int
    before: float
    after: float
    amount: float


class Readings(NamedTuple):
    """Readings of a counter, ascending, shape (n,)."""

    times_ns: TimeArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Consumption:
    """What was counted in each window.

    Attributes:
        edges_ns: Edges of the windows, shape (n + 1,).
        amount: Counted from its first to its last reading, across gaps inside it as well; NaN without
            readings, shape (n,). [unit]
        covered_s: Time with readings, shape (n,). [s]
        events: Roll-overs, new meters, glitches and gaps that reach over an edge, in order of time.
    """

    edges_ns: TimeArray
    amount: FloatArray
    covered_s: FloatArray
    events: tuple[Event, ...]

    @property
    def total(self) -> float:
        """Over all windows, with what was counted across gaps. [unit]."""
        gaps = sum(event.amount for event in self.events if event.kind == "gap")
        return float(np.nansum(self.amount)) + gaps


def consumption(
    reader: SeriesReader, point: PointId, counter: Counter | None, edges_ns: TimeArray
) -> Consumption:
    """Counted between edges, from rollups; only where a reading fell samples are looked at.

    Raises:
        StoreError: The series cannot be read now.
    """
    edges = np.append(
        pieces(edges_ns), edges_ns[-1] + _NS
    )  # the reading at the very end is in what begins there
    windows = reader.over([point], edges)[point]
    readings = _readings(reader, point, windows, edges)
    until = readings.times_ns <= edges_ns[-1]
    amount, events = counted(Readings(readings.times_ns[until], readings.values[until]), counter, edges_ns)
    covered_s = np.add.reduceat(windows.covered_s[:-1], np.searchsorted(edges[:-2], edges_ns[:-1]))
    return Consumption(edges_ns, np.where(covered_s > 0.0, amount, np.nan), covered_s, events)


def counted(
    readings: Readings, counter: Counter | None, edges_ns: TimeArray
) -> tuple[FloatArray, tuple[Event, ...]]:
    """Counted in each window and what a person has to know, of readings alone.

    Example:
        >>> at = np.array([0, 600, 1200, 1800]) * 1_000_000_000
        >>> rolls = Counter(point="m/import_kwh", rolls_over_at=1000.0)
        >>> amount, events = counted(Readings(at, np.array([990.0, 998.0, 6.0, 10.0])), rolls, at[[0, 3]])
        >>> amount.tolist(), events[0].kind
        ([20.0], 'rolled_over')
    """
    events: list[Event] = []
    kept = _sound(readings, counter, events)
    times, values = kept
    amount = np.zeros(len(edges_ns) - 1)
    if len(times) > 1:
        steps = np.diff(values)
        for at in np.flatnonzero(_odd(steps, np.diff(times), counter)):
            steps[at] = _joined(kept, int(at), counter, events)
        _spread(kept, steps, edges_ns, (amount, events))
    return amount, tuple(sorted(events, key=lambda event: event.from_ns))


def _readings(reader: SeriesReader, point: PointId, windows: Windows, edges_ns: TimeArray) -> Readings:
    """First and last held value of each covered piece; all samples of one in which the counter fell."""
    some = windows.covered_s > 0.0
    calm = (windows.low == windows.first) & (windows.high == windows.last)
    firsts = Readings(edges_ns[:-1][some & calm], windows.first[some & calm])
    lasts = Readings(edges_ns[1:][some & calm] - 1, windows.last[some & calm])
    parts = [firsts, lasts]
    for at in np.flatnonzero(some & ~calm):
        raw = reader.raw(point, int(edges_ns[at]), int(edges_ns[at + 1]))
        good = np.array([not is_bad(quality) for quality in raw.qualities.tolist()], bool)
        good &= np.isfinite(raw.values)
        parts.append(Readings(raw.times_ns[good], raw.values[good]))
    times = np.concatenate([part.times_ns for part in parts])
    order = np.argsort(times, kind="stable")
    return Readings(times[order], np.concatenate([part.values for part in parts])[order])


def _sound(readings: Readings, counter: Counter | None, events: list[Event]) -> Readings:
    """Readings without glitches: away from the level before them, which is back soon after."""
    times, values = readings
    keep = np.ones(len(values), bool)
    for at in (np.flatnonzero(_odd(np.diff(values), np.diff(times), counter)) + 1).tolist():
        if not keep[at - 1] or not keep[at]:
            continue
        span = _left(values, at) or _back(readings, at - 1, counter)
        if span is not None:
            before, after = span
            keep[before + 1 : after] = False
            numbers = (float(values[before]), float(values[after]), float(values[after] - values[before]))
            events.append(Event("glitch", int(times[before]), int(times[after]), *numbers))
    return Readings(times[keep], values[keep])


def _left(values: FloatArray, at: int) -> tuple[int, int] | None:
    """Of a drop: the reading shortly before from which `at` goes on, the others are higher; None: none."""
    for before in range(at - 2, max(at - 2 - _LOOK, -1), -1):
        if values[before] <= values[at] < values[at - 1]:
            return before, at
    return None


def _back(readings: Readings, before: int, counter: Counter | None) -> tuple[int, int] | None:
    """The first reading soon after that goes on from `before` as if nothing had been; None: none."""
    times, values = readings
    for at in range(before + 2, min(before + 2 + _LOOK, len(values))):
        step = values[at] - values[before]
        if 0.0 <= step <= _most(counter, int(times[at] - times[before]), float(values[before])):
            return before, at
    return None


def _odd(steps: FloatArray, passed_ns: TimeArray, counter: Counter | None) -> NDArray[np.bool_]:
    """Steps that no counter makes by counting."""
    odd = steps < 0.0
    if counter is not None and counter.most_per_h is not None:
        odd |= steps > counter.most_per_h * np.maximum(passed_ns, _HOLD_NS) / _HOUR_NS
    return odd


def _most(counter: Counter | None, passed_ns: int, level: float) -> float:
    """Most that can be counted in that time; a reading may have stood for a while before it. [unit]."""
    if counter is not None and counter.most_per_h is not None:
        return counter.most_per_h * max(passed_ns, _HOLD_NS) / _HOUR_NS
    top = abs(level) if counter is None or counter.rolls_over_at is None else counter.rolls_over_at
    return _ROLL_FRAC * top


def _joined(readings: Readings, at: int, counter: Counter | None, events: list[Event]) -> float:
    """What was counted in an odd step, from reading `at` to the next; tells what it was."""
    times, values = readings
    before, after = float(values[at]), float(values[at + 1])
    span = (int(times[at]), int(times[at + 1]))
    if counter is not None and counter.rolls_over_at is not None and after < before:
        over = after + counter.rolls_over_at - before
        if 0.0 <= over <= _most(counter, span[1] - span[0], before):
            events.append(Event("rolled_over", *span, before, after, over))
            return over
    events.append(Event("new_meter", *span, before, after, float("nan")))
    return 0.0


def _spread(
    readings: Readings, steps: FloatArray, edges_ns: TimeArray, out: tuple[FloatArray, list[Event]]
) -> None:
    """Put each step into the window it lies in; a long one over an edge is told as a gap."""
    times, values = readings
    amount, events = out
    first = np.searchsorted(edges_ns, times[:-1], side="right") - 1
    last = np.searchsorted(edges_ns, times[1:], side="left") - 1
    inside = (first >= 0) & (last >= 0) & (last < len(amount))
    whole = inside & ((first >= last) | (np.diff(times) <= _HOLD_NS))
    np.add.at(amount, last[whole], steps[whole])
    for at in np.flatnonzero(inside & ~whole).tolist():
        numbers = (float(values[at]), float(values[at + 1]), float(steps[at]))
        events.append(Event("gap", int(times[at]), int(times[at + 1]), *numbers))
