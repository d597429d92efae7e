from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from optimizer.build import build
from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.ease import ease, moves_of, starts_of
from optimizer.marginal import settled, solve_linear
from optimizer.plan import Plan
from optimizer.problem import Chiller, Commitment, DispatchProblem
from optimizer.solve import Optimal, Solved, SolveOptions, solve
from tests.unit.optimizer import cases


def _straight(name: str, steps: int, commitment: Commitment) -> Chiller:
    """Power in proportion to load: sharing a load costs the same as not sharing it."""
    load = np.array([0.0, 200.0, 400.0])
    return Chiller(
        name=name,
        load_kw=np.tile(load, (steps, 1)),
        power_kw=np.tile(load / 4.0, (steps, 1)),
        commitment=commitment,
    )


def _starts(plan: Plan, asked: DispatchProblem) -> int:
    before = {machine.name: machine.commitment.on for machine in asked.switched}
    return sum(
        now and not was
        for name, on in before.items()
        for was, now in pairwise([on, *plan.machines[name].on.tolist()])
    )


def _planned(asked: DispatchProblem) -> Plan:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal), outcome
    assert check(asked, outcome.plan) == []
    return outcome.plan


@pytest.mark.parametrize("seed", range(3))
def test_of_plans_that_cost_the_same_the_one_with_fewest_starts_is_taken(seed: int) -> None:
    need = np.where(np.random.default_rng(seed).random(12) < 0.5, 700.0, 350.0)
    need[0], need[-1] = 350.0, 700.0
    asked = cases.with_need(cases.problem(12), cooling_kw=need)
    running = Commitment(on=True)
    asked = replace(asked, chillers=(_straight("a", 12, running), _straight("b", 12, Commitment())))
    assert _starts(_planned(asked), asked) == 1


def test_a_start_that_saves_more_than_the_gap_is_made() -> None:
    need = np.array([350.0, 350.0, 700.0, 350.0, 350.0, 350.0, 700.0, 350.0])
    asked = cases.with_need(cases.problem(8), cooling_kw=need)
    busy = cases.chiller("a", 8, commitment=Commitment(on=True))
    # two at half load cost far more than one at full: the second stops in between
    asked = replace(asked, chillers=(busy, cases.chiller("b", 8)))
    lean = plan_day(asked)
    assert isinstance(lean, Optimal)
    assert lean.objective <= lean.bound * 1.001
    assert lean.plan.cost.total == pytest.approx(lean.objective, rel=1e-3)


def test_a_battery_without_a_reason_to_move_rests() -> None:
    asked = cases.with_need(cases.problem(12), electric_kw=cases.flat(12, 300.0))
    lossless = replace(cases.battery(), charge_eff_frac=1.0, discharge_eff_frac=1.0)
    assert np.abs(_planned(replace(asked, batteries=(lossless,))).battery_kw).max() < 1e-3


def test_a_peak_is_shaved_evenly_rather_than_in_jumps() -> None:
    asked = cases.with_need(cases.problem(8), electric_kw=np.array([100.0] * 2 + [180.0] * 4 + [100.0] * 2))
    prices = replace(asked.prices, demand_charge_eur_kw=9.0, month_peak_kw=150.0)
    plan = _planned(replace(asked, prices=prices, batteries=(cases.battery(),)))
    assert plan.import_kw.max() <= 150.1
    assert np.abs(np.diff(plan.battery_kw[2:6])).max() < 1e-2


@pytest.mark.parametrize("seed", [0, 3])
def test_the_second_pass_costs_no_more_than_the_gap_and_moves_less(seed: int) -> None:
    asked = cases.demo_day(seed)
    matrix, columns = build(asked)
    options = SolveOptions()
    first = solve(matrix, options)
    assert isinstance(first, Solved)
    eased = ease(matrix, columns, first, options, few_starts=True)
    assert eased.bound <= eased.objective <= first.bound + options.gap_frac * abs(first.bound) + 1e-6
    assert eased.gap <= options.gap_frac
    least = solve_linear(settled(matrix, first.x))
    assert least is not None

    def moved(x: np.ndarray) -> float:
        courses = (x[a] - (0.0 if b is None else x[b]) for a, b in moves_of(columns))
        return float(sum(np.abs(np.diff(course)).sum() for course in courses))

    assert moved(eased.x) < 0.9 * moved(least.x)
    assert eased.x[starts_of(matrix)].sum() <= first.x[starts_of(matrix)].sum() + 1e-6


def test_the_nodes_of_the_search_are_told() -> None:
    outcome = plan_day(cases.demo_day())
    assert isinstance(outcome, Optimal)
    assert outcome.stats.nodes >= 1


def test_a_pass_that_has_no_time_left_gives_back_what_was_found() -> None:
    asked = cases.with_need(cases.problem(12), electric_kw=cases.flat(12, 300.0))
    matrix, columns = build(replace(asked, batteries=(cases.battery(),)))
    found = solve(matrix, SolveOptions())
    assert isinstance(found, Solved)
    assert ease(matrix, columns, found, SolveOptions(limit_s=0.0), few_starts=True) is found


def test_the_gap_of_a_large_plant_pays_for_no_need_left_off() -> None:
    need = cases.flat(8, 21.0)
    need[3] = 22.0
    asked = cases.with_need(cases.problem(8), air_m3_min=need, electric_kw=cases.flat(8, 1e5))
    running, standing = Commitment(on=True), Commitment(start_eur=4.0)
    asked = replace(
        asked,
        limits=replace(asked.limits, import_kw=1e6),
        compressors=(
            cases.fixed_speed("a", commitment=running, full=11.0),
            cases.fixed_speed("b", commitment=running),
            cases.fixed_speed("c", commitment=standing),
        ),
    )
    assert _planned(asked).shortages == ()
