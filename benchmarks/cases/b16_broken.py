"""Eight kinds of input that contradict themselves or the plant: a plan that is kept, or a reason in words.

Nine inputs: a day with the clock change is one of 92 and one of 100 steps. What is said of each is a sentence
about the plant, in both languages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks.registry import Case, Result
from benchmarks.small_plant import battery, fixed_speed, problem, with_need
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.problem import OFF, ON, Chiller, Commitment, Compressor, DispatchProblem, FloatArray, Limits
from optimizer.short_words import short_texts
from optimizer.solve import Infeasible, Stopped
from optimizer.words import told
from protocols.config import Text
from protocols.errors import ContractError, SolveError

_NIGHT_H: Final = 3.0
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")


def plant(steps: int = 24) -> DispatchProblem:
    """A small plant that has a plan: two compressors, two chillers, a battery."""
    hours = np.arange(steps) / 4.0
    asked = problem(
        steps,
        price=np.where(hours % 24 < _NIGHT_H, 0.09, 0.19),
        binary_steps=min(16, steps),
    )
    asked = with_need(
        asked,
        electric_kw=300.0 + 80.0 * np.sin(hours / 4.0),
        air_m3_min=14.0 + 4.0 * np.sin(hours / 3.0),
        cooling_kw=500.0 + 200.0 * np.sin(hours / 5.0),
    )
    return replace(
        asked,
        prices=replace(asked.prices, demand_charge_eur_kw=10.0, month_peak_kw=500.0, peak_weight=0.05),
        limits=Limits(import_kw=900.0),
        compressors=(_compressor("comp1", 10.0), _compressor("comp2", 20.0)),
        chillers=(_chiller("chiller1", steps, 600.0), _chiller("chiller2", steps, 400.0)),
        batteries=(battery(name="battery1"),),
    )


def _compressor(name: str, full: float, *, commitment: Commitment | None = None) -> Compressor:
    """Fixed speed with a straight trim curve."""
    own = commitment or Commitment(on=True, start_eur=0.5)
    return fixed_speed(name, commitment=own, full=full, bulge=0.0)


def _chiller(name: str, steps: int, capacity_kw: float) -> Chiller:
    load = capacity_kw * np.tile([0.25, 0.5, 1.0], (steps, 1))
    return Chiller(name=name, load_kw=load, power_kw=load / 5.0 + 10.0, commitment=Commitment(on=True))


def _with_air(need: FloatArray) -> DispatchProblem:
    whole = plant()
    return replace(whole, forecasts=replace(whole.forecasts, air_m3_min=need))


def _content_below_minimum() -> DispatchProblem:
    whole = plant()
    return replace(whole, batteries=(replace(whole.batteries[0], soc_kwh=5.0),))


def _outage_against_minimum_run() -> DispatchProblem:
    whole = plant()
    lock = np.full(whole.steps, ON)
    lock[4:] = OFF
    own = Commitment(on=True, state_s=60.0, min_up_s=7200.0, lock=lock)
    return replace(whole, compressors=(_compressor("comp1", 10.0, commitment=own), whole.compressors[1]))


def _nan_price() -> DispatchProblem:
    whole = plant()
    price = whole.prices.import_eur_kwh.copy()
    price[7] = np.nan
    return replace(whole, prices=replace(whole.prices, import_eur_kwh=price))


def _zero_machine() -> DispatchProblem:
    whole = plant()
    return replace(whole, compressors=(_compressor("comp1", 0.0), *whole.compressors[1:]))


def _peak_above_limit() -> DispatchProblem:
    whole = plant()
    electric = whole.forecasts.electric_kw + 900.0
    return replace(
        whole,
        forecasts=replace(whole.forecasts, electric_kw=electric),
        prices=replace(whole.prices, month_peak_kw=1500.0),
    )


BROKEN: Final[dict[str, tuple[Callable[[], DispatchProblem], tuple[str, ...]]]] = {
    "content_below_minimum": (_content_below_minimum, ("battery1", "15.0 kWh")),
    "need_over_capacity": (lambda: _with_air(np.full(24, 45.0)), ("compressed air", "45.0", "30.0")),
    "outage_against_minimum_run": (_outage_against_minimum_run, ("comp1", "shortest run is 120 min", "held")),
    "nan_price": (_nan_price, ("price of bought power", "step 7")),
    "empty_forecast": (lambda: _with_air(np.array([])), ("compressed air", "0 values")),
    "zero_machine": (_zero_machine, ("comp1",)),
    "day_of_92_steps": (lambda: plant(92), ()),
    "day_of_100_steps": (lambda: plant(100), ()),
    "peak_above_limit": (_peak_above_limit, ("the contracted import is exceeded", "kW")),
}
"""By name: the problem, and words that the plan's notes and shortages, or the reason, must hold."""


def answer(problem: DispatchProblem) -> tuple[str, Text]:
    """What came of it and the words with it.

    Raises:
        ContractError: A plan broke a limit without naming it.
    """
    try:
        outcome = plan_day(problem, limit_s=20.0)
    except SolveError as error:
        return "refused", told(error)
    if isinstance(outcome, Infeasible | Stopped):
        return type(outcome).__name__.lower(), outcome.words
    faults = check(problem, outcome.plan)
    if faults:
        raise ContractError(f"{faults[0].machine} in step {faults[0].step}: {faults[0].limit}")
    said = (*outcome.plan.notes, *short_texts(problem, outcome.plan.shortages))
    return "plan", Text(en="; ".join(one.en for one in said), zh="；".join(one.zh for one in said))


def run() -> Result:
    """Try them all.

    Raises:
        ContractError: An answer does not say what is wrong.
    """
    results: dict[str, Any] = {}
    for name, (asked, words) in BROKEN.items():
        kind, said = answer(asked())
        if not all(word in said.en for word in words) or (kind != "plan" and not said.en):
            raise ContractError(f"{name} is answered by {kind}: {said.en or 'nothing'}")
        if said.en and not _CHINESE.search(said.zh):
            raise ContractError(f"{name} is not answered in Chinese: {said.zh}")
        results[name] = {"answer": kind, "said": said.en[:300], "said_zh": said.zh[:300]}
    return Result({"cases": float(len(BROKEN)), "answered": float(len(results))}, results=results)


CASE: Final = Case(
    "b16_broken", "input that contradicts itself or the plant: a plan or a named reason", run, {"kinds": (9,)}
)
