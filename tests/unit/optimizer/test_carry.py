"""A plan cut at any step and made anew: no dearer than the gap, and no limit broken across the cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from optimizer.carry import after, carried, cut
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.plan import MachinePlan, Plan
from optimizer.problem import OFF, Commitment, DispatchProblem, Store
from optimizer.read import price
from optimizer.solve import Feasible, Optimal
from optimizer.starting import Ramp, Starting
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import FEATURES

STEPS, STEP_S = 32, 5400.0
"""48 hours of whole decisions, each an hour and a half long."""
GAP = 0.001
WORTH = 0.11


def _two_days(seed: int) -> DispatchProblem:
    rng = np.random.default_rng(seed)
    hour = (np.arange(STEPS) * 1.5) % 24.0
    shift = np.where((hour >= 6) & (hour < 21), 1.0, 0.3)
    price_eur = np.select(
        [(hour >= 8) & (hour < 12) | (hour >= 17) & (hour < 21), hour < 6], [0.26, 0.07], 0.15
    )
    own = Commitment(min_up_s=3 * 5400.0, min_down_s=2 * 5400.0, start_eur=4.0)
    asked = replace(cases.problem(STEPS, price=price_eur), step_s=STEP_S)
    asked = cases.with_need(
        asked,
        electric_kw=200.0 + 150.0 * shift * rng.uniform(0.9, 1.1, STEPS),
        air_m3_min=22.0 * shift * rng.uniform(0.8, 1.0, STEPS),
        cooling_kw=500.0 * shift * rng.uniform(0.7, 1.0, STEPS),
        heat_kw=150.0 * shift,
    )
    engine = cases.demo_day().chps[0]
    limited = replace(own, starting=Starting(most_per_day=2), ramp=Ramp(up_per_min=0.4, down_per_min=0.4))
    ice = Store(
        name="ice", carrier="cooling", content=300.0, most=900.0, charge_max=250.0, discharge_max=300.0
    )
    return replace(
        asked,
        prices=replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=380.0, peak_weight=0.1),
        compressors=(
            cases.fixed_speed("comp_1", commitment=replace(own, on=True)),
            cases.variable_speed("comp_2", commitment=own),
        ),
        chillers=(
            cases.chiller("chiller_1", STEPS, commitment=replace(own, on=True)),
            cases.chiller("chiller_2", STEPS, commitment=own),
        ),
        chps=(replace(engine, commitment=limited),),
        boilers=cases.demo_day().boilers,
        batteries=(cases.battery(end_value=WORTH),),
        stores=(replace(ice, loss_per_h_frac=0.004, end_value=0.03),),
    )


@cache
def _planned(seed: int) -> tuple[DispatchProblem, Plan, float]:
    asked = _two_days(seed)
    outcome = plan_day(asked, gap_frac=GAP)
    assert isinstance(outcome, Optimal), outcome
    assert check(asked, outcome.plan) == []
    return asked, outcome.plan, outcome.objective


def _money_before(asked: DispatchProblem, plan: Plan, step: int) -> float:
    """Objective of the steps before the cut: cost, new peak, shortage of surplus, less what was stored."""
    part = cut(asked, 0, step)
    machines = {name: _part(one, slice(0, step)) for name, one in plan.machines.items()}
    cost, _ = price(part, plan.import_kw[:step], plan.export_kw[:step], plan.fuel_kw[:step], machines)
    peak_kw = max(asked.prices.month_peak_kw, float(plan.import_kw[:step].max()))
    peak = 0.9 * (peak_kw - asked.prices.month_peak_kw)
    stored = WORTH * (float(plan.machines["battery"].level[step - 1]) - 100.0)
    stored += 0.03 * (float(plan.machines["ice"].level[step - 1]) - 300.0)
    surplus = sum(s.amount for s in plan.shortages if s.name == "heat_surplus" and s.step < step)
    assert {s.name for s in plan.shortages} <= {"heat_surplus"}
    return cost.total + peak - stored + 0.001 * surplus * asked.step_h


def _part(one: MachinePlan, steps: slice) -> MachinePlan:
    flows = {name: course[steps] for name, course in one.flows.items()}
    cut_short = replace(one, on=one.on[steps], power_kw=one.power_kw[steps], level=one.level[steps])
    return replace(cut_short, role=one.role[steps], flows=flows)


def _joined(first: Plan, second: Plan, step: int) -> Plan:
    def both(of: Callable[[MachinePlan], np.ndarray], name: str) -> np.ndarray:
        return np.concatenate([of(first.machines[name])[:step], of(second.machines[name])])

    machines = {
        name: replace(
            one,
            on=both(lambda m: m.on, name),
            power_kw=both(lambda m: m.power_kw, name),
            level=both(lambda m: m.level, name),
            role=(*one.role[:step], *second.machines[name].role),
        )
        for name, one in first.machines.items()
    }
    later = tuple(replace(s, step=s.step + step) for s in second.shortages)
    return replace(
        first,
        machines=machines,
        import_kw=np.concatenate([first.import_kw[:step], second.import_kw]),
        export_kw=np.concatenate([first.export_kw[:step], second.export_kw]),
        fuel_kw=np.concatenate([first.fuel_kw[:step], second.fuel_kw]),
        shortages=(*(s for s in first.shortages if s.step < step), *later),
    )


def _holds_across(seed: int, step: int) -> None:
    asked, plan, objective = _planned(seed)
    rest = carried(asked, plan, step)
    outcome = plan_day(rest, hint=plan, gap_frac=GAP)
    assert isinstance(outcome, Optimal), (step, outcome)
    assert check(rest, outcome.plan) == [], step
    total = _money_before(asked, plan, step) + outcome.objective
    assert total <= objective + GAP * abs(objective), step
    # money is of the whole window, so the joined plan's own is not stated anew
    broken = [fault for fault in check(asked, _joined(plan, outcome.plan, step)) if fault.machine != "cost"]
    assert broken == [], step


@pytest.mark.timeout(90)
@pytest.mark.parametrize("step", [1, 6, 13, 21, 31])
def test_a_plan_of_48_hours_cut_and_made_anew_costs_no_more_and_keeps_every_time(step: int) -> None:
    _holds_across(0, step)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_plan_of_48_hours_may_be_cut_at_every_step(seed: int) -> None:
    for step in range(1, STEPS):
        _holds_across(seed, step)


def test_the_prefix_and_the_rest_of_a_plan_are_its_objective() -> None:
    asked, plan, objective = _planned(0)
    assert _money_before(asked, plan, STEPS) == pytest.approx(objective, abs=0.02)


@pytest.mark.parametrize(
    ("commitment", "on", "expected"),
    [
        (Commitment(on=True, state_s=600.0), [1, 1], (True, 2400.0, ())),
        (Commitment(on=True, state_s=600.0), [1, 0], (False, 900.0, ())),
        (Commitment(on=False, state_s=600.0), [0, 1, 1], (True, 1800.0, ())),
        (Commitment(on=False, state_s=60.0), [1], (True, 900.0, ())),
        (
            Commitment(starting=Starting(most_per_h=3, ages_s=(1200.0,))),
            [1, 0, 1],
            (True, 900.0, (900.0, 2700.0, 3900.0)),
        ),
        (
            Commitment(on=True, starting=Starting(most_per_day=1, ages_s=(86_000.0,))),
            [1],
            (True, 1e9 + 900.0, ()),
        ),
    ],
)
def test_the_state_after_some_steps_is_that_of_the_machine(
    commitment: Commitment, on: list[int], expected: tuple[bool, float, tuple[float, ...]]
) -> None:
    left = after(commitment, np.array(on, dtype=np.bool_), 900.0)
    assert (left.on, left.state_s, left.starting.ages_s) == expected


def test_corners_of_a_curve_are_not_cut_though_they_are_as_many_as_the_steps() -> None:
    asked = replace(cases.problem(5), compressors=(cases.fixed_speed("comp_1"),))
    assert len(asked.compressors[0].flow_m3_min) == 5
    part = cut(asked, 1, 3)
    assert len(part.compressors[0].flow_m3_min) == 5
    assert (part.steps, len(part.prices.import_eur_kwh)) == (2, 2)
    lock = np.array([OFF, -1, -1, OFF, -1])
    held = replace(asked, compressors=(cases.fixed_speed("comp_1", commitment=Commitment(lock=lock)),))
    part_lock = cut(held, 3, 5).compressors[0].commitment.lock
    assert part_lock is not None
    assert part_lock.tolist() == [OFF, -1]


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_what_is_asked_of_a_window_as_a_whole_is_not_cut_and_all_else_plans_on(name: str) -> None:
    asked = FEATURES[name]()
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal | Feasible)
    if name in {"contracts", "loads"}:
        with pytest.raises(ValueError, match="as a whole"):
            carried(asked, outcome.plan, 2)
        return
    rest = carried(asked, outcome.plan, 2)
    again = plan_day(rest, hint=outcome.plan)
    assert isinstance(again, Optimal | Feasible)
    assert check(rest, again.plan) == []
