"""An event does not wait for a plan that only follows the clock, nor for a process that has yet to begin."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from hub.database import Sessions
from hub.dispatch import core
from hub.dispatch.pilot import Pilot
from hub.dispatch.solving import EVENT_LIMIT_S, LIMIT_S
from hub.dispatch.tasks import task_of
from hub.dispatch.worker import begun_late, solve_apart, spare
from hub.forecast.quarters import QUARTER_NS
from hub.ledger.queries import latest_plan
from hub.store.engine import StorePlace, open_store
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, DayView, accepted, in_force, site, snapshot

NEXT_NS: Final = NOW_NS + QUARTER_NS
TRIP: Final = {"comp1/state_code": 3.0}


def a_new_quarter() -> core.Memory:
    """A plan of the new quarter hour is under way."""
    memory, decision = core.step(site(), in_force(), snapshot(NEXT_NS), NEXT_NS)
    assert decision.replan == "a new quarter hour"
    return memory


def test_a_trip_takes_the_place_of_a_plan_that_only_follows_the_clock() -> None:
    memory, decision = core.step(site(), a_new_quarter(), snapshot(NEXT_NS, TRIP), NEXT_NS)
    assert decision.replan is None
    assert core.gives_way(memory)
    memory, decision = core.step(site(), core.gave_way(memory), snapshot(NEXT_NS, TRIP), NEXT_NS)
    assert decision.replan == "comp1 was free, is tripped"
    assert not core.gives_way(memory)
    task = task_of(site(), memory, decision, snapshot(NEXT_NS, TRIP))
    assert task.limit_s == EVENT_LIMIT_S


def test_nothing_gives_way_to_a_plan_that_answers_an_event_nor_without_one() -> None:
    assert not core.gives_way(a_new_quarter())
    later_ns = NOW_NS + 1_000_000_000
    memory, decision = core.step(site(), in_force(), snapshot(later_ns, TRIP), later_ns)
    assert decision.replan == "comp1 was free, is tripped"
    both = TRIP | {"comp4/state_code": 3.0}
    memory, decision = core.step(site(), memory, snapshot(later_ns, both), later_ns)
    assert decision.replan is None
    assert not core.gives_way(memory)


def test_a_child_that_begins_late_searches_for_what_is_left_of_the_time() -> None:
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    task = task_of(site(), memory, decision, snapshot())
    assert begun_late(task, 3.0).limit_s == LIMIT_S - 3.0
    event = replace(task, limit_s=EVENT_LIMIT_S)
    assert begun_late(event, 1.0).limit_s == EVENT_LIMIT_S - 1.0
    assert begun_late(event, 60.0).limit_s == 2.0, "something is searched for all the same"


@pytest.mark.timeout(90)
async def test_a_child_that_was_waiting_solves_and_one_that_died_meanwhile_is_replaced() -> None:
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    task = task_of(site(), memory, decision, snapshot())
    async with spare() as child:
        assert (await solve_apart(task, child)).plan.cost.total == accepted().plan.cost.total
        assert child.returncode == 0
        assert (await solve_apart(task, child)).plan.cost.total == accepted().plan.cost.total


async def test_a_child_nobody_asks_is_gone_with_its_block() -> None:
    async with spare() as child:
        os.kill(child.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


@pytest.mark.timeout(90)
async def test_prices_that_change_while_nobody_asks_are_planned_by(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(site(), store)
    pilot = Pilot(site(), view, sessions, clock)
    await pilot.decide({})
    await pilot.plan_when_asked()

    before = _children()
    planning = asyncio.create_task(pilot.plan_when_asked())
    while not _children() - before:
        await asyncio.sleep(0.005)
    clock.advance(300.0)
    tariff, emissions = site().supply
    dearer = {band: 1.5 * price for band, price in tariff.bands_per_kwh.items()}
    supply = (tariff.model_copy(update={"bands_per_kwh": dearer}), emissions)
    pilot.take(replace(site(), supply=supply), view)
    await pilot.decide({})
    await planning
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None
    assert row["reason"] == "new prices"
    store.close()


def _children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()}


@pytest.mark.timeout(90)
async def test_a_search_that_hangs_is_ended_when_a_machine_trips_and_the_trip_is_planned(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=NOW_NS)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(site(), store)
    pilot = Pilot(site(), view, sessions, clock)
    await pilot.decide({})
    await pilot.plan_when_asked()

    clock.advance(900.0)
    await pilot.decide({})
    before = _children()
    planning = asyncio.create_task(pilot.plan_when_asked())
    while not (begun := _children() - before):
        await asyncio.sleep(0.005)
    (child,) = begun
    os.kill(child, signal.SIGSTOP)
    view.shown = lambda at_ns: snapshot(at_ns, TRIP)
    while not planning.done():
        await pilot.decide({})
        await asyncio.sleep(0.01)
    await planning
    await pilot.decide({})
    await pilot.plan_when_asked()
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    assert row is not None
    assert row["reason"] == "comp1 was free, is tripped"
    store.close()
