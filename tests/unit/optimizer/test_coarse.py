from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.build import build
from optimizer.check import check
from optimizer.coarse import Grid, coarsened, merged
from optimizer.dispatch import plan_day
from optimizer.problem import OFF, Commitment, Store
from optimizer.solve import Feasible, Optimal
from tests.unit.optimizer import cases
from tests.unit.optimizer.features import FEATURES

GRID = Grid(32, 4)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("seed", [1])
def test_a_day_on_a_grid_that_coarsens_costs_what_it_costs_on_the_fine_one(seed: int) -> None:
    asked = cases.demo_day(seed)
    hourly = coarsened(asked, GRID)
    coarse, fine = plan_day(asked, grid=GRID), plan_day(hourly)
    assert isinstance(coarse, Optimal)
    assert isinstance(fine, Optimal)
    assert check(hourly, coarse.plan) == []
    assert coarse.objective == pytest.approx(fine.objective, rel=0.002)
    assert coarse.stats.columns < 0.7 * fine.stats.columns
    assert coarse.plan.steps == 96


def test_the_near_steps_stay_as_they_are_and_the_far_ones_are_means() -> None:
    asked = cases.demo_day(3)
    lock = np.full(96, -1)
    lock[40:50] = OFF
    held = replace(asked.chillers[1], commitment=Commitment(lock=lock))
    asked = replace(asked, chillers=(asked.chillers[0], held))
    hourly = coarsened(asked, GRID)
    fine, far = asked.forecasts.electric_kw, hourly.forecasts.electric_kw
    assert far[:32].tolist() == fine[:32].tolist()
    assert far[32:36] == pytest.approx(fine[32:36].mean())
    assert far.sum() == pytest.approx(fine.sum())
    assert hourly.chillers[0].load_kw.shape == asked.chillers[0].load_kw.shape
    assert hourly.compressors[0].flow_m3_min is asked.compressors[0].flow_m3_min
    kept = hourly.chillers[1].commitment.lock
    assert kept is not None
    assert kept.tolist() == lock.tolist()
    again = coarsened(hourly, GRID)
    assert again.forecasts.electric_kw == pytest.approx(far)


def test_a_store_still_moves_from_step_to_step_and_keeps_its_range() -> None:
    price = np.where(np.arange(24) < 12, 0.05, 0.4)
    asked = cases.with_need(cases.problem(24, price=price, binary_steps=4), cooling_kw=cases.flat(24, 300.0))
    ice = Store(name="ice", carrier="cooling", content=0.0, most=150.0, charge_max=90.0, discharge_max=90.0)
    asked = replace(asked, stores=(ice,), chillers=(cases.chiller("c", 24),))
    grid = Grid(8, 4)
    coarse, fine = plan_day(asked, grid=grid), plan_day(asked)
    assert isinstance(coarse, Optimal | Feasible)
    assert isinstance(fine, Optimal | Feasible)
    assert check(coarsened(asked, grid), coarse.plan) == []
    assert coarse.objective == pytest.approx(fine.objective, rel=0.005)
    assert coarse.plan.machines["ice"].level.max() == pytest.approx(150.0, abs=0.1)


def test_columns_keep_their_numbers_and_rows_that_became_the_same_stand_once() -> None:
    asked = coarsened(cases.demo_day(), GRID)
    matrix, _ = build(asked)
    smaller, place = merged(matrix, 96, GRID)
    bought = matrix.columns["grid.import"]
    assert place[bought[:32]].tolist() == bought[:32].tolist()
    assert set(place[bought[32:36]].tolist()) == {int(bought[32])}
    assert smaller.cost[bought[32]] == pytest.approx(matrix.cost[bought[32:36]].sum())
    assert smaller.upper[bought[33]] == 0.0
    assert np.isinf(smaller.row_lower[matrix.rows["balance_electric"][33]])
    soc = matrix.columns["battery.soc"]
    assert place[soc].tolist() == soc.tolist()


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_every_component_keeps_its_limits_on_a_grid_that_coarsens(name: str) -> None:
    asked = replace(FEATURES[name](), binary_steps=2)
    grid = Grid(2, 2)
    outcome = plan_day(asked, grid=grid)
    assert isinstance(outcome, Optimal | Feasible), outcome
    assert check(coarsened(asked, grid), outcome.plan) == []
