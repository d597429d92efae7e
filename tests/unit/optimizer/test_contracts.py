from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import Boiler, DispatchProblem, Pv
from optimizer.supply import DemandCharge, EnergyTier, GasContract, Levy, Reactive, Supply
from protocols.errors import SolveError
from tests.unit.optimizer.cases import battery, flat, with_need
from tests.unit.optimizer.features import bare, converter, engine, planned

NEED = np.array([600.0, 400.0, 600.0, 400.0])


def _charged(*charges: DemandCharge, need: np.ndarray = NEED) -> DispatchProblem:
    return replace(with_need(bare(len(need)), electric_kw=need), supply=Supply(charges=charges))


# the window begins a quarter of an hour into a half hour of the clock
WINDOWS = [
    (DemandCharge(name="c", eur_kw=2.0), 600.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=1800.0), 600.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=1800.0, before_kw=(800.0,)), 700.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=1800.0, before_kw=(100.0,)), 500.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=1800.0, sliding=True, before_kw=(400.0,)), 500.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=1200.0, sliding=True, before_kw=(400.0, 400.0)), 550.0),
    (DemandCharge(name="c", eur_kw=2.0, window_s=600.0, sliding=True), 600.0),
    (DemandCharge(name="c", eur_kw=2.0, counts=np.array([False, True, False, True])), 400.0),
    (
        DemandCharge(name="c", eur_kw=2.0, window_s=1800.0, counts=np.array([0, 0, 1, 0], dtype=np.bool_)),
        500.0,
    ),
]


@pytest.mark.parametrize(("charge", "peak_kw"), WINDOWS)
def test_a_demand_charge_is_on_the_highest_mean_of_its_windows(charge: DemandCharge, peak_kw: float) -> None:
    assert planned(_charged(charge)).charges["c"] == pytest.approx(2.0 * peak_kw)


def test_a_ratchet_is_a_floor_and_above_the_contract_it_costs_more() -> None:
    charge = DemandCharge(
        name="c", eur_kw=2.0, so_far_kw=550.0, over_from_kw=580.0, over_eur_kw=3.0, weight_frac=0.5
    )
    assert planned(_charged(charge)).charges["c"] == pytest.approx(0.5 * (50.0 * 2.0 + 20.0 * 3.0))
    below = replace(charge, so_far_kw=700.0)
    assert planned(_charged(below)).charges["c"] == 0.0


def test_charges_add_up_and_a_battery_sinks_the_peak_that_counts() -> None:
    network = DemandCharge(name="network", eur_kw=5.0, counts=np.array([False, False, True, False]))
    asked = replace(_charged(network, DemandCharge(name="own", eur_kw=0.1)), batteries=(battery(),))
    plan = planned(asked)
    assert plan.import_kw[2] == pytest.approx(500.0, abs=0.1)
    assert plan.charges["network"] == pytest.approx(2500.0, abs=0.5)


def test_every_random_window_is_billed_as_the_checker_bills_it() -> None:
    random = np.random.default_rng(5)
    for _ in range(25):
        steps = int(random.integers(3, 9))
        before = tuple(float(value) for value in random.uniform(100, 900, int(random.integers(0, 5))))
        counts = None if random.random() < 0.5 else random.random(steps) < 0.6
        charge = DemandCharge(
            name="c",
            eur_kw=1.0,
            window_s=float(random.choice([300, 600, 900, 1200, 1800, 2700, 3600, 5400])),
            sliding=bool(random.random() < 0.5),
            before_kw=before,
            counts=counts,
        )
        asked = _charged(charge, need=random.uniform(100.0, 900.0, steps))
        asked = replace(asked, start_ns=asked.start_ns + 300_000_000_000 * int(random.integers(0, 12)))
        planned(asked)


def test_apparent_power_is_charged_and_the_inverter_makes_it_less() -> None:
    charge = DemandCharge(name="kva", eur_kw=1.0, apparent=True)
    asked = with_need(bare(2), electric_kw=flat(2, 300.0))
    bare_kva = Supply(charges=(charge,), reactive=Reactive(need_kvar=flat(2, 400.0)))
    assert planned(replace(asked, supply=bare_kva)).charges["kva"] == pytest.approx(500.0, rel=1e-3)
    with_inverter = replace(bare_kva, reactive=Reactive(need_kvar=flat(2, 400.0), inverter_kva=100.0))
    plan = planned(replace(asked, supply=with_inverter))
    assert plan.charges["kva"] == pytest.approx(np.hypot(300.0, 300.0), rel=1e-3)
    assert plan.setpoints["inverter_kvar"] == pytest.approx([100.0, 100.0], abs=0.2)


