from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.build import build, hint_from
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import Chiller, Commitment, Compressor, DispatchProblem, Limits, Store
from optimizer.solve import Feasible, Optimal, Solved, SolveOptions, solve
from protocols.errors import SolveError
from tests.unit.optimizer.cases import flat, problem, with_need

QUARTER_S = 900.0


def planned(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible)
    assert check(asked, outcome.plan) == []
    return outcome.plan


def chiller(steps: int, *, commitment: Commitment | None = None) -> Chiller:
    load = np.tile([100.0, 400.0], (steps, 1))
    return Chiller(name="c1", load_kw=load, power_kw=load / 5.0, commitment=commitment or Commitment(on=True))


def cold_store(**own: float) -> Store:
    return Store(
        name="ice", carrier="cooling", content=own.pop("content", 0.0), most=own.pop("most", 400.0), **own
    )


def test_a_cold_store_moves_cooling_into_the_cheap_hours() -> None:
    price = np.array([0.05] * 4 + [0.5] * 4)
    asked = with_need(problem(8, price=price), cooling_kw=flat(8, 200.0))
    asked = replace(asked, chillers=(chiller(8),), stores=(cold_store(),))
    plan = planned(asked)
    assert plan.machines["c1"].power_kw[:4].sum() > 1.5 * plan.machines["c1"].power_kw[4:].sum()
    assert plan.machines["ice"].level.max() > 150.0


def test_a_standing_loss_is_paid() -> None:
    asked = with_need(problem(8), cooling_kw=flat(8, 200.0))
    asked = replace(
        asked,
        chillers=(chiller(8),),
        stores=(cold_store(content=400.0, loss_per_h_frac=0.1, end_least=400.0),),
    )
    plan = planned(asked)
    made_kwh = plan.machines["c1"].level.sum() * QUARTER_S / 3600.0
    assert made_kwh > 400.0 + 60.0
    assert plan.machines["ice"].level[-1] == pytest.approx(400.0, abs=0.01)


def test_an_end_that_cannot_be_reached_is_named_with_its_amount() -> None:
    asked = with_need(problem(4), cooling_kw=flat(4, 400.0))
    asked = replace(asked, chillers=(chiller(4),), stores=(cold_store(end_least=100.0),))
    shortages = planned(asked).shortages
    assert [(s.name, round(s.amount)) for s in shortages] == [("end_short.ice", 100)]


def test_the_check_sees_a_store_that_gives_more_than_it_holds() -> None:
    asked = with_need(problem(4), cooling_kw=flat(4, 200.0))
    asked = replace(asked, chillers=(chiller(4),), stores=(cold_store(content=300.0),))
    plan = planned(asked)
    held = plan.machines["ice"]
    too_low = replace(plan, machines=plan.machines | {"ice": replace(held, level=held.level - 500.0)})
    assert {fault.machine for fault in check(asked, too_low)} >= {"ice", "cooling"}


def test_a_content_outside_the_range_is_clipped_and_said() -> None:
    asked = with_need(problem(4), cooling_kw=flat(4, 200.0))
    asked = replace(asked, chillers=(chiller(4),), stores=(cold_store(content=450.0),))
    assert "ice holds 450.0 kWh, 50.0 kWh outside its range" in planned(asked).notes[0].en


def test_a_store_without_a_range_is_refused() -> None:
    asked = replace(problem(4), stores=(cold_store(most=-1.0),))
    with pytest.raises(SolveError, match="ice needs a content, a range"):
        plan_day(asked)


def _floating(name: str, full: float, *, on: bool = True) -> Compressor:
    return Compressor(
        name=name,
        kind="fixed",
        full_flow_m3_min=full,
        full_power_kw=6.0 * full,
        flow_m3_min=np.array([0.0, full]),
        power_kw=np.array([1.5 * full, 6.0 * full]),
        floats=True,
        commitment=Commitment(on=on, min_up_s=2 * QUARTER_S, min_down_s=2 * QUARTER_S, start_eur=0.5),
    )


def test_machines_that_float_share_the_air_and_keep_their_minimum_times() -> None:
    need = np.array([5.0, 25.0, 8.0, 28.0, 9.0, 18.0, 29.0, 4.0])
    asked = with_need(problem(8), air_m3_min=need)
    asked = replace(asked, compressors=tuple(_floating(f"a{k}", 10.0, on=k == 0) for k in range(3)))
    plan = planned(asked)
    given = np.sum([m.level for m in plan.machines.values()], axis=0)
    assert given == pytest.approx(need, abs=1e-3)
    _, columns = build(asked)
    assert [group.members for group in columns.floating] == [(0, 1, 2)]


def test_a_receiver_carries_a_peak_over_a_step_and_surplus_air_may_be_free() -> None:
    asked = with_need(problem(4), air_m3_min=np.array([10.0, 10.5, 10.0, 9.0]))
    receiver = Store(name="receiver", carrier="air", content=9.0, most=18.0, end_least=0.0)
    asked = replace(
        asked,
        compressors=(_floating("a0", 10.0),),
        stores=(receiver,),
        limits=Limits(may_blow_off=True),
    )
    plan = planned(asked)
    assert not [s for s in plan.shortages if s.name == "air_short"]
    assert plan.machines["receiver"].level[0] >= 0.5 * 15.0 - 1e-3


def test_a_long_window_of_whole_switches_is_rolled_and_nearly_as_cheap_as_at_once() -> None:
    random = np.random.default_rng(3)
    need = np.clip(15.0 + 9.0 * random.standard_normal(40), 0.0, 29.0)
    asked = with_need(problem(40), air_m3_min=need)
    asked = replace(asked, compressors=tuple(_floating(f"a{k}", 10.0, on=k == 0) for k in range(3)))
    rolled = plan_day(asked, gap_frac=1e-4)
    matrix, _ = build(asked)
    at_once = solve(matrix, SolveOptions(gap_frac=1e-4))
    assert isinstance(rolled, Optimal | Feasible)
    assert isinstance(at_once, Solved)
    assert check(asked, rolled.plan) == []
    assert rolled.bound <= at_once.objective
    assert rolled.objective <= at_once.objective * 1.003


def test_the_plan_in_force_is_a_hint_for_a_station_that_floats() -> None:
    asked = with_need(problem(8), air_m3_min=flat(8, 15.0))
    asked = replace(asked, compressors=tuple(_floating(f"a{k}", 10.0) for k in range(3)))
    plan = planned(asked)
    _, columns = build(asked)
    hint = hint_from(asked, columns, plan)
    counts = np.sum([m.on for m in plan.machines.values()], axis=0)
    assert [hint[at] for at in columns.floating[0].switch.on.tolist()] == counts.tolist()
