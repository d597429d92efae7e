from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.alternatives import Alternative, _told
from optimizer.build import build
from optimizer.decided import Decided
from optimizer.dispatch import plan_day
from optimizer.explain import Why, _costs, explain, why
from optimizer.otherwise import Other, _better
from optimizer.plan import Plan
from optimizer.problem import OFF, ON, Boiler, Commitment, DispatchProblem, Pv, Store
from optimizer.solve import Feasible, Optimal, Solved, SolveOptions, Unsolved, solve
from optimizer.supply import DemandCharge, Supply
from optimizer.words import Speech
from optimizer.written import read, written
from protocols.config import Text
from protocols.errors import ContractError, SolveError
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import FEATURES

CJK = re.compile(r"[\u4e00-\u9fff]")


def _planned(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible), outcome
    return outcome.plan


def _explained(asked: DispatchProblem, unit: str, step: int, speech: Speech | None = None) -> Why:
    found = explain(asked, _planned(asked), (unit, step), speech)
    assert CJK.search(found.sentence.zh)
    assert not CJK.search(found.sentence.en)
    assert "{" not in found.sentence.en + found.sentence.zh
    json.dumps(found.to_dict(), allow_nan=False)
    return found


def _figure(found: Why, name: str) -> float | None:
    return next(one.value for one in found.figures if one.name == name)


def test_a_battery_charges_because_what_it_holds_is_worth_more_than_power_costs() -> None:
    price = np.array([0.05] * 4 + [0.30] * 4)
    asked = cases.with_need(cases.problem(8, price=price), electric_kw=cases.flat(8, 150.0))
    asked = replace(asked, batteries=(cases.battery(soc_kwh=20.0, end_value=0.0),))
    found = _explained(asked, "battery", 1)
    co2 = 65.0 * 0.38 / 1000.0
    assert _figure(found, "price_electric") == pytest.approx(0.05 + co2, rel=1e-6)
    # a kWh in it saves 0.95 kWh of the dear hours; but the limit of its power, not of its room, binds
    assert _figure(found, "stored_worth") == pytest.approx(0.95 * (0.30 + co2), rel=1e-4)
    assert "charges with 100.0 kW" in found.sentence.en
    assert found.alternative is not None
    # what is not charged is 25 kWh that came to 23.75 kWh, of which 22.5625 kWh would have come back
    saved = 0.25 * 100.0 * (0.05 + co2)
    lost = 0.25 * 100.0 * 0.95 * 0.95 * (0.30 + co2)
    assert found.alternative.extra == pytest.approx(lost - saved, rel=1e-3)
    assert f"{lost - saved:.2f} EUR more" in found.sentence.en


def test_a_machine_runs_because_the_others_cannot_meet_the_need_without_it() -> None:
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 15.0))
    asked = replace(asked, compressors=(cases.fixed_speed("a"), cases.fixed_speed("b")))
    speech = Speech({"a": Text(en="Compressor A", zh="A 号空压机")})
    found = _explained(asked, "a", 2, speech)
    assert found.sentence.en.startswith("Compressor A ")
    assert found.sentence.zh[6:].startswith("A 号空压机")
    assert "could give only 10.0 of the 15.0 m³/min" in found.sentence.en
    assert found.alternative is not None
    assert found.alternative.missing[0].en.startswith("compressed air is short by 5.0 m³/min at ")
    # no money of a shortage's price is told as a cost
    assert found.alternative.extra is not None
    assert abs(found.alternative.extra) < 50.0


def test_another_decision_is_not_blamed_for_a_reserve_that_is_cheaper_to_go_without() -> None:
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 5.0), cooling_kw=cases.flat(4, 397.0))
    spare = cases.chiller("spare", 4, commitment=Commitment(start_eur=50.0))
    asked = replace(
        asked,
        limits=replace(asked.limits, cooling_reserve_frac=0.02),
        compressors=(cases.fixed_speed("a"), cases.fixed_speed("b")),
        chillers=(cases.chiller("runs", 4, commitment=Commitment(on=True)), spare),
    )
    assert {one.name for one in _planned(asked).shortages} == {"reserve_cooling"}
    held = replace(spare, commitment=replace(spare.commitment, lock=np.full(4, ON)))
    plan = _planned(replace(asked, chillers=(asked.chillers[0], held)))
    assert plan.shortages == ()
    idle = next(name for name in ("a", "b") if not plan.machines[name].on[1])
    other = explain(asked, plan, (idle, 1)).alternative
    assert other is not None
    assert other.missing == ()
    assert other.extra == pytest.approx(0.0, abs=0.05), "its twin would run in its place"