def test_the_power_factor_of_the_month_is_bought_back_by_the_inverter() -> None:
    reactive = Reactive(
        need_kvar=flat(4, 300.0), inverter_kva=300.0, factor_least=0.9, eur_kvarh=0.2, month_kwh=1000.0,
        month_kvarh=484.3221,
    )  # fmt: skip
    asked = replace(with_need(bare(4), electric_kw=flat(4, 400.0)), supply=Supply(reactive=reactive))
    plan = planned(asked)
    assert plan.charges["power_factor"] == pytest.approx(0.0, abs=0.01)
    counted_kvarh = float(np.abs(300.0 - plan.setpoints["inverter_kvar"]).sum()) * 0.25
    assert counted_kvarh <= 400.0 * np.tan(np.arccos(0.9)) + 0.1
    dark = replace(reactive, inverter_kva=0.0)
    charged = planned(replace(asked, supply=Supply(reactive=dark))).charges["power_factor"]
    assert charged == pytest.approx(0.2 * (300.0 - 400.0 * np.tan(np.arccos(0.9))), abs=0.02)


def test_active_power_comes_before_reactive_power_only_while_it_is_worth_more() -> None:
    reactive = Reactive(need_kvar=flat(2, 300.0), inverter_kva=100.0, factor_least=0.99, eur_kvarh=0.001)
    sun = with_need(bare(2), electric_kw=flat(2, 400.0), pv_kw=flat(2, 100.0))
    plan = planned(replace(sun, pv=Pv(), supply=Supply(reactive=reactive)))
    assert plan.machines["pv"].level == pytest.approx([100.0, 100.0], abs=0.2)
    dear = replace(reactive, eur_kvarh=5.0)
    plan = planned(replace(sun, pv=Pv(), supply=Supply(reactive=dear)))
    assert (plan.setpoints["inverter_kvar"] > 90.0).all()
    assert (np.hypot(plan.machines["pv"].level, plan.setpoints["inverter_kvar"]) <= 100.1).all()


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.08), (0.08, 0.02)])
def test_tiers_are_filled_in_their_order_whichever_is_cheaper(first: float, second: float) -> None:
    tiers = (EnergyTier(room_kwh=350.0, eur_kwh=first), EnergyTier(room_kwh=np.inf, eur_kwh=second))
    asked = replace(with_need(bare(4), electric_kw=NEED), supply=Supply(tiers=tiers))
    assert planned(asked).charges["tiers"] == pytest.approx(350.0 * first + 150.0 * second)


def test_taxes_stand_apart_from_the_price_and_move_the_plan_like_it() -> None:
    levy = Levy(name="tax", eur_kwh=np.array([0.0, 0.3]))
    asked = replace(bare(2, price=0.1), chps=(engine(),), supply=Supply(levies=(levy,)))
    plan = planned(asked)
    assert plan.machines["engine"].level == pytest.approx([0.0, 100.0], abs=0.01)
    assert plan.charges["tax"] == pytest.approx(400.0 * 0.25 * 0.3)
    assert plan.cost.energy == pytest.approx((500.0 + 400.0) * 0.25 * 0.1)
    twice = (levy, replace(levy))
    with pytest.raises(SolveError, match="the same name"):
        plan_day(replace(asked, supply=Supply(levies=twice)))
    with pytest.raises(SolveError, match="levy tax has 1 values"):
        plan_day(replace(asked, supply=Supply(levies=(replace(levy, eur_kwh=flat(1, 0.1)),))))


def test_a_dear_tier_is_worth_running_the_engine() -> None:
    tiers = (EnergyTier(room_kwh=450.0, eur_kwh=0.0), EnergyTier(room_kwh=np.inf, eur_kwh=1.0))
    asked = replace(with_need(bare(4, price=0.05), electric_kw=NEED), chps=(engine(),))
    assert planned(asked).machines["engine"].level.sum() == 0.0
    plan = planned(replace(asked, supply=Supply(tiers=tiers)))
    assert plan.import_kw.sum() * 0.25 == pytest.approx(450.0, abs=0.1)


