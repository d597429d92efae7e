"""A forecaster on days that were: day by day it is given what was known then, and judged by what came.

At each local midnight the past is cut off, models are made anew when they are due, and a day is foreseen.
Nothing of the day or of any later one is in the arrays it is given, so the score is out of sample by
construction.

    baseline     the same quarter hour a week before, two weeks where that is unknown; its band is what it
                 missed by in the four weeks before, at the same levels
    ratio        Σ pinball of the forecaster ÷ Σ pinball of the baseline
    ratio_plain  the same against the baseline without a band, which any band beats more easily
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from hub.forecast.job import Job, Site, work
from hub.forecast.quantiles import LEVELS, coverage, in_order, pinball
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, FloatArray, Quarters
from hub.forecast.tidy import tidied

MEMORY_DAYS: Final = 400
"""Days of the past that are learnt from; the hub reads as many."""

_BAND_QUARTERS: Final = 28 * QUARTERS_A_DAY


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried.

    Attributes:
        site: Calendar, zone, plane.
        measured: All that was measured; only what lies before a midnight is ever shown at it.
        foreseen: Weather as it was foreseen a day ahead, over the same quarters; empty where it was not.
        judges: What came, to judge by; a series that is not named is judged by its tidied measurements.
        midnights: Quarters of the days that are foreseen, ascending.
        every_days: Days between two trainings.
    """

    site: Site
    measured: Quarters
    foreseen: Mapping[str, FloatArray]
    judges: Mapping[str, FloatArray]
    midnights: Sequence[int]
    every_days: int = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one series went.

    Attributes:
        loss: Pinball loss of the forecaster, in the unit of the series.
        ratio: Against the baseline with its band.
        ratio_plain: Against the baseline without one.
        coverage_pct: Share of the quarters inside the band. [%]
        methods: Method to the days it spoke for.
    """

    loss: float
    ratio: float
    ratio_plain: float
    coverage_pct: float
    methods: dict[str, int]


def backtest(trial: Trial, names: Sequence[str]) -> dict[str, Outcome]:
    """Foresee each of the days and judge it; series to how it went.

    Args:
        trial: What is tried.
        names: Series that are judged.
    """
    days: dict[str, list[FloatArray]] = {name: [] for name in names}
    methods: dict[str, dict[str, int]] = {name: {} for name in names}
    job = Job(trial.site, trial.measured, names=tuple(names))
    for number, at in enumerate(trial.midnights):
        answer = work(
            replace(job, past=_before(trial.measured, at), weather=_ahead(trial.foreseen, at),
                    was_foreseen=_before(Quarters(0, dict(trial.foreseen)), at).values,
                    train=number % trial.every_days == 0)
        )  # fmt: skip
        found = answer.found
        job = replace(
            job, learned=answer.learned, champions={name: one.verdict.champion for name, one in found.items()}
        )
        for name in names:
            verdict = found[name].verdict
            days[name].append(verdict.courses[:, :QUARTERS_A_DAY])
            methods[name][verdict.method] = methods[name].get(verdict.method, 0) + 1
    return {name: _outcome(trial, name, days[name], methods[name]) for name in names}


def _before(measured: Quarters, at: int) -> Quarters:
    low = max(at - MEMORY_DAYS * QUARTERS_A_DAY, 0)
    shown = {name: values[low:at] for name, values in measured.values.items()}
    return Quarters(measured.start_ns + low * QUARTER_NS, shown)


def _ahead(foreseen: Mapping[str, FloatArray], at: int) -> dict[str, FloatArray]:
    """A day and two hours of weather; what lies beyond the end of the record is not known."""
    steps = QUARTERS_A_DAY + 8
    pad = np.full(steps, np.nan)
    return {name: np.concatenate([values, pad])[at : at + steps] for name, values in foreseen.items()}


def _outcome(trial: Trial, name: str, days: list[FloatArray], methods: dict[str, int]) -> Outcome:
    measured = tidied(trial.measured.values[name]).values
    truth = trial.judges.get(name, measured)
    losses = np.zeros(3)
    inside: list[float] = []
    for at, courses in zip(trial.midnights, days, strict=True):
        came = truth[at : at + QUARTERS_A_DAY]
        plain, banded = _baseline(measured, at)
        fair = came + 0.0 * plain[1]
        losses += [pinball(fair, one[:, : len(came)]) for one in (courses, banded, plain)]
        inside.append(coverage(fair, courses[:, : len(came)]))
    ours, banded_loss, plain_loss = losses / len(days)
    return Outcome(
        float(ours),
        float(ours / banded_loss),
        float(ours / plain_loss),
        100.0 * float(np.mean(inside)),
        methods,
    )


def _baseline(measured: FloatArray, at: int) -> tuple[FloatArray, FloatArray]:
    """The same weekday of last week for the day that begins at a quarter: without and with its band."""
    low = max(at - _BAND_QUARTERS, 0)
    before = measured[low:at] - _week_before(measured, low, at)
    missed = before[np.isfinite(before)]
    course = _week_before(measured, at, min(at + QUARTERS_A_DAY, len(measured)))
    plain = np.stack([course, course, course])
    if not len(missed):
        return plain, plain
    return plain, in_order(np.maximum(plain + np.quantile(missed, LEVELS)[:, None], 0.0))


def _week_before(measured: FloatArray, low: int, high: int) -> FloatArray:
    course = np.full(high - low, np.nan)
    for weeks in (1, 2):
        at = np.arange(low, high) - weeks * 7 * QUARTERS_A_DAY
        earlier = np.where(at >= 0, measured[np.maximum(at, 0)], np.nan)
        course = np.where(np.isfinite(course), course, earlier)
    return course