def test_the_cost_of_another_decision_is_the_difference_of_two_solves() -> None:
    limits = Commitment(start_eur=3.0)
    asked = cases.with_need(cases.problem(6), air_m3_min=np.array([9.0, 9.0, 9.0, 4.0, 4.0, 4.0]))
    machines = (
        cases.fixed_speed("big", commitment=replace(limits, on=True)),
        cases.fixed_speed("small", full=5.0),
    )
    asked = replace(asked, compressors=machines)
    plan = _planned(asked)
    unit = "small" if plan.machines["small"].on[4] else "big"
    found = _explained(asked, unit, 4)
    lock = np.array([-1, -1, -1, -1, OFF, -1])
    forced = replace(
        asked,
        compressors=tuple(
            replace(one, commitment=replace(one.commitment, lock=lock)) if one.name == unit else one
            for one in machines
        ),
    )
    other = plan_day(forced)
    own = plan_day(asked)
    assert isinstance(other, Optimal)
    assert isinstance(own, Optimal)
    assert found.alternative is not None
    assert found.alternative.extra == pytest.approx(other.plan.cost.total - own.plan.cost.total, abs=0.02)


def test_the_marginal_price_of_air_is_that_of_the_machine_that_follows() -> None:
    asked = cases.with_need(cases.problem(3), air_m3_min=cases.flat(3, 12.0))
    asked = replace(asked, compressors=(cases.variable_speed("vsd"), cases.fixed_speed("fixed", full=10.0)))
    plan = _planned(asked)
    found = _explained(asked, "vsd", 1)
    assert plan.machines["vsd"].role[1] == "trim"
    # between 10 and 16 m³/min the curve rises by 7 kW per m³/min
    running = [name for name in ("vsd", "fixed") if plan.machines[name].on[1]]
    slope = 7.0 if running == ["vsd"] else 32.0 / 6.0 if plan.machines["vsd"].level[1] > 4.0 else 19.0 / 4.0
    price = 0.2 + 65.0 * 0.38 / 1000.0
    assert _figure(found, "price_air") == pytest.approx(slope * price / 60.0, rel=1e-3)


def test_what_no_running_machine_can_give_has_no_price() -> None:
    asked = cases.with_need(cases.problem(2), air_m3_min=cases.flat(2, 10.0), heat_kw=cases.flat(2, 100.0))
    asked = replace(
        asked, compressors=(cases.fixed_speed("a"),), boilers=(Boiler(name="b", capacity_kw=100.0),)
    )
    found = _explained(asked, "b", 0)
    assert _figure(found, "price_air") is None
    assert _figure(found, "price_heat") is None
    assert any("it gives all it can (100.0 kW)" in one.limit.en for one in found.limits)


def test_a_lock_and_an_owed_run_are_said_and_leave_no_alternative() -> None:
    asked = cases.with_need(cases.problem(6), cooling_kw=cases.flat(6, 100.0))
    held = Commitment(lock=np.full(6, OFF))
    owing = Commitment(on=True, state_s=0.0, min_up_s=2700.0)
    asked = replace(
        asked,
        chillers=(cases.chiller("tripped", 6, commitment=held), cases.chiller("owing", 6, commitment=owing)),
    )
    locked = _explained(asked, "tripped", 1)
    assert "held off from outside" in locked.sentence.en
    assert locked.alternative is not None
    assert not locked.alternative.possible
    asked = cases.with_need(asked, cooling_kw=cases.flat(6, 0.0))
    owed = _explained(asked, "owing", 1)
    clock = Speech().clock(cases.START_NS + 2700 * 10**9)
    assert f"its shortest run of 45 min lasts until {clock}" in owed.sentence.en
    assert "is not possible within the limits" in owed.sentence.en


