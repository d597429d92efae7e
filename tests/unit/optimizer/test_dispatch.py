from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import OFF, ON, Boiler, Chp, Commitment, DispatchProblem, Limits, Pv
from optimizer.solve import Feasible, Optimal
from protocols.errors import SolveError
from tests.unit.optimizer import cases


def solved(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal), outcome
    assert check(asked, outcome.plan) == []
    return outcome.plan


def test_a_battery_buys_cheap_and_discharges_dear() -> None:
    price = np.array([0.05] * 4 + [0.30] * 4)
    asked = cases.with_need(cases.problem(8, price=price), electric_kw=cases.flat(8, 150.0))
    plan = solved(replace(asked, batteries=(cases.battery(soc_kwh=20.0, end_value=0.0),)))
    # one hour at 100 kW stores 95 kWh, of which 90.25 come back
    assert plan.battery_kw[:4].sum() == pytest.approx(400.0)
    assert plan.battery_kw[4:].sum() * 0.25 == pytest.approx(-90.25)
    assert plan.machines["battery"].level[-1] == pytest.approx(20.0)
    assert plan.cost.energy == pytest.approx(0.05 * 250.0 + 0.30 * (150.0 - 90.25))


def test_a_battery_rests_where_losses_eat_the_spread() -> None:
    price = np.array([0.19] * 4 + [0.20] * 4)
    asked = cases.with_need(cases.problem(8, price=price), electric_kw=cases.flat(8, 150.0))
    plan = solved(replace(asked, batteries=(cases.battery(soc_kwh=20.0, end_value=0.0),)))
    assert np.abs(plan.battery_kw).max() == pytest.approx(0.0, abs=1e-6)


def test_stored_energy_is_not_dumped_at_the_end_of_the_window() -> None:
    asked = cases.with_need(cases.problem(8), electric_kw=cases.flat(8, 150.0))
    plan = solved(replace(asked, batteries=(replace(cases.battery(soc_kwh=150.0), wear_eur_kwh=0.01),)))
    assert plan.machines["battery"].level[-1] == pytest.approx(150.0)


def test_a_content_outside_its_range_is_clipped_and_said() -> None:
    asked = replace(cases.problem(4), batteries=(cases.battery(soc_kwh=12.5),))
    plan = solved(asked)
    assert "7.5 kWh outside its range" in plan.notes[0].en


def test_one_compressor_follows_the_need_on_its_own_curve() -> None:
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 5.0))
    plan = solved(replace(asked, compressors=(cases.fixed_speed("comp_1"),)))
    machine = plan.machines["comp_1"]
    assert machine.role == ("trim",) * 4
    # 60 kW × (0.3 + 0.7 × 0.5 + 0.4 × 0.25): the blow-down bulge is paid for, the chord would say 39 kW
    assert machine.power_kw == pytest.approx(45.0)
    assert plan.import_kw == pytest.approx(45.0)


def test_at_most_one_compressor_trims_and_the_others_are_full_or_off() -> None:
    asked = cases.with_need(cases.problem(6), air_m3_min=np.array([5.0, 12.0, 17.0, 23.0, 28.0, 34.0]))
    machines = (*(cases.fixed_speed(f"comp_{i}") for i in (1, 2, 3)), cases.variable_speed("comp_4"))
    plan = solved(replace(asked, compressors=machines))
    roles = list(zip(*(plan.machines[m.name].role for m in machines), strict=True))
    assert all(step.count("trim") <= 1 for step in roles)
    assert plan.shortages == ()


def test_a_start_that_costs_more_than_idling_is_not_made() -> None:
    need = np.array([10.0, 10.0, 2.0, 10.0, 10.0])
    busy = Commitment(on=True, start_eur=50.0)
    asked = cases.with_need(cases.problem(5), air_m3_min=need)
    both = (cases.fixed_speed("comp_1", commitment=busy), cases.fixed_speed("comp_2", full=2.0))
    plan = solved(replace(asked, compressors=both))
    assert plan.machines["comp_1"].on.all()


@pytest.mark.parametrize(
    ("min_up_s", "state_s", "owed"), [(900.0, 0.0, 1), (1800.0, 0.0, 2), (3600.0, 900.0, 3)]
)
def test_minimum_run_owed_from_before_the_window_is_kept(min_up_s: float, state_s: float, owed: int) -> None:
    running = Commitment(on=True, state_s=state_s, min_up_s=min_up_s)
    asked = replace(cases.problem(6), compressors=(cases.fixed_speed("comp_1", commitment=running),))
    plan = solved(asked)
    assert plan.machines["comp_1"].on.tolist() == [True] * owed + [False] * (6 - owed)


def test_minimum_stop_longer_than_the_window_holds_throughout() -> None:
    stopped = Commitment(on=False, state_s=0.0, min_down_s=36_000.0)
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 5.0))
    plan = solved(replace(asked, compressors=(cases.fixed_speed("comp_1", commitment=stopped),)))
    assert not plan.machines["comp_1"].on.any()
    assert {shortage.name for shortage in plan.shortages} == {"air_short"}


