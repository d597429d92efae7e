"""Which method speaks for a series: all are tried on days they had not seen; the champion has a small lead.

    loss(m)   = pinball of method m with its own calibrated band, day by day over the newest weeks
    champion' = m with the least loss, if loss(m) ≤ 0.97 · loss(champion), else the champion
    fallback  : loss of the champion over 3 days > 1.25 · that of the best simple method → that one speaks

The band of each day is calibrated from the days before it alone, so the loss is out of sample throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hub.forecast.conformal import calibrated, calibrated_days
from hub.forecast.features import Table
from hub.forecast.learning import Learned, foreseen
from hub.forecast.quantiles import coverage, pinball
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, FloatArray

LEARNED: Final = "learned"
_LEAD_FRAC: Final = 0.97
_FALLBACK_FRAC: Final = 1.25
_FALLBACK_DAYS: Final = 3
_SCORED_DAYS: Final = 14
_HONEST_DAYS: Final = 42
_LEAST_QUARTERS: Final = 48
_HOUR: Final = 4


@dataclass(frozen=True, slots=True)
class Score:
    """How a method did on days it had not seen.

    Attributes:
        loss: Pinball loss, in the unit of the series.
        recent: The same over the last three days.
        coverage: Share of the quarters inside the band, 0 … 1.
        days: Days that were scored.
    """

    loss: float
    recent: float
    coverage: float
    days: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is foreseen of one series, and who says so.

    Attributes:
        courses: Shape (3, m): low, middle, high, for the quarters asked for.
        before: Middle course of the last hour, as it had been foreseen, shape (4,).
        method: Who speaks.
        champion: Who would speak if nothing were wrong with it.
        scores: Method to its score.
    """

    courses: FloatArray
    before: FloatArray
    method: str
    champion: str
    scores: dict[str, Score]


@dataclass(frozen=True, slots=True)
class Place:
    """Start of the grid of a table, the first quarter on it that is not measured, how many are asked for."""

    start_ns: int
    now: int
    steps: int


def decide(
    values: FloatArray, seen: Table, place: Place, learned: Learned | None, champion: str | None
) -> Verdict:
    """Try all methods on the newest weeks and let the best one speak.

    Args:
        values: Tidied means, shape (n,).
        seen: Its table.
        place: Where now is on the grid.
        learned: Models of the series; None before there are any.
        champion: Who spoke until now; None at the beginning.
    """
    low = max(place.now - _HONEST_DAYS * QUARTERS_A_DAY, 0)
    past, ahead = slice(low, place.now), slice(place.now, place.now + place.steps)
    honest = {name: (_thrice(course[past]), _thrice(course[ahead])) for name, course in seen.simple.items()}
    if learned is not None:
        honest[LEARNED] = of_models(learned, seen, place, low)
    measured = values[past]
    scores = {name: _score(measured, then) for name, (then, _) in honest.items()}
    best = _champion(scores, champion)
    method = _fallback(scores, best)
    for name in (method, *scores):  # a method that has a number for each quarter, the chosen one first
        if np.isfinite(honest[name][1]).all():
            method = name
            break
    then, ahead_courses = honest[method]
    return Verdict(calibrated(measured, then, ahead_courses), then[1, -_HOUR:], method, best, scores)


def of_models(learned: Learned, seen: Table, place: Place, low: int) -> tuple[FloatArray, FloatArray]:
    """What the models say of the past they had not seen, NaN before, and of the time to come."""
    proof = max((learned.proof_ns - place.start_ns) // QUARTER_NS, low)
    end = min(max((learned.end_ns - place.start_ns) // QUARTER_NS, proof), place.now)
    parts = [
        np.full((3, proof - low), np.nan),
        foreseen(learned.proving, seen, proof, end) if end > proof else np.empty((3, 0)),
        foreseen(learned.serving, seen, end, place.now) if place.now > end else np.empty((3, 0)),
    ]
    return np.concatenate(parts, axis=1), foreseen(learned.serving, seen, place.now, place.now + place.steps)


def proof_loss(values: FloatArray, seen: Table, place: Place, learned: Learned) -> float:
    """Pinball loss of models over the newest two weeks, as far as they had not seen them."""
    low = max(place.now - _SCORED_DAYS * QUARTERS_A_DAY, 0)
    honest, _ = of_models(learned, seen, place, low)
    return pinball(values[low : place.now], honest)


def _thrice(course: FloatArray) -> FloatArray:
    return np.stack([course, course, course])


def _score(measured: FloatArray, honest: FloatArray) -> Score:
    """Day by day, each with the band that the days before it give."""
    losses: list[float] = []
    held: list[float] = []
    for back, band in enumerate(calibrated_days(measured, honest, _SCORED_DAYS), 1):
        came = measured[len(measured) - back * QUARTERS_A_DAY :][:QUARTERS_A_DAY]
        if np.isfinite(came + band[1]).sum() >= _LEAST_QUARTERS:
            losses.append(pinball(came, band))
            held.append(coverage(came, band))
    if not losses:
        return Score(float("nan"), float("nan"), float("nan"), 0)
    recent = float(np.mean(losses[:_FALLBACK_DAYS]))
    return Score(float(np.mean(losses)), recent, float(np.mean(held)), len(losses))


def _champion(scores: dict[str, Score], champion: str | None) -> str:
    known = {name: score.loss for name, score in scores.items() if score.days}
    if not known:
        return champion if champion in scores else next(iter(scores))
    best = min(known, key=lambda name: known[name])
    stays = champion in known and known[best] > _LEAD_FRAC * known[champion]
    return champion if stays and champion is not None else best


def _fallback(scores: dict[str, Score], champion: str) -> str:
    """The best simple method of the last days where the champion has become much worse than it."""
    simple = {name: score.recent for name, score in scores.items() if score.days and name != LEARNED}
    score = scores.get(champion)
    if not simple or score is None or not score.days:
        return champion
    best = min(simple, key=lambda name: simple[name])
    return best if score.recent > _FALLBACK_FRAC * simple[best] else champion
