"""What write limits say about switching machines is in the plan, with the starts that were seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import MachineSeen, look
from hub.dispatch.solving import Task, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS
from optimizer.problem import Commitment, DispatchProblem
from optimizer.starting import Ramp, Starting
from optimizer.switch_limits import SwitchLimits, ramp_of, with_switch_limits
from optimizer.written import read
from plant.units.heat import EngineTimes
from protocols.write_block import WriteLimits
from tests.unit.hub_dispatch.dispatch_day import NOW_NS, site, snapshot
from tests.unit.optimizer.features import bare, engine

pytestmark = pytest.mark.timeout(120)
BEGIN_NS = NOW_NS - NOW_NS % QUARTER_NS


def _site(**duties: dict[str, object]) -> DispatchSite:
    """The demo with a duty at some points, their names with two underscores for the slash."""
    limits = dict(site().limits)
    for named, duty in duties.items():
        point = named.replace("__", "/")
        limits[point] = WriteLimits.model_validate(limits[point].model_dump() | {"duty": duty})
    return replace(site(), limits=limits)


def _task(of: DispatchSite, seen_before: dict[str, MachineSeen] | None = None) -> Task:
    memory, decision = core.step(of, core.Memory(seen=seen_before or {}), snapshot(), NOW_NS)
    return task_of(of, memory, decision, snapshot())


def _problem(task: Task) -> DispatchProblem:
    return read(solve_task(task).made)[0]


def test_starts_that_write_limits_allow_are_those_of_the_plan() -> None:
    bound = _site(comp1__role_set_code={"starts_per_h": 2}, chiller1__permit_set_code={"writes_per_day": 7})
    task = _task(bound)
    assert (task.switching["comp1"].most_per_h, task.switching["chiller1"].most_per_day) == (2, 3)
    problem = _problem(task)
    starting = {one.name: one.commitment.starting for one in problem.switched}
    assert (starting["comp1"].most_per_h, starting["comp2"].most_per_h) == (2, None)
    assert (starting["chiller1"].most_per_day, starting["chiller2"].most_per_day) == (3, None)


def test_starts_of_the_last_day_count_from_the_begin_of_the_window() -> None:
    off = replace(look(site(), snapshot(), {}).machines["comp1"], on=False)
    early = replace(off, starts_ns=(NOW_NS - 86_500 * 10**9, NOW_NS - 1_000 * 10**9))
    seen = look(site(), snapshot(), {"comp1": early}).machines["comp1"]
    assert seen.starts_ns == (NOW_NS - 1_000 * 10**9, NOW_NS)
    bound = _site(comp1__role_set_code={"starts_per_h": 2})
    ages_s = _task(bound, {"comp1": early}).switching["comp1"].ages_s
    assert ages_s == pytest.approx(((BEGIN_NS - NOW_NS) / 1e9 + 1_000.0, (BEGIN_NS - NOW_NS) / 1e9))


def test_a_machine_that_has_used_up_its_starts_is_not_started() -> None:
    bound = _site(comp2__role_set_code={"starts_per_h": 1})
    shown = snapshot(values={"comp1/state_code": 3.0, "comp4/state_code": 3.0, "comp3/local_mode_code": 1.0})
    off = replace(look(site(), shown, {}).machines["comp2"], starts_ns=(NOW_NS - 600 * 10**9,))

    def on(before: dict[str, MachineSeen]) -> list[bool]:
        memory, decision = core.step(bound, core.Memory(seen=before), shown, NOW_NS)
        plan = solve_task(task_of(bound, memory, decision, shown)).plan
        return [bool(runs) for runs in plan.machines["comp2"].on[:4]]

    assert on({})[0]
    assert not any(on({"comp2": off})[:3])


def test_a_dwell_is_a_shortest_run_and_stop_and_ends_later_where_the_window_began_before() -> None:
    own = Commitment(on=True, state_s=1000.0, min_up_s=900.0)
    asked = replace(bare(4), chps=(engine(own),))
    found = with_switch_limits(asked, {"engine": SwitchLimits(least_s=1800.0)}, 120.0).chps[0].commitment
    assert (found.min_up_s, found.min_down_s, found.state_s) == (1800.0, 1800.0, 880.0)
    assert with_switch_limits(asked, {}, 120.0) == asked


def test_an_engine_warms_up_in_the_plan_as_it_does_in_the_plant() -> None:
    chp = _problem(_task(site())).chps[0]
    assert chp.commitment.starting == Starting(warm_up_s=180.0)
    assert chp.commitment.ramp is None


def test_an_engine_slower_than_a_step_has_its_ramp_from_what_it_gives_now() -> None:
    unit = site().plant.chp
    assert unit is not None
    slow = unit.model_copy(update={"times": EngineTimes(ramp_kw_s=0.05)})
    assert ramp_of(unit, 900.0) is None
    assert ramp_of(slow, 900.0) == Ramp(up_per_min=3.0, down_per_min=3.0)
    sheet = site().plant.flowsheet
    flowsheet = sheet.model_copy(update={"units": {**sheet.units, "chp1": slow}})
    of = replace(site(), plant=replace(site().plant, flowsheet=flowsheet, chp=slow))
    shown = snapshot(values={"chp1/state_code": 2.0, "chp1/power_kw": -150.0, "comp1/state_code": 3.0})
    memory, decision = core.step(of, core.Memory(), shown, NOW_NS)
    late = replace(shown, now_ns=NOW_NS + 300 * 10**9, quarter_kw=400.0)
    task = task_of(of, memory, decision, late)
    assert task.outlook.gone_s == 0.0
    made = solve_task(task)
    ramp = read(made.made)[0].chps[0].commitment.ramp
    assert ramp is not None
    assert ramp.last == 150.0
    given = np.concatenate([[150.0], made.plan.chp_kw[: made.plan.binary_steps]])
    both = (given[1:] > 0) & (given[:-1] > 0)
    assert np.abs(np.diff(given))[both].max(initial=0.0) <= 45.0 + 0.01


def test_what_no_plan_of_quarter_hours_keeps_is_told() -> None:
    bound = _site(
        comp1__role_set_code={"dwell_s": 1200.0},
        battery1__power_set_kw={"step": 50.0},
        chp1__permit_set_code={"dwell_s": 1200.0},
    )
    notes = " ".join(note.en for note in _task(bound).notes)
    name = bound.speech.name
    assert f"{name('comp1').en} may change its role only so often" in notes
    assert f"the power of {name('battery1').en} may change only so much" in notes
    assert name("chp1").en not in notes