def test_least_import_curtails_the_sun_and_is_named_where_the_need_is_below_it() -> None:
    asked = with_need(bare(3), electric_kw=np.array([200.0, 200.0, 20.0]), pv_kw=np.array([0.0, 190.0, 0.0]))
    plan = planned(replace(asked, pv=Pv(), supply=Supply(import_least_kw=30.0)))
    assert plan.import_kw == pytest.approx([200.0, 30.0, 20.0], abs=0.01)
    assert [(s.name, s.step, round(s.amount)) for s in plan.shortages] == [("import_under", 2, 10)]


def _boiler(supply: Supply, *, heat_kw: float = 180.0, steps: int = 8) -> Plan:
    asked = replace(
        with_need(bare(steps), heat_kw=flat(steps, heat_kw)),
        boilers=(Boiler(name="boiler", capacity_kw=400.0),),
        converters=(converter("rod", steps, {"heat": (0.0, -300.0), "electric": (0.0, 300.0)}),),
        supply=supply,
    )
    return planned(asked)


def test_gas_of_a_clock_hour_stays_within_its_limit() -> None:
    plan = _boiler(Supply(gas=GasContract(hourly_kwh=150.0, this_hour_kwh=100.0)))
    # the window begins 45 minutes into an hour of the clock
    hours = [plan.fuel_kw[:1].sum() * 0.25, plan.fuel_kw[1:5].sum() * 0.25, plan.fuel_kw[5:].sum() * 0.25]
    assert hours[0] <= 50.01
    assert hours[1] == pytest.approx(150.0, abs=0.01)
    assert hours[2] == pytest.approx(150.0, abs=0.01)


def test_gas_over_its_limit_is_named_when_there_is_no_other_heat() -> None:
    asked = replace(
        with_need(bare(4), heat_kw=flat(4, 180.0)),
        boilers=(Boiler(name="boiler", capacity_kw=400.0),),
        supply=Supply(gas=GasContract(hourly_kwh=100.0)),
    )
    plan = planned(asked)
    assert sum(s.amount for s in plan.shortages if s.name == "gas_over") > 100.0


def test_gas_that_is_paid_anyway_is_burnt_first() -> None:
    price = 0.03
    rod = _boiler(Supply()).cost.fuel
    assert rod > 0
    asked = replace(
        with_need(bare(4, price=price), heat_kw=flat(4, 180.0)),
        boilers=(Boiler(name="boiler", capacity_kw=400.0),),
        converters=(converter("rod", 4, {"heat": (0.0, -300.0), "electric": (0.0, 300.0)}),),
    )
    assert planned(asked).fuel_kw.sum() == pytest.approx(0.0, abs=0.01)
    plan = planned(replace(asked, supply=Supply(gas=GasContract(take_kwh=120.0))))
    assert plan.fuel_kw.sum() * 0.25 == pytest.approx(120.0, abs=0.01)
    assert plan.charges["gas_not_taken"] == pytest.approx(0.0, abs=0.01)
    more = planned(replace(asked, supply=Supply(gas=GasContract(take_kwh=900.0))))
    assert more.charges["gas_not_taken"] == pytest.approx((900.0 - 200.0) * 0.05, abs=0.01)


def test_the_cap_on_carbon_trades_cost_for_emissions_point_by_point() -> None:
    # heat by electricity emits 0.38, by gas 0.202/0.9 per kWh and costs more here
    asked = replace(
        with_need(bare(4, price=0.03), heat_kw=flat(4, 200.0)),
        boilers=(Boiler(name="boiler", capacity_kw=400.0),),
        converters=(converter("rod", 4, {"heat": (0.0, -300.0), "electric": (0.0, 300.0)}),),
    )
    free = planned(asked)
    least = 0.38 * 500.0 + 0.202 / 0.9 * 200.0
    found = [
        planned(replace(asked, supply=Supply(co2_cap_kg=cap)))
        for cap in np.linspace(free.co2_kg, least + 1e-6, 5)
    ]
    costs = [plan.cost.total for plan in found]
    assert np.all(np.diff(costs) > 0.0)
    assert found[-1].co2_kg == pytest.approx(least, abs=0.01)
    short = planned(replace(asked, supply=Supply(co2_cap_kg=least - 10.0)))
    assert [(s.name, round(s.amount)) for s in short.shortages] == [("window_over.co2_kg", 10)]


