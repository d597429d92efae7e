"""Similar days: the same quarter hour on days of the same kind, newer days weigh more, led over from now.

    base(t)  = Σ 0.8^k · x(t - day_k) / Σ 0.8^k          day_k the k-th last day of the kind of t
    y(t)     = base(t) + Δ · exp(-(t - now)/τ)            Δ = mean(x - base) over the last hour
    Sun: y   = base · (1 + (ρ - 1) · exp(-(t - now)/τ))   ρ = Σ x / Σ base over the last hour, 0 … 1.5

Days are of three kinds: Monday to Friday, Saturday, Sunday. Weather series have one kind.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, WEATHER, FloatArray, Quarters

_DAYS_BACK: Final = 28
_MOST_DAYS: Final = 8
_FADE: Final = 0.8
_LEVEL_QUARTERS: Final = 4
_WEEK_DAYS: Final = 7
_TAU_H: Final = {"irradiance_w_m2": 3.0, "outdoor_c": 12.0, "wet_bulb_c": 12.0}
_TAU_ELSE_H: Final = 2.0
_LEVELS: Final = frozenset({"outdoor_c", "wet_bulb_c"})
_WEATHER_DAYS: Final = 5
_RATIO_MAX: Final = 1.5
_LEAST_SUN_W_M2: Final = 10.0
_NS: Final = 1_000_000_000
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class Window:
    """Quarters to be forecast: `steps` from `start_ns` on, by the calendar of `zone`."""

    start_ns: int
    steps: int
    zone: str


def similar_days(past: Quarters, name: str, window: Window) -> FloatArray:
    """Forecast of one series, shape (steps,); NaN in quarters no similar day knows."""
    series = past.values[name]
    base = _base(past, series, window, weather=name in WEATHER)
    back = Window(window.start_ns - _LEVEL_QUARTERS * QUARTER_NS, _LEVEL_QUARTERS, window.zone)
    before = _base(past, series, back, weather=name in WEATHER)
    seen = _at(past, series, _grid(back))
    fade: FloatArray = np.exp(-(np.arange(window.steps) + 0.5) * 0.25 / _TAU_H.get(name, _TAU_ELSE_H))
    both = np.isfinite(seen) & np.isfinite(before)
    if not both.any():
        return base
    if name == "irradiance_w_m2":
        known = float(before[both].mean())
        ratio = float(seen[both].mean()) / known if known > _LEAST_SUN_W_M2 else 1.0
        led: FloatArray = base * (1.0 + (min(ratio, _RATIO_MAX) - 1.0) * fade)
        return led
    led = base + float((seen - before)[both].mean()) * fade
    return led if name in _LEVELS else np.maximum(led, 0.0)


def yesterday(past: Quarters, name: str, window: Window) -> FloatArray:
    """The same quarter hours one day earlier; where that is unknown the day before, up to a week."""
    course = np.full(window.steps, np.nan)
    for days in range(1, _WEEK_DAYS + 1):
        earlier = _at(past, past.values[name], _grid(window) - days * QUARTERS_A_DAY * QUARTER_NS)
        course = np.where(np.isfinite(course), course, earlier)
    return course


def _base(past: Quarters, series: FloatArray, window: Window, *, weather: bool) -> FloatArray:
    days = _candidates(window, weather=weather)
    values = _at(past, series, days.reshape(-1)).reshape(days.shape)
    usable = np.isfinite(values)
    rank = np.cumsum(usable, axis=1) - 1
    most = _WEATHER_DAYS if weather else _MOST_DAYS
    weight = np.where(usable & (rank < most), _FADE ** np.maximum(rank, 0), 0.0)
    total = weight.sum(axis=1)
    mean = (weight * np.where(usable, values, 0.0)).sum(axis=1) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mean, np.nan)


def _candidates(window: Window, *, weather: bool) -> npt.NDArray[np.int64]:
    """Same local quarter on earlier days, newest first, shape (steps, days); 0 where of another kind."""
    zone = ZoneInfo(window.zone)
    found = np.zeros((window.steps, _DAYS_BACK), dtype=np.int64)
    for step, at_ns in enumerate(_grid(window).tolist()):
        local = dt.datetime.fromtimestamp(at_ns // _NS, zone)
        kind = _kind(local.weekday())
        for back in range(1, _DAYS_BACK + 1):
            earlier = local - dt.timedelta(days=back)
            if weather or _kind(earlier.weekday()) == kind:
                found[step, back - 1] = round(earlier.timestamp()) * _NS
    return found


def _kind(weekday: int) -> int:
    return max(weekday - _SATURDAY + 1, 0)


def _grid(window: Window) -> npt.NDArray[np.int64]:
    return window.start_ns + np.arange(window.steps, dtype=np.int64) * QUARTER_NS


def _at(past: Quarters, series: FloatArray, times_ns: npt.NDArray[np.int64]) -> FloatArray:
    index = (times_ns - past.start_ns) // QUARTER_NS
    inside = (index >= 0) & (index < len(series))
    return np.where(inside, series[np.clip(index, 0, len(series) - 1)], np.nan)
