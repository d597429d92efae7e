"""Between two quarter hours: people, modes, needs and forecasts that ask for another plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from hub.command.standing import Standing
from hub.dispatch import core
from hub.dispatch.events import GAP_S, SETTLED_S, STEADY_S
from hub.dispatch.snapshot import Availability, Snapshot
from hub.dispatch.solving import EVENT_LIMIT_S, LIMIT_S, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.issue import Issue
from hub.forecast.quarters import QUARTER_NS, floor_quarter_ns
from hub.registry.site import Modes
from protocols.clock import Instant
from protocols.holder import Holder, Holders
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, accepted, in_force, site, snapshot, told

pytestmark = pytest.mark.timeout(60)
SOON_NS = NOW_NS + 5 * 10**9
SETTLED_NS = NOW_NS + round(SETTLED_S * 1e9)


def held(points: Mapping[str, float | None], at_ns: int = SOON_NS) -> Snapshot:
    return replace(snapshot(at_ns), held=points)


def test_a_machine_a_person_stopped_is_planned_off_and_told_nothing() -> None:
    look = held({"comp1/permit_set_code": 0.0})
    memory, decision = core.step(site(), in_force(), look, SOON_NS)
    assert decision.seen.machines["comp1"].availability is Availability.HELD
    assert decision.replan == "comp1 was free, is held"
    assert not any(point.startswith("comp1/") for point in told(decision))
    task = task_of(site(), memory, decision, look)
    assert task.now.of("comp1").lock == 0
    assert task.limit_s == EVENT_LIMIT_S
    assert set(solve_task(task).plan.machines["comp1"].role) == {"standby"}


def test_a_battery_a_person_charges_is_planned_at_that_power_and_an_engine_as_running() -> None:
    look = held({"battery1/power_set_kw": 100.0, "chp1/power_set_kw": -200.0})
    memory, decision = core.step(site(), in_force(), look, SOON_NS)
    task = task_of(site(), memory, decision, look)
    assert task.now.battery_held_kw == 100.0
    assert task.now.of("chp1").lock == 1
    plan = solve_task(task).plan
    assert plan.battery_kw[0] == pytest.approx(100.0)
    assert plan.machines["chp1"].on[:4].all()


def test_what_is_given_back_or_held_at_something_else_asks_for_a_plan() -> None:
    memory, _ = core.step(site(), in_force(), held({"battery1/power_set_kw": 100.0}), SOON_NS)
    memory = core.planned(memory, accepted())
    at_ns = SOON_NS + round(GAP_S * 1e9)
    memory, decision = core.step(site(), memory, held({"battery1/power_set_kw": -50.0}, at_ns), at_ns)
    assert decision.replan == "battery1 is held at something else"
    memory = core.planned(memory, accepted())
    memory, decision = core.step(site(), memory, snapshot(at_ns), at_ns)
    assert decision.replan is None
    at_ns += round(GAP_S * 1e9)
    assert core.step(site(), memory, snapshot(at_ns), at_ns)[1].replan == "battery1 was held, is free"


def test_a_machine_that_takes_no_orders_and_stops_asks_for_a_plan() -> None:
    locked = {"comp1/role_set_code": None}
    memory, _ = core.step(site(), in_force(), held(locked), SOON_NS)
    memory = core.planned(memory, accepted())
    for after_s, wanted in ((60.0, False), (60.0 + STEADY_S, True)):
        at_ns = SOON_NS + round(after_s * 1e9)
        stopped = replace(snapshot(at_ns, {"comp1/state_code": 0.0}), held=locked)
        memory, decision = core.step(site(), memory, stopped, at_ns)
        assert decision.replan == ("comp1 takes no orders and has stopped" if wanted else None)


def test_a_machine_that_cycles_by_itself_and_a_link_that_comes_and_goes_make_no_storm_of_plans() -> None:
    memory, asked = in_force(), 0
    for second in range(5, 605, 5):
        at_ns = NOW_NS + second * 10**9
        look = snapshot(at_ns, {"comp1/state_code": 2.0 * (second // 50 % 2)})
        look = replace(look, held={"comp1/role_set_code": None})
        if second // 10 % 2:
            look = replace(look, links={**look.links, "chiller2": "down"})
        memory, decision = core.step(site(), memory, look, at_ns)
        asked += decision.replan is not None
        memory = core.planned(memory, accepted()) if decision.replan is not None else memory
    assert 5 <= asked <= 13


def test_a_second_machine_that_trips_right_after_the_first_does_not_wait() -> None:
    memory, decision = core.step(site(), in_force(), snapshot(SOON_NS, {"comp1/state_code": 3.0}), SOON_NS)
    assert decision.replan == "comp1 was free, is tripped"
    at_ns = SOON_NS + 10**9
    both = snapshot(at_ns, {"comp1/state_code": 3.0, "comp4/state_code": 3.0})
    memory, decision = core.step(site(), memory, both, at_ns)
    assert decision.replan is None
    memory = core.planned(memory, accepted())
    assert core.step(site(), memory, both, at_ns)[1].replan == "comp4 was free, is tripped"


def test_a_plan_that_a_machine_asked_for_does_not_mute_a_need_that_is_far_off() -> None:
    at_ns = SETTLED_NS - 10 * 10**9
    tripped = {"comp1/state_code": 3.0}
    memory, decision = core.step(site(), in_force(), snapshot(at_ns, tripped), at_ns)
    assert decision.replan == "comp1 was free, is tripped"
    memory = core.planned(memory, accepted())
    at_ns += round(GAP_S * 1e9)
    look = replace(snapshot(at_ns, tripped), recent={"process_kw": 800.0})
    assert (
        core.step(site(), memory, look, at_ns)[1].replan == "the electric load is 800 kW, planned were 500 kW"
    )


def test_a_set_point_that_decides_no_running_leaves_the_machine_to_the_plan() -> None:
    _, decision = core.step(site(), in_force(), held({"comp4/pressure_set_bar_g": 6.6}), SOON_NS)
    assert decision.replan is None
    assert "comp4/role_set_code" in told(decision)


def test_a_machine_whose_mode_is_off_is_planned_as_it_stands_and_a_site_that_is_off_has_no_plans() -> None:
    alone = replace(site(), modes=Modes("auto", {"comp2": "off"}))
    memory, decision = core.step(alone, core.Memory(), snapshot(), NOW_NS)
    assert task_of(alone, memory, decision, snapshot()).now.of("comp2").lock == 0
    assert core.step(replace(site(), modes=Modes("off")), core.Memory(), snapshot(), NOW_NS)[1].replan is None


@pytest.mark.parametrize(("age_s", "wanted"), [(SETTLED_S - 1, False), (SETTLED_S, True)])
def test_a_need_far_off_its_course_asks_for_a_plan_that_begins_with_it(age_s: float, *, wanted: bool) -> None:
    at_ns = NOW_NS + round(age_s * 1e9)
    look = replace(snapshot(at_ns), recent={"process_kw": 800.0, "cooling_kw": 350.0})
    memory, decision = core.step(site(), in_force(), look, at_ns)
    if not wanted:
        assert decision.replan is None
        return
    assert decision.replan == "the electric load is 800 kW, planned were 500 kW"
    task = task_of(site(), memory, decision, look)
    assert task.outlook.process_kw[0] == pytest.approx(800.0)
    assert 500.0 < task.outlook.process_kw[8] < 800.0
    assert any("the plan begins as measured" in note.en for note in task.notes)
    before = accepted().outlook
    assert before is not None
    assert task.outlook.cooling_kw == pytest.approx(before.cooling_kw)


def test_a_plan_made_on_what_is_measured_is_not_asked_for_again() -> None:
    look = replace(snapshot(SETTLED_NS), recent={"process_kw": 800.0})
    memory, decision = core.step(site(), in_force(), look, SETTLED_NS)
    answered = solve_task(task_of(site(), memory, decision, look))
    memory = core.planned(memory, answered)
    later_ns = SETTLED_NS + round(SETTLED_S * 1e9)
    again = replace(look, now_ns=later_ns, readings=snapshot(later_ns).readings)
    assert core.step(site(), memory, again, later_ns)[1].replan is None


def test_a_battery_that_holds_less_than_planned_asks_for_a_plan() -> None:
    at_ns = floor_quarter_ns(NOW_NS) + QUARTER_NS
    memory = replace(in_force(), asked_ns=at_ns - round(SETTLED_S * 1e9))
    _, decision = core.step(site(), memory, snapshot(at_ns, {"battery1/soc_frac": 0.06}), at_ns)
    assert decision.replan is not None
    assert decision.replan.startswith("battery1 holds 30 kWh, planned were")


@pytest.mark.parametrize(("factor", "wanted"), [(1.02, False), (1.3, True)])
def test_a_forecast_that_says_something_else_asks_for_a_plan(factor: float, *, wanted: bool) -> None:
    outlook = accepted().outlook
    assert outlook is not None
    names = ("process_kw", "air_m3_min", "cooling_kw", "heat_kw")
    middle = {name: np.array(getattr(outlook, name)) for name in names}
    middle["process_kw"] = middle["process_kw"] * factor
    before = {name: np.full(4, course[0]) for name, course in middle.items()}
    issue = Issue(outlook.start_ns, middle, before)
    look = replace(snapshot(SETTLED_NS), issue=issue)
    memory, decision = core.step(site(), in_force(), look, SETTLED_NS)
    if not wanted:
        assert decision.replan is None
        assert core.step(site(), memory, look, SETTLED_NS)[0].issue is issue
        return
    assert decision.replan is not None
    assert decision.replan.startswith("the forecast of the electric load has changed by +")


def test_a_plan_that_an_event_asked_for_and_that_could_not_be_had_is_asked_for_again() -> None:
    look = held({"comp1/permit_set_code": 0.0})
    memory, decision = core.step(site(), in_force(), look, SOON_NS)
    memory = core.planned(memory, None)
    assert core.step(site(), memory, look, SOON_NS)[1].replan is None
    retry_ns = SOON_NS + round(core.RETRY_S * 1e9)
    assert core.step(site(), memory, held(look.held, retry_ns), retry_ns)[1].replan == decision.replan


@pytest.mark.parametrize(
    ("into_s", "quarter_kw", "gone_s"), [(30, 600.0, 0.0), (420, None, 0.0), (420, 600.0, 420.0)]
)
def test_after_an_event_the_plan_is_for_what_is_left_of_the_quarter(
    into_s: int, quarter_kw: float | None, gone_s: float
) -> None:
    at_ns = floor_quarter_ns(NOW_NS) + into_s * 10**9
    look = replace(snapshot(at_ns, {"comp1/state_code": 3.0}), quarter_kw=quarter_kw)
    memory, decision = core.step(site(), in_force(), look, at_ns)
    task = task_of(site(), memory, decision, look)
    assert task.outlook.gone_s == gone_s
    made = solve_task(task)
    assert made.plan.step_at(at_ns) == 0
    hours = made.outlook.hours.sum() if made.outlook is not None else 0.0
    assert hours == pytest.approx(24.0 - gone_s / 3600.0)
    ran = made.simulated.machine_kw
    assert {"comp2", "chiller1", "battery1", "boiler1", "chp1"} <= ran.keys()
    assert all(course.shape == (96,) for course in ran.values())


def test_the_planner_knows_the_hours_each_machine_has_run() -> None:
    look = snapshot(NOW_NS, {"comp1/run_h": 8000.0, "comp2/run_h": 6000.0, "comp3/run_h": 7000.0})
    memory, decision = core.step(site(), core.Memory(), look, NOW_NS)
    now = task_of(site(), memory, decision, look).now
    hours = {name: now.of(name).run_h for name in site().plant.compressor_ids}
    assert hours == {"comp1": 8000.0, "comp2": 6000.0, "comp3": 7000.0, "comp4": 8000.0}


def test_a_plan_of_the_quarter_hour_may_take_longer_than_one_after_an_event() -> None:
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    assert task_of(site(), memory, decision, snapshot()).limit_s == LIMIT_S


def test_only_who_stands_above_a_plan_holds_a_point_and_only_as_long_as_it_is_told() -> None:
    standing = Standing()
    people = Holder("demo/comp1/permit_set_code", "operator", 0.0, 60.0, "ana", "noise")
    mine = Holder("demo/comp2/permit_set_code", "optimiser", 1.0, 10.0, "hub", "the plan")
    standing.told(Holders("edge1", Instant("b", 1, 1), whole=True, holders=(people, mine)), 100.0)
    assert standing.above(101.0) == {"demo/comp1/permit_set_code": 0.0}
    assert standing.above(200.0) == {}


def test_a_point_that_declines_plans_is_the_plans_again_after_a_while_or_when_somebody_says_so() -> None:
    standing = Standing()
    standing.declined("demo/battery1/power_set_kw", 100.0)
    assert standing.above(999.0) == {"demo/battery1/power_set_kw": None}
    assert standing.above(1000.0) == {}
    standing.declined("demo/battery1/power_set_kw", 1000.0)
    standing.takes_plans()
    assert standing.above(1001.0) == {}


def test_means_of_the_last_minutes_ask_for_no_plan_in_a_step_that_has_just_begun_but_lead_its_plan() -> None:
    at_ns = floor_quarter_ns(NOW_NS) + QUARTER_NS + 60 * 10**9
    memory = replace(in_force(), asked_ns=at_ns - round(SETTLED_S * 1e9))
    look = replace(snapshot(at_ns), recent={"process_kw": 800.0})
    memory, decision = core.step(site(), memory, look, at_ns)
    assert decision.replan == "a new quarter hour"
    # known from the plan in force: the mean is 300 kW above it, so the new quarter begins that much above
    task = task_of(site(), memory, decision, look)
    assert task.outlook.process_kw[0] == pytest.approx(800.0)


def test_a_step_of_the_forecast_at_a_quarter_hour_is_not_smeared_by_the_mean_of_the_minutes_before() -> None:
    plan = accepted()
    assert plan.outlook is not None
    course = plan.outlook.process_kw.copy()
    course[0] = 200.0
    memory = in_force(replace(plan, outlook=replace(plan.outlook, process_kw=course)))
    at_ns = floor_quarter_ns(NOW_NS) + QUARTER_NS + 60 * 10**9
    look = replace(snapshot(at_ns), recent={"process_kw": 0.2 * float(course[1]) + 0.8 * 200.0})
    memory, decision = core.step(site(), memory, look, at_ns)
    task = task_of(site(), memory, decision, look)
    assert task.outlook.process_kw[0] == pytest.approx(course[1], abs=20.0)
