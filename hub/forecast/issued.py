"""The forecast that was issued, as dispatch takes it: cut to the window, led over from the last hour.

y(t) = issued(t) + Δ · exp(-(t - now)/τ)      Δ = mean(measured - issued) over the last hour, τ = 2 h
"""

from __future__ import annotations

from typing import Final

import numpy as np

from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTER_NS, FloatArray, Quarters
from hub.forecast.similar import Window
from optimizer.words import said
from protocols.config import Text

OLDEST_H: Final = 2.0
"""An issue older than this is not planned on. [h]"""

_HOUR: Final = 4
_FADE_H: Final = 2.0
_SUN: Final = "irradiance_w_m2"
_LEVELS: Final = frozenset({"outdoor_c", "wet_bulb_c"})


def course_of(issue: Issue, past: Quarters, name: str, window: Window) -> FloatArray | None:
    """The issued middle course over a window, shape (steps,); NaN beyond what was issued; None: not in it.

    Args:
        issue: What was issued.
        past: What was measured.
        name: The series.
        window: What is asked for; it begins when the issue began, or later.
    """
    middle = issue.middle.get(name)
    if middle is None:
        return None
    late = (window.start_ns - issue.start_ns) // QUARTER_NS
    if not 0 <= late <= len(middle):
        return np.full(window.steps, np.nan)
    course = np.concatenate([middle[late:], np.full(window.steps, np.nan)])[: window.steps]
    if name == _SUN:
        return course
    fade = np.exp(-(np.arange(window.steps) + 0.5) * 0.25 / _FADE_H)
    led: FloatArray = course + _beside(issue, past, name, late) * fade
    return led if name in _LEVELS else np.maximum(led, 0.0)


def spread_of(issue: Issue, name: str, window: Window) -> tuple[FloatArray, FloatArray] | None:
    """How far the courses of one time in ten lie below and above the middle, each (steps,); None: not known.

    Beyond what was issued the last width stays.
    """
    middle, low, high = (courses.get(name) for courses in (issue.middle, issue.low, issue.high))
    late = (window.start_ns - issue.start_ns) // QUARTER_NS
    if middle is None or low is None or high is None or not 0 <= late < len(middle):
        return None
    at = np.minimum(late + np.arange(window.steps), len(middle) - 1)
    below, above = np.minimum((low - middle)[at], 0.0), np.maximum((high - middle)[at], 0.0)
    return (below, above) if np.isfinite(below).all() and np.isfinite(above).all() else None


def too_old(issue: Issue, window: Window) -> Text | None:
    """Why an issue is of another time than the window; None where it is not."""
    age_h = (window.start_ns - issue.start_ns) / 3.6e12
    if 0.0 <= age_h <= OLDEST_H:
        return None
    if age_h < 0.0:
        return said("the forecast begins {age} h from now", "预测从 {age} 小时后才开始", age=f"{-age_h:.1f}")
    return said(
        "the forecast is {age} h old, {most} h are the most",
        "预测已有 {age} 小时，最多允许 {most} 小时",
        age=f"{age_h:.1f}",
        most=f"{OLDEST_H:.0f}",
    )


def too_much(course: FloatArray, most: float | None) -> Text | None:
    """Why a course cannot be, by what the plant can take at most; None where nothing is known against it."""
    if most is None or not np.isfinite(course).all() or float(course.max()) <= most:
        return None
    return said(
        "{highest} is more than the plant can take, {most}",
        "{highest} 超过工厂可能的最大值 {most}",
        highest=f"{float(course.max()):.1f}",
        most=f"{most:.1f}",
    )


def _beside(issue: Issue, past: Quarters, name: str, late: int) -> float:
    """How far the last hour lay beside the issued course; 0 where that is not known."""
    now = (issue.start_ns - past.start_ns) // QUARTER_NS + late
    at = np.arange(now - _HOUR, now)
    measured = past.values[name]
    known = (at >= 0) & (at < len(measured))
    seen = np.where(known, measured[np.clip(at, 0, len(measured) - 1)], np.nan)
    beside = seen - np.concatenate([issue.before[name], issue.middle[name]])[late : late + _HOUR]
    beside = beside[np.isfinite(beside)]
    return float(beside.mean()) if len(beside) else 0.0