def test_an_estimate_of_the_marginal_factor_moves_the_plan_and_enters_no_report() -> None:
    marginal = np.array([0.1, 0.9, 0.1, 0.9])
    asked = replace(bare(4), batteries=(battery(end_value=0.2),))
    asked = replace(asked, prices=replace(asked.prices, co2_eur_t=100.0))
    still, moved = planned(asked), planned(replace(asked, supply=Supply(marginal_kg_kwh=marginal)))
    assert np.abs(still.battery_kw).max() < np.abs(moved.battery_kw).max()
    reported = 0.25 * float(moved.import_kw @ asked.prices.grid_kg_kwh)
    assert moved.co2_kg == pytest.approx(reported)
    assert moved.cost.co2 == pytest.approx(reported * 0.1)


def _spoilt(**supply: object) -> Supply:
    return Supply(**supply)  # type: ignore[arg-type]  # hostile on purpose


HOSTILE = [
    (_spoilt(charges=(DemandCharge(name="a", eur_kw=-1.0),)), "needs numbers not below zero"),
    (_spoilt(charges=(DemandCharge(name="a", eur_kw=float("nan")),)), "needs numbers not below zero"),
    (_spoilt(charges=(DemandCharge(name="a", eur_kw=1.0),) * 2), "the same name"),
    (_spoilt(charges=(DemandCharge(name="a", eur_kw=1.0, window_s=61.0),)), "whole minutes"),
    (_spoilt(charges=(DemandCharge(name="a", eur_kw=1.0, apparent=True),)), "by kVA"),
    (
        _spoilt(charges=(DemandCharge(name="a", eur_kw=1.0, counts=np.ones(2, dtype=np.bool_)),)),
        "for each step",
    ),
    (_spoilt(tiers=(EnergyTier(room_kwh=5.0, eur_kwh=0.1),)), "must have no end"),
    (_spoilt(tiers=(EnergyTier(room_kwh=-5.0, eur_kwh=0.1),)), "room not below zero"),
    (_spoilt(import_least_kw=-1.0), "the least import"),
    (_spoilt(import_least_kw=1e9), "the least import"),
    (_spoilt(reactive=Reactive(need_kvar=flat(2, 1.0))), "reactive power has 2 values"),
    (_spoilt(reactive=Reactive(need_kvar=flat(6, 1.0), factor_least=1.5)), "power factor of 1.5"),
    (_spoilt(reactive=Reactive(need_kvar=flat(6, 1.0), inverter_kva=-1.0)), "must not be below 0"),
    (_spoilt(gas=GasContract(take_kwh=-1.0)), "gas contract has a negative"),
    (_spoilt(co2_cap_kg=float("nan")), "cap on emissions"),
    (_spoilt(marginal_kg_kwh=flat(3, 0.1)), "marginal emission factor has 3 values"),
]


@pytest.mark.parametrize(("supply", "words"), HOSTILE, ids=[words for _, words in HOSTILE])
def test_contracts_that_cannot_be_are_refused_in_plant_words(supply: Supply, words: str) -> None:
    with pytest.raises(SolveError, match=words):
        plan_day(replace(bare(), supply=supply))


def test_the_checker_sees_gas_carbon_and_import_that_break_their_limits() -> None:
    asked = replace(
        with_need(bare(4), heat_kw=flat(4, 180.0)), boilers=(Boiler(name="boiler", capacity_kw=400.0),)
    )
    plan = planned(asked)
    for supply, machine in (
        (Supply(gas=GasContract(hourly_kwh=10.0)), "gas"),
        (Supply(co2_cap_kg=10.0), "co2"),
        (Supply(import_least_kw=600.0), "grid"),
        (Supply(charges=(DemandCharge(name="c", eur_kw=1.0),)), "cost"),
    ):
        assert machine in {fault.machine for fault in check(replace(asked, supply=supply), plan)}
