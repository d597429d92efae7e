"""The demand window that runs is held under its ceiling with the battery, between two plans."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.command.wishes import Wish
from hub.database import Sessions
from hub.dispatch import core
from hub.dispatch.peak_guard import EVERY_S, Guarded, guarded, not_guarded
from hub.dispatch.pilot import Pilot
from hub.dispatch.reasons import reason_text
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Reading, Seen, Snapshot, look
from hub.dispatch.solving import Accepted, solve_task
from hub.dispatch.tasks import task_of
from hub.forecast.quarters import QUARTER_NS
from hub.registry.site import Modes
from hub.store.engine import StorePlace, open_store
from optimizer.demand_ceiling import DemandCeiling
from optimizer.peaks import Peaks
from protocols.quality import Quality
from protocols.write_block import Duty
from runtime.clock import VirtualClock
from tests.unit.hub_dispatch.dispatch_day import START_NS, DayView, accepted, in_force, site, snapshot

pytestmark = pytest.mark.timeout(60)
S = 1_000_000_000
BEGIN_NS = START_NS + (21 * 96 + 40) * QUARTER_NS
POWER, METER = "battery1/power_set_kw", "meter_main/power_kw"
STANDBY_KW = 2.0


def _plan(
    battery_kw: float, ceiling_kw: float = 700.0, window_s: float = 900.0, *, sliding: bool = False
) -> Accepted:
    """The demo's plan with this power all along, under a ceiling."""
    plan = accepted().plan
    machines = dict(plan.machines)
    machines["battery1"] = replace(machines["battery1"], power_kw=np.full(plan.steps, battery_kw))
    held = DemandCeiling(np.full(plan.steps, ceiling_kw), window_s, sliding)
    return replace(accepted(), plan=replace(plan, machines=machines), ceiling=held)


def _seen(
    gone_s: float, import_kw: float, mean_kw: float | None, battery_kw: float = 0.0, soc_frac: float = 0.5
) -> Snapshot:
    """A look so long after the quarter hour began."""
    values = {METER: import_kw, "battery1/power_kw": battery_kw + STANDBY_KW, "battery1/soc_frac": soc_frac}
    return replace(snapshot(BEGIN_NS + round(gone_s) * S, values), quarter_kw=mean_kw)


def _told(plan: Accepted, now: Snapshot, of: DispatchSite | None = None) -> tuple[float, str]:
    memory = replace(in_force(plan), asked_ns=now.now_ns)
    _, decision = core.step(of or site(), memory, now, now.now_ns)
    one = next(one for one in decision.set_points if one.point == POWER)
    return one.value, one.reason


def test_charging_gives_way_before_the_window_goes_over_its_ceiling_and_says_why() -> None:
    # 600 s at 650 kW leave 800 kW for the other 300 s, of which 700 are not the battery's
    power_kw, why = _told(_plan(150.0), _seen(600, import_kw=850.0, mean_kw=650.0, battery_kw=150.0))
    assert power_kw == pytest.approx(100.0)
    assert why == "holds the import of the demand window at 700 kW, planned were 150 kW"
    assert reason_text(why).zh == "将本需量周期的购电控制在 700 kW 以内，原计划功率为 150 kW"


def test_it_gives_where_that_is_needed_as_far_as_power_charge_and_write_limits_go() -> None:
    over = _seen(600, import_kw=900.0, mean_kw=700.0)
    assert _told(_plan(0.0), over)[0] == pytest.approx(-200.0)
    much = _seen(600, import_kw=2000.0, mean_kw=900.0)
    battery = site().plant.battery
    assert battery is not None
    assert _told(_plan(0.0), much)[0] == -battery.power_max_kw
    narrow = site().limits[POWER].model_copy(update={"low": -80.0})
    of = replace(site(), limits={**site().limits, POWER: narrow})
    assert _told(_plan(0.0), much, of)[0] == -80.0
    empty = _seen(600, import_kw=900.0, mean_kw=700.0, soc_frac=battery.soc_min_frac)
    assert _told(_plan(100.0), empty)[0] == 0.0
    assert _told(_plan(-20.0), empty)[0] == -20.0


def test_it_never_takes_more_nor_gives_less_than_planned() -> None:
    room = _seen(600, import_kw=300.0, mean_kw=300.0)
    assert _told(_plan(120.0), room)[0] == 120.0
    assert _told(_plan(-90.0), room)[0] == -90.0
    over = _seen(600, import_kw=760.0, mean_kw=700.0)
    assert _told(_plan(-90.0), over)[0] == -90.0


