"""Forecasts that know the scenario, with errors of a given size: what a cost owes to its forecasts.

    y(t) = x(t) · (1 + e(t)),    e = s · min(1/4 + 3/20 · lead/h, 1) · w,    w' = 0.95 w + 0.31 N(0, 1)

so that an error hangs together over hours and has its whole size s from five hours ahead on. They come in as
issued forecasts do, through the same gates. Temperatures are off by e times ten kelvin.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from benchmarks.plant_run import QUARTER_S, World
from hub.forecast.issue import Issue
from hub.forecast.quarters import NAMES, QUARTERS_A_DAY, FloatArray
from optimizer.planned import planned_header_bar_g
from plant.scenario import GRID_S, Scenario
from plant.units.air import drawn

_NS: Final = 1_000_000_000
_HOUR: Final = 4
_KEEP: Final = 0.95
_NEW: Final = float(np.sqrt(1.0 - _KEEP**2))
_BEGIN, _PER_H = 0.25, 0.15
_SPAN_K: Final = 10.0
_LEVELS: Final = ("outdoor_c", "wet_bulb_c")


class Foretold:
    """Called with the begin of a quarter, it gives the forecast issued there."""

    def __init__(self, world: World, scenario: Scenario, error_frac: float) -> None:
        self._monday_ns = world.monday_ns
        self._seed = world.seed
        self._error_frac = error_frac
        self._true = _quarters(world, scenario)
        self._issue: Issue | None = None

    def __call__(self, at_ns: int) -> Issue:
        """The forecast from a quarter on, a day long."""
        if self._issue is None or self._issue.start_ns != at_ns:
            self._issue = self._made(at_ns)
        return self._issue

    def _made(self, at_ns: int) -> Issue:
        first = (at_ns - self._monday_ns) // (QUARTER_S * _NS)
        error = self._error(first)
        middle: dict[str, FloatArray] = {}
        before: dict[str, FloatArray] = {}
        for name in NAMES:
            course = self._true[name][first : first + QUARTERS_A_DAY]
            before[name] = self._true[name][first - _HOUR : first]
            off = error[name][: len(course)]
            middle[name] = (
                course + _SPAN_K * off if name in _LEVELS else np.maximum(course * (1.0 + off), 0.0)
            )
        return Issue(at_ns, middle, before, dict.fromkeys(NAMES, "foretold"))

    def _error(self, first: int) -> dict[str, FloatArray]:
        random = np.random.default_rng([self._seed, 13, first])
        lead_h = np.arange(QUARTERS_A_DAY) / _HOUR
        size = self._error_frac * np.minimum(_BEGIN + _PER_H * lead_h, 1.0)
        return {name: size * _walk(random, QUARTERS_A_DAY) for name in NAMES}


def _walk(random: np.random.Generator, count: int) -> FloatArray:
    value, values = float(random.standard_normal()), []
    for shock in (_NEW * random.standard_normal(count)).tolist():
        value = _KEEP * value + shock
        values.append(value)
    return np.asarray(values)


def _quarters(world: World, scenario: Scenario) -> dict[str, FloatArray]:
    """What meters will show, as means of the quarters since the scenario's time 0."""
    per_quarter = round(QUARTER_S / GRID_S)

    def mean(minutes: FloatArray) -> FloatArray:
        return np.asarray(minutes.reshape(-1, per_quarter).mean(axis=1), dtype=np.float64)

    receiver, air = world.plant.receiver, mean(scenario.air_m3_min)
    if receiver is not None:
        header_bar_g = planned_header_bar_g(world.site.plant)
        air = np.array([sum(drawn(receiver, header_bar_g, float(need))) for need in air])
    return {
        "process_kw": mean(scenario.electric_kw),
        "air_m3_min": air,
        "cooling_kw": mean(scenario.cooling_kw),
        "heat_kw": mean(scenario.heat_kw),
        "outdoor_c": mean(scenario.outdoor_c),
        "wet_bulb_c": mean(scenario.wet_bulb_c),
        "irradiance_w_m2": mean(scenario.irradiance_w_m2),
    }
