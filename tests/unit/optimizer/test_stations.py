from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.check import check
from optimizer.dispatch import plan_day
from optimizer.problem import DispatchProblem
from optimizer.solve import Optimal
from optimizer.stations import best_path, best_per_set, ways_of
from tests.unit.optimizer import cases


def _station(need: np.ndarray) -> DispatchProblem:
    asked = cases.with_need(cases.problem(len(need)), air_m3_min=need)
    fixed = tuple(cases.fixed_speed(f"comp_{i}", full=8.0 + i) for i in (1, 2))
    return replace(asked, compressors=(*fixed, cases.variable_speed("comp_4")))


def test_the_cheapest_set_is_the_one_enumeration_by_hand_finds() -> None:
    asked = _station(np.array([3.0, 11.0, 17.5, 26.0, 33.0]))
    sets = best_per_set(asked, ways_of(asked))
    for step, need in enumerate(asked.forecasts.air_m3_min):
        costs = []
        for members in product([False, True], repeat=3):
            running = [m for m, on in zip(asked.compressors, members, strict=True) if on]
            for trim in running:
                left = need - sum(m.full_flow_m3_min for m in running if m is not trim)
                if trim.flow_m3_min[0] <= left <= trim.flow_m3_min[-1]:
                    base_kw = sum(m.full_power_kw for m in running if m is not trim)
                    costs.append(base_kw + float(np.interp(left, trim.flow_m3_min, trim.power_kw)))
        fits = np.abs(sets.flow[:, step] - need) < 1e-9
        assert sets.power[fits, step].min() == pytest.approx(min(costs))


def test_a_decided_set_is_kept_and_later_steps_are_covered() -> None:
    asked = _station(np.array([5.0, 5.0, 30.0, 5.0]))
    ways = ways_of(asked)
    decided = np.array([[True, True], [False, False], [False, False]])
    path = best_path(asked, ways, decided)
    assert ways.on[path[:2]].tolist() == [[True, False, False]] * 2
    assert ways.flow[path, np.arange(4)] == pytest.approx(asked.forecasts.air_m3_min)


def test_the_trim_machine_is_not_moved_without_gain() -> None:
    need = np.tile([12.0, 12.4], 6)
    asked = cases.with_need(cases.problem(12), air_m3_min=need)
    twins = (cases.fixed_speed("comp_1"), cases.fixed_speed("comp_2"))
    outcome = plan_day(replace(asked, compressors=twins))
    assert isinstance(outcome, Optimal)
    assert len(set(outcome.plan.machines["comp_1"].role)) == 1


def test_a_large_station_is_planned_machine_by_machine_to_the_same_cost() -> None:
    need = np.array([12.0, 22.0, 31.0])
    small = _station(need)
    spare = tuple(
        replace(cases.fixed_speed(f"spare_{i}"), full_power_kw=500.0, power_kw=np.linspace(400, 500, 5))
        for i in range(5)
    )
    large = replace(small, compressors=(*small.compressors, *spare))
    first, second = plan_day(small), plan_day(large)
    assert isinstance(first, Optimal)
    assert isinstance(second, Optimal)
    assert check(large, second.plan) == []
    assert second.plan.cost.total == pytest.approx(first.plan.cost.total, rel=2e-3)