def test_however_little_was_bought_so_far_import_does_not_jump_far_above_the_ceiling() -> None:
    power_kw, _ = _told(_plan(250.0), _seen(840, import_kw=700.0, mean_kw=100.0))
    assert power_kw == pytest.approx(0.15 * 700.0)


def test_of_a_window_that_slides_each_minute_is_held_at_the_ceiling() -> None:
    for mean_kw in (100.0, 900.0):
        power_kw, _ = _told(_plan(250.0, sliding=True), _seen(840, import_kw=650.0, mean_kw=mean_kw))
        assert power_kw == pytest.approx(50.0)


def test_nothing_is_fed_in_to_make_good_what_was_bought() -> None:
    # 840 s at 900 kW cannot be made good in a minute; import goes to next to nothing, not below
    power_kw, _ = _told(_plan(0.0), _seen(840, import_kw=150.0, mean_kw=900.0))
    assert power_kw == pytest.approx(-145.0)
    assert _told(_plan(0.0, ceiling_kw=0.0), _seen(600, 3.0, 3.0))[0] == 0.0
    assert _told(_plan(0.0), _seen(840, import_kw=-40.0, mean_kw=900.0))[0] == 0.0


def test_a_longer_window_counts_the_quarter_hours_that_are_over() -> None:
    # a half hour that began with the quarter before
    now = _seen(900 + 450, import_kw=800.0, mean_kw=800.0)
    told = _told(_plan(0.0, window_s=1800.0), replace(now, metered=Peaks(0.0, before_kw=(500.0,))))
    assert told[0] == 0.0
    told = _told(_plan(0.0, window_s=1800.0), replace(now, metered=Peaks(0.0, before_kw=(710.0,))))
    assert told[0] == pytest.approx((700 * 1800 - 710 * 900 - 800 * 450) / 450 - 800)
    unknown = _told(_plan(0.0, window_s=1800.0), now)
    assert unknown[0] == pytest.approx(-100.0)


def test_where_the_quarter_hour_is_not_known_its_power_is_held() -> None:
    assert _told(_plan(0.0), _seen(600, import_kw=780.0, mean_kw=None))[0] == pytest.approx(-80.0)
    # its first minute is as now, whatever was read of the quarter before
    assert _told(_plan(0.0), _seen(30, 900.0, mean_kw=200.0))[0] == pytest.approx(
        (700 * 900 - 900 * 30) / 870 - 900, abs=0.1
    )


@pytest.mark.parametrize("gone", [METER, "battery1/power_kw"])
def test_without_its_meters_it_is_told_what_is_planned(gone: str) -> None:
    now = _seen(600, import_kw=900.0, mean_kw=700.0)
    old = replace(now.readings[gone], time_ns=now.now_ns - 60 * S)
    bad = replace(now.readings[gone], quality=int(Quality.BAD_UNREACHABLE))
    for reading in (old, bad):
        assert _told(_plan(0.0), replace(now, readings={**now.readings, gone: reading}))[0] == 0.0


def test_a_meter_that_is_lost_for_a_moment_moves_nothing_and_one_that_stays_away_gives_it_back() -> None:
    plan, of = _plan(150.0), site()
    first = _seen(600, import_kw=800.0, mean_kw=700.0)
    held = guarded(of, plan, _look(first), Guarded())
    assert held.most_kw == pytest.approx(-100.0)
    for later_s, still in ((1, True), (59, True), (60, False)):
        later = _seen(600 + later_s, import_kw=700.0, mean_kw=700.0, battery_kw=-100.0)
        gone = replace(later.readings[METER], quality=int(Quality.BAD_UNREACHABLE))
        found = guarded(of, plan, _look(replace(later, readings={**later.readings, METER: gone})), held)
        assert (found == held) is still
        assert (found.most_kw == math.inf) is not still
    # the store cannot be read: the plan goes on, held as it was
    memory = replace(in_force(plan), guard=held, asked_ns=first.now_ns)
    for later_s, value_kw in ((30, -100.0), (90, 150.0)):
        at_ns, links = first.now_ns + later_s * S, dict.fromkeys(of.edges, "up")
        told = core.unseen(of, memory, _look(first)[0], links, at_ns).set_points
        assert [one.value for one in told if one.point == POWER] == [pytest.approx(value_kw)]


def test_a_plan_that_is_old_holds_nothing_any_more() -> None:
    plan = _plan(0.0)
    for quarters, held in ((1, True), (2, False)):
        now = _seen(900 * quarters + 600, import_kw=900.0, mean_kw=700.0)
        assert (guarded(site(), plan, _look(now), Guarded()).most_kw < math.inf) is held


