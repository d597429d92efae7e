from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.dispatch import core
from hub.dispatch.snapshot import Availability, look
from hub.dispatch.solving import solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS, Quarters
from hub.registry.site import Mode, Modes
from protocols.errors import SolveError
from protocols.quality import Quality
from tests.unit.hub_dispatch.dispatch_day import (
    NOW_NS,
    START_NS,
    accepted,
    in_force,
    past,
    site,
    snapshot,
    told,
)


def test_the_first_step_wants_a_plan_and_tells_nobody_anything() -> None:
    memory, decision = core.step(site(), core.Memory(), snapshot(), NOW_NS)
    assert decision.replan == "first plan"
    assert decision.set_points == ()
    assert core.step(site(), memory, snapshot(), NOW_NS)[1].replan is None


def test_set_points_are_those_of_the_plans_step_within_the_commissioned_limits() -> None:
    _, decision = core.step(site(), in_force(), snapshot(), NOW_NS)
    values = told(decision)
    plan = accepted().plan
    roles = {"base": 2.0, "trim": 1.0, "standby": 0.0}
    for name in site().plant.compressor_ids:
        assert values[f"{name}/role_set_code"] == roles[plan.machines[name].role[0]]
        assert values[f"{name}/permit_set_code"] == 1.0
    assert sum(values[f"{name}/role_set_code"] == 1.0 for name in site().plant.compressor_ids) <= 1
    assert values["battery1/power_set_kw"] == pytest.approx(float(plan.battery_kw[0]), abs=0.05)
    assert values["chiller1/permit_set_code"] == float(plan.machines["chiller1"].on[0])
    for point, value in values.items():
        assert site().limits[point].low <= value <= site().limits[point].high
    assert all(wanted.unit == site().limits[wanted.point].unit for wanted in decision.set_points)


@pytest.mark.parametrize(
    ("changed", "availability"),
    [
        ({"comp1/local_mode_code": 1.0}, Availability.LOCAL),
        ({"comp1/state_code": 3.0}, Availability.TRIPPED),
    ],
)
def test_a_machine_in_local_or_tripped_gets_no_set_point_and_asks_for_a_new_plan(
    changed: dict[str, float], availability: Availability
) -> None:
    memory, decision = core.step(site(), in_force(), snapshot(values=changed), NOW_NS)
    assert decision.seen.machines["comp1"].availability is availability
    assert decision.replan is not None
    assert "comp1" in decision.replan
    assert not any(point.startswith("comp1/") for point in told(decision))
    assert any(point.startswith("comp2/") for point in told(decision))
    task = task_of(site(), memory, decision, snapshot(values=changed))
    assert task.now.of("comp1").lock == (1 if availability is Availability.LOCAL else 0)
    again = solve_task(task)
    assert set(again.plan.machines["comp1"].role) <= (
        {"standby"} if availability is Availability.TRIPPED else {"base", "trim"}
    )


def test_a_device_whose_link_is_down_gets_no_set_point() -> None:
    gone = snapshot()
    gone = replace(gone, links={**gone.links, "battery1": "down"})
    _, decision = core.step(site(), in_force(), gone, NOW_NS)
    assert "battery1/power_set_kw" not in told(decision)


@pytest.mark.parametrize("age_s", [31, 3600])
def test_readings_too_old_are_not_used(age_s: int) -> None:
    old = snapshot()
    readings = {
        name: replace(reading, time_ns=NOW_NS - age_s * 10**9) if name.startswith("comp2/") else reading
        for name, reading in old.readings.items()
    }
    seen = look(site(), replace(old, readings=readings), {})
    assert seen.machines["comp2"].availability is Availability.DOWN
    assert seen.machines["comp1"].availability is Availability.FREE


@pytest.mark.parametrize(
    ("quality", "seen_as"),
    [
        (Quality.UNCERTAIN_TIME, Availability.FREE),
        (Quality.UNCERTAIN_STALE, Availability.DOWN),
        (Quality.UNCERTAIN_DEVICE, Availability.DOWN),
    ],
)
def test_a_device_with_a_wrong_clock_is_used_and_one_in_doubt_is_not(
    quality: Quality, seen_as: Availability
) -> None:
    now = snapshot()
    readings = {
        name: replace(reading, quality=int(quality)) if name.startswith("comp2/") else reading
        for name, reading in now.readings.items()
    }
    assert look(site(), replace(now, readings=readings), {}).machines["comp2"].availability is seen_as


def test_a_state_of_charge_out_of_range_is_clipped_and_reported() -> None:
    seen = look(site(), snapshot(values={"battery1/soc_frac": 1.08}), {})
    assert seen.soc_frac == 1.0
    assert any("clipped" in note.en for note in seen.notes)


@pytest.mark.parametrize("mode", ["off", "advice", "approve"])
def test_only_auto_issues(mode: Mode) -> None:
    _, decision = core.step(replace(site(), modes=Modes(mode, {})), in_force(), snapshot(), NOW_NS)
    assert decision.set_points == ()


def test_a_site_that_is_off_rules_its_machines() -> None:
    modes = Modes("off", {"comp1": "auto"})
    assert modes.of("comp1") == "off"
    _, decision = core.step(replace(site(), modes=modes), in_force(), snapshot(), NOW_NS)
    assert decision.set_points == ()


def test_a_machine_in_advice_is_planned_but_not_told() -> None:
    advised = replace(site(), modes=Modes("auto", {"chp1": "advice"}))
    _, decision = core.step(advised, in_force(), snapshot(), NOW_NS)
    assert not any(point.startswith("chp1/") for point in told(decision))
    assert told(decision)


def test_a_new_quarter_hour_wants_a_new_plan_and_the_old_one_goes_on_meanwhile() -> None:
    later_ns = NOW_NS + QUARTER_NS
    _, decision = core.step(site(), in_force(), snapshot(later_ns), later_ns)
    assert decision.replan == "a new quarter hour"
    assert told(decision)


def test_a_plan_is_followed_to_the_end_of_its_exact_steps_and_then_nobody_is_told_anything() -> None:
    end_ns = accepted().plan.start_ns + accepted().plan.binary_steps * QUARTER_NS
    assert told(core.step(site(), in_force(), snapshot(end_ns - 1), end_ns - 1)[1])
    assert not told(core.step(site(), in_force(), snapshot(end_ns), end_ns)[1])


def test_a_plan_that_could_not_be_had_leaves_the_last_one_and_is_asked_for_again_later() -> None:
    later_ns = NOW_NS + QUARTER_NS
    memory, _ = core.step(site(), in_force(), snapshot(later_ns), later_ns)
    memory = core.planned(memory, None)
    memory, decision = core.step(site(), memory, snapshot(later_ns + 10**9), later_ns + 10**9)
    assert decision.replan is None
    assert told(decision)
    retry_ns = later_ns + round(core.RETRY_S * 1e9)
    assert core.step(site(), memory, snapshot(retry_ns), retry_ns)[1].replan == "a new quarter hour"


def test_no_forecast_means_no_plan() -> None:
    blind = replace(
        snapshot(), past=Quarters(START_NS, {name: np.full(96, np.nan) for name in past().values})
    )
    memory, decision = core.step(site(), core.Memory(), blind, NOW_NS)
    with pytest.raises(SolveError, match="no forecast"):
        task_of(site(), memory, decision, blind)


def test_a_plan_is_cheaper_than_the_plants_own_control_on_the_same_forecast() -> None:
    assert accepted().simulated.total < accepted().baseline.total
    assert 0.0 <= accepted().gap <= 0.01
