"""A window whose first step has begun: what is left of it is planned, on the clock of prices and meters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.inputs import refuse
from optimizer.plan import Plan
from optimizer.problem import Begun, Commitment, DispatchProblem, Store
from optimizer.solve import Feasible, Optimal
from optimizer.starting import Ramp
from optimizer.supply import DemandCharge, Supply
from protocols.errors import SolveError
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import bare, engine, planned

HALF = Begun(gone_frac=0.5, import_kw=300.0)


def begun(asked: DispatchProblem, first: Begun = HALF) -> DispatchProblem:
    return replace(asked, begun=first)


def test_energy_and_money_of_the_first_step_are_those_of_what_is_left() -> None:
    whole, half = planned(bare(4)), planned(begun(bare(4)))
    assert whole.cost.energy == pytest.approx(4 * 0.25 * 500.0 * 0.2)
    assert half.cost.energy == pytest.approx(3.5 * 0.25 * 500.0 * 0.2)


def test_a_store_moves_by_what_is_left_of_the_step() -> None:
    price = np.array([0.9, 0.1, 0.1, 0.1])
    ready = replace(cases.battery(), soc_kwh=150.0, end_value_eur_kwh=0.2)
    plan = planned(begun(replace(bare(4, price=price), batteries=(ready,))))
    power, level = float(plan.battery_kw[0]), float(plan.machines[ready.name].level[0])
    assert power == pytest.approx(-ready.discharge_max_kw)
    assert 150.0 - level == pytest.approx(-power * 0.125 / ready.discharge_eff_frac)
    lossy = Store(name="tank", carrier="cooling", content=100.0, most=100.0, loss_per_h_frac=0.4)
    asked = replace(bare(4), stores=(lossy,))
    assert planned(begun(asked)).machines["tank"].level[0] == pytest.approx(95.0)
    assert planned(asked).machines["tank"].level[0] == pytest.approx(90.0)


@pytest.mark.parametrize("by_contract", [False, True])
@pytest.mark.parametrize(("gone", "known_kw", "peak_kw"), [(0.5, 300.0, 400.0), (0.8, 900.0, 820.0)])
def test_the_meters_interval_counts_what_was_bought_before(
    gone: float, known_kw: float, peak_kw: float, *, by_contract: bool
) -> None:
    asked = begun(bare(1), Begun(gone_frac=gone, import_kw=known_kw))
    if by_contract:
        charge = DemandCharge(name="demand", eur_kw=2.0, so_far_kw=100.0, window_s=900.0)
        asked = replace(asked, supply=Supply(charges=(charge,)))
        assert planned(asked).charges["demand"] == pytest.approx(2.0 * (peak_kw - 100.0))
        return
    asked = replace(asked, prices=replace(asked.prices, demand_charge_eur_kw=2.0, month_peak_kw=100.0))
    assert planned(asked).peak_kw == pytest.approx(peak_kw)
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    energy = 500.0 * 0.2 * 0.25 * (1.0 - gone)
    assert outcome.objective == pytest.approx(energy + 2.0 * (peak_kw - 100.0))


def test_a_peak_that_threatens_is_pressed_in_the_rest_of_its_interval() -> None:
    asked = begun(bare(2), Begun(gone_frac=0.5, import_kw=700.0))
    asked = replace(asked, prices=replace(asked.prices, demand_charge_eur_kw=50.0, month_peak_kw=450.0))
    asked = replace(asked, batteries=(replace(cases.battery(), soc_kwh=300.0),))
    plan = planned(asked)
    assert (700.0 + plan.import_kw[0]) / 2.0 == pytest.approx(max(450.0, plan.peak_kw), abs=0.1)
    assert plan.import_kw[0] == pytest.approx(500.0 - cases.battery().discharge_max_kw, abs=0.1)


def _engine_on(plan: Plan) -> list[bool]:
    return [bool(on) for on in plan.machines["engine"].on]


def test_a_start_in_a_begun_step_owes_its_shortest_run_from_then_on() -> None:
    price = np.array([0.4, 0.05, 0.05, 0.05, 0.05, 0.05])
    own = Commitment(min_up_s=900.0)
    at_once = replace(bare(6, price=price), chps=(engine(own),))
    assert _engine_on(planned(at_once)) == [True, False, False, False, False, False]
    late = planned(begun(at_once))
    assert _engine_on(late) in ([True, True] + [False] * 4, [False] * 6)
    broken = replace(late, machines=late.machines | {"engine": planned(at_once).machines["engine"]})
    assert any("minimum run" in one.limit for one in check(begun(at_once), broken))


def test_what_is_owed_from_before_ends_at_its_minute() -> None:
    price = np.full(6, 0.05)
    # started 20 min before now, 450 s into the step: of its 30 min the last ten reach into the second step
    own = Commitment(on=True, state_s=1200.0 - 450.0, min_up_s=1800.0)
    plan = planned(begun(replace(bare(6, price=price), chps=(engine(own),))))
    assert _engine_on(plan) == [True, True, False, False, False, False]


@pytest.mark.parametrize("cold_eur", [None, 30.0])
@pytest.mark.parametrize(("age_s", "free"), [(710.0, True), (601.0, True), (590.0, False)])
def test_a_machine_whose_shortest_stop_is_over_now_may_start_at_once(
    age_s: float, cold_eur: float | None, *, free: bool
) -> None:
    price = np.array([0.9] * 2 + [0.01] * 4)
    first = Begun(gone_frac=0.8, import_kw=300.0)
    own = Commitment(
        state_s=age_s - 720.0, min_down_s=600.0, start_eur=0.1, cold_start_eur=cold_eur, cold_after_s=3600.0
    )
    asked = begun(replace(bare(6, price=price), chps=(engine(own),)), first)
    plan = planned(asked)
    assert _engine_on(plan) == [free, True] + [False] * 4
    at_once = replace(plan.machines["engine"], on=np.array([True, True] + [False] * 4))
    early = replace(plan, machines=plan.machines | {"engine": at_once})
    told = [one.limit for one in check(asked, early)]
    assert ("minimum stop [s]" in told) is not free


def test_a_machine_whose_shortest_run_is_over_now_may_stop_at_once() -> None:
    own = Commitment(on=True, state_s=650.0 - 720.0, min_up_s=600.0)
    first = Begun(gone_frac=0.8, import_kw=300.0)
    asked = begun(replace(bare(4, price=np.full(4, 0.01)), chps=(engine(own),)), first)
    assert _engine_on(planned(asked)) == [False] * 4


@pytest.mark.parametrize("frac", [0.0, 1.0, 1.4, -0.2, float("nan")])
def test_a_share_that_is_none_is_refused(frac: float) -> None:
    with pytest.raises(SolveError, match="must lie between 0 and 1"):
        refuse(begun(bare(2), Begun(gone_frac=frac)))


def test_what_is_followed_by_the_minute_wants_a_whole_first_step() -> None:
    ramped = Commitment(ramp=Ramp(up_per_min=1.0))
    with pytest.raises(SolveError, match="with a ramp the window must begin with a whole step"):
        refuse(begun(replace(bare(2), chps=(engine(ramped),))))
    sliding = DemandCharge(name="demand", eur_kw=2.0, window_s=1800.0, sliding=True)
    with pytest.raises(SolveError, match="a sliding demand window"):
        refuse(begun(replace(bare(2), supply=Supply(charges=(sliding,)))))


def test_a_day_of_the_demo_that_has_begun_keeps_every_limit() -> None:
    asked = begun(cases.demo_day(), Begun(gone_frac=7 / 15, import_kw=640.0))
    outcome = plan_day(asked, gap_frac=0.003)
    assert isinstance(outcome, Optimal | Feasible)
    assert check(asked, outcome.plan) == []
