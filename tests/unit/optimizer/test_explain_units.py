"""Every kind of unit in every step: what it does, what holds it, what it is worth, what else would cost."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.decided import Decided
from optimizer.dispatch import plan_day
from optimizer.explain import Why, why
from optimizer.flexible import Batch, Car, EvGroup, Flexible, ShedLoad, ShiftLoad
from optimizer.flows import flows_of, full_flows
from optimizer.moves import other_move
from optimizer.network import Flow
from optimizer.problem import OFF, Boiler, Commitment, DispatchProblem, Pv
from optimizer.solve import Feasible, Optimal
from optimizer.supply import GasContract, Supply
from optimizer.words import Speech
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import FEATURES, PRICES, STEPS, bare, converter, engine

CJK = re.compile(r"[\u4e00-\u9fff]")
HOURS = 0.25


@cache
def _decided(name: str) -> Decided:
    return _of(FEATURES[name]())


def _of(asked: DispatchProblem) -> Decided:
    outcome = plan_day(asked, gap_frac=1e-6)
    assert isinstance(outcome, Optimal | Feasible), outcome
    return Decided(asked, outcome.plan)


def _why(decided: Decided, unit: str, step: int) -> Why:
    return why(decided, (unit, step), Speech())


def _step(decided: Decided, unit: str, *, on: bool) -> int:
    return int(np.flatnonzero(decided.plan.machines[unit].on == on)[0])


def _extra(found: Why) -> float:
    assert found.alternative is not None
    assert found.alternative.extra is not None
    return found.alternative.extra


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ["heat", "hydrogen", "loads", "contracts", "starting"])
def test_every_unit_has_in_every_step_a_sentence_with_another_decision_or_what_holds_it(name: str) -> None:
    decided = _decided(name)
    for unit in decided.plan.machines:
        for step in (0, STEPS // 2, STEPS - 1):
            found = _why(decided, unit, step)
            assert CJK.search(found.sentence.zh)
            assert "{" not in found.sentence.en + found.sentence.zh
            plain_pv = decided.plan.machines[unit].kind == "pv"
            assert found.alternative is not None or found.limits != () or plain_pv, (unit, step)


def test_a_converter_is_told_by_its_carriers_with_what_they_are_worth() -> None:
    decided = _decided("heat")
    step = _step(decided, "heat_pump", on=True)
    found = _why(decided, "heat_pump", step)
    flows = flows_of(decided.problem, decided.plan, "heat_pump", step)
    assert set(flows) == {"heat", "electric"}
    assert (
        f"takes {flows['electric']:.1f} kW of power and gives {-flows['heat']:.1f} kW of heat"
        in found.sentence.en
    )
    assert "产出热量" in found.sentence.zh
    assert "at the margin what it gives is worth" in found.sentence.en
    assert _extra(found) > -1e-3


def test_what_stands_without_a_switch_costs_more_by_what_its_margin_says() -> None:
    rod = converter("rod", STEPS, {"electric": (0.0, 100.0), "heat": (0.0, -99.0)})
    asked = cases.with_need(bare(), heat_kw=cases.flat(STEPS, 120.0))
    asked = replace(asked, boilers=(Boiler(name="boiler", capacity_kw=300.0),), converters=(rod,))
    decided = _of(asked)
    assert full_flows(asked, "rod", 1) == {"electric": 100.0, "heat": -99.0}
    found = _why(decided, "rod", 1)
    gain, cost = 99.0 * 0.05 / 0.9, 100.0 * 0.2
    assert (
        f"would at the margin be worth {gain:.2f} and what it takes cost {cost:.2f} EUR/h"
        in found.sentence.en
    )
    assert _extra(found) == pytest.approx(0.1 * (cost - gain) * HOURS, rel=1e-3)


def test_an_engine_is_told_with_heat_and_gas_and_a_contract_shows_in_the_price_of_gas() -> None:
    own = engine(Commitment(on=True, state_s=1e6))
    asked = replace(bare(price=0.4), chps=(replace(own, heat_min_kw=70.0, heat_max_kw=120.0),))
    asked = cases.with_need(asked, heat_kw=cases.flat(STEPS, 120.0))
    decided = _of(asked)
    found = _why(decided, "engine", 2)
    assert "takes 250.0 kW of gas and gives 100.0 kW of power, 120.0 kW of heat" in found.sentence.en
    assert "it gives all it can (100.0 kW)" in found.sentence.en
    assert decided.price("gas", 2) == pytest.approx(0.05)
    tight = replace(asked, supply=Supply(gas=GasContract(hourly_kwh=200.0)))
    dear = _of(tight).price("gas", 2)
    assert dear is not None
    assert dear > 0.06, "a limit that binds makes gas dearer at the margin"


def test_loads_are_told_with_the_prices_they_wait_for() -> None:
    decided = _decided("loads")
    pumping = decided.plan.machines["pumping"].power_kw
    runs = int(np.flatnonzero(pumping > 1.0)[0])
    assert f"takes {pumping[runs]:.1f} kW" in _why(decided, "pumping", runs).sentence.en
    outside = _why(decided, "pumping", 0)
    assert "it may take power from" in outside.sentence.en
    assert outside.alternative is None
    dear = next(k for k in range(1, 5) if pumping[k] <= 1.0 and PRICES[k] == max(PRICES))
    waits = _why(decided, "pumping", dear)
    assert "0.100 to 0.400 EUR/kWh in the steps it may take it in" in waits.sentence.en
    assert _extra(waits) > 0.0
    assert "若本时段用电" in waits.sentence.zh


def test_a_run_that_has_begun_is_told_step_by_step_and_another_begin_has_its_cost() -> None:
    batch = Batch(name="furnace", course_kw=(100.0, 60.0), first=0, until=5)
    decided = _of(replace(bare(price=PRICES), flexible=Flexible(batches=(batch,))))
    begun = int(np.flatnonzero(decided.plan.machines["furnace"].power_kw > 1.0)[0])
    second = _why(decided, "furnace", begun + 1)
    assert "takes 60.0 kW in step 2 of 2 of its run" in second.sentence.en
    assert "a run that has begun goes on to its end" in second.sentence.en
    dear = _why(decided, "furnace", 3 if begun == 0 else 1)  # 100 kW at 0.4 and 60 at 0.1, not so cheap
    assert "begun in this step would cost" in dear.sentence.en
    assert _extra(dear) == pytest.approx((40.0 + 6.0 - 10.0 - 24.0) * HOURS, rel=1e-3)
    last = _why(decided, "furnace", 4)
    assert last.alternative is None, "begun in its last step it would not be over"


def test_cars_are_told_by_name_and_nobody_charges_where_none_stands() -> None:
    cars = (Car(name="van", arrives=1, leaves=4, energy_kwh=8.0, most_kw=40.0),)
    asked = replace(
        bare(price=PRICES), flexible=Flexible(ev=(EvGroup(name="yard", most_kw=32.0, cars=cars),))
    )
    decided = _of(asked)
    away = _why(decided, "yard", 0)
    assert "no car stands there" in away.sentence.en
    assert away.alternative is None
    charging = _why(decided, "yard", 2)
    assert "charges van with 32.0 kW" in charging.sentence.en
    assert "its connection gives no more (32.0 kW)" in charging.sentence.en
    waiting = _why(decided, "yard", 1)
    assert "van charging with 32.0 kW in this step would cost 2.40 EUR more" in waiting.sentence.en
    assert _extra(waiting) == pytest.approx(8.0 * 0.3, rel=1e-3)


def test_what_may_be_left_off_is_told_with_its_worth() -> None:
    shed = ShedLoad(name="lights", most_kw=cases.flat(STEPS, 20.0), eur_kwh=0.3)
    decided = _of(replace(bare(price=PRICES), flexible=Flexible(shed=(shed,))))
    kept, off = _why(decided, "lights", 0), _why(decided, "lights", 1)
    assert "is not left off" in kept.sentence.en
    assert "power costs 0.100 at the margin, leaving it off 0.300 EUR/kWh" in kept.sentence.en
    assert _extra(kept) == pytest.approx(20.0 * 0.2 * HOURS, rel=1e-3)
    assert "leaves off 20.0 kW" in off.sentence.en
    assert _extra(off) == pytest.approx(20.0 * 0.1 * HOURS, rel=1e-3)


def test_a_load_that_waits_without_a_least_power_has_another_decision_too() -> None:
    load = ShiftLoad(name="pumping", energy_kwh=10.0, first=0, until=6, most_kw=80.0)
    decided = _of(replace(bare(price=PRICES), flexible=Flexible(shift=(load,))))
    takes = int(np.flatnonzero(decided.plan.machines["pumping"].power_kw > 1.0)[0])
    assert _extra(_why(decided, "pumping", takes)) == pytest.approx(0.0, abs=1e-3), "another cheap step does"
    assert "taking 40.0 kW in this step would cost 3.00 EUR more" in _why(decided, "pumping", 1).sentence.en


def test_a_resting_store_has_the_nearer_of_both_ways_as_its_other_decision() -> None:
    asked = replace(bare(price=0.2), batteries=(cases.battery(soc_kwh=40.0, end_value=0.2),))
    decided = _of(asked)
    move = other_move(decided, "battery", 2)
    assert move is not None
    found = _why(decided, "battery", 2)
    assert "rests" in found.sentence.en
    assert _extra(found) > 0.0, "the losses"
    empty = _of(
        replace(asked, batteries=(replace(asked.batteries[0], soc_kwh=asked.batteries[0].soc_min_kwh),))
    )
    assert "charging with" in _why(empty, "battery", 2).sentence.en


def test_what_is_held_from_outside_without_a_switch_says_so() -> None:
    boiler = Boiler(name="boiler", capacity_kw=300.0, lock=np.full(STEPS, OFF))
    held = replace(cases.battery(soc_kwh=50.0), fixed_kw=np.full(STEPS, 10.0))
    asked = cases.with_need(bare(), heat_kw=cases.flat(STEPS, 10.0))
    decided = _of(replace(asked, boilers=(boiler,), batteries=(held,)))
    assert "held off from outside" in _why(decided, "boiler", 1).sentence.en
    assert "its power is held at 10.0 kW from outside" in _why(decided, "battery", 1).sentence.en


def test_a_night_is_no_full_output_of_the_sun_and_heat_is_not_held_by_the_peak_of_power() -> None:
    decided = _of(replace(bare(), pv=Pv()))
    assert "has no sun to give power from" in _why(decided, "pv", 0).sentence.en
    peak = np.array([400.0, 500.0, 400.0, 400.0, 400.0, 400.0])
    asked = cases.with_need(bare(), heat_kw=cases.flat(STEPS, 50.0), electric_kw=peak)
    charged = replace(asked.prices, demand_charge_eur_kw=9.0)
    warm = _of(replace(asked, prices=charged, boilers=(Boiler(name="boiler", capacity_kw=300.0),)))
    found = _why(warm, "boiler", 1)
    assert any("the peak that is paid for" in one.limit.en for one in found.limits)
    assert "the peak" not in found.sentence.en


def test_a_single_machine_is_not_said_to_be_helped_by_others_that_give_nothing() -> None:
    asked = cases.with_need(bare(), cooling_kw=cases.flat(STEPS, 200.0))
    decided = _of(replace(asked, chillers=(cases.chiller("c1", STEPS),)))
    assert "no other machine runs for the 200.0 kW of cooling asked for" in _why(decided, "c1", 1).sentence.en


def test_money_beside_a_shortage_is_no_figure() -> None:
    asked = cases.with_need(bare(), cooling_kw=cases.flat(STEPS, 200.0))
    found = _why(_of(replace(asked, chillers=(cases.chiller("c1", STEPS),))), "c1", 1)
    assert found.alternative is not None
    assert found.alternative.missing != ()
    assert not any(one.name.startswith("alternative") for one in found.figures)


def test_the_highest_exchange_any_plan_could_need_is_no_limit_and_has_no_price() -> None:
    shed = ShedLoad(name="lights", most_kw=cases.flat(STEPS, 20.0), eur_kwh=0.3)
    decided = _of(replace(bare(price=PRICES), flexible=Flexible(shed=(shed,))))
    assert [decided.price("electric", step) for step in range(STEPS)] == pytest.approx(PRICES.tolist())
    sold = bare(price=0.2)
    sold = replace(sold, prices=replace(sold.prices, export_eur_kwh=cases.flat(STEPS, 0.25)))
    assert _of(sold).price("electric", 1) == pytest.approx(0.2), "bought or sold, never both"


def test_a_carrier_without_a_machine_that_gives_it_has_no_price() -> None:
    cell = converter("cell", STEPS, {"hydrogen": (0.0, 100.0), "electric": (0.0, -50.0)})
    decided = _decided("hydrogen")
    dry = replace(decided.problem, converters=(cell,), stores=())
    assert isinstance(cell.flows[0], Flow)
    assert _of(dry).price("hydrogen", 1) is None