def test_a_step_that_sets_the_peak_says_so_with_its_worth() -> None:
    need = np.array([100.0, 180.0, 100.0])
    asked = cases.with_need(cases.problem(3), electric_kw=need, cooling_kw=cases.flat(3, 100.0))
    prices = replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=50.0)
    asked = replace(asked, prices=prices, chillers=(cases.chiller("c", 3),))
    found = _explained(asked, "c", 1)
    peak = next(one for one in found.limits if "the peak that is paid for" in one.limit.en)
    assert peak.worth == pytest.approx(9.0, rel=1e-6)
    price = _figure(found, "price_electric")
    assert price is not None
    assert price == pytest.approx(0.2 + 0.0247 + 9.0 / 0.25, rel=1e-6)
    assert not any("the peak" in one.limit.en for one in _explained(asked, "c", 0).limits)


def test_a_step_that_sets_the_peak_of_a_contract_says_so_with_its_worth() -> None:
    need = np.array([100.0, 180.0, 100.0, 100.0])
    charge = DemandCharge(name="demand.next", eur_kw=9.0, so_far_kw=50.0, window_s=1800.0, before_kw=(100.0,))
    asked = cases.with_need(cases.problem(4), electric_kw=need, cooling_kw=cases.flat(4, 100.0))
    asked = replace(asked, supply=Supply(charges=(charge,)), chillers=(cases.chiller("c", 4),))
    found = _explained(asked, "c", 1)
    peak = next(one for one in found.limits if "the peak that is paid for" in one.limit.en)
    assert peak.worth == pytest.approx(9.0 / 2.0, rel=1e-6)
    assert not any("the peak" in one.limit.en for one in _explained(asked, "c", 3).limits)


def test_a_store_and_curtailed_pv_are_explained() -> None:
    store = Store(
        name="ice", carrier="cooling", content=0.0, most=200.0, charge_max=100.0, discharge_max=100.0
    )
    price = np.array([0.05, 0.05, 0.5, 0.5])
    asked = cases.with_need(
        cases.problem(4, price=price), cooling_kw=cases.flat(4, 200.0), pv_kw=cases.flat(4, 500.0)
    )
    asked = replace(asked, stores=(store,), chillers=(cases.chiller("c", 4),))
    taking = _explained(asked, "ice", 0)
    assert "takes up" in taking.sentence.en
    assert "cooling costs" in taking.sentence.en
    at_a_loss = replace(asked.prices, export_eur_kwh=cases.flat(4, -0.1))
    asked = replace(asked, prices=at_a_loss, pv=Pv())
    curtailed = _explained(asked, "pv", 0)
    assert "is curtailed to" in curtailed.sentence.en
    assert curtailed.alternative is not None
    assert curtailed.alternative.extra is not None
    assert curtailed.alternative.extra > 0.0


@cache
def _day() -> tuple[DispatchProblem, Decided]:
    asked = cases.demo_day(2)
    return asked, Decided(asked, _planned(asked))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("step", "units"),
    [(9, ("comp_4", "chiller_1", "battery")), (40, ("comp_2", "chp", "boiler", "pv"))],
)
def test_every_kind_of_unit_of_a_day_has_its_sentence(step: int, units: tuple[str, ...]) -> None:
    _, decided = _day()
    for unit in units:
        found = why(decided, (unit, step), Speech())
        assert found.outlook == (step >= 16)
        assert found.sentence.en.endswith(".")
        assert {one.name for one in found.figures} >= {"level", "price_electric", "price_air", "price_heat"}
        other = found.alternative
        if other is not None and other.extra is not None and not other.missing:
            # what is better lies within the gap of the plan, a thousandth of its cost
            assert other.extra > -0.002 * abs(decided.plan.cost.total)


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_component_is_explained_from_what_was_kept(name: str) -> None:
    asked = FEATURES[name]()
    problem, plan = read(written(asked, _planned(asked)))
    decided = Decided(problem, plan)
    for unit in list(plan.machines)[:3]:
        found = why(decided, (unit, 2), Speech())
        assert CJK.search(found.sentence.zh)
        json.dumps(found.to_dict(), allow_nan=False)