def test_replanning_in_the_middle_of_a_minimum_run_keeps_it() -> None:
    need = np.array([14.0, 14.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0])
    small = cases.fixed_speed("comp_1", full=5.0)
    limits = Commitment(min_up_s=3600.0, min_down_s=1800.0, start_eur=1.0)
    asked = cases.with_need(cases.problem(8), air_m3_min=need)
    asked = replace(asked, compressors=(small, cases.fixed_speed("comp_2", commitment=limits)))
    first = solved(asked).machines["comp_2"].on
    assert first[:4].all()
    cut = replace(limits, on=True, state_s=1800.0)
    later = cases.with_need(cases.problem(6), air_m3_min=need[2:])
    second = solved(replace(later, compressors=(small, cases.fixed_speed("comp_2", commitment=cut))))
    assert second.machines["comp_2"].on[:2].all()


def test_a_tripped_machine_stays_off_although_it_owes_a_run() -> None:
    tripped = Commitment(on=True, state_s=0.0, min_up_s=3600.0, lock=np.full(4, OFF))
    asked = cases.with_need(cases.problem(4), air_m3_min=cases.flat(4, 8.0))
    spare = cases.fixed_speed("comp_2")
    plan = solved(replace(asked, compressors=(cases.fixed_speed("comp_1", commitment=tripped), spare)))
    assert not plan.machines["comp_1"].on.any()
    assert plan.machines["comp_2"].on.all()


def test_a_machine_in_local_mode_is_planned_as_it_is_seen() -> None:
    local = Commitment(on=True, lock=np.full(4, ON))
    asked = cases.with_need(cases.problem(4), cooling_kw=cases.flat(4, 300.0))
    asked = replace(asked, chillers=(cases.chiller("ch_1", 4, commitment=local), cases.chiller("ch_2", 4)))
    assert solved(asked).machines["ch_1"].on.all()


def test_need_above_capacity_is_a_named_shortage_with_step_and_amount() -> None:
    asked = cases.with_need(cases.problem(3), air_m3_min=np.array([5.0, 13.0, 5.0]))
    plan = solved(replace(asked, compressors=(cases.fixed_speed("comp_1"),)))
    assert [(s.name, s.step, round(s.amount, 3)) for s in plan.shortages] == [("air_short", 1, 3.0)]
    assert "compressed air exceeds" in plan.notes[0].en


def test_heat_is_given_up_before_air() -> None:
    asked = cases.with_need(cases.problem(2), heat_kw=cases.flat(2, 10.0), air_m3_min=cases.flat(2, 5.0))
    asked = replace(asked, limits=Limits(import_kw=0.0), compressors=(cases.fixed_speed("comp_1"),))
    plan = solved(asked)
    assert {s.name for s in plan.shortages} == {"heat_short", "import_over"}


def test_the_demand_charge_counts_only_above_the_peak_so_far() -> None:
    need = np.array([100.0, 100.0, 180.0, 100.0])
    asked = cases.with_need(cases.problem(4), electric_kw=need)
    asked = replace(asked, batteries=(replace(cases.battery(), wear_eur_kwh=0.01),))
    calm = replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=200.0)
    assert solved(replace(asked, prices=calm)).import_kw.max() == pytest.approx(180.0)
    tense = replace(calm, month_peak_kw=120.0)
    assert solved(replace(asked, prices=tense)).import_kw.max() == pytest.approx(120.0, abs=0.1)


def test_pv_is_curtailed_rather_than_sold_at_a_loss() -> None:
    asked = cases.with_need(cases.problem(2), pv_kw=cases.flat(2, 50.0), electric_kw=cases.flat(2, 20.0))
    prices = replace(asked.prices, export_eur_kwh=cases.flat(2, -0.02))
    plan = solved(replace(asked, prices=prices, pv=Pv()))
    assert plan.machines["pv"].level == pytest.approx(20.0)


def test_import_and_export_exclude_each_other_where_selling_pays_more() -> None:
    asked = cases.with_need(cases.problem(2), electric_kw=cases.flat(2, 20.0))
    prices = replace(asked.prices, export_eur_kwh=cases.flat(2, 0.5))
    plan = solved(replace(asked, prices=prices, batteries=(cases.battery(soc_kwh=20.0),)))
    assert np.minimum(plan.import_kw, plan.export_kw).max() < 1e-6


def test_a_negative_price_does_not_invent_consumption() -> None:
    price = np.array([-0.2, -0.2, 0.2, 0.2])
    asked = cases.with_need(cases.problem(4, price=price), cooling_kw=cases.flat(4, 200.0))
    asked = replace(asked, chillers=(cases.chiller("ch_1", 4),), batteries=(cases.battery(),))
    solved(asked)


