"""Loads shared by chillers with part-load curves of any shape, against the proven optimum."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from benchmarks.case_files import case_files
from benchmarks.judge_static import chillers_kw
from benchmarks.registry import Case, Result
from benchmarks.static_cases import Answer, figures_of, measure, summed
from optimizer.cases.forms import ChillerLoading, chillers_of, read_form
from optimizer.loading import share_load


def run() -> Result:
    """Share every load of every file and judge each."""
    results = {name: _file(plain) for name, plain in case_files("chiller_loading").items()}
    return Result(figures_of(results), results=results)


def _file(plain: dict[str, Any]) -> dict[str, Any]:
    machines = chillers_of(read_form(ChillerLoading, plain))

    def answered(load_rt: float) -> Answer:
        found = share_load(machines, load_rt)
        cost, wrong = chillers_kw(plain, load_rt, found.load.tolist())
        plan = {
            "load_rt": load_rt,
            "plr": [at / m.curve.high for at, m in zip(found.load, machines, strict=True)],
        }
        return Answer(cost=cost, bound=found.bound, plan=plan, wrong=wrong)

    loads = plain["loads"]
    return summed(
        [
            measure(partial(answered, float(load["load_rt"])), load.get("computed_global_optimum_kw"))
            for load in loads
        ]
    )


CASE: Final = Case(
    "b01_chiller_loading",
    "a load shared by chillers with convex, concave and mixed part-load curves",
    run,
    {"chillers": (3, 4, 6)},
)
