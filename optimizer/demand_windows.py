"""Means of demand windows and clock hours as weights of a plan's steps, for the matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.problem import Begun
from optimizer.supply import DemandCharge

_NS = 1e-9
_HAIR = 1e-6
SLIP_S = 60.0
"""A sliding window moves on by this, as meters do. [s]"""


@dataclass(frozen=True, slots=True)
class Means:
    """Means of windows: weights · steps + known.

    Attributes:
        weights: Shape (windows, steps). [-]
        known: Part that lies before the first step, shape (windows,). [kW]
    """

    weights: FloatArray
    known: FloatArray

    def begun(self, begun: Begun | None) -> Means:
        """The same where part of the first step is over, for windows that hold all of a step or none."""
        if begun is None:
            return self
        gone = self.weights[:, 0] * begun.gone_frac
        weights = self.weights.copy()
        weights[:, 0] -= gone
        return Means(weights, self.known + gone * begun.import_kw)


def means_of(charge: DemandCharge, start_ns: int, steps: int, step_s: float) -> Means:
    """Windows of a demand charge that could be the highest.

    With constant power in a step the mean of a sliding window rises or falls between the minutes in which one
    of its ends meets a step. A window counts by the step it ends in.
    """
    length_s = step_s if charge.window_s is None else charge.window_s
    if charge.window_s is None or (charge.sliding and length_s <= step_s):
        counts = np.ones(steps, dtype=np.bool_) if charge.counts is None else charge.counts
        return Means(np.eye(steps)[counts], np.zeros(int(counts.sum())))
    window = (length_s, steps, step_s)
    begins = _sliding(*window) if charge.sliding else _blocks(start_ns, *window)
    before = np.array(charge.before_kw, dtype=np.float64)
    rows: list[FloatArray] = []
    known: list[float] = []
    for begin_s in begins:
        shares = _overlaps(begin_s, length_s, -len(before), steps, step_s)
        inside = shares[len(before) :]
        if inside.sum() <= _HAIR or not _counted(charge, inside):
            continue
        total = shares.sum()
        rows.append(inside / total)
        known.append(float(shares[: len(before)] @ before) / total)
    return Means(np.array(rows).reshape(-1, steps), np.array(known))


def hours_of(start_ns: int, steps: int, step_s: float) -> FloatArray:
    """Seconds of each step in each clock hour, shape (hours, steps). [s]."""
    begins = _blocks(start_ns, 3600.0, steps, step_s)
    return np.array([_overlaps(begin, 3600.0, 0, steps, step_s) for begin in begins])


def _counted(charge: DemandCharge, inside: FloatArray) -> bool:
    return charge.counts is None or bool(charge.counts[int(np.flatnonzero(inside > _HAIR)[-1])])


def _blocks(start_ns: int, length_s: float, steps: int, step_s: float) -> FloatArray:
    into_s = (start_ns % round(length_s / _NS)) * _NS
    return np.arange(-into_s, steps * step_s - _HAIR, length_s)


def _sliding(length_s: float, steps: int, step_s: float) -> FloatArray:
    """Begins of windows that end first or last in a step, or begin with one; others lie between them."""
    edges = np.arange(-np.ceil(length_s / step_s), steps + 1) * step_s
    ends = np.unique(np.round(np.concatenate([edges, edges + SLIP_S, edges + length_s]), 6))
    inside: FloatArray = ends[(ends > _HAIR) & (ends <= edges[-1] + _HAIR)] - length_s
    return inside


def _overlaps(begin_s: float, length_s: float, first: int, steps: int, step_s: float) -> FloatArray:
    """Seconds that each step from `first` on shares with a window. [s]."""
    begins = np.arange(first, steps) * step_s
    ends = np.minimum(begins + step_s, begin_s + length_s)
    shared: FloatArray = np.maximum(ends - np.maximum(begins, begin_s), 0.0)
    return shared
