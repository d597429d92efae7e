"""Rows of one machine and which of them may teach: running, settled, steady, every sensor alive.

A row is left out, never mended, and each reason is counted: standing still, just started, changing while it
was measured, a sensor that hangs, a value no such machine can have, a gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant.learning.robust import FloatArray
from protocols.errors import ContractError

BoolArray = NDArray[np.bool_]
TimeArray = NDArray[np.int64]

_NS: Final = 1_000_000_000
_HANG_ROWS: Final = 6
"""A sensor that shows the same number for so many rows while the machine works differently hangs."""
_HANG_FRAC: Final = 0.15
"""… differently: the other column moves by this share of all it ever does."""
_STEADY_FRAC: Final = 0.12
"""Power that moves by more than this while a row is measured, or from row to row, is no steady state."""
_GAP_STEPS: Final = 2.5
_SHORT_S: Final = 300.0
"""Means over longer than this follow the load; from row to row they may differ as they like."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What was measured of one machine, one row a window.

    Attributes:
        times_ns: Begin of each row, rising, shape (n,). [ns]
        values: Quantity to its means, each (n,), unit as the name says; NaN where unknown.
        spread: Quantity to highest less lowest value inside each row, where that is known.
    """

    times_ns: TimeArray
    values: Mapping[str, FloatArray]
    spread: Mapping[str, FloatArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.times_ns) > 1 and bool(np.any(np.diff(self.times_ns) <= 0)):
            raise ContractError("the rows of a machine must rise in time, one an instant; sort them first")
        for name, column in (*self.values.items(), *self.spread.items()):
            if len(column) != len(self.times_ns):
                raise ContractError(f"{name} has {len(column)} rows, the times have {len(self.times_ns)}")

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def step_s(self) -> float:
        """Usual distance of two rows. [s]."""
        return float(np.median(np.diff(self.times_ns))) / _NS if len(self) > 1 else 0.0

    def where(self, kept: BoolArray) -> Rows:
        """Some of the rows."""
        return Rows(
            self.times_ns[kept],
            {name: column[kept] for name, column in self.values.items()},
            {name: column[kept] for name, column in self.spread.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows a form can use.

    Attributes:
        columns: Quantities that must be known, power_kw first.
        ranges: Quantity to what such a machine can show, both ends included.
        hangs: Pairs (sensor, other): the sensor hangs where it stands still while the other one moves.
        running: Codes of `state_code` of a machine that works; empty: told from its power alone.
        settle_s: Time after a start that teaches nothing. [s]
        least_kw: Power below which it stands still, where no state is known. [kW]
    """

    columns: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    hangs: tuple[tuple[str, str], ...]
    running: frozenset[int]
    settle_s: float
    least_kw: float


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rows that may teach, and how many were left out for which reason."""

    rows: Rows
    left_out: Mapping[str, int]


def sifted(rows: Rows, wanted: Wanted) -> Sifted:
    """Keep what may teach.

    Raises:
        ContractError: A column that is needed is not there at all.
    """
    missing = [name for name in wanted.columns if name not in rows.values]
    if missing:
        raise ContractError(f"the rows have no {', '.join(missing)}; there are {', '.join(rows.values)}")
    running = _running(rows, wanted)
    kept = np.ones(len(rows), dtype=np.bool_)
    left_out: dict[str, int] = {}
    known = np.all([np.isfinite(rows.values[name]) for name in wanted.columns], axis=0)
    for reason, good in (
        ("standing", running | ~known),
        ("gap", known),
        ("started", _settled(rows, running, wanted.settle_s) | ~running | ~known),
        ("out_of_range", _plausible(rows, wanted) | ~running | ~known),
        ("hanging", ~_hanging(rows, wanted, running & known)),
        ("unsteady", _steady(rows, running & known)),
    ):
        left_out[reason] = int(np.sum(kept & ~good))
        kept &= good
    return Sifted(rows.where(kept), left_out)


def _running(rows: Rows, wanted: Wanted) -> BoolArray:
    """Rows in which the machine worked from begin to end."""
    power = rows.values["power_kw"]
    state = rows.values.get("state_code")
    with np.errstate(invalid="ignore"):
        works = power > wanted.least_kw
        if state is None or not wanted.running:
            return np.asarray(works)
        constant = rows.spread.get("state_code", np.zeros(len(rows))) == 0.0
        return np.asarray(works & constant & np.isin(state, sorted(wanted.running)))


def _settled(rows: Rows, running: BoolArray, settle_s: float) -> BoolArray:
    """Rows that begin at least `settle_s` after the machine began to work, as far as that was seen."""
    gap = np.concatenate([[True], np.diff(rows.times_ns) > _GAP_STEPS * rows.step_s * _NS])
    before = np.concatenate([[False], running[:-1]])
    begins = running & (gap | ~before)
    since = np.where(begins, rows.times_ns, np.int64(0))
    since = np.maximum.accumulate(since) if len(since) else since
    return np.asarray(running & ((rows.times_ns - since) >= settle_s * _NS) & ~begins)


def _plausible(rows: Rows, wanted: Wanted) -> BoolArray:
    good = np.ones(len(rows), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        for name, (low, high) in wanted.ranges.items():
            if name in rows.values:
                good &= (rows.values[name] >= low) & (rows.values[name] <= high)
    return good


def _steady(rows: Rows, usable: BoolArray) -> BoolArray:
    """Power alike in the row before and inside the row itself; long means differ without being unsteady."""
    power = rows.values["power_kw"]
    inside = rows.spread.get("power_kw")
    usual = float(np.median(power[usable])) if usable.any() else 0.0
    with np.errstate(invalid="ignore"):
        change = np.abs(np.diff(power, prepend=power[:1]))
        steady = np.full(len(rows), rows.step_s > _SHORT_S) | (change <= _STEADY_FRAC * usual)
        return steady if inside is None else steady & (inside <= 2.0 * _STEADY_FRAC * usual)


def _hanging(rows: Rows, wanted: Wanted, usable: BoolArray) -> BoolArray:
    """Rows inside runs of one and the same number while the other column tells of other work."""
    found = np.zeros(len(rows), dtype=np.bool_)
    if not usable.any():
        return found
    for sensor, other in wanted.hangs:
        column, beside = rows.values[sensor], rows.values[other]
        low, high = np.quantile(beside[usable], (0.02, 0.98))
        for first, last in _runs(column):
            if last - first < _HANG_ROWS:
                continue
            at = beside[first:last][usable[first:last]]
            if len(at) and float(at.max() - at.min()) > _HANG_FRAC * float(high - low) > 0.0:
                found[first:last] = True
    return found


def _runs(column: FloatArray) -> list[tuple[int, int]]:
    """Runs of the same finite number as half-open index ranges."""
    if not len(column):
        return []
    edges = np.flatnonzero(np.diff(column) != 0.0) + 1
    bounds = [0, *edges.tolist(), len(column)]
    return [(a, b) for a, b in pairwise(bounds) if np.isfinite(column[a])]