def test_a_window_goes_by_the_ceiling_of_the_step_it_ends_in() -> None:
    plan = _plan(0.0, window_s=3600.0)
    assert plan.ceiling is not None
    ceiling_kw = np.full(plan.plan.steps, math.inf)
    ceiling_kw[2:] = 700.0  # a band that begins in the second half of the hour
    plan = replace(plan, ceiling=replace(plan.ceiling, mean_kw=ceiling_kw))
    assert guarded(site(), plan, _look(_seen(600, 900.0, 900.0)), Guarded()).ceiling_kw == 700.0
    ceiling_kw[3] = math.inf  # and one that ends within it
    assert guarded(site(), plan, _look(_seen(600, 900.0, 900.0)), Guarded()) == Guarded()


def test_where_no_power_is_paid_for_or_a_person_approved_it_nothing_is_held() -> None:
    over = _seen(600, import_kw=900.0, mean_kw=700.0)
    assert _told(replace(_plan(0.0), ceiling=None), over)[0] == 0.0
    assert _told(_plan(0.0, math.inf), over)[0] == 0.0
    waits = replace(site(), modes=Modes("auto", {"battery1": "approve"}))
    memory = replace(in_force(_plan(0.0)), asked_ns=over.now_ns, approved={"battery1": _plan(0.0)})
    _, decision = core.step(waits, memory, over, over.now_ns)
    assert [one.value for one in decision.set_points if one.point == POWER] == [0.0]


def test_another_power_is_told_when_the_last_one_is_seen_in_both_meters_and_not_for_a_hair() -> None:
    plan, of = _plan(0.0), site()
    first = _seen(600, import_kw=800.0, mean_kw=700.0)
    held = guarded(of, plan, _look(first), Guarded())
    assert held.most_kw == pytest.approx(-100.0)
    # its own power shows at its meter already, not yet at the grid's: taken together they would say -200
    soon = _seen(600 + EVERY_S, import_kw=800.0, mean_kw=700.0, battery_kw=-100.0)
    stale = replace(soon.readings[METER], time_ns=first.now_ns + 2 * S)
    found = guarded(of, plan, _look(replace(soon, readings={**soon.readings, METER: stale})), held)
    assert _same(found, held)
    early = _seen(600 + EVERY_S - 1, import_kw=900.0, mean_kw=700.0)
    assert _same(guarded(of, plan, _look(early), held), held)
    hair = _seen(600 + EVERY_S, import_kw=702.0, mean_kw=700.0, battery_kw=-100.0)
    assert _same(guarded(of, plan, _look(hair), held), held)
    over = _seen(600 + EVERY_S, import_kw=730.0, mean_kw=700.0, battery_kw=-100.0)
    assert guarded(of, plan, _look(over), held).most_kw == pytest.approx(-130.0)


@pytest.mark.parametrize(
    ("duty", "after_s"),
    [
        (Duty(dwell_s=10.0), 10),
        (Duty(writes_per_day=5760), 60),
        (Duty(writes_per_day=400), None),
        (Duty(dwell_s=11.0), None),
        (Duty(step=50.0), None),
        (Duty(starts_per_h=6), None),
    ],
)
def test_it_spares_the_writes_and_the_dwell_of_its_point(duty: Duty, after_s: int | None) -> None:
    limits = {**site().limits, POWER: site().limits[POWER].model_copy(update={"duty": duty})}
    of, plan = replace(site(), limits=limits), _plan(0.0)
    held = guarded(of, plan, _look(_seen(600, import_kw=800.0, mean_kw=700.0)), Guarded())
    if after_s is None:
        assert held == Guarded()
        return
    assert held.most_kw == pytest.approx(-100.0)
    for later_s, again in ((after_s - 1, False), (after_s, True)):
        over = _seen(600 + later_s, import_kw=780.0, mean_kw=700.0, battery_kw=-100.0)
        assert _same(guarded(of, plan, _look(over), held), held) is not again
    # nothing is held for longer than it is needed
    calm = _seen(600 + 10, import_kw=400.0, mean_kw=690.0, battery_kw=-100.0)
    assert guarded(of, plan, _look(calm), held).most_kw > 0.0


