"""What makes a plan old before its quarter hour is over: machines, people, needs and forecasts. Pure.

A trip, a machine that goes to local, away or into somebody's hands counts at once. Needs and the forecast
count when they leave what was planned on by more than a plan can take (`far_off`), in the mean of minutes,
and not again before the plan that answered them had its time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from accounts.invoice import Courses
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen, Seen, Snapshot
from hub.dispatch.solving import Accepted
from hub.forecast.issued import course_of
from hub.forecast.quarters import FloatArray, floor_quarter_ns
from hub.forecast.similar import Window
from optimizer.outlook import Outlook
from optimizer.words import FORESEEN, said
from protocols.config import Text

NEEDS: Final = {"process_kw": 50.0, "air_m3_min": 6.0, "cooling_kw": 80.0, "heat_kw": 80.0}
"""Series whose deviation counts, and what is never one. [kW, m³/min]"""
SETTLED_S: Final = 300.0
"""After a plan that answers deviations was asked for, they count again when it is this old. [s]"""
GAP_S: Final = 60.0
"""Least time between plans that events ask for; a machine that was just taken away does not wait. [s]"""
AGAIN_S: Final = 300.0
"""A machine that was taken away within this time waits like the others when it goes again. [s]"""
STEADY_S: Final = 150.0
"""A machine that takes no orders counts as started or stopped when it has been so for this long. [s]"""
RECENT_S: Final = 300.0
"""Length of the mean a need is looked at by; it says nothing of a step that is younger. [s]"""

_FAR_FRAC: Final = 0.25
_SOC_FRAC: Final = 0.1
_NEAR_QUARTERS: Final = 16
_CHANGED_FRAC: Final = 0.1
_FADE_H: Final = 2.0
_QUARTER_H: Final = 0.25
_OTHER_PRICE_FRAC: Final = 0.02
_NS: Final = 1_000_000_000
_UNITS: Final = {"air_m3_min": "m³/min"}


def of_machines(
    before: Mapping[str, MachineSeen],
    now: Mapping[str, MachineSeen],
    planned_on: Mapping[str, bool],
    now_ns: int,
) -> str | None:
    """A machine that can be told more or less than before, or that others have started or stopped for good.

    Args:
        before: Machines at the last look.
        now: Machines.
        planned_on: Which ran when a plan was asked for last.
        now_ns: Wall clock.
    """
    for name, machine in now.items():
        was = before.get(name)
        if was is None:
            continue
        if was.availability != machine.availability:
            return f"{name} was {was.availability.value}, is {machine.availability.value}"
        taken = machine.availability is not Availability.FREE
        if (taken and _wanted(was) != _wanted(machine)) or _kvar(was) != _kvar(machine):
            return f"{name} is held at something else"
        steady = machine.since_ns is not None and now_ns - machine.since_ns >= STEADY_S * 1e9
        if taken and steady and planned_on.get(name, machine.on) != machine.on:
            return f"{name} takes no orders and has {'started' if machine.on else 'stopped'}"
    return None


def _wanted(machine: MachineSeen) -> tuple[object, ...]:
    """What it is held at."""
    return machine.wanted_on, machine.wanted_kw, machine.wanted_frac


def _kvar(machine: MachineSeen) -> tuple[object, ...]:
    """The same of its inverters, which may be held alone."""
    return machine.kvar_held, machine.wanted_kvar


def taken_away(before: Mapping[str, MachineSeen], now: Mapping[str, MachineSeen]) -> frozenset[str]:
    """Machines that took orders at the last look and take none any more."""
    free = {name for name, was in before.items() if was.availability is Availability.FREE}
    return frozenset(
        name for name, one in now.items() if name in free and one.availability is not Availability.FREE
    )


def of_plant(
    site: DispatchSite, plan: Accepted, seen: Seen, snapshot: Snapshot, only_up: Collection[str] = ()
) -> str | None:
    """Needs or a battery that are not where the plan in force has them; of `only_up` what is above alone."""
    at = plan.plan.step_at(snapshot.now_ns)
    if at is None or plan.outlook is None:
        return None
    for name in NEEDS:
        course: FloatArray = getattr(plan.outlook, name)
        measured = recent_of(snapshot).get(name)
        if measured is None or (name in only_up and measured < float(course[at])):
            continue
        if abs(measured - float(course[at])) > far_off(name, course):
            unit = _UNITS.get(name, "kW")
            return f"{FORESEEN[name].en} is {measured:.0f} {unit}, planned were {course[at]:.0f} {unit}"
    return _of_battery(site, plan, seen, at)


def of_forecast(site: DispatchSite, plan: Accepted, snapshot: Snapshot) -> str | None:
    """A newer forecast that says something else of the next hours than the plan was made on."""
    issue, outlook = snapshot.issue, plan.outlook
    if issue is None or outlook is None:
        return None
    start_ns = max(floor_quarter_ns(snapshot.now_ns), issue.start_ns)
    begin = plan.plan.step_at(start_ns)
    if begin is None:
        return None
    window = Window(start_ns, min(_NEAR_QUARTERS, outlook.steps - begin), site.time_zone)
    for name in NEEDS:
        fresh = course_of(issue, snapshot.past, name, window)
        course: FloatArray = getattr(outlook, name)
        known = course[begin : begin + window.steps]
        if fresh is None or not np.isfinite(fresh).all():
            continue
        change = float((fresh - known).mean())
        if abs(change) > max(_CHANGED_FRAC * float(course.max()), NEEDS[name] / 2.0):
            unit = _UNITS.get(name, "kW")
            return f"the forecast of {FORESEEN[name].en} has changed by {change:+.0f} {unit}"
    return None


def of_prices(planned_by: Mapping[str, Courses], snapshot: Snapshot) -> str | None:
    """Prices of the day that are others than those a plan was asked for by, over what both know."""
    for name, fresh in snapshot.used.courses.items():
        known = planned_by.get(name)
        if known is None or known is fresh:
            continue
        at_ns = fresh.start_ns + np.arange(len(fresh.per_kwh), dtype=np.int64) * fresh.step_s * _NS
        old, new = known.at(at_ns), fresh.per_kwh
        inside = (at_ns < known.start_ns + len(known.per_kwh) * known.step_s * _NS) & np.isfinite(new)
        far = np.abs(new - old) > _OTHER_PRICE_FRAC * np.nanmean(np.abs(new)) if inside.any() else inside
        if bool((inside & (far | np.isnan(old))).any()):
            return f"other prices of {name} are published"
    return None


def recent_of(snapshot: Snapshot) -> Mapping[str, float]:
    """Means of the last minutes where all of them lie in the present quarter hour; else none."""
    into_s = (snapshot.now_ns - floor_quarter_ns(snapshot.now_ns)) / 1e9
    return snapshot.recent if into_s >= RECENT_S else {}


def measured_now(plan: Accepted | None, snapshot: Snapshot) -> Mapping[str, float]:
    """What is measured, as a need of the present quarter hour.

    In its first minutes the mean reaches back into the one before. There the plan in force says how the need
    moves from one to the other, and what is measured how far off it is:

        now = course(now) + mean - (share now · course(now) + share before · course(before))
    """
    recent = recent_of(snapshot)
    at = None if plan is None else plan.plan.step_at(snapshot.now_ns)
    if recent or plan is None or plan.outlook is None or not at:
        return recent
    share = (snapshot.now_ns - floor_quarter_ns(snapshot.now_ns)) / 1e9 / RECENT_S
    found: dict[str, float] = {}
    for name in NEEDS:
        if name in snapshot.recent:
            course: FloatArray = getattr(plan.outlook, name)
            was, now = float(course[at - 1]), float(course[at])
            found[name] = max(now + snapshot.recent[name] - share * now - (1.0 - share) * was, 0.0)
    return found


def far_off(name: str, course: FloatArray) -> float:
    """How far a need may lie from its course. [kW, m³/min]."""
    return max(_FAR_FRAC * float(course.max()), NEEDS[name])


def as_measured(
    outlook: Outlook, recent: Mapping[str, float], only_up: Collection[str] = ()
) -> tuple[Outlook, tuple[Text, ...]]:
    """The outlook led over from what is measured, where that is far off, and what was done in words.

    Needs in `only_up` are never lowered (`trust`).

    y(t) = forecast(t) + Δ · exp(-t/τ)      Δ = mean of the last minutes - forecast(0), τ = 2 h
    """
    changed: dict[str, FloatArray] = {}
    notes: list[Text] = []
    for name in NEEDS:
        course: FloatArray = getattr(outlook, name)
        off = recent.get(name, float(course[0])) - float(course[0])
        if abs(off) > far_off(name, course) and not (off < 0 and name in only_up):
            fade: FloatArray = np.exp(-_QUARTER_H * np.arange(len(course)) / _FADE_H)
            changed[name] = np.maximum(course + off * fade, 0.0)
            notes.append(
                said(
                    "{what} is {off} off its forecast; the plan begins as measured",
                    "{what}偏离预测 {off}；计划从实测值开始",
                    what=FORESEEN[name],
                    off=f"{off:+.0f} {_UNITS.get(name, 'kW')}",
                )
            )
    return replace(outlook, **changed), tuple(notes)  # type: ignore[arg-type]  # courses by their names


def _of_battery(site: DispatchSite, plan: Accepted, seen: Seen, at: int) -> str | None:
    unit = site.plant.battery
    name = next((name for name, found in site.plant.flowsheet.units.items() if found is unit), "")
    if (
        unit is None
        or name not in plan.plan.machines
        or seen.machines[name].availability is Availability.DOWN
    ):
        return None
    level = plan.plan.machines[name].level
    low, high = sorted((float(level[max(at - 1, 0)]), float(level[at])))
    held_kwh, far_kwh = seen.soc_frac * unit.capacity_kwh, _SOC_FRAC * unit.capacity_kwh
    if at and not low - far_kwh <= held_kwh <= high + far_kwh:
        return f"{name} holds {held_kwh:.0f} kWh, planned were {low:.0f} to {high:.0f} kWh"
    return None
