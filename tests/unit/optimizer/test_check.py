from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import OFF, ON, DispatchProblem
from optimizer.solve import Optimal
from optimizer.supply import DemandCharge, EnergyTier, GasContract
from tests.unit.optimizer import cases

Tighten = Callable[[DispatchProblem, Plan], DispatchProblem]


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


def _limits(**changed: Any) -> Tighten:  # noqa: ANN401  fields by their names
    return lambda asked, _: replace(asked, limits=replace(asked.limits, **changed))


def _supply(**changed: Any) -> Tighten:  # noqa: ANN401  as above
    return lambda asked, _: replace(asked, supply=replace(asked.supply, **changed))


def _machine(kind: str, name: str, **changed: Any) -> Tighten:  # noqa: ANN401  as above
    def tighten(asked: DispatchProblem, _: Plan) -> DispatchProblem:
        machines = tuple(replace(m, **changed) if m.name == name else m for m in getattr(asked, kind))
        many: dict[str, Any] = {kind: machines}
        return replace(asked, **many)

    return tighten


def _commitment(kind: str, name: str, **changed: Any) -> Tighten:  # noqa: ANN401  as above
    def tighten(asked: DispatchProblem, plan: Plan) -> DispatchProblem:
        own = next(m.commitment for m in getattr(asked, kind) if m.name == name)
        return _machine(kind, name, commitment=replace(own, **changed))(asked, plan)

    return tighten


HELD = np.where(np.arange(96) < 1, -7.0, np.nan)


@pytest.mark.parametrize(
    ("tighten", "machine", "words"),
    [
        (_limits(import_kw=100.0), "grid", "import within the contract"),
        (_limits(air_reserve_frac=5.0), "air", "reserve of the running machines"),
        (_limits(cooling_reserve_frac=5.0), "cooling", "reserve of the running machines"),
        (_limits(air_least_m3_min=np.full(96, 999.0)), "air", "capacity kept for a high need"),
        (_limits(cooling_least_kw=np.full(96, 9e4)), "cooling", "capacity kept for a high need"),
        (_limits(without_largest=("air",)), "air", "without the largest running machine"),
        (_limits(without_largest=("cooling",)), "cooling", "without the largest running machine"),
        (_commitment("compressors", "comp_4", lock=np.full(96, OFF)), "comp_4", "held off from outside"),
        (_commitment("compressors", "comp_1", lock=np.full(96, ON)), "comp_1", "held on from outside"),
        (
            _commitment("compressors", "comp_4", on=False, state_s=0.0, min_down_s=10_800.0),
            "comp_4",
            "minimum stop",
        ),
        (_machine("boilers", "boiler", lock=np.full(96, OFF)), "boiler", "heat within capacity"),
        (_machine("batteries", "battery", charge_max_kw=1.0), "battery", "charging within its limit"),
        (_machine("batteries", "battery", discharge_max_kw=1.0), "battery", "discharging limit"),
        (_machine("batteries", "battery", soc_max_kwh=50.0), "battery", "content below its maximum"),
        (_machine("batteries", "battery", fixed_kw=HELD), "battery", "power held from outside"),
        (_machine("batteries", "battery", end_least_kwh=1e4), "battery", "content wanted at the end"),
        (_supply(gas=GasContract(hourly_kwh=1.0)), "gas", "fuel of a clock hour"),
        (_supply(co2_cap_kg=1.0), "co2", "emissions below their cap"),
        (_supply(import_least_kw=1e5), "grid", "import above its least"),
        (_supply(charges=(DemandCharge(name="d", eur_kw=5.0),)), "cost", "charge d as recomputed"),
        (_supply(tiers=(EnergyTier(room_kwh=1e9, eur_kwh=0.2),)), "cost", "charge tiers as recomputed"),
    ],
)
def test_every_declared_limit_is_looked_at_on_the_plan(
    day: tuple[DispatchProblem, Plan], tighten: Tighten, machine: str, words: str
) -> None:
    """A limit the plan was not made for: the check must see that it is not kept."""
    asked, plan = day
    found = check(tighten(asked, plan), plan)
    assert any(one.machine == machine and words in one.limit for one in found), found