def test_the_chp_runs_where_power_is_dear_and_heat_is_used() -> None:
    price = np.array([0.02] * 4 + [0.4] * 4)
    asked = cases.with_need(
        cases.problem(8, price=price), electric_kw=cases.flat(8, 200.0), heat_kw=cases.flat(8, 140.0)
    )
    chp = Chp(
        name="chp",
        power_min_kw=50.0,
        power_max_kw=100.0,
        gas_min_kw=165.0,
        gas_max_kw=285.0,
        heat_min_kw=85.0,
        heat_max_kw=140.0,
    )
    plan = solved(replace(asked, chps=(chp,), boilers=(Boiler(name="boiler", capacity_kw=200.0),)))
    assert plan.machines["chp"].on.tolist() == [False] * 4 + [True] * 4
    assert plan.fuel_kw[:4] == pytest.approx(140.0 / 0.9)
    assert plan.fuel_kw[4:] == pytest.approx(285.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"air_m3_min": np.array([1.0, np.nan])}, "no usable number in step 1"),
        ({"cooling_kw": np.array([1.0])}, "has 1 values, the window has 2 steps"),
        ({"heat_kw": np.array([1.0, -1.0])}, "is negative"),
    ],
)
def test_an_unusable_forecast_is_refused_in_plant_words(change: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(SolveError, match=words):
        plan_day(cases.with_need(cases.problem(2), **change))


def test_a_nan_price_is_refused() -> None:
    with pytest.raises(SolveError, match="price of bought power has no usable number"):
        plan_day(cases.problem(2, price=np.array([0.2, np.nan])))


def test_a_negative_capacity_is_refused() -> None:
    machine = cases.fixed_speed("comp_1", full=-5.0)
    with pytest.raises(SolveError, match="comp_1"):
        plan_day(replace(cases.problem(2), compressors=(machine,)))


def test_two_machines_of_one_name_are_refused() -> None:
    twins = (cases.fixed_speed("comp_1"), cases.fixed_speed("comp_1"))
    with pytest.raises(SolveError, match="two machines are called comp_1"):
        plan_day(replace(cases.problem(2), compressors=twins))


def test_the_same_day_gives_the_same_plan_and_survives_json() -> None:
    asked = cases.demo_day()
    first, second = plan_day(asked), plan_day(asked)
    assert isinstance(first, Optimal)
    assert isinstance(second, Optimal)
    written = json.dumps(first.plan.to_dict())
    assert written == json.dumps(second.plan.to_dict())
    assert json.dumps(Plan.from_dict(json.loads(written)).to_dict()) == written


def test_a_full_day_is_solved_to_half_a_percent_and_keeps_every_limit() -> None:
    asked = cases.demo_day(1)
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible)
    assert outcome.gap <= 0.005
    assert check(asked, outcome.plan) == []
    assert {s.name for s in outcome.plan.shortages} <= {"heat_surplus"}


def test_the_plan_in_force_is_a_start_for_the_next_one() -> None:
    asked = cases.demo_day(1)
    first = plan_day(asked)
    assert isinstance(first, Optimal)
    again = plan_day(asked, hint=first.plan)
    assert isinstance(again, Optimal)
    assert again.objective <= first.objective * 1.001


@st.composite
def _days(draw: st.DrawFn) -> DispatchProblem:
    steps = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def commitment() -> Commitment:
        lock = rng.integers(-1, 2, steps) if rng.random() < 0.2 else None
        return Commitment(
            on=bool(rng.random() < 0.5),
            state_s=900.0 * int(rng.integers(0, 5)),
            min_up_s=900.0 * int(rng.integers(0, 5)),
            min_down_s=900.0 * int(rng.integers(0, 5)),
            start_eur=float(rng.random() * 3),
            lock=lock,
        )

    asked = cases.problem(
        steps, price=rng.uniform(-0.05, 0.3, steps), binary_steps=draw(st.integers(1, steps))
    )
    asked = cases.with_need(
        asked,
        electric_kw=rng.uniform(0, 300, steps),
        air_m3_min=rng.uniform(0, 45, steps),
        cooling_kw=rng.uniform(0, 900, steps),
        heat_kw=rng.uniform(0, 400, steps),
        pv_kw=rng.uniform(0, 500, steps),
    )
    day = cases.demo_day()
    return replace(
        asked,
        prices=replace(asked.prices, export_eur_kwh=rng.uniform(-0.02, 0.2, steps)),
        limits=Limits(import_kw=600.0, export_kw=100.0, air_reserve_frac=0.05),
        compressors=tuple(replace(c, commitment=commitment()) for c in day.compressors),
        chillers=tuple(cases.chiller(f"ch_{i}", steps, commitment=commitment()) for i in (1, 2)),
        batteries=(cases.battery(soc_kwh=float(rng.uniform(0, 220))),),
        chps=tuple(replace(c, commitment=commitment()) for c in day.chps),
        boilers=day.boilers,
        pv=Pv(can_curtail=bool(rng.random() < 0.5)),
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_days())
def test_whatever_is_asked_the_plan_keeps_every_limit(asked: DispatchProblem) -> None:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible), outcome
    assert check(asked, outcome.plan) == []
