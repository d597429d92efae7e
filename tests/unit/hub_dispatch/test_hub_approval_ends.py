"""What plans made meanwhile do with machines that wait for a person, and what ends an approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub.auth.tables import UserRow
from hub.database import Sessions
from hub.dispatch import core
from hub.dispatch.approved import GRACE_S
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite
from hub.dispatch.solving import solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS
from hub.ledger.approvals import ApprovalRow, approvals, approve, ended
from hub.ledger.queries import latest_plan
from hub.registry.site import Mode, Modes
from hub.store.engine import StorePlace, open_store
from optimizer.check import check
from optimizer.written import read
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, accepted, in_force, site, snapshot

SOON_NS = NOW_NS + 10**9


def waiting() -> DispatchSite:
    return replace(site(), modes=Modes("auto", {"comp2": "approve"}))


def test_a_plan_made_meanwhile_has_a_machine_that_waits_where_its_approved_course_has_it() -> None:
    plan = accepted().plan
    own = replace(plan.machines["comp2"], on=np.arange(plan.steps) % 2 == 0)
    approved = replace(accepted(), plan=replace(plan, machines={**plan.machines, "comp2": own}))
    at_ns = plan.start_ns + 2 * QUARTER_NS + 10**9
    memory = replace(in_force(), approved={"comp2": approved})
    memory, decision = core.step(waiting(), memory, snapshot(at_ns), at_ns)
    now = task_of(waiting(), memory, decision, snapshot(at_ns)).now
    locks, exact = now.lock_of("comp2", 96), plan.binary_steps - 2
    assert locks is not None
    assert locks[:exact].tolist() == [int(on) for on in own.on[2 : plan.binary_steps]]
    assert set(locks[exact:].tolist()) == {-1}
    assert now.lock_of("comp1", 96) is None


@pytest.mark.parametrize(("state", "runs"), [(2.0, True), (0.0, False)])
def test_a_plan_leaves_a_machine_nobody_has_approved_anything_for_as_it_is_for_now(
    state: float, *, runs: bool
) -> None:
    look = snapshot(NOW_NS, {"comp2/state_code": state})
    memory, decision = core.step(waiting(), core.Memory(), look, NOW_NS)
    task = task_of(waiting(), memory, decision, look)
    locks = task.now.lock_of("comp2", 96)
    assert locks is not None
    assert locks.tolist() == [int(runs)] + [-1] * 95
    assert bool(solve_task(task).plan.machines["comp2"].on[0]) is runs


@pytest.mark.parametrize(
    ("tripped", "ended"), [("chiller2", frozenset()), ("comp1", {"comp2"}), ("comp2", {"comp2"})]
)
def test_an_approval_ends_with_an_event_of_its_station(tripped: str, ended: set[str]) -> None:
    memory = replace(in_force(), approved={"comp2": accepted()})
    look = snapshot(SOON_NS, {f"{tripped}/state_code": 3.0})
    kept, decision = core.step(waiting(), memory, look, SOON_NS)
    assert decision.ended == ended
    assert set(kept.approved) == {"comp2"} - ended


@pytest.fixture
async def pilot(sessions: Sessions, tmp_path: Path) -> AsyncIterator[tuple[Pilot, DayView]]:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(waiting(), store)
    yield Pilot(waiting(), view, sessions, clock), view
    store.close()


@pytest.mark.timeout(60)
async def test_an_approval_does_not_outlive_the_mode_it_was_given_in_nor_an_event(
    pilot: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    planner, view = pilot
    async with sessions.begin() as session:
        session.add(UserRow(name="ana", role="operator", password="", changed_ns=0))
    await planner.decide({})
    await planner.plan_when_asked()
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None

    async def said() -> bool:
        word = ApprovalRow(site="demo", machine="comp2", plan_id=row["id"], person="ana", at_ns=NOW_NS)
        await approve(sessions, "demo", [word], [])
        return await told()

    async def told() -> bool:
        wishes = await planner.decide({})
        return any("/comp2/" in wish.point for found in wishes.values() for wish in found)

    assert await said()
    planner.take(site(), view)
    planner.take(waiting(), view)
    assert not await told()
    assert await approvals(sessions, "demo") == {}
    assert await said()
    view.shown = lambda at_ns: snapshot(at_ns, {"comp1/state_code": 3.0})
    assert not await told()
    view.shown = snapshot
    assert not await told()
    assert await approvals(sessions, "demo") == {}


async def _planned(planner: Pilot, sessions: Sessions) -> str:
    """A plan in force, and somebody who may command; gives the plan's id."""
    async with sessions.begin() as session:
        session.add(UserRow(name="ana", role="operator", password="", changed_ns=0))
    await planner.decide({})
    await planner.plan_when_asked()
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None
    return str(row["id"])


