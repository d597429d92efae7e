"""A water temperature that a plan chose: how long it holds, and to what it gives way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.level_hold import FOLLOWED_NS, HELD_NS, Since, courses, in_force
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS, floor_quarter_ns
from optimizer.choices import CHILLED_WATER, with_choices
from optimizer.compile import compile_problem
from optimizer.explain import explain
from optimizer.planning import PlanningFile
from optimizer.written import read
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, snapshot
from tests.unit.hub_dispatch.dispatch_day import site as demo

pytestmark = pytest.mark.timeout(120)
LEVELS = (7.0, 8.0, 9.0, 10.0)
QUARTER_START_NS = floor_quarter_ns(NOW_NS)
LATE_NS = NOW_NS + 500_000_000_000
"""Late enough in the quarter hour that needs of the last minutes count."""


def _site(**water: object) -> DispatchSite:
    planning = {"chilled_water": {"supply_c": LEVELS, **water}}
    return replace(demo(), planning=PlanningFile.model_validate(planning))


def _task(site: DispatchSite, level_c: float | None = None, begin_ns: int = NOW_NS) -> Task:
    levels = {} if level_c is None else {CHILLED_WATER: Since(level_c, begin_ns)}
    seen = snapshot()
    memory, decision = core.step(site, core.Memory(), seen, NOW_NS)
    return task_of(site, replace(memory, levels=levels), decision, seen)


def _planned_c(task: Task) -> list[float]:
    found: list[float] = solve_task(task).plan.setpoints[CHILLED_WATER].tolist()
    return found


def _allowed_c(task: Task, cooling_kw: float | None = None, tripped: tuple[str, ...] = ()) -> list[float]:
    """Levels that the plan may choose in its first step."""
    outlook, machines = task.outlook, dict(task.now.machines)
    if cooling_kw is not None:
        outlook = replace(outlook, cooling_kw=np.full(outlook.steps, cooling_kw))
    for name in tripped:
        machines[name] = replace(machines[name], lock=0)
    now = replace(task.now, machines=machines)
    problem = compile_problem(task.plant, outlook, now, task.supply)
    levels = with_choices(problem, task.plant, outlook, task.choices).cooling_levels
    assert levels is not None
    return [c for c, may in zip(levels.supply_c, levels.allowed[:, 0], strict=True) if may]


def _in_force(site: DispatchSite, at_ns: int = NOW_NS) -> tuple[core.Memory, Accepted]:
    """A plan that came at an instant, and what the core remembers then."""
    plan = solve_task(_task(site))
    memory, _ = core.step(site, core.Memory(), snapshot(), NOW_NS)
    memory, _ = core.step(site, core.planned(memory, plan), snapshot(at_ns), at_ns)
    return memory, plan


def test_a_level_holds_from_the_step_it_changes_in() -> None:
    plan = solve_task(_task(_site()))
    course = np.array([8.0, 8.0, 9.0] + [9.0] * (plan.plan.steps - 3))
    plan = replace(plan, plan=replace(plan.plan, setpoints={CHILLED_WATER: course}))
    known = in_force({}, plan, NOW_NS)
    assert known == {CHILLED_WATER: Since(8.0, NOW_NS)}
    assert in_force(known, plan, NOW_NS + QUARTER_NS) == known
    later_ns = NOW_NS + 2 * QUARTER_NS
    assert in_force(known, plan, later_ns) == {CHILLED_WATER: Since(9.0, later_ns)}
    assert in_force(known, None, NOW_NS) == {}
    assert in_force(known, plan, NOW_NS + 400 * QUARTER_NS) == {}, "no step of it holds any more"


def test_it_holds_for_an_hour() -> None:
    known = {CHILLED_WATER: Since(8.0, QUARTER_START_NS)}
    assert courses(known, QUARTER_START_NS) == {CHILLED_WATER: (8.0,) * 4}
    assert courses(known, QUARTER_START_NS + 3 * QUARTER_NS) == {CHILLED_WATER: (8.0,)}
    assert courses(known, QUARTER_START_NS + HELD_NS) == {}
    begun = {CHILLED_WATER: Since(8.0, QUARTER_START_NS + 20_000_000_000)}
    assert courses(begun, QUARTER_START_NS + HELD_NS) == {}, "a plan comes some seconds after its first step"
    late = {CHILLED_WATER: Since(8.0, QUARTER_START_NS + 600_000_000_000)}
    assert courses(late, QUARTER_START_NS + HELD_NS) == {CHILLED_WATER: (8.0,)}


def test_the_next_plans_keep_what_one_has_chosen() -> None:
    free = _planned_c(_task(_site()))
    other = next(c for c in LEVELS if c != free[0])
    accepted = solve_task(_task(_site(), other))
    assert accepted.plan.setpoints[CHILLED_WATER][:4].tolist() == [other] * 4
    why = explain(*read(accepted.made), ("chiller1", 0)).sentence
    assert f"chilled water stays at {other:.1f} °C: a level that was chosen holds for an hour" in why.en
    assert f"冷冻水保持 {other:.1f} °C：选定的档位保持一小时" in why.zh
    assert "holds for an hour" not in explain(*read(accepted.made), ("chiller1", 8)).sentence.en
    assert _planned_c(_task(_site(), other, NOW_NS - HELD_NS))[0] == free[0]


def test_the_core_knows_the_level_of_the_plan_in_force() -> None:
    site = _site()
    memory, plan = _in_force(site)
    chosen = float(plan.plan.setpoints[CHILLED_WATER][0])
    assert memory.levels == {CHILLED_WATER: Since(chosen, NOW_NS)}
    again, decision = core.step(site, memory, snapshot(LATE_NS), LATE_NS)
    task = task_of(site, again, decision, snapshot(LATE_NS))
    assert task.choices.kept == {CHILLED_WATER: (chosen,) * 4}


def test_it_gives_way_to_a_need_that_the_machines_cannot_meet_at_it() -> None:
    task = _task(_site(), 7.0)
    assert _allowed_c(task) == [7.0]
    assert _allowed_c(task, cooling_kw=1150.0) == list(LEVELS)
    assert _allowed_c(task, tripped=("chiller1", "chiller2")) == list(LEVELS)
    assert _allowed_c(task, cooling_kw=560.0) == [7.0]
    assert _allowed_c(task, cooling_kw=560.0, tripped=("chiller2",)) == list(LEVELS)


def test_it_gives_way_to_a_limit_and_to_a_person() -> None:
    damp = _task(_site(humid={"wet_bulb_above_c": -20.0, "supply_most_c": 8.0}), 10.0)
    assert _allowed_c(damp) == [7.0, 8.0]
    site, point = _site(), "chiller1/supply_set_c"
    held = replace(snapshot(), held={point: 9.0})
    memory, decision = core.step(site, core.Memory(), held, NOW_NS)
    memory = replace(memory, levels={CHILLED_WATER: Since(7.0, NOW_NS)})
    assert _allowed_c(task_of(site, memory, decision, held)) == [9.0]


@pytest.mark.parametrize("after_ns", [FOLLOWED_NS // 2, FOLLOWED_NS])
def test_what_the_loop_takes_up_is_no_need_of_the_users(after_ns: int) -> None:
    site = _site()
    memory, _ = _in_force(site)
    memory = replace(memory, levels={CHILLED_WATER: Since(7.0, LATE_NS - after_ns)}, settled_ns=None)

    def look(**recent: float) -> Snapshot:
        return replace(snapshot(LATE_NS), recent=recent)

    known = after_ns >= FOLLOWED_NS
    off = look(cooling_kw=900.0)
    _, decision = core.step(site, memory, off, LATE_NS)
    assert (decision.replan is not None and "need for cooling" in decision.replan) == known
    first_kw = float(task_of(site, memory, decision, off).outlook.cooling_kw[0])
    assert first_kw == pytest.approx(900.0 if known else 350.0)
    _, decision = core.step(site, memory, look(cooling_kw=900.0, process_kw=900.0), LATE_NS)
    assert decision.replan is not None, "every other need counts as ever"


def test_without_levels_to_choose_nothing_is_kept() -> None:
    memory, decision = core.step(demo(), core.Memory(), snapshot(), NOW_NS)
    plan = solve_task(task_of(demo(), memory, decision, snapshot()))
    memory, _ = core.step(demo(), core.planned(memory, plan), snapshot(), NOW_NS)
    assert memory.levels == {}
