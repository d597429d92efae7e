"""H5: needs no plant can meet, machines that are gone, a solver that hangs: nothing leaves the limits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from hub.dispatch import core, worker
from hub.dispatch.solving import Accepted, Task, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS
from optimizer.outlook import MachineNow, PlantNow
from optimizer.problem import OFF, ON
from protocols.errors import SolveError
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, site, snapshot

pytestmark = pytest.mark.timeout(240)
Twist = Callable[[Task], Task]
COMPRESSORS = ("comp1", "comp2", "comp3", "comp4")
CHILLERS = ("chiller1", "chiller2")
LONG_S = 1e6
ANSWER_S = 30.0


@cache
def usual() -> Task:
    """The task of a day like any other."""
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    return task_of(site(), memory, decision, snapshot())


def grown(**factors: float) -> Twist:
    """Needs so many times as high."""

    def twist(task: Task) -> Task:
        told = {name: getattr(task.outlook, name) * factor for name, factor in factors.items()}
        return replace(task, outlook=replace(task.outlook, **told))

    return twist


def held(how: int, *names: str) -> Twist:
    """Machines that take no orders, all off or all on."""

    def twist(task: Task) -> Task:
        stuck = {name: MachineNow(how == ON, LONG_S, how) for name in names}
        return replace(task, now=replace(task.now, machines={**task.now.machines, **stuck}))

    return twist


def seen(change: Callable[[PlantNow], PlantNow]) -> Twist:
    """A plant in another state."""
    return lambda task: replace(task, now=change(task.now))


def both(one: Twist, other: Twist) -> Twist:
    """One after the other."""
    return lambda task: other(one(task))


CASES: dict[str, Twist] = {
    "air, three times": grown(air_m3_min=3.0),
    "air, ten times": grown(air_m3_min=10.0),
    "all compressors tripped": held(OFF, *COMPRESSORS),
    "all chillers tripped": held(OFF, *CHILLERS),
    "all machines tripped": held(OFF, *COMPRESSORS, *CHILLERS, "chp1", "battery1"),
    "air and compressors": both(grown(air_m3_min=4.0), held(OFF, "comp1", "comp4")),
    "cooling, ten times": grown(cooling_kw=10.0),
    "cooling, three times": grown(cooling_kw=3.0),
    "heat, twenty times": grown(heat_kw=20.0),
    "process, twenty times": grown(process_kw=20.0),
    "a process that gives": grown(process_kw=-5.0),
    "all compressors in local": held(ON, *COMPRESSORS),
    "all chillers in local": held(ON, *CHILLERS),
    "an engine nobody can stop": both(grown(heat_kw=0.0), held(ON, "chp1")),
    "an empty battery": both(grown(process_kw=5.0), seen(lambda now: replace(now, soc_frac=0.0))),
    "a battery held at its power": seen(lambda now: replace(now, battery_held_kw=250.0)),
    "warm water": both(grown(cooling_kw=4.0), seen(lambda now: replace(now, loop_c=35.0))),
    "a hot day": both(
        grown(cooling_kw=5.0, process_kw=3.0), seen(lambda now: replace(now, loop_c=30.0, soc_frac=0.0))
    ),
    "nothing is needed": grown(air_m3_min=0.0, cooling_kw=0.0, heat_kw=0.0, process_kw=0.0),
    "everything, ten times": grown(air_m3_min=10.0, cooling_kw=10.0, heat_kw=10.0, process_kw=10.0),
}


REFUSED = {"all machines tripped", "a process that gives"}
"""Where no plan is better than one that costs more than the plant by itself, or that makes no sense."""


def told_outside(accepted: Accepted) -> list[str]:
    """Set-points outside the commissioned limits, at any step of a plan."""
    memory, _ = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    memory = core.planned(memory, accepted)
    found = []
    for step in range(accepted.plan.binary_steps):
        at_ns = accepted.plan.start_ns + step * QUARTER_NS + 1
        _, decision = core.step(site(), memory, snapshot(at_ns), at_ns)
        for wanted in decision.set_points:
            limits = site().limits[wanted.point]
            if not limits.low <= wanted.value <= limits.high:
                found.append(f"{wanted.point} {wanted.value}")
    return found


@pytest.mark.parametrize("name", list(CASES))
def test_what_cannot_be_met_is_named_or_refused_and_nothing_leaves_the_limits(name: str) -> None:
    task = CASES[name](usual())
    try:
        accepted = solve_task(task)
    except SolveError:
        assert name in REFUSED
        return
    assert told_outside(accepted) == []
    short = {shortage.name for shortage in accepted.plan.shortages}
    if name in {"air, ten times", "all compressors tripped", "cooling, ten times", "heat, twenty times"}:
        assert short, "what is missing has a name"


def _children() -> set[int]:
    """Also servers of other tests, which nobody here may touch."""
    return {int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()}


async def _its_child(before: set[int]) -> int:
    while not (fresh := _children() - before):
        await asyncio.sleep(0.005)
    (child,) = fresh
    return child


async def test_a_solver_that_is_killed_leaves_the_plan_in_force_and_is_asked_again_soon() -> None:
    before = _children()
    solving = asyncio.ensure_future(worker.solve_apart(usual()))
    os.kill(await _its_child(before), signal.SIGKILL)
    with pytest.raises(SolveError, match="the process that makes plans ended with -9"):
        await solving
    accepted = solve_task(usual())
    at_ns = accepted.plan.start_ns + QUARTER_NS
    memory, _ = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    memory = core.planned(memory, accepted)
    memory, asked = core.step(site(), memory, snapshot(at_ns), at_ns)
    assert asked.replan == "a new quarter hour"
    memory = core.planned(memory, None)
    soon_ns = at_ns + round(core.RETRY_S * 1e9)
    _, again = core.step(site(), memory, snapshot(soon_ns), soon_ns)
    assert (again.replan, bool(again.set_points)) == ("a new quarter hour", True)


async def test_a_solver_that_hangs_is_ended_and_the_plan_in_force_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert worker.KILL_S <= ANSWER_S
    monkeypatch.setattr(worker, "KILL_S", 2.0)
    before = _children()
    solving = asyncio.ensure_future(worker.solve_apart(usual()))
    child = await _its_child(before)
    os.kill(child, signal.SIGSTOP)
    with pytest.raises(SolveError, match="not ready after 2 s; the last plan stays in force"):
        await solving
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
