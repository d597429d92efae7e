"""What one plan is made from: everything the solver's process needs, worked out from a look. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hub.dispatch import band, events
from hub.dispatch.able import power_limits, unable
from hub.dispatch.core import USUAL, Decision, Memory
from hub.dispatch.level_hold import courses, needs_known
from hub.dispatch.machines_now import battery_course_kw, battery_held_kw, machines_now
from hub.dispatch.peak_guard import not_guarded
from hub.dispatch.reach import Told, choices_of
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Seen, Snapshot
from hub.dispatch.solving import EVENT_LIMIT_S, LIMIT_S, Task
from hub.dispatch.sun import pv_now, with_inverters
from hub.dispatch.supplied import fuel_points, supply_of
from hub.dispatch.switching import not_kept, switch_limits
from hub.dispatch.trust import only_raised
from hub.forecast.ceilings import most_needed
from hub.forecast.gates import forecast
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, floor_quarter_ns
from hub.forecast.similar import Window
from optimizer.contracted import slides
from optimizer.outlook import PlantNow
from optimizer.peaks import Peaks
from optimizer.site_supply import SiteSupply
from optimizer.switch_limits import ramp_of
from optimizer.words import FORESEEN, said
from protocols.config import Text
from protocols.quality import is_good

_NS: Final = 1_000_000_000
_LEAST_GONE_S: Final = 60.0
_MOST_GONE_S: Final = 870.0
_BY_SIMILAR: Final = ("{what} is foreseen by similar days: {why}", "{what}按相似日预测：{why}")
_AS_YESTERDAY: Final = ("{what} is taken as yesterday: {why}", "{what}取昨日曲线：{why}")
_AS_IT_STANDS: Final = ("{name} is planned as it stands: {why}", "{name} 按现状计划：{why}")


def task_of(site: DispatchSite, memory: Memory, decision: Decision, snapshot: Snapshot) -> Task:
    """Everything the solver's process needs for one plan.

    Raises:
        SolveError: There is no forecast to plan on.
    """
    seen, hint = decision.seen, memory.plan.plan if memory.plan is not None else None
    window = Window(floor_quarter_ns(snapshot.now_ns), QUARTERS_A_DAY, site.time_zone)
    gated = forecast(snapshot.past, window, most_needed(site.plant.flowsheet), snapshot.issue)
    only_up = only_raised(site, seen, snapshot.recent, snapshot.now_ns, memory.supply_c)
    measured = events.measured_now(memory.plan, needs_known(memory.levels, snapshot))
    outlook, led = events.as_measured(gated.outlook, measured, only_up)
    gone_s = 0.0 if _wants_whole_steps(site) else _gone_s(snapshot)
    pv, sunny = pv_now(site, seen)
    now = PlantNow(
        machines=machines_now(site, memory.approved, seen, snapshot.now_ns),
        soc_frac=seen.soc_frac,
        battery_held_kw=battery_held_kw(site, seen),
        battery_course_kw=battery_course_kw(site, memory.approved, seen, snapshot.now_ns),
        pv=pv,
        loop_c=seen.loop_c,
        month_peak_kw=snapshot.month_peak_kw,
        begun_kw=snapshot.quarter_kw or 0.0,
        before_kw=() if snapshot.metered is None else snapshot.metered.before_kw,
        late_s=0.0 if gone_s else (snapshot.now_ns - floor_quarter_ns(snapshot.now_ns)) / _NS,
    )
    refused = (said(*_BY_SIMILAR, what=FORESEEN[name], why=why) for name, why in gated.refused.items())
    degraded = (said(*_AS_YESTERDAY, what=FORESEEN[name], why=why) for name, why in gated.degraded.items())
    choices, unreached = choices_of(site, _told(memory, seen, snapshot))
    choices = replace(choices, kept=courses(memory.levels, window.start_ns))
    beside = {name for gate in (gated.refused, gated.degraded) for name in gate}
    kept, unkept = band.in_hand(outlook, snapshot.issue, (window, beside), site.planning.reserve)
    beneath, unsupplied = _beneath(site, seen, snapshot, gone_s)
    kept_from = (
        said(*_AS_IT_STANDS, name=site.speech.name(name), why=why) for name, why in unable(site).items()
    )
    notes = (
        *site.notes,
        *seen.notes,
        *kept_from,
        *refused,
        *degraded,
        *led,
        *unreached,
        *unkept,
        *unsupplied,
        *not_kept(site),
        *sunny,
    )
    why = decision.replan or ""
    limit_s = LIMIT_S if why in USUAL or memory.owed is not None else EVENT_LIMIT_S
    outlook = replace(outlook, gone_s=gone_s)
    peaks = replace(snapshot.metered or Peaks(snapshot.month_peak_kw), earlier_kw=snapshot.earlier_kw)
    bought = None if site.contract is None else (site.contract, peaks)
    task = Task(
        site.plant,
        site.supply,
        outlook,
        now,
        notes,
        why,
        hint,
        limit_s,
        bought,
        choices=choices,
        in_hand=kept,
        beside=beneath,
        courses=snapshot.used.courses,
        power_kw=power_limits(site, seen),
        switching=switch_limits(site, seen, window.start_ns),
        speech=site.speech,
        not_held=not_guarded(site),
    )
    issue = snapshot.issue if limit_s == LIMIT_S else None
    return task if issue is None else replace(task, band=band.around(outlook, issue, window, beside))


def _wants_whole_steps(site: DispatchSite) -> bool:
    """Whether a plan has to begin with a whole quarter hour: something goes on by the minute from there."""
    engine = site.plant.chp
    slow = engine is not None and ramp_of(engine, QUARTER_NS / _NS) is not None
    return slow or (site.contract is not None and slides(site.contract))


def _beneath(
    site: DispatchSite, seen: Seen, snapshot: Snapshot, gone_s: float
) -> tuple[SiteSupply, tuple[Text, ...]]:
    """Contracts beside the prices; fuel of a begun quarter hour as it burns now."""
    shown = (snapshot.readings.get(point) for point in fuel_points(site))
    burning_kw = sum(max(one.value, 0.0) for one in shown if one is not None and is_good(one.quality))
    window = (floor_quarter_ns(snapshot.now_ns), QUARTERS_A_DAY)
    supply, notes = supply_of(site, snapshot.used, window, burning_kw * gone_s / 3600.0)
    supply, held = with_inverters(site, seen, supply)
    return supply, (*snapshot.used.notes, *notes, *held)


def _told(memory: Memory, seen: Seen, snapshot: Snapshot) -> Told:
    shown = {point: one.value for point, one in snapshot.readings.items() if is_good(one.quality)}
    return Told(seen.machines, snapshot.held, shown, memory.approved, floor_quarter_ns(snapshot.now_ns))


def _gone_s(snapshot: Snapshot) -> float:
    """How much of the quarter hour is over, where the plan is for what is left of it. [s].

    A plan of the first minute is for the whole quarter, and so is one that nobody tells the import of before.
    """
    gone_s = (snapshot.now_ns - floor_quarter_ns(snapshot.now_ns)) / _NS
    if snapshot.quarter_kw is None or gone_s < _LEAST_GONE_S:
        return 0.0
    return min(gone_s, _MOST_GONE_S)
