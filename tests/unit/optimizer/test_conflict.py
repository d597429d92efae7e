from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from optimizer.conflict import Conflict, conflict_of, ranked
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import OFF, ON, Boiler, Commitment, DispatchProblem, Limits, Store
from optimizer.solve import Infeasible, Optimal
from optimizer.starting import Ramp
from optimizer.words import Speech
from protocols.config import Text
from tests.unit.optimizer import cases

CJK = re.compile(r"[\u4e00-\u9fff]")


def _planned(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal), outcome
    return outcome.plan


def _worst(asked: DispatchProblem, speech: Speech | None = None) -> Conflict:
    shortages = _planned(asked).shortages
    return conflict_of(asked, shortages, ranked(asked, shortages)[0], speech)


def _said(found: Conflict) -> list[str]:
    assert all(CJK.search(one.zh) for one in found.limits)
    return [one.en for one in found.limits]


def test_a_machine_held_off_conflicts_with_the_need_and_says_until_when() -> None:
    lock = np.array([OFF, OFF, OFF, -1, -1, -1])
    need = np.array([5.0, 5.0, 15.0, 15.0, 5.0, 5.0])
    asked = cases.with_need(cases.problem(6), air_m3_min=need)
    tripped = cases.fixed_speed("comp_1", commitment=Commitment(lock=lock))
    asked = replace(asked, compressors=(tripped, cases.fixed_speed("comp_2")), limits=Limits(import_kw=900.0))
    speech = Speech({"comp_1": Text(en="Compressor 1", zh="1 号空压机")})
    found = _worst(asked, speech)
    assert found.shortage is not None
    assert (found.shortage.name, found.shortage.step, round(found.shortage.amount, 3)) == (
        "air_short",
        2,
        5.0,
    )
    assert found.need.en.startswith("15.0 m³/min of compressed air at ")
    assert _said(found)[0] == "comp_2 gives at most 10.0 m³/min"
    assert len(found.limits) == 2
    assert _said(found)[1].startswith("Compressor 1 is held from outside: standing until ")
    assert found.smallest


def test_a_stop_that_is_owed_conflicts_and_the_contract_beside_it_does_not() -> None:
    stopped = Commitment(on=False, state_s=0.0, min_down_s=36_000.0, min_up_s=1800.0)
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 5.0), cooling_kw=cases.flat(4, 100.0))
    asked = replace(
        asked,
        compressors=(cases.fixed_speed("comp_1", commitment=stopped),),
        chillers=(cases.chiller("ch_1", 4),),
        limits=Limits(import_kw=500.0, export_kw=100.0),
    )
    found = _worst(asked)
    assert _said(found) == ["no machine that makes compressed air may run", "comp_1 stands at least 600 min"]
    assert found.smallest


def test_too_little_power_names_what_needs_it() -> None:
    asked = cases.with_need(cases.problem(2), air_m3_min=cases.flat(2, 5.0), electric_kw=cases.flat(2, 20.0))
    asked = replace(asked, compressors=(cases.fixed_speed("comp_1"),), limits=Limits(import_kw=50.0))
    found = _worst(asked)
    assert found.shortage is not None
    assert found.shortage.name == "import_over"
    assert found.need.en.startswith("an import within 50 kW at ")
    assert _said(found) == ["the need for compressed air"]


def test_a_need_above_all_machines_conflicts_with_their_capacity_alone() -> None:
    asked = cases.with_need(cases.problem(3), heat_kw=np.array([50.0, 250.0, 50.0]))
    asked = replace(asked, boilers=(Boiler(name="boiler", capacity_kw=200.0),))
    found = _worst(asked)
    assert _said(found) == ["boiler gives at most 200.0 kW"]


def test_a_shortage_that_is_only_cheaper_is_no_conflict() -> None:
    dear = Commitment(start_eur=5000.0)
    asked = cases.with_need(cases.problem(2), heat_kw=cases.flat(2, 0.0), air_m3_min=np.array([0.1, 0.0]))
    asked = replace(asked, compressors=(cases.fixed_speed("comp_1", commitment=dear),))
    found = _worst(asked)
    assert found.shortage is not None
    assert found.limits == ()


