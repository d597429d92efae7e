"""A forecast as it is kept and shown, and the part of it that dispatch plans on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from hub.forecast.contest import Score
from hub.forecast.job import Found
from hub.forecast.quantiles import coverage, pinball
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, FloatArray, Quarters
from protocols.config import Text

LABELS: Final = {
    "process_kw": Text(en="Electric loads", zh="工艺用电"),
    "air_m3_min": Text(en="Compressed air", zh="压缩空气"),
    "cooling_kw": Text(en="Cooling", zh="冷量"),
    "heat_kw": Text(en="Heat", zh="热量"),
    "outdoor_c": Text(en="Outdoor temperature", zh="室外温度"),
    "wet_bulb_c": Text(en="Wet-bulb temperature", zh="湿球温度"),
    "irradiance_w_m2": Text(en="Irradiance in the plane of the PV field", zh="光伏阵列面辐照度"),
}
UNITS: Final = {"air_m3_min": "m³/min", "outdoor_c": "°C", "wet_bulb_c": "°C", "irradiance_w_m2": "W/m²"}
"""Those not named are in kW."""

_WEEK_QUARTERS: Final = 7 * 96
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Issue:
    """The middle courses of one forecast, for dispatch.

    Attributes:
        start_ns: Start of the first quarter that was not measured when it was made.
        middle: Series to its course from `start_ns` on.
        before: Series to the course of the hour before `start_ns`.
        method: Series to who says so.
        low: Series to the course that is undercut one time in ten; empty where nobody works it out.
        high: Series to the course that is exceeded one time in ten.
    """

    start_ns: int
    middle: dict[str, FloatArray] = field(default_factory=dict)
    before: dict[str, FloatArray] = field(default_factory=dict)
    method: dict[str, str] = field(default_factory=dict)
    low: dict[str, FloatArray] = field(default_factory=dict)
    high: dict[str, FloatArray] = field(default_factory=dict)


@dataclass(slots=True)
class Newest:
    """The forecast issued last, where dispatch finds it; None: there is none that fits the plant."""

    issue: Issue | None = None


def issue_of(start_ns: int, found: Mapping[str, Found]) -> Issue:
    """What dispatch needs of an answer."""
    verdicts = {name: one.verdict for name, one in found.items()}
    return Issue(
        start_ns,
        {name: verdict.courses[1] for name, verdict in verdicts.items()},
        {name: verdict.before for name, verdict in verdicts.items()},
        {name: verdict.method for name, verdict in verdicts.items()},
        {name: verdict.courses[0] for name, verdict in verdicts.items()},
        {name: verdict.courses[2] for name, verdict in verdicts.items()},
    )


def body_of(
    found: Mapping[str, Found], past: Quarters, live: Mapping[str, Any], notes: Mapping[str, Any]
) -> dict[str, Any]:
    """A forecast in the shape of the API, as it is kept.

    Args:
        found: Each series foreseen.
        past: What was measured up to the first quarter that is foreseen.
        live: From `live_scores`.
        notes: What belongs to all series: `trained`, `weather`.
    """
    days = {name: _shown(past.values[name][-QUARTERS_A_DAY:]) for name in found}
    series = [
        _series(name, one) | {"measured": days[name], "live": live.get(name)} for name, one in found.items()
    ]
    return {"series": series, **notes}


def live_scores(bodies: Sequence[tuple[int, Mapping[str, Any]]], past: Quarters) -> dict[str, dict[str, Any]]:
    """How the forecasts of the last week did, over all their quarters that have been measured since.

    Args:
        bodies: Start of the first quarter and body of each forecast.
        past: What was measured.

    Returns:
        Series to `loss`, `baseline` (same weekday of last week, over the same quarters), `coverage` (0 … 1)
        and `quarters`; a series without a comparison is left out.
    """
    kept: dict[str, list[FloatArray]] = {}
    for start_ns, body in bodies:
        low = (start_ns - past.start_ns) // QUARTER_NS
        for one in body["series"]:
            if one["name"] in past.values:
                kept.setdefault(one["name"], []).append(_compared(one, past.values[one["name"]], low))
    scores = {name: _live(np.concatenate(parts, axis=1)) for name, parts in kept.items() if parts}
    return {name: score for name, score in scores.items() if score is not None}


def _compared(one: Mapping[str, Any], measured: FloatArray, low: int) -> FloatArray:
    """Measured, low, middle, high, and last week's, of the quarters measured since; shape (5, k)."""
    courses = np.array([_numbers(one[key]) for key in ("low", "middle", "high")])
    at = low + np.arange(courses.shape[1])
    inside = (at >= _WEEK_QUARTERS) & (at < len(measured))
    at, courses = at[inside], courses[:, inside]
    return np.vstack([measured[at], courses, measured[at - _WEEK_QUARTERS]])


def _live(compared: FloatArray) -> dict[str, Any] | None:
    known = np.isfinite(compared).all(axis=0)
    if not known.any():
        return None
    measured, courses, week = compared[0, known], compared[1:4, known], compared[4, known]
    return {
        "loss": round(pinball(measured, courses), _DIGITS),
        "baseline": round(pinball(measured, np.stack([week, week, week])), _DIGITS),
        "coverage": round(coverage(measured, courses), _DIGITS),
        "quarters": int(known.sum()),
    }


def _series(name: str, one: Found) -> dict[str, Any]:
    verdict = one.verdict
    low, middle, high = (_shown(course) for course in verdict.courses)
    return {
        "name": name, "unit": UNITS.get(name, "kW"), "label": LABELS[name].model_dump(),
        "low": low, "middle": middle, "high": high, "method": verdict.method, "champion": verdict.champion,
        "methods": [_method(key, score) for key, score in verdict.scores.items()],
        "data": {"days": one.days, "gaps": one.gaps, "stuck": one.stuck, "spikes": one.spikes,
                 "drift": round(one.drift, _DIGITS)},
    }  # fmt: skip


def _method(name: str, score: Score) -> dict[str, Any]:
    figures = {"loss": score.loss, "recent": score.recent, "coverage": score.coverage}
    return {"name": name, "days": score.days, **{key: _number(value) for key, value in figures.items()}}


def _number(value: float) -> float | None:
    return round(value, _DIGITS) + 0.0 if np.isfinite(value) else None


def _shown(course: FloatArray) -> list[float | None]:
    return [_number(float(value)) for value in course]


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
