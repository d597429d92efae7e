"""The planner under a newer configuration: at once, whole, and never with a plan of another plant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import DispatchSite
from hub.ledger.queries import latest_plan
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from plant.flowsheet import Flowsheet
from plant.state import compile_plant
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, site


def devices(wishes: Mapping[str, list[Wish]]) -> set[str]:
    return {wish.point.split("/")[1] for found in wishes.values() for wish in found}


def other_plant() -> DispatchSite:
    """The same with a larger first compressor."""
    sheet = site().plant.flowsheet.model_dump(mode="json", exclude_unset=True)
    sheet["units"]["comp1"]["flow_m3_min"] += 1.0
    return replace(site(), plant=compile_plant(Flowsheet.model_validate(sheet)))


@pytest.mark.timeout(90)
async def test_a_newer_configuration_is_planned_by_at_once_and_an_old_plan_is_never_mixed_with_it(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    pilot = Pilot(site(), DayView(site(), store), sessions, clock)

    async def plan_id() -> str:
        async with sessions() as session:
            row = await latest_plan(session, "demo")
        return "" if row is None else str(row["id"])

    assert await pilot.decide({}) == {}
    await pilot.plan_when_asked()
    first = await plan_id()
    assert {"comp1", "comp2"} <= devices(await pilot.decide({}))

    # Modes hold with the next decision; the plan in force goes on for all others.
    advised = replace(site(), modes=Modes("auto", {"comp2": "advice"}))
    pilot.take(advised, DayView(advised, store))
    told = devices(await pilot.decide({}))
    assert "comp1" in told
    assert "comp2" not in told

    # One that is being made by the last version is thrown away; twice in a row asks once.
    solving = asyncio.create_task(pilot.plan_when_asked())
    await asyncio.sleep(0)
    pilot.take(advised, DayView(advised, store))
    pilot.take(replace(advised, modes=Modes("auto")), DayView(advised, store))
    assert {"comp1", "comp2"} <= devices(await pilot.decide({}))
    await solving
    assert await plan_id() == first

    # Of another plant nothing is told before it has a plan of its own.
    fresh = other_plant()
    pilot.take(fresh, DayView(fresh, store))
    assert await pilot.decide({}) == {}
    await pilot.plan_when_asked()
    assert await plan_id() != first
    assert "comp1" in devices(await pilot.decide({}))
    store.close()
