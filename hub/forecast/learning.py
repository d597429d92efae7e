"""Models of one series: trees for three quantiles, fitted to what lies beside the base course.

Two fits: the *proving* one has not seen the newest weeks, so what it foresees for them is honest; the
*serving* one has seen all. Newer days count more: of older ones only every so many quarters are kept,
which is also five times quicker than weights. scikit-learn is loaded by the process that learns alone
(`hub/forecast/worker.py`).
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hub.forecast.features import Table
from hub.forecast.quantiles import LEVELS, in_order
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, FloatArray

PROOF_DAYS: Final = 28
"""Newest days that the proving fit has not seen; half of what is known where that is less."""

LEAST_DAYS: Final = 28
"""Days with a measurement before anything is learnt."""

Thinning = tuple[tuple[int, int], ...]
"""Up to which age in days every how many-th quarter is kept, ascending; the last holds for all older ones."""

USUAL: Final[Thinning] = ((60, 1), (200, 2), (10_000, 4))
AFTER_DRIFT: Final[Thinning] = ((21, 1), (60, 4), (10_000, 16))
"""Where the plant has changed, little of what was before counts."""

_STILL: Final = 1e-9
_TREES: Final = {
    "max_leaf_nodes": 15, "min_samples_leaf": 40, "l2_regularization": 1.0, "max_bins": 127,
    "early_stopping": False, "random_state": 0,
}  # fmt: skip
_MIDDLE: Final = {"max_iter": 100, "learning_rate": 0.1}
_OUTER: Final = {"max_iter": 50, "learning_rate": 0.15}
"""Half the trees do for the band: what more of them learn of a tail is chance, and the band is calibrated."""


@dataclass(frozen=True, slots=True)
class Fits:
    """One tree model for each level, and the columns that had a number when they were made."""

    columns: npt.NDArray[np.int64]
    models: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """Models of one series.

    Attributes:
        proof_ns: From here on the proving fits have seen nothing, UTC.
        end_ns: From here on the serving fits have seen nothing, UTC.
        proving: Fits without the newest weeks, one for each level.
        serving: Fits with all.
        days: Days with a measurement.
    """

    proof_ns: int
    end_ns: int
    proving: Fits
    serving: Fits
    days: int


def known_days(values: FloatArray) -> int:
    """Days' worth of quarters that are known."""
    return int(np.isfinite(values).sum()) // QUARTERS_A_DAY


def learn(
    values: FloatArray, seen: Table, end: int, start_ns: int, thinning: Thinning = USUAL
) -> Learned | None:
    """Fit the models of a series; None where too little is known, or where it never moves.

    Args:
        values: Tidied means, shape (n,).
        seen: Its table.
        end: First quarter that must not be seen.
        start_ns: Start of the grid.
        thinning: What is kept of older days.
    """
    usable = np.isfinite(values) & np.isfinite(seen.base)
    usable[end:] = False
    days = known_days(values[:end])
    if days < LEAST_DAYS or np.ptp(values[usable]) <= _STILL:
        return None
    proof = end - min(PROOF_DAYS, days // 2) * QUARTERS_A_DAY
    early = usable.copy()
    early[proof:] = False
    if early.sum() < LEAST_DAYS // 4 * QUARTERS_A_DAY:
        return None
    proving = _fit(values, seen, early & _kept(len(values), proof, thinning))
    serving = _fit(values, seen, usable & _kept(len(values), end, thinning))
    return Learned(start_ns + proof * QUARTER_NS, start_ns + end * QUARTER_NS, proving, serving, days)


def foreseen(fits: Fits, seen: Table, low: int, high: int) -> FloatArray:
    """Courses of the quarters from `low` to `high`, shape (3, high - low); NaN where the base is unknown."""
    known = seen.known[low:high][:, fits.columns]
    with _one_thread():
        beside = np.stack([model.predict(known) for model in fits.models])
    return in_order(seen.base[low:high] + beside)


def _one_thread() -> AbstractContextManager[object]:
    """Threads that wait for each other cost more than they bring; the process that learns has one anyhow."""
    if os.environ.get("OMP_NUM_THREADS") == "1":
        return nullcontext()
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  heavy; only where models are made

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _kept(count: int, end: int, thinning: Thinning) -> npt.NDArray[np.bool_]:
    """Quarters that are learnt from; which ones of a day moves on from day to day."""
    at = np.arange(count)
    age_days = (end - at) / QUARTERS_A_DAY
    every = np.select(
        [age_days <= most for most, _ in thinning], [step for _, step in thinning], thinning[-1][1]
    )
    return np.asarray((at + at // QUARTERS_A_DAY) % every == 0, dtype=np.bool_)


def _fit(values: FloatArray, seen: Table, rows: npt.NDArray[np.bool_]) -> Fits:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415  heavy; only where models are made

    known, beside = seen.known[rows], (values - seen.base)[rows]
    columns = np.flatnonzero(np.isfinite(known).any(axis=0))
    with _one_thread():
        models = tuple(
            HistGradientBoostingRegressor(loss="quantile", quantile=level, **steps, **_TREES).fit(
                known[:, columns], beside
            )
            for level, steps in zip(LEVELS, (_OUTER, _MIDDLE, _OUTER), strict=True)
        )
    return Fits(columns, models)