async def _say(sessions: Sessions, plan_id: str, at_ns: int) -> None:
    word = ApprovalRow(site="demo", machine="comp2", plan_id=plan_id, person="ana", at_ns=at_ns)
    await approve(sessions, "demo", [word], [])


@pytest.mark.timeout(120)
async def test_an_approval_given_before_the_planner_knows_the_new_mode_is_followed_once_it_does(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(site(), store)
    planner = Pilot(site(), view, sessions, clock)
    plan_id = await _planned(planner, sessions)
    accepted_ns = NOW_NS - 3 * 10**9
    await _say(sessions, plan_id, NOW_NS - 10**9)
    await planner.decide({})
    assert set(await approvals(sessions, "demo")) == {"comp2"}
    planner.take(waiting(), DayView(waiting(), store), accepted_ns)
    wishes = await planner.decide({})
    assert any("/comp2/" in wish.point for found in wishes.values() for wish in found)
    assert await ended(sessions, "demo", ["comp2"], 0) == {}
    store.close()


@pytest.mark.timeout(60)
async def test_an_approval_from_before_the_mode_was_changed_is_taken_back_and_it_is_told(
    pilot: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    planner, view = pilot
    plan_id = await _planned(planner, sessions)
    await _say(sessions, plan_id, NOW_NS - 10 * 10**9)
    planner.take(site(), view, NOW_NS - 5 * 10**9)
    planner.take(waiting(), view, NOW_NS - 4 * 10**9)
    await planner.decide({})
    assert await approvals(sessions, "demo") == {}
    told = (await ended(sessions, "demo", ["comp1", "comp2"], 0))["comp2"]
    assert (told.person, told.plan_id, told.why) == ("ana", plan_id, "mode")


@pytest.mark.timeout(60)
async def test_an_approval_of_a_machine_that_waits_for_nobody_is_left_alone_only_for_seconds(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    other = replace(site(), modes=Modes("auto", {"comp3": "approve"}))
    planner = Pilot(other, DayView(other, store), sessions, clock)
    plan_id = await _planned(planner, sessions)
    await _say(sessions, plan_id, NOW_NS - round((GRACE_S - 1.0) * 1e9))
    await planner.decide({})
    assert set(await approvals(sessions, "demo")) == {"comp2"}
    await _say(sessions, plan_id, NOW_NS - round((GRACE_S + 1.0) * 1e9))
    await planner.decide({})
    assert await approvals(sessions, "demo") == {}
    store.close()


def _battery(**modes: Mode) -> DispatchSite:
    return replace(site(), modes=Modes("auto", dict(modes)))


@pytest.mark.timeout(120)
def test_a_battery_that_waits_is_counted_on_for_what_it_does_now_or_for_what_was_approved() -> None:
    look = snapshot(NOW_NS, {"battery1/power_kw": 41.5})
    battery = site().plant.battery
    assert battery is not None
    now_kw = 41.5 - battery.standby_kw
    memory, decision = core.step(_battery(battery1="approve"), core.Memory(), look, NOW_NS)
    task = task_of(_battery(battery1="approve"), memory, decision, look)
    assert list(task.now.battery_course_kw) == pytest.approx([now_kw])
    made = solve_task(task)
    assert made.plan.battery_kw[0] == pytest.approx(now_kw, abs=0.1)
    problem, plan = read(made.made)
    assert check(problem, plan) == []
    approved = replace(memory, approved={"battery1": accepted()})
    task = task_of(_battery(battery1="approve"), approved, decision, look)
    course = accepted().plan.battery_kw[: accepted().plan.binary_steps]
    assert task.now.battery_course_kw == tuple(course.tolist())
    assert solve_task(task).plan.battery_kw[: len(course)] == pytest.approx(course, abs=0.1)
    assert task_of(_battery(), memory, decision, look).now.battery_course_kw == ()


@pytest.mark.timeout(120)
def test_the_check_sees_a_battery_that_does_not_do_what_it_is_held_at() -> None:
    look = snapshot(NOW_NS, {"battery1/power_kw": 41.5})
    memory, decision = core.step(_battery(battery1="approve"), core.Memory(), look, NOW_NS)
    problem, plan = read(solve_task(task_of(_battery(battery1="approve"), memory, decision, look)).made)
    other = replace(problem.batteries[0], fixed_kw=np.where(np.arange(96) < 1, -60.0, np.nan))
    broken = check(replace(problem, batteries=(other,)), plan)
    assert [(one.machine, one.step, one.limit) for one in broken] == [
        ("battery1", 0, "power held from outside [kW]")
    ]