def test_machines_counted_as_a_class_are_explained_one_by_one() -> None:
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 17.0))
    machines = tuple(replace(cases.variable_speed(f"comp_{k}"), floats=True) for k in range(3))
    asked = replace(asked, compressors=machines)
    plan = _planned(asked)
    running = [name for name, one in plan.machines.items() if one.on[1]]
    resting = next(name for name in plan.machines if name not in running)
    assert running != []
    on, off = _explained(asked, running[0], 1), _explained(asked, resting, 1)
    assert on.alternative is not None
    assert off.alternative is not None
    assert off.alternative.extra is not None
    assert off.alternative.extra > 0.0
    assert "off in this step" in on.sentence.en
    assert "on in this step would cost" in off.sentence.en


def test_what_was_kept_is_refused_where_it_is_damaged_or_no_problem() -> None:
    asked = cases.problem(2)
    text = written(asked, _planned(asked))
    again, _ = read(text)
    assert written(again, _planned(again)) == text
    for spoilt in (text[:-9], "?", "", text.replace(text[10:14], "AAAA")):
        with pytest.raises(ContractError, match="make a new plan"):
            read(spoilt)


def test_what_is_no_unit_or_step_of_the_plan_is_refused() -> None:
    asked, decided = _day()
    with pytest.raises(SolveError, match="no unit pump"):
        why(decided, ("pump", 0), Speech())
    with pytest.raises(SolveError, match="outside the plan"):
        why(decided, ("battery", 96), Speech())
    later = replace(asked, start_ns=asked.start_ns + 900 * 10**9)
    with pytest.raises(SolveError, match="another window"):
        explain(later, decided.plan, ("battery", 0))


def test_heat_that_may_be_wasted_is_nothing_that_another_decision_lacks() -> None:
    engine = cases.engine(Commitment())
    asked = cases.with_need(cases.problem(4, price=cases.flat(4, 0.02)), electric_kw=cases.flat(4, 400.0))
    asked = replace(asked, chps=(engine,))
    found = _explained(asked, engine.name, 1)
    assert found.alternative is not None
    assert found.alternative.missing == ()
    assert "on in this step would cost" in found.sentence.en
    kept = replace(asked, limits=replace(asked.limits, may_waste_heat=False))
    told = _explained(kept, engine.name, 1).alternative
    assert told is not None
    assert "too much heat" in told.missing[0].en


def test_of_two_searches_the_cheaper_answer_is_told_with_what_the_freer_one_has_proven() -> None:
    matrix, _ = build(cases.with_need(cases.problem(2), electric_kw=cases.flat(2, 10.0)))
    best = solve(matrix, SolveOptions(0.0, 5.0))
    assert isinstance(best, Solved)
    poor = replace(best, objective=best.objective + 1.0, bound=best.bound - 2.0, proven=False)
    told = _better(poor, best)
    assert isinstance(told, Solved)
    assert (told.objective, told.bound) == (best.objective, poor.bound)
    assert _better(best, poor) is best
    nothing = Unsolved(detail="the clock", infeasible=False, stats=best.stats)
    assert _better(poor, nothing) is poor
    alone = _better(nothing, best)
    assert isinstance(alone, Solved)
    assert alone.bound == -np.inf


@pytest.mark.parametrize(("at_least", "told"), [(0.4, "1.00 CNY more"), (-0.8, "as far as was searched")])
def test_what_is_not_proven_of_a_difference_is_not_told_as_proven(at_least: float, told: str) -> None:
    other = Alternative(Text(en="off", zh="停机"), possible=True, extra=1.0, at_least=at_least)
    assert other.clause("CNY").en.endswith(told)
    names = [figure.name for figure in _costs(other, "CNY")]
    assert ("alternative_at_least" in names) == (at_least > 0.0)


def test_where_the_clock_ended_the_proof_nothing_is_proven() -> None:
    asked = cases.problem(2)
    decided = Decided(asked, _planned(asked))
    found = _told(
        Text(en="off", zh="停机"), Other(possible=True, extra=1.0, at_least=-np.inf), decided, Speech()
    )
    assert found.at_least is None
    assert found.clause("CNY").en == "off would cost 1.00 CNY more, as far as was searched"
