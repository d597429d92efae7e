"""A hub that begins late in a quarter hour while a machine has just started or stopped: there is a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.solving import solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS, floor_quarter_ns
from optimizer.check import check
from optimizer.starting import Starting, course_kw
from optimizer.written import read
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, site, snapshot

pytestmark = pytest.mark.timeout(120)
RUNNING = 2.0
LATE_NS = floor_quarter_ns(NOW_NS) + QUARTER_NS - 19_000_000_000


@pytest.mark.parametrize(
    "machine",
    ["chiller1/state_code", "chiller2/state_code", "comp1/state_code", "comp2/state_code", "chp1/state_code"],
)
def test_there_is_a_plan_whatever_has_just_started_or_stopped(machine: str) -> None:
    shown = snapshot(LATE_NS - 1_000_000_000).readings[machine].value
    other = 0.0 if shown == RUNNING else RUNNING
    memory, _ = core.step(site(), core.Memory(), snapshot(LATE_NS - 1_000_000_000), LATE_NS - 1_000_000_000)
    look = replace(snapshot(LATE_NS, {machine: other}), quarter_kw=None)
    memory, decision = core.step(site(), memory, look, LATE_NS)
    task = task_of(site(), memory, decision, look)
    assert task.outlook.gone_s == 0.0, "nobody knows the import of the quarter hour: it is planned whole"
    assert task.now.machines[machine.partition("/")[0]].state_s < 1.0
    problem, plan = read(solve_task(task).made)
    assert check(problem, plan) == []


def test_a_machine_without_warm_up_gives_from_the_start_on() -> None:
    on = np.array([True, True, False])
    found = course_kw(on, (True, -881.0), Starting(), 900.0)
    assert found.giving_frac.tolist() == [1.0, 1.0, 0.0]
    assert found.power_kw.tolist() == [0.0, 0.0, 0.0]