def test_a_plan_tells_why_its_window_cannot_be_held() -> None:
    def noted(of: DispatchSite) -> list[str]:
        memory, decision = core.step(of, core.Memory(), snapshot(), snapshot().now_ns)
        notes = solve_task(task_of(of, memory, decision, snapshot())).notes
        return [note.en for note in notes if "demand window" in note.en]

    limits = site().limits[POWER].model_copy(update={"duty": Duty(writes_per_day=200)})
    seldom = replace(site(), limits={**site().limits, POWER: limits})
    (told,) = noted(seldom)
    assert told.endswith("not held between two plans: Battery may change its power too seldom or too little")
    tariff, factors = seldom.supply
    free = replace(seldom, supply=(tariff.model_copy(update={"demand_per_kw": 0.0}), factors))
    assert noted(free) == []
    odd = replace(site(), supply=(tariff.model_copy(update={"metering_s": 600}), factors))
    assert noted(odd) == [
        "a demand window of 10 min is not held between two plans, only those of whole quarter hours are"
    ]
    assert guarded(odd, _plan(0.0, window_s=600.0), _look(_seen(500, 900.0, 900.0)), Guarded()) == Guarded()
    waits = replace(seldom, modes=Modes("auto", {"battery1": "approve"}))
    assert not_guarded(waits) is not_guarded(site()) is None


def _same(found: Guarded, held: Guarded) -> bool:
    """Held as before, whenever its meters were seen."""
    return replace(found, seen_ns=held.seen_ns) == held


def _look(now: Snapshot) -> tuple[Seen, Snapshot]:
    return look(site(), now, {}), now


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(0.0, 160.0), min_size=15, max_size=15),
    st.floats(400.0, 660.0),
    st.floats(-100.0, 200.0),
)
def test_a_window_stays_under_its_ceiling_whatever_the_minutes_bring_where_the_battery_can_hold_it(
    bumps_kw: list[float], base_kw: float, planned_kw: float
) -> None:
    """Load of a quarter hour minute by minute, at most 120 kW over the ceiling, looked at every 5 s."""
    plan, of, held = _plan(planned_kw), site(), Guarded()
    seen, empty = _look(_seen(0, 0.0, None))
    energy_kws, battery_kw = 0.0, planned_kw
    for second in range(0, 900, 5):
        rest_kw = base_kw + bumps_kw[second // 60]
        now_ns = BEGIN_NS + second * S
        shown = {METER: rest_kw + battery_kw, "battery1/power_kw": battery_kw + STANDBY_KW}
        readings = {name: Reading(value, int(Quality.GOOD), now_ns) for name, value in shown.items()}
        mean_kw = energy_kws / second if second else None
        now = replace(empty, now_ns=now_ns, readings=readings, quarter_kw=mean_kw)
        held = guarded(of, plan, (seen, now), held)
        battery_kw = min(planned_kw, held.most_kw)
        energy_kws += 5 * (rest_kw + battery_kw)
        assert rest_kw + battery_kw >= min(rest_kw + planned_kw, 0.0)
        # it gives no more than keeps the rest of the window at the ceiling
        held_kw = (700.0 * 900 - energy_kws) / max(900 - second, 60) if battery_kw < planned_kw else 0.0
        assert rest_kw + battery_kw >= min(held_kw, 600.0) - 170.0
    # a bump of the last minute is answered within the next ten seconds
    assert energy_kws / 900 <= 700.0 + 160.0 * EVERY_S / 900 + 0.02 * 250.0 * 60 / 900


def _whenever(now: Snapshot, _: int) -> Snapshot:
    return now


@pytest.mark.timeout(90)
async def test_a_hub_holds_the_ceiling_of_the_plan_its_child_process_made(
    sessions: Sessions, tmp_path: Path
) -> None:
    clock = VirtualClock(wall_ns=BEGIN_NS + 7 * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    view = DayView(site(), store)
    pilot = Pilot(site(), view, sessions, clock)
    assert await pilot.decide({}) == {}
    await pilot.plan_when_asked()
    clock.advance(593.0)
    looks = {"calm": _seen(600, 300.0, 300.0), "over": _seen(600, 2000.0, 1900.0)}
    told: dict[str, Wish] = {}
    for name, look_now in looks.items():
        view.shown = partial(_whenever, look_now)
        wishes = (one for found in (await pilot.decide({})).values() for one in found)
        told[name] = next(one for one in wishes if one.point.endswith(POWER))
    # the month has seen 900 kW, which nobody can hold at 2000 kW
    battery = site().plant.battery
    assert battery is not None
    calm_kw = told["calm"].value
    assert calm_kw is not None
    assert told["over"].value == -battery.power_max_kw < calm_kw
    assert told["over"].reason.startswith("holds the import of the demand window at 900 kW, planned were ")
    assert told["over"].plan_id == told["calm"].plan_id
    store.close()
