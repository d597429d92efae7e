from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.band import in_hand
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTERS_A_DAY, floor_quarter_ns
from hub.forecast.similar import Window
from optimizer.check import check
from optimizer.compile import compile_problem
from optimizer.dispatch import plan_day
from optimizer.planning import PlanningFile, Reserve
from optimizer.problem import DispatchProblem
from optimizer.reserve import InHand, with_reserve
from optimizer.written import read
from protocols.errors import SolveError
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, snapshot
from tests.unit.hub_dispatch.dispatch_day import site as demo

pytestmark = pytest.mark.timeout(120)
NEEDS = ("process_kw", "air_m3_min", "cooling_kw", "heat_kw")


def _site(**reserve: object) -> DispatchSite:
    return replace(demo(), planning=PlanningFile.model_validate({"reserve": reserve}))


def _foreseen(high_frac: float = 1.5) -> Snapshot:
    """A look with an issued forecast, whose high course lies above the middle by a share."""
    outlook = accepted().outlook
    assert outlook is not None
    names = (*NEEDS, "outdoor_c", "wet_bulb_c", "irradiance_w_m2")
    middle = {name: np.asarray(getattr(outlook, name)).copy() for name in names}
    before = {name: np.full(4, float(course[0])) for name, course in middle.items()}
    low = {name: 0.8 * course for name, course in middle.items()}
    high = {name: high_frac * course for name, course in middle.items()}
    issue = Issue(outlook.start_ns, middle, before, dict.fromkeys(names, "learned"), low, high)
    return replace(snapshot(), issue=issue)


def _task(site: DispatchSite, seen: Snapshot) -> Task:
    memory, decision = core.step(site, core.Memory(), seen, NOW_NS)
    return task_of(site, memory, decision, seen)


def _ready(made: Accepted, names: tuple[str, ...], most: dict[str, float]) -> np.ndarray:
    plan = made.plan
    ready: np.ndarray = np.sum([np.where(plan.machines[name].on, most[name], 0.0) for name in names], axis=0)[
        :16
    ]
    return ready


def test_the_running_machines_can_give_what_is_exceeded_one_time_in_ten() -> None:
    seen, plant = _foreseen(), demo().plant
    usual, kept = (solve_task(_task(_site(air=how, cooling=how), seen)) for how in ("usual", "q90"))
    most = {
        name: unit.flow_max_m3_min for name, unit in zip(plant.compressor_ids, plant.compressors, strict=True)
    }
    issue = seen.issue
    assert issue is not None
    wanted = issue.high["air_m3_min"][:16]
    for made, holds in ((usual, False), (kept, True)):
        short = np.zeros(16)
        for one in made.plan.shortages:
            if one.name == "reserve_air" and one.step < 16:
                short[one.step] += one.amount
        ready = _ready(made, plant.compressor_ids, most) + short
        assert bool((ready >= wanted - 1.0).all()) is holds
    problem, plan = read(kept.made)
    assert check(problem, plan) == []
    assert kept.simulated.cost.total >= usual.simulated.cost.total - 1.0
    assert kept.cost_band is not None


def test_the_check_sees_capacity_that_is_not_kept() -> None:
    problem, plan = read(solve_task(_task(_site(air="q90"), _foreseen())).made)
    least = problem.limits.air_least_m3_min
    assert least is not None
    asked = replace(problem, limits=replace(problem.limits, air_least_m3_min=least + 40.0))
    assert {one.limit for one in check(asked, plan)} == {"capacity kept for a high need, or named"}


def test_without_a_band_the_usual_share_is_kept_and_the_plan_says_so() -> None:
    task = _task(_site(air="q90", cooling="q90"), snapshot())
    assert task.in_hand == InHand()
    assert sum("has no band" in note.en for note in task.notes) == 2
    outlook = accepted().outlook
    assert outlook is not None
    window = Window(floor_quarter_ns(NOW_NS), QUARTERS_A_DAY, demo().time_zone)
    kept, notes = in_hand(outlook, _foreseen().issue, (window, {"air_m3_min"}), Reserve(air="q90"))
    assert kept.air_m3_min is None
    assert len(notes) == 1


def test_the_need_is_met_without_the_largest_running_machine() -> None:
    made = solve_task(_task(_site(without_largest=["cooling"]), _foreseen()))
    problem, plan = read(made.made)
    assert problem.limits.without_largest == ("cooling",)
    assert check(problem, plan) == []
    spare = {one.step for one in plan.shortages if one.name == "spare_cooling"}
    for step in (step for step in range(16) if step not in spare):
        running = [
            float(one.load_kw[step, -1]) for one in problem.chillers if plan.machines[one.name].on[step]
        ]
        assert sum(running) - max(running, default=0.0) >= problem.forecasts.cooling_kw[step] - 0.1
    assert any(all(plan.machines[one.name].on[step] for one in problem.chillers) for step in range(16))


@pytest.mark.parametrize("least", [np.full(96, np.nan), np.zeros(4)])
def test_capacity_that_is_no_number_for_every_step_is_refused(least: np.ndarray) -> None:
    task = _task(demo(), snapshot())
    problem: DispatchProblem = compile_problem(task.plant, task.outlook, task.now, task.supply)
    asked = with_reserve(problem, task.plant, task.outlook, InHand(cooling_kw=least))
    with pytest.raises(SolveError, match="capacity kept for cooling"):
        plan_day(asked)
