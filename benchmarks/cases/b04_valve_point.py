"""Power shared by units with valve points, the non-convex path, against the best known cost."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from benchmarks.case_files import case_files
from benchmarks.judge_static import valve_cost
from benchmarks.registry import Case, Result
from benchmarks.static_cases import Answer, figures_of, measure, summed
from optimizer.cases.forms import EconomicDispatch, generators_of, read_form
from optimizer.loading import share_load

_GAP_FRAC: Final = 2e-4


def run() -> Result:
    """Share every demand of every file and judge each."""
    results = {name: _file(plain) for name, plain in case_files("economic_dispatch").items()}
    return Result(figures_of(results), results=results)


def _file(plain: dict[str, Any]) -> dict[str, Any]:
    units = generators_of(read_form(EconomicDispatch, plain))

    def answered(mw: float) -> Answer:
        found = share_load(units, mw, _GAP_FRAC)
        cost, wrong = valve_cost(plain, mw, found.load.tolist())
        return Answer(cost=cost, bound=found.bound, plan={"mw": mw, "p_mw": found.load.tolist()}, wrong=wrong)

    return summed(
        [measure(partial(answered, float(need["mw"])), need.get("computed")) for need in plain["demands"]]
    )


CASE: Final = Case("b04_valve_point", "power shared by units with valve points", run, {"units": (3, 13)})
