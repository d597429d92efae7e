"""What has ended is followed no more, whatever is away then: approvals, plans of another term or version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.auth.tables import UserRow
from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Snapshot
from hub.ledger.approvals import ApprovalRow, approvals, approve, ended
from hub.ledger.queries import latest_plan
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from optimizer.planning import PlanningFile
from protocols.config import Text
from protocols.errors import StoreError
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, site, snapshot

pytestmark = pytest.mark.timeout(90)


def waiting() -> DispatchSite:
    return replace(site(), modes=Modes("auto", {"comp2": "approve"}))


def points(wishes: Mapping[str, list[Wish]]) -> set[str]:
    return {wish.point.removeprefix("demo/") for found in wishes.values() for wish in found}


def devices(wishes: Mapping[str, list[Wish]]) -> set[str]:
    return {point.split("/")[0] for point in points(wishes)}


def store_away(_now_ns: int) -> Snapshot:
    raise StoreError("the store is away")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(wall_ns=NOW_NS)


@pytest.fixture
async def hub(
    sessions: Sessions, tmp_path: Path, clock: VirtualClock
) -> AsyncIterator[tuple[Pilot, DayView]]:
    """A planner of a site where comp2 waits for a person, and somebody who may approve."""
    async with sessions.begin() as session:
        session.add(UserRow(name="ana", role="operator", password="", changed_ns=0))
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(waiting(), store)
    yield Pilot(waiting(), view, sessions, clock), view
    store.close()


async def newest(sessions: Sessions) -> str:
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None
    return str(row["id"])


async def say(sessions: Sessions, plan_id: str | None) -> None:
    word = ApprovalRow(site="demo", machine="comp2", plan_id=plan_id, person="ana", at_ns=NOW_NS)
    await approve(sessions, "demo", [word], [])


async def approved(pilot: Pilot, sessions: Sessions) -> str:
    """A plan is in force, and comp2 follows it because ana said so."""
    await pilot.decide({})
    await pilot.plan_when_asked()
    plan_id = await newest(sessions)
    await say(sessions, plan_id)
    assert {"comp1", "comp2"} <= devices(await pilot.decide({}))
    return plan_id


async def rename(sessions: Sessions, table: str, to: str) -> None:
    async with sessions.begin() as session:
        await session.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))


async def test_an_approval_taken_back_while_the_store_is_away_is_followed_no_more(
    hub: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    pilot, view = hub
    await approved(pilot, sessions)
    view.shown = store_away
    assert {"comp1", "comp2"} <= devices(await pilot.decide({}))
    await say(sessions, None)
    told = devices(await pilot.decide({}))
    assert "comp1" in told
    assert "comp2" not in told


@pytest.mark.parametrize("away", ["plan_approval", "site_role", "audit"])
async def test_an_approval_that_an_event_has_ended_does_not_come_back_while_the_database_is_away(
    hub: tuple[Pilot, DayView], sessions: Sessions, away: str
) -> None:
    pilot, view = hub
    plan_id = await approved(pilot, sessions)
    await rename(sessions, away, "somewhere")
    view.shown = lambda at_ns: snapshot(at_ns, {"comp1/state_code": 3.0})
    assert "comp2" not in devices(await pilot.decide({}))
    view.shown = snapshot
    assert "comp2" not in devices(await pilot.decide({}))
    view.shown = store_away
    assert "comp2" not in devices(await pilot.decide({}))
    await rename(sessions, "somewhere", away)
    view.shown = snapshot
    assert "comp2" not in devices(await pilot.decide({}))
    assert await approvals(sessions, "demo") == {}
    assert (await ended(sessions, "demo", ["comp2"], 0))["comp2"][:3] == ("ana", plan_id, "event")


@pytest.mark.parametrize("away", ["plan_approval", "audit"])
async def test_an_approval_does_not_outlive_its_mode_while_the_database_is_away(
    hub: tuple[Pilot, DayView], sessions: Sessions, away: str
) -> None:
    pilot, view = hub
    await approved(pilot, sessions)
    await rename(sessions, away, "somewhere")
    pilot.take(site(), view)
    pilot.take(waiting(), view)
    for _ in range(2):
        told = devices(await pilot.decide({}))
        assert "comp1" in told
        assert "comp2" not in told
    await rename(sessions, "somewhere", away)
    await pilot.decide({})
    assert await approvals(sessions, "demo") == {}


async def test_a_right_that_is_gone_ends_an_approval_also_where_that_cannot_be_written_down(
    hub: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    pilot, _ = hub
    await approved(pilot, sessions)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE \"user\" SET role = 'viewer'"))
    await rename(sessions, "audit", "somewhere")
    assert "comp2" not in devices(await pilot.decide({}))
    await rename(sessions, "somewhere", "audit")


async def test_a_hub_that_leads_again_tells_nothing_of_what_it_planned_in_another_term(
    hub: tuple[Pilot, DayView], sessions: Sessions, clock: VirtualClock
) -> None:
    pilot, _ = hub
    pilot.in_term(4)
    first = await approved(pilot, sessions)
    pilot.in_term(4)
    assert {"comp1", "comp2"} <= devices(await pilot.decide({}))
    clock.advance(900.0)
    pilot.in_term(6)
    assert await pilot.decide({}) == {}
    assert await approvals(sessions, "demo") == {}
    await pilot.plan_when_asked()
    assert await newest(sessions) != first
    told = await pilot.decide({})
    assert "comp1" in devices(told)
    assert {wish.plan_id for found in told.values() for wish in found} == {await newest(sessions)}


async def test_a_plan_under_way_when_the_office_is_lost_is_not_used(
    hub: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    pilot, _ = hub
    pilot.in_term(4)
    await pilot.decide({})
    event.listen(engine_of(sessions).sync_engine, "commit", lambda _: pilot.in_term(0), once=True)
    await pilot.plan_when_asked()
    assert await newest(sessions)
    pilot.in_term(5)
    assert await pilot.decide({}) == {}


def engine_of(sessions: Sessions) -> AsyncEngine:
    engine = sessions.kw["bind"]
    assert isinstance(engine, AsyncEngine)
    return engine


async def test_a_plan_is_not_used_nor_approved_when_the_configuration_changed_while_it_was_kept(
    hub: tuple[Pilot, DayView], sessions: Sessions
) -> None:
    pilot, view = hub
    other = replace(waiting(), notes=(Text(en="of another version", zh="其他版本"),))
    await pilot.decide({})
    event.listen(engine_of(sessions).sync_engine, "commit", lambda _: pilot.take(other, view), once=True)
    await pilot.plan_when_asked()
    first = await newest(sessions)
    await say(sessions, first)
    assert await pilot.decide({}) == {}
    assert await approvals(sessions, "demo") == {}
    await pilot.plan_when_asked()
    assert await newest(sessions) != first
    assert "comp1" in devices(await pilot.decide({}))


def choosing(**water: object) -> DispatchSite:
    levels = {"supply_c": [7, 8, 9, 10], **water}
    return replace(site(), planning=PlanningFile.model_validate({"chilled_water": levels}))


async def test_a_chosen_set_point_is_not_told_under_other_limits_before_there_is_a_plan_by_them(
    hub: tuple[Pilot, DayView],
) -> None:
    pilot, view = hub
    pilot.take(choosing(), view)
    await pilot.decide({})
    await pilot.plan_when_asked()
    before = points(await pilot.decide({}))
    chosen = {point for point in before if point.endswith("/supply_set_c")}
    assert chosen

    reserve = PlanningFile.model_validate(
        choosing().planning.model_dump(mode="json") | {"reserve": {"without_largest": ["air"]}}
    )
    pilot.take(replace(choosing(), planning=reserve), view)
    assert points(await pilot.decide({})) == before

    pilot.take(choosing(humid={"wet_bulb_above_c": -20.0, "supply_most_c": 7.0}), view)
    assert points(await pilot.decide({})) == before - chosen
    await pilot.plan_when_asked()
    told = await pilot.decide({})
    values = {wish.value for found in told.values() for wish in found if wish.point.endswith("/supply_set_c")}
    assert values == {7.0}
