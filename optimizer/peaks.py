"""Highest demand so far, as the meter of a contract sees it: by its own window, and by bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from accounts.contract import Contract
from accounts.power_parts import DemandPart
from optimizer.arrays import FloatArray, IntArray

_NS: Final = 1_000_000_000
_QUARTER_S: Final = 900.0


@dataclass(frozen=True, slots=True)
class Peaks:
    """Highest demand so far.

    Attributes:
        month_kw: Of the month the window begins in. [kW]
        earlier_kw: Of each month before, the newest last. [kW]
        banded_kw: The first, in the hours of some bands alone, by their names; what is not there is 0. [kW]
        before_kw: Import of the steps just before the window, as long as a demand window reaches, the latest
            last. [kW]
    """

    month_kw: float = 0.0
    earlier_kw: tuple[float, ...] = ()
    banded_kw: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    before_kw: tuple[float, ...] = ()


def month_peaks(contract: Contract, start_ns: int, quarters_kw: FloatArray) -> Peaks:
    """Highest demand as the contract meters it: by its own window, and by bands where a part asks for them.

    A window that is not wholly known counts as none. One that slides is looked at each quarter hour, which is
    at most what its meter saw.

    Args:
        contract: Without faults.
        start_ns: Begin of the month, on a quarter hour.
        quarters_kw: Mean import of each quarter hour since; NaN where unknown. [kW]
    """
    window = (float(contract.metering.window_s), contract.metering.slide)
    before_kw = just_before(quarters_kw, *window)
    starts, means = window_means(start_ns, quarters_kw, *window)
    if not len(means):
        return Peaks(before_kw=before_kw)
    known = np.isfinite(means)
    ends = starts + round(window[0]) * _NS - 1  # as on the invoice: by the interval it ends in
    bands, names = contract.bands.at(ends), contract.bands.names
    asked = {part.bands for sheet in contract.sheets for part in sheet.parts if isinstance(part, DemandPart)}
    in_bands = {wanted: np.isin(bands, [names.index(one) for one in wanted]) for wanted in asked if wanted}
    return Peaks(
        month_kw=float(np.max(means[known], initial=0.0)),
        banded_kw={
            wanted: float(np.max(means[known & counts], initial=0.0)) for wanted, counts in in_bands.items()
        },
        before_kw=before_kw,
    )


def highest_kw(start_ns: int, quarters_kw: FloatArray, window_s: float, *, slide: bool = False) -> float:
    """Highest mean of a demand window among quarter hours; one that is not wholly known counts as none."""
    _, means = window_means(start_ns, quarters_kw, window_s, slide)
    return float(np.max(means[np.isfinite(means)], initial=0.0))


def window_means(
    start_ns: int,
    quarters_kw: FloatArray,
    window_s: float,
    slide: bool,  # noqa: FBT001  a property of the meter
) -> tuple[IntArray, FloatArray]:
    """Begin and mean of each demand window that lies within the quarter hours; NaN where not wholly known."""
    per, quarter_ns = max(1, round(window_s / _QUARTER_S)), round(_QUARTER_S) * _NS
    if len(quarters_kw) < per:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    means = np.convolve(quarters_kw, np.full(per, 1.0 / per), mode="valid")
    starts = start_ns + np.arange(len(means), dtype=np.int64) * quarter_ns
    whole = np.full(len(means), slide) | (starts // quarter_ns % per == 0)
    return starts[whole], means[whole]


def just_before(quarters_kw: FloatArray, window_s: float, slide: bool) -> tuple[float, ...]:  # noqa: FBT001  as above
    """Import of the last quarters that a demand window still holds beside one that comes, the latest last."""
    most = max(1, round(window_s / _QUARTER_S)) - (0 if slide else 1)
    last = quarters_kw[len(quarters_kw) - most :] if most else quarters_kw[:0]
    gaps = np.flatnonzero(~np.isfinite(last))
    return tuple(last[gaps[-1] + 1 if len(gaps) else 0 :].tolist())
