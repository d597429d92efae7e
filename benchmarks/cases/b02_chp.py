"""Power and heat shared by power units, CHPs with operating polygons and boilers."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from benchmarks.case_files import case_files
from benchmarks.judge_static import chp_cost
from benchmarks.registry import Case, Result
from benchmarks.static_cases import Answer, figures_of, measure, summed
from optimizer.cases.forms import ChpDispatch, read_form, station_of
from optimizer.chp_dispatch import dispatch_heat_and_power


def run() -> Result:
    """Answer every need of every file and judge each."""
    results = {name: _file(plain) for name, plain in case_files("chp_dispatch").items()}
    return Result(figures_of(results), results=results)


def _file(plain: dict[str, Any]) -> dict[str, Any]:
    station = station_of(read_form(ChpDispatch, plain))

    def answered(need: dict[str, float]) -> Answer:
        found = dispatch_heat_and_power(station, (need["P"], need["H"]))
        plan = {
            "power": found.power.tolist(),
            "chp": found.combined.tolist(),
            "heat": found.heat.tolist(),
        }
        cost, wrong = chp_cost(plain, need, plan)
        return Answer(cost=cost, bound=found.bound, plan=plan, wrong=wrong)

    return summed([measure(partial(answered, need), need.get("computed")) for need in plain["demands"]])


CASE: Final = Case(
    "b02_chp", "power and heat shared by units with operating polygons", run, {"units": (4, 5)}
)
