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
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite
from hub.dispatch.solving import solve_task
from hub.forecast.quarters import QUARTER_NS
from hub.ledger.approvals import ApprovalRow, approvals, approve
from hub.ledger.queries import latest_plan
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
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
    now = core.task_of(waiting(), memory, decision, snapshot(at_ns)).now
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
    task = core.task_of(waiting(), memory, decision, look)
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
