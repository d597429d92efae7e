from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer.plan import Plan
from optimizer.problem import Commitment, DispatchProblem
from optimizer.starting import Starting
from tests.unit.optimizer.cases import chiller, fixed_speed, flat, with_need
from tests.unit.optimizer.features import bare, planned

HOURS = (5000.0, 100.0, 2500.0)


def _chillers(*own: Commitment) -> DispatchProblem:
    need = np.array([300.0, 300.0, 700.0, 700.0, 300.0, 300.0])
    machines = tuple(chiller(f"c{k}", 6, commitment=one) for k, one in enumerate(own))
    return replace(with_need(bare(), cooling_kw=need), chillers=machines)


def _hours(plan: Plan) -> list[int]:
    return [int(plan.machines[f"c{k}"].on.sum()) for k in range(3)]


def test_of_machines_that_are_alike_the_one_with_fewest_hours_runs_longest() -> None:
    plan = planned(_chillers(*(Commitment(run_h=hours, start_eur=1.0) for hours in HOURS)))
    ran = _hours(plan)
    assert ran[1] >= ran[2] >= ran[0]
    assert ran[1] > ran[0]


@pytest.mark.parametrize(
    "other",
    [
        Commitment(start_eur=2.0),
        Commitment(start_eur=1.0, on=True),
        Commitment(start_eur=1.0, state_s=60.0, min_down_s=900.0),
        Commitment(start_eur=1.0, starting=Starting(most_per_day=1, ages_s=(60.0,))),
        Commitment(start_eur=1.0, lock=np.full(6, -1)),
    ],
)
def test_what_differs_in_anything_is_left_alone(other: Commitment) -> None:
    alone = (replace(other, run_h=0.0), Commitment(start_eur=1.0), Commitment(start_eur=1.0))
    told = (replace(other, run_h=9000.0), Commitment(start_eur=1.0), Commitment(start_eur=1.0))
    assert _hours(planned(_chillers(*alone))) == _hours(planned(_chillers(*told)))


def test_without_hours_the_plan_is_as_the_solver_gave_it() -> None:
    first = planned(_chillers(*(Commitment(start_eur=1.0) for _ in HOURS)))
    again = planned(_chillers(*(Commitment(start_eur=1.0, run_h=7.0) for _ in HOURS)))
    assert _hours(first) == _hours(again)


def test_compressors_exchange_their_roles_with_their_courses() -> None:
    own = [Commitment(run_h=hours, start_eur=1.0) for hours in HOURS]
    machines = tuple(fixed_speed(f"c{k}", commitment=one) for k, one in enumerate(own))
    plan = planned(replace(with_need(bare(), air_m3_min=flat(6, 14.0)), compressors=machines))
    assert [int(plan.machines[f"c{k}"].on.sum()) for k in range(3)] == [0, 6, 6]
