"""From an event at the plant to another plan in force: trip, person, price, need, forecast; alone or not.

Measured in the hub's own planner: the decision that sees the event, the task, the child process that solves,
checks and runs forward, and the commit of the row. The set-points of the new plan are told a second later.
The child waits with its libraries loaded, as it does in a hub some seconds after any plan; `cold` is a trip
in the moment in which the plan before it came. Beside it runs nothing, one loop, or three on each core.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from benchmarks.dispatch_day import NOW_NS, DayView, site, snapshot
from benchmarks.registry import Case, Result
from hub.database import Sessions, create_engine, embedded_url, sessions_of, upgrade
from hub.dispatch.events import NEEDS, SETTLED_S
from hub.dispatch.pilot import Pilot
from hub.dispatch.snapshot import Snapshot
from hub.forecast.issue import Issue
from hub.forecast.quarters import floor_quarter_ns
from hub.ledger.queries import latest_plan
from hub.store.engine import StorePlace, open_store
from protocols.errors import ContractError
from runtime.clock import VirtualClock

_REPEATS: Final = 2
_PAUSE_S: Final = 6.0
"""From a plan to the event that follows; events that do not hurry wait ten times as long. [s]"""
_AXIS: Final = {"": 0.0, "busy_": 0.5, "full_": 3.0}
"""What runs beside: its name in the figures to loops per core."""
_LOAD: Final = "x = 1\nwhile True: x = (x * 31 + 7) % 1000003"


class Event(NamedTuple):
    """Something that happens: what the hub sees from then on, other prices, who holds what."""

    shown: Callable[[int], Snapshot]
    new_prices: bool = False
    held: Mapping[str, float | None] = {}
    pause_s: float = _PAUSE_S


def _with_need(at_ns: int) -> Snapshot:
    return replace(snapshot(at_ns), recent={"process_kw": 800.0})


def _with_forecast(at_ns: int) -> Snapshot:
    """A forecast that was issued since, a third above what was planned on."""
    level = {"process_kw": 650.0, "air_m3_min": 32.0, "cooling_kw": 350.0, "heat_kw": 350.0}
    middle = {name: np.full(120, level[name]) for name in NEEDS}
    before = {name: np.full(4, level[name]) for name in NEEDS}
    return replace(snapshot(at_ns), issue=Issue(floor_quarter_ns(at_ns), middle, before))


EVENTS: Final = {
    "trip": Event(lambda at_ns: snapshot(at_ns, {"comp1/state_code": 3.0})),
    "person": Event(snapshot, held={"demo/comp1/permit_set_code": 0.0}),
    "price": Event(snapshot, new_prices=True),
    "need": Event(_with_need),
    "forecast": Event(_with_forecast),
    "cold": Event(lambda at_ns: snapshot(at_ns, {"comp1/state_code": 3.0}), pause_s=0.0),
}


def run() -> Result:
    """Let each event happen twice: alone, with one core taken, and with three loops on each core.

    Raises:
        ContractError: An event brought no other plan.
    """
    figures: dict[str, float] = {}
    for beside, loops_per_core in _AXIS.items():
        with _busy(round(loops_per_core * (os.cpu_count() or 1))):
            took = {
                name: [asyncio.run(_answered(event)) for _ in range(_REPEATS)]
                for name, event in EVENTS.items()
            }
        figures |= {f"{name}_{beside}s": max(each) for name, each in took.items()}
        figures[f"max_{beside}s"] = max(max(each) for each in took.values())
    return Result(figures)


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    beside = [subprocess.Popen([sys.executable, "-c", _LOAD]) for _ in range(loops)]  # noqa: S603  our own line
    try:
        yield
    finally:
        for one in beside:
            one.kill()
            one.wait()


async def _answered(event: Event) -> float:
    """Time from the event to another plan in force. [s]."""
    with tempfile.TemporaryDirectory(prefix="ems-replan-") as folder:
        url = embedded_url(Path(folder))
        upgrade(url)
        engine = create_engine(url)
        clock = VirtualClock(wall_ns=NOW_NS)
        store = open_store(StorePlace(Path(folder) / "series.db"), clock)
        try:
            return await _timed(event, sessions_of(engine), clock, DayView(site(), store))
        finally:
            store.close()
            await engine.dispose()


async def _timed(event: Event, sessions: Sessions, clock: VirtualClock, view: DayView) -> float:
    pilot = Pilot(site(), view, sessions, clock)
    await pilot.decide({})
    await pilot.plan_when_asked()
    first = await _plan_id(sessions)
    clock.advance(SETTLED_S)
    async with asyncio.TaskGroup() as group:
        planning = group.create_task(pilot.plan_when_asked())
        await asyncio.sleep(event.pause_s)
        began = time.monotonic()
        _happen(event, pilot, view)
        await pilot.decide({})
        async with asyncio.timeout(60.0):
            await planning
    took = time.monotonic() - began
    if await _plan_id(sessions) == first:
        raise ContractError("the event brought no other plan")
    return took


def _happen(event: Event, pilot: Pilot, view: DayView) -> None:
    view.shown = event.shown
    pilot.hear(lambda: event.held)
    if event.new_prices:
        tariff, emissions = site().supply
        dearer = {band: 1.5 * price for band, price in tariff.bands_per_kwh.items()}
        pilot.take(
            replace(site(), supply=(tariff.model_copy(update={"bands_per_kwh": dearer}), emissions)), view
        )


async def _plan_id(sessions: Sessions) -> str:
    async with sessions() as session:
        row = await latest_plan(session, "demo")
    return "" if row is None else str(row["id"])


CASE: Final = Case(
    "replan_events",
    "from a trip, a person, a price, a need or a forecast to another plan in force",
    run,
    {"event": tuple(EVENTS), "load": ("alone", "one core taken", "three loops a core")},
)
