"""A unit that is told through another device: its approval holds, for the points of that unit alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hub.auth.tables import UserRow
from hub.database import Sessions
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite, modes_of_units, told_through
from hub.dispatch.snapshot import Snapshot
from hub.ledger.approvals import ApprovalRow, approvals, approve
from hub.ledger.queries import latest_plan
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, site, snapshot
from tests.unit.hub_dispatch.test_hub_able import elsewhere

pytestmark = pytest.mark.timeout(60)


def _through_plc() -> DispatchSite:
    """The demo, two of its compressors told through one controller; it waits for a person."""
    sheet = elsewhere("comp3", "plc1", elsewhere("comp2", "plc1"))
    units = dict(sheet.units)
    for name in ("comp2", "comp3"):
        bindings = sheet.units[name].bindings
        bound = {role: ref.replace("plc1/", f"plc1/{name}_") for role, ref in bindings.items()}
        units[name] = sheet.units[name].model_copy(update={"bindings": bound})
    sheet = sheet.model_copy(update={"units": units})
    limits = dict(site().limits)
    for point, own in site().limits.items():
        device, _, name = point.partition("/")
        if device in {"comp2", "comp3"}:
            limits[f"plc1/{device}_{name}"] = own
    modes = modes_of_units(Modes("auto", {"plc1": "approve"}), sheet)
    plant = replace(site().plant, flowsheet=sheet)
    return replace(site(), plant=plant, limits=limits, modes=modes, edges={**site().edges, "plc1": "edge1"})


def _shown(at_ns: int) -> Snapshot:
    seen = snapshot(at_ns)
    return replace(seen, links={**seen.links, "plc1": "up"})


async def test_an_approval_of_a_unit_holds_and_tells_its_points_alone(
    sessions: Sessions, tmp_path: Path
) -> None:
    of, clock = _through_plc(), VirtualClock(wall_ns=NOW_NS)
    assert told_through(of.plant.flowsheet) == {"comp2": ["plc1"], "comp3": ["plc1"]}
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(of, store)
    view.shown = _shown
    planner = Pilot(of, view, sessions, clock)
    async with sessions.begin() as session:
        session.add(UserRow(name="ana", role="operator", password="", changed_ns=0))
    await planner.decide({})
    await planner.plan_when_asked()
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None

    async def points() -> set[str]:
        wishes = await planner.decide({})
        return {wish.point for found in wishes.values() for wish in found if "/plc1/" in wish.point}

    assert await points() == set()
    word = ApprovalRow(site="demo", machine="comp2", plan_id=row["id"], person="ana", at_ns=NOW_NS)
    await approve(sessions, "demo", [word], [])
    told = await points()
    assert told
    assert all(point.startswith("demo/plc1/comp2_") for point in told)
    assert set(await approvals(sessions, "demo")) == {"comp2"}
    store.close()
