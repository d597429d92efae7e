"""What of a measured series may be learnt from: no stuck meters, no spikes; and whether the plant changed.

A run of equal numbers is a stuck meter when it is long for this series: at least three hours, away from its
resting level, longer than such runs usually are in it. A load that rests at zero, or that is set in steps, is
no stuck meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hub.forecast.quarters import QUARTERS_A_DAY, FloatArray

_LEAST_RUN: Final = 12
_USUAL_FRAC: Final = 0.05
_SPIKE_FACTOR: Final = 3.0
_DRIFT_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Tidied:
    """A series that may be learnt from.

    Attributes:
        values: As measured, NaN where it must not be used.
        gaps: Quarters that were unknown from the first known one on.
        stuck: Quarters of runs that are no measurement.
        spikes: Quarters far beyond anything else.
    """

    values: FloatArray
    gaps: int
    stuck: int
    spikes: int


def tidied(values: FloatArray) -> Tidied:
    """Leave out what no plant did.

    Example:
        >>> day = np.tile(np.arange(96.0), 20); day[500:560] = 42.0
        >>> tidied(day).stuck
        60
    """
    known = np.isfinite(values)
    if not known.any():
        return Tidied(values, 0, 0, 0)
    gaps = int((~known[int(np.argmax(known)) :]).sum())
    stuck = _stuck(values)
    kept = np.where(stuck, np.nan, values)
    spikes = _spikes(kept)
    return Tidied(np.where(spikes, np.nan, kept), gaps, int(stuck.sum()), int(spikes.sum()))


def drift(measured: FloatArray, foreseen: FloatArray) -> float:
    """How far the last three days lie beside the middle course, in half widths of the band; 0 where unknown.

    Args:
        measured: Shape (n,), the newest last.
        foreseen: Shape (3, n).
    """
    count = _DRIFT_DAYS * QUARTERS_A_DAY
    beside = (measured - foreseen[1])[-count:]
    width = (foreseen[2] - foreseen[0])[-count:] / 2.0
    known = np.isfinite(beside) & np.isfinite(width)
    if known.sum() < count // 2 or not width[known].mean() > 0.0:
        return 0.0
    return float(np.median(beside[known]) / width[known].mean())


def _stuck(values: FloatArray) -> npt.NDArray[np.bool_]:
    known = values[np.isfinite(values)]
    reach = float(np.quantile(known, 0.99) - np.quantile(known, 0.01))
    if not reach > 0.0:
        return np.zeros(len(values), dtype=np.bool_)
    resting = float(np.quantile(known, 0.01)) + 0.02 * reach
    same = np.abs(np.diff(values)) <= 1e-9 * reach
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    runs = [(int(begin), int(end) + 1) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
    long = [(begin, end) for begin, end in runs if end - begin >= _LEAST_RUN and values[begin] > resting]
    found = np.zeros(len(values), dtype=np.bool_)
    while long and sum(end - begin for begin, end in long) > _USUAL_FRAC * len(known):
        # that long is usual here: only longer ones are a meter that hangs
        usual = int(np.median([end - begin for begin, end in long]))
        long = [(begin, end) for begin, end in long if end - begin > 2 * usual]
    for begin, end in long:
        found[begin:end] = True
    return found


def _spikes(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Beyond three times the 99.5 % quantile of the size; a day that is merely high stays."""
    size = np.abs(values)
    known = size[np.isfinite(size)]
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        return np.asarray(size > _SPIKE_FACTOR * float(np.quantile(known, 0.995)) + 1e-9, dtype=np.bool_)