def test_a_store_that_must_stay_full_conflicts_with_a_need_it_could_meet() -> None:
    store = Store(name="ice", carrier="cooling", content=100.0, most=100.0, least=80.0, discharge_max=500.0)
    asked = cases.with_need(cases.problem(2), cooling_kw=np.array([0.0, 300.0]))
    asked = replace(asked, stores=(store,), chillers=(cases.chiller("ch_1", 2, capacity_kw=210.0),))
    found = _worst(asked)
    assert _said(found)[1:] == ["ice keeps at least 80"]


def test_the_worst_shortage_comes_first_and_free_surplus_is_none() -> None:
    asked = cases.with_need(cases.problem(2), heat_kw=cases.flat(2, 50.0), air_m3_min=np.array([5.0, 3.0]))
    plan = _planned(asked)
    assert [one.name for one in ranked(asked, plan.shortages)] == ["air_short", "heat_short"]
    assert ranked(asked, plan.shortages)[0].step == 0


@pytest.mark.parametrize("seed", range(4))
def test_nothing_of_a_conflict_can_be_left_out(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = 5

    def held() -> Commitment:
        kind = int(rng.integers(0, 3))
        if kind == 0:
            return Commitment(lock=np.full(steps, OFF))
        return Commitment(on=False, state_s=0.0, min_down_s=36_000.0 * (kind == 1))

    asked = cases.with_need(cases.problem(steps), air_m3_min=rng.uniform(25.0, 40.0, steps))
    machines = tuple(cases.fixed_speed(f"comp_{k}", commitment=held()) for k in range(4))
    asked = replace(asked, compressors=machines, limits=Limits(import_kw=2000.0, air_reserve_frac=0.1))
    found = _worst(asked)
    assert found.shortage is not None
    step = found.shortage.step
    blamed = {
        one.name for one in machines if any(text.en.startswith(f"{one.name} ") for text in found.limits[1:])
    }
    away = {one.name for one in machines if one.commitment.lock is not None or one.commitment.min_down_s}
    need = float(asked.forecasts.air_m3_min[step])
    assert blamed <= away
    assert len(blamed) == len(found.limits) - 1
    # with only these away the need cannot be met; with any one of them back it can
    assert 10.0 * (4 - len(blamed)) < need <= 10.0 * (5 - len(blamed))


def test_limits_of_machines_that_leave_no_plan_are_named() -> None:
    held = Commitment(lock=np.full(5, ON), ramp=Ramp(up_per_min=0.1, at_start=1.0))
    engine = replace(cases.demo_day().chps[0], commitment=held)
    asked = replace(cases.problem(5), chps=(engine,), limits=Limits(import_kw=900.0, export_kw=200.0))
    outcome = plan_day(asked)
    assert isinstance(outcome, Infeasible)
    assert [one.en for one in outcome.limits] == [
        "chp is held from outside: running",
        "the output of chp moves only so fast",
    ]
    assert outcome.reason.startswith(
        "the limits of the machines contradict each other: chp is held from outside"
    )
    assert all(CJK.search(one.zh) for one in outcome.limits)


def test_a_search_whose_time_is_over_tells_what_is_left_and_does_not_call_it_the_smallest() -> None:
    stopped = Commitment(on=False, state_s=0.0, min_down_s=36_000.0)
    asked = cases.with_need(cases.problem(2), air_m3_min=cases.flat(2, 15.0))
    machines = tuple(cases.fixed_speed(f"comp_{k}", commitment=stopped) for k in range(3))
    asked = replace(asked, compressors=machines)
    shortages = _planned(asked).shortages
    found = conflict_of(asked, shortages, ranked(asked, shortages)[0], budget_s=0.0)
    assert found.limits == ()
    assert not found.smallest
