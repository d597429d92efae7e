"""How each machine and the battery stand as a plan begins: what is free, held, waiting for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hub.dispatch.able import unable
from hub.dispatch.approved import course_of, power_course_of
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen, Seen
from hub.dispatch.solving import Accepted
from hub.forecast.quarters import floor_quarter_ns
from optimizer.outlook import MachineNow
from optimizer.problem import FREE, LONG_S, OFF, ON

_NS: Final = 1_000_000_000

Approved = Mapping[str, Accepted]


def machines_now(site: DispatchSite, approved: Approved, seen: Seen, now_ns: int) -> dict[str, MachineNow]:
    """All machines; one whose counter of hours is not known counts as the one that has run longest.

    Args:
        site: The plant and its modes.
        approved: Machine in the mode `approve` to the plan that a person lets it follow.
        seen: The plant as it was read.
        now_ns: Now.
    """
    begin_ns, kept = floor_quarter_ns(now_ns), unable(site)
    takes = (name for name, one in seen.machines.items() if one.availability is Availability.FREE)
    free = frozenset(name for name in takes if name not in kept)
    waits = {
        name: course_of(_approved(site, approved, name), name, begin_ns, on=machine.on)
        for name, machine in seen.machines.items()
        if name in free and site.modes.stays(name)
    }
    known = {name: machine.run_h for name, machine in seen.machines.items() if machine.run_h is not None}
    found = {
        name: _machine_now(machine, now_ns, free=name in free) for name, machine in seen.machines.items()
    }
    most_h = max(known.values(), default=0.0)
    return {
        name: replace(one, run_h=known.get(name, most_h), course=waits.get(name, ()))
        for name, one in found.items()
    }


def _approved(site: DispatchSite, approved: Approved, name: str) -> Accepted | None:
    """What a person approved for a machine that may follow approvals."""
    return approved.get(name) if site.modes.of(name) == "approve" else None


def _machine_now(machine: MachineSeen, now_ns: int, *, free: bool) -> MachineNow:
    state_s = LONG_S if machine.since_ns is None else (now_ns - machine.since_ns) / _NS
    tripped = machine.availability is Availability.TRIPPED
    runs = machine.on if machine.wanted_on is None else machine.wanted_on
    held = ON if runs and not tripped else OFF
    return MachineNow(machine.on, state_s, FREE if free else held)


def _battery_name(site: DispatchSite) -> str | None:
    units = site.plant.flowsheet.units.items()
    return next((name for name, unit in units if unit is site.plant.battery), None)


def battery_held_kw(site: DispatchSite, seen: Seen) -> float | None:
    """What a battery that no plan may move is at, or was told by others; None for one that is free. [kW]."""
    name, battery = _battery_name(site), site.plant.battery
    if name is None or battery is None:
        return None
    machine = seen.machines[name]
    if machine.wanted_kw is not None:
        return machine.wanted_kw
    free = machine.availability is Availability.FREE and name not in unable(site)
    return None if free else seen.battery_kw - battery.standby_kw


def battery_course_kw(site: DispatchSite, approved: Approved, seen: Seen, now_ns: int) -> tuple[float, ...]:
    """What a battery that waits for a person does first: nothing is counted on that nobody approved. [kW]."""
    name, battery = _battery_name(site), site.plant.battery
    if name is None or battery is None or not site.modes.stays(name):
        return ()
    if seen.machines[name].availability is not Availability.FREE or name in unable(site):
        return ()
    now_kw = seen.battery_kw - battery.standby_kw
    return power_course_of(_approved(site, approved, name), name, floor_quarter_ns(now_ns), now_kw=now_kw)
