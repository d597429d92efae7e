from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import DispatchProblem
from optimizer.solve import Optimal
from tests.unit.optimizer import cases


@pytest.fixture(scope="module")
def day() -> tuple[DispatchProblem, Plan]:
    asked = cases.demo_day()
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    return asked, outcome.plan


def _with(plan: Plan, name: str, change: Callable[[MachinePlan], MachinePlan]) -> Plan:
    return replace(plan, machines=plan.machines | {name: change(plan.machines[name])})


def _bump(series: np.ndarray, step: int, by: float) -> np.ndarray:
    changed = series.copy()
    changed[step] += by
    return changed


@pytest.mark.parametrize(
    ("spoil", "machine", "words"),
    [
        (lambda p: replace(p, import_kw=_bump(p.import_kw, 3, 5.0)), "electric", "supply equals need"),
        (lambda p: replace(p, import_kw=_bump(p.import_kw, 3, 5.0)), "cost", "energy as recomputed"),
        (
            lambda p: replace(p, cost=replace(p.cost, starts=p.cost.starts + 1.0)),
            "cost",
            "starts as recomputed",
        ),
        (lambda p: replace(p, cost=replace(p.cost, co2=0.0)), "cost", "co2 as recomputed"),
        (
            lambda p: _with(p, "comp_4", lambda m: replace(m, level=_bump(m.level, 2, 1.0))),
            "air",
            "supply and named shortage",
        ),
        (
            lambda p: _with(p, "comp_4", lambda m: replace(m, power_kw=_bump(m.power_kw, 2, -9.0))),
            "comp_4",
            "power of the role",
        ),
        (
            lambda p: _with(p, "comp_1", lambda m: replace(m, role=("trim",) * 96)),
            "air",
            "at most one compressor trims",
        ),
        (
            lambda p: _with(p, "battery", lambda m: replace(m, level=_bump(m.level, 5, 30.0))),
            "battery",
            "content follows from the power",
        ),
        (
            lambda p: _with(p, "battery", lambda m: replace(m, level=_bump(m.level, 5, 500.0))),
            "battery",
            "content below its maximum",
        ),
        (
            lambda p: _with(p, "chiller_1", lambda m: replace(m, level=_bump(m.level, 1, 900.0))),
            "chiller_1",
            "load within capacity",
        ),
        (
            lambda p: _with(p, "chp", lambda m: replace(m, on=np.arange(96) % 2 == 0)),
            "chp",
            "minimum",
        ),
        (lambda p: _with(p, "boiler", lambda m: replace(m, level=m.level + 900.0)), "boiler", "heat within"),
        (lambda p: _with(p, "pv", lambda m: replace(m, level=m.level + 900.0)), "pv", "what the sky gives"),
    ],
)
def test_every_spoilt_limit_is_named(
    day: tuple[DispatchProblem, Plan], spoil: Callable[[Plan], Plan], machine: str, words: str
) -> None:
    asked, plan = day
    assert check(asked, plan) == []
    found = check(asked, spoil(plan))
    assert any(v.machine == machine and words in v.limit for v in found), found


def test_a_plan_of_another_length_is_refused_at_once(day: tuple[DispatchProblem, Plan]) -> None:
    asked, plan = day
    found = check(asked, replace(plan, import_kw=plan.import_kw[:-1]))
    assert [v.machine for v in found] == ["grid.import"]
