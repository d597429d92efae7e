"""Nothing is planned on a forecast that cannot be true: range, age, numbers, continuity (fault H6).

Measured quarters beyond the range of the rest do not count at all. First asked is the forecast that was
issued (`hub/forecast/service.py`), then similar days; where both fail yesterday's course stands in, and where
only the age was wrong and yesterday is missing, the similar days known. The plan names it as degraded. Where
nothing is left there is no forecast, and so no plan: the leases run out and the plant goes on by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from hub.forecast.issue import Issue
from hub.forecast.issued import course_of, too_much
from hub.forecast.issued import too_old as issue_too_old
from hub.forecast.quarters import NAMES, QUARTER_NS, FloatArray, Quarters
from hub.forecast.similar import Window, similar_days, yesterday
from optimizer.outlook import Outlook
from optimizer.words import FORESEEN, said
from protocols.config import Text
from protocols.errors import SolveError

_OLDEST_H: Final = 2.0
_RANGE_FACTOR: Final = 1.5
_JUMP_FACTOR: Final = 1.5
_LEAST: Final = {
    "process_kw": 50.0, "air_m3_min": 10.0, "cooling_kw": 100.0, "heat_kw": 100.0, "irradiance_w_m2": 400.0,
    "outdoor_c": 8.0, "wet_bulb_c": 8.0,
}  # fmt: skip
"""Differences below this never count as out of range or as a jump, so that a quiet series passes."""
_AIR_C: Final = (-50.0, 60.0)
_NEVER_MEASURED: Final = Text(en="nothing was ever measured", zh="从未有测量值")
_NO_FORECAST: Final = (
    "no forecast of {what}: {reason}; yesterday cannot stand in: {worse}",
    "没有{what}的预测：{reason}；昨日曲线也不能替代：{worse}",
)


@dataclass(frozen=True, slots=True)
class Gated:
    """Forecasts that passed their gates.

    Attributes:
        outlook: All series of the window.
        degraded: Series name to the reason why yesterday stands in for it; empty when all is well.
        refused: Series name to the reason why the forecast that was issued is not used, similar days instead.
    """

    outlook: Outlook
    degraded: dict[str, Text]
    refused: dict[str, Text] = field(default_factory=dict)


def forecast(
    past: Quarters, window: Window, most: Mapping[str, float] | None = None, issue: Issue | None = None
) -> Gated:
    """Forecast every series, gate it, fall back where the gate says no.

    Args:
        past: What was measured.
        window: What is asked for.
        most: Series name to what the plant cannot need more of, in the unit of the series
            (`hub.forecast.ceilings`); measured quarters above it do not count.
        issue: The forecast issued last; None: there is none.

    Raises:
        SolveError: A series has no usable forecast and no usable yesterday.
    """
    possible = {name: _possible(values, (most or {}).get(name)) for name, values in past.values.items()}
    past = Quarters(past.start_ns, {name: _believable(name, values) for name, values in possible.items()})
    series: dict[str, FloatArray] = {}
    degraded: dict[str, Text] = {}
    refused: dict[str, Text] = {}
    stale = None if issue is None else issue_too_old(issue, window)
    for name in NAMES:
        issued = None if issue is None else course_of(issue, past, name, window)
        why = None if issued is None else stale or too_much(issued, (most or {}).get(name))
        if issued is not None and why is None:
            why = refusal(past, name, window, issued)
            if why is None:
                series[name] = issued
                continue
        if why is not None:
            refused[name] = why
        first = similar_days(past, name, window)
        reason = refusal(past, name, window, first)
        if reason is None:
            series[name] = first
            continue
        second = yesterday(past, name, window)
        worse = not_numbers(second) or out_of_range(past, name, second)
        if worse is not None and reason == too_old(past, name, window):
            second, worse = first, not_numbers(first) or out_of_range(past, name, first)
        if worse is not None:
            words = said(*_NO_FORECAST, what=FORESEEN[name], reason=reason, worse=worse)
            raise SolveError(words.en, zh=words.zh, series=name)
        series[name], degraded[name] = second, reason
    outlook = Outlook(
        start_ns=window.start_ns, process_kw=series["process_kw"], air_m3_min=series["air_m3_min"],
        cooling_kw=series["cooling_kw"], heat_kw=series["heat_kw"], outdoor_c=series["outdoor_c"],
        wet_bulb_c=series["wet_bulb_c"], irradiance_w_m2=series["irradiance_w_m2"],
    )  # fmt: skip
    return Gated(outlook, degraded, refused)


def refusal(past: Quarters, name: str, window: Window, series: FloatArray) -> Text | None:
    """Why a forecast is not to be used, None when it is."""
    return (
        not_numbers(series)
        or too_old(past, name, window)
        or out_of_range(past, name, series)
        or not_continuous(past, name, window, series)
    )


def not_numbers(series: FloatArray) -> Text | None:
    """Gaps and infinities."""
    bad = np.flatnonzero(~np.isfinite(series))
    if not len(bad):
        return None
    sentence = (
        "{count} quarters without a number, the first is {first}",
        "{count} 个时刻没有数值，首个为第 {first} 个",
    )
    return said(*sentence, count=len(bad), first=int(bad[0]))


def too_old(past: Quarters, name: str, window: Window) -> Text | None:
    """The newest measured quarter lies too far back."""
    known = np.flatnonzero(np.isfinite(past.values[name]))
    if not len(known):
        return _NEVER_MEASURED
    age_h = (window.start_ns - past.start_ns - (int(known[-1]) + 1) * QUARTER_NS) / 3.6e12
    if age_h <= _OLDEST_H:
        return None
    return said("the newest measurement is {age} h old", "最新测量值已有 {age} 小时", age=f"{age_h:.1f}")


def out_of_range(past: Quarters, name: str, series: FloatArray) -> Text | None:
    """Values no past quarter comes near to."""
    low, high = _range(name, past.values[name])
    if not np.isfinite(high):
        return _NEVER_MEASURED
    worst = float(series[np.argmax(np.abs(series - (low + high) / 2.0))])
    if low <= worst <= high:
        return None
    sentence = ("{worst} lies outside {low} … {high}", "{worst} 超出 {low} … {high}")
    return said(*sentence, worst=f"{worst:.1f}", low=f"{low:.1f}", high=f"{high:.1f}")


def not_continuous(past: Quarters, name: str, window: Window, series: FloatArray) -> Text | None:
    """A first value that cannot follow from the last measured one."""
    known = past.values[name]
    place = (window.start_ns - past.start_ns) // QUARTER_NS - 1
    if not 0 <= place < len(known) or not np.isfinite(known[place]):
        return None
    jumps = np.abs(np.diff(known))
    jumps = jumps[np.isfinite(jumps)]
    most = _JUMP_FACTOR * float(np.quantile(jumps, 0.995)) + _LEAST[name] if len(jumps) else np.inf
    jump = abs(float(series[0]) - float(known[place]))
    if jump <= most:
        return None
    return said(
        "it begins {jump} away from the last measurement", "其起点偏离最近测量值 {jump}", jump=f"{jump:.1f}"
    )


def _range(name: str, values: FloatArray) -> tuple[float, float]:
    """Lowest and highest believable value; NaN where nothing was measured."""
    if name in {"outdoor_c", "wet_bulb_c"}:
        return _AIR_C
    known = values[np.isfinite(values)]
    if not len(known):
        return np.nan, np.nan
    # a single spike must not widen the range: the 97 % quantile of the past
    return 0.0, _RANGE_FACTOR * float(np.quantile(known, 0.97)) + _LEAST[name]


def _possible(values: FloatArray, most: float | None) -> FloatArray:
    """Without the quarters that no plant like this can have; a wrong meter may show them for weeks."""
    if most is None:
        return values
    with np.errstate(invalid="ignore"):
        return np.where(values <= most, values, np.nan)


def _believable(name: str, values: FloatArray) -> FloatArray:
    low, high = _range(name, values)
    with np.errstate(invalid="ignore"):
        return np.where((values >= low) & (values <= high), values, np.nan)
