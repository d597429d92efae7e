"""Curves learnt from metered rows of simulated plants, held against the machines that were metered."""

from __future__ import annotations

import os
from typing import Any, Final

import numpy as np

from benchmarks.learnt_plant import (
    broken,
    demo_flowsheet,
    learnable_of,
    learnt_from,
    learnt_off_pct,
    off_pct,
    past_of,
)
from benchmarks.registry import Case, Result
from plant.flowsheet import Flowsheet
from plant.learning.robust import FloatArray
from simulator.history import History

_SEEDS: Final = 4
_DAYS: Final = 10
_SEASONS: Final = ("summer", "transition", "winter")
_MACHINES: Final = ("comp1", "comp2", "comp3", "comp4", "chiller1", "chiller2")
_UNITS: Final = (
    ("comp4", "power_kw", 1000.0),
    ("comp4", "flow_m3_min", 35.3147),
    ("comp4", "pressure_bar_g", 14.5038),
    ("chiller1", "power_kw", 0.001),
    ("chiller1", "supply_c", 1.8),
)
"""Machine, column and factor of meters that are set to another unit."""


def run() -> Result:
    """Learn every machine of several plants from right and from spoilt meters; a wrong unit must be refused.

    Figures: `worst_error_pct`, `mean_error_pct`: farthest a curve that is offered lies beside the true
    machine anywhere in its valid range, of the worst machine and in the mean; `worst_error_spoilt_pct`: the
    same with gaps, spikes, hanging sensors and a day in watts; `nominal_worst_pct`: the data sheet over the
    same ranges; `offered` of `machines`; `worse_than_nominal`: curves offered that are farther off than the
    data sheet; `refused` of `wrong_units`.
    """
    flowsheet, results = demo_flowsheet(), dict[str, Any]()
    seeds = range(1, 1 + int(os.environ.get("EMS_CURVE_SEEDS", _SEEDS)))
    refused = wrong = 0
    for seed in seeds:
        season = _SEASONS[seed % len(_SEASONS)]
        past = past_of(flowsheet, season, seed, _DAYS)
        for name in _MACHINES:
            results[f"{season}{seed}/{name}"] = _learnt(flowsheet, past, seed, name)
        for name, column, factor in _UNITS:
            told = _wrong(flowsheet, past, name, column, factor)
            wrong += told is not None
            refused += told is True
    return Result(
        figures=_figures(results) | {"wrong_units": float(wrong), "refused": float(refused)}, results=results
    )


def _learnt(flowsheet: Flowsheet, past: History, seed: int, name: str) -> dict[str, Any]:
    right, spoilt = learnt_from(flowsheet, past, name), learnt_from(flowsheet, past, name, broken)
    told: dict[str, Any] = {"status": right.status, "spoilt": spoilt.status, "reason": right.reason.en}
    if right.curve is not None:
        told["nominal_pct"] = off_pct(flowsheet, seed, name, learnable_of(flowsheet, name), right)
    if right.status == "better":
        told["error_pct"] = learnt_off_pct(flowsheet, seed, name, right)
    if spoilt.status == "better":
        told["error_spoilt_pct"] = learnt_off_pct(flowsheet, seed, name, spoilt)
    return told


def _wrong(flowsheet: Flowsheet, past: History, name: str, column: str, factor: float) -> bool | None:
    """Whether a meter in another unit was refused; None where the machine hardly ran."""

    def other(values: dict[str, FloatArray], _: np.random.Generator) -> None:
        values[column] *= factor
        if factor == 1.8:  # noqa: PLR2004  degrees Fahrenheit
            values[column] += 32.0

    if learnt_from(flowsheet, past, name).status == "too_little":
        return None
    return learnt_from(flowsheet, past, name, other).status == "doubtful"


def _figures(results: dict[str, Any]) -> dict[str, float]:
    errors = [one["error_pct"] for one in results.values() if "error_pct" in one]
    spoilt = [one["error_spoilt_pct"] for one in results.values() if "error_spoilt_pct" in one]
    nominal = [one["nominal_pct"] for one in results.values() if "nominal_pct" in one]
    worse = [one for one in results.values() if one.get("error_pct", 0.0) > one.get("nominal_pct", np.inf)]
    return {
        "worst_error_pct": max(errors, default=0.0),
        "mean_error_pct": float(np.mean(errors)) if errors else 0.0,
        "worst_error_spoilt_pct": max(spoilt, default=0.0),
        "nominal_worst_pct": max(nominal, default=0.0),
        "offered": float(len(errors)),
        "machines": float(len(results)),
        "worse_than_nominal": float(len(worse)),
    }


CASE: Final = Case(
    "curve_learning",
    "curves learnt from metered rows of simulated plants, against the machines that were metered",
    run,
    axes={"plant": tuple(range(1, 1 + _SEEDS)), "meters": ("right", "spoilt", "wrong unit")},
)
