"""The deciding core: snapshot in, decision out; no I/O, no clock of its own. The closed loop runs the same.

A plan is wanted at the start, at each quarter hour, and at once when a machine trips, is switched to local,
loses its link or comes back. Set-points are those of the step of the plan that holds now; when no plan holds,
nothing is asked for, the leases run out and every machine goes back to its own control.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Availability, MachineSeen, Seen, Snapshot, look
from hub.dispatch.solving import Accepted, Task
from hub.dispatch.targets import targets
from hub.forecast.ceilings import most_needed
from hub.forecast.gates import forecast
from hub.forecast.quarters import QUARTERS_A_DAY, floor_quarter_ns
from hub.forecast.similar import Window
from optimizer.outlook import MachineNow, PlantNow
from optimizer.problem import FREE, LONG_S, OFF, ON
from optimizer.setpoints import eased, setpoints_at

RETRY_S: Final = 30.0
"""Wait after a plan that could not be had. [s]"""
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SetPoint:
    """One wish: point "device/point", value in its unit, and why."""

    point: str
    value: float
    unit: str
    reason: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What the core remembers from step to step.

    Attributes:
        seen: Machines at the last step.
        plan: Plan in force, None before the first and after it has run out.
        asked_ns: When a plan was last asked for.
        waiting: Whether that plan has not come yet.
        event: Event that was seen while a plan was under way.
        supply_c: Chilled-water set-point each chiller was told last. [°C]
    """

    seen: dict[str, MachineSeen] = field(default_factory=dict)
    plan: Accepted | None = None
    asked_ns: int | None = None
    waiting: bool = False
    event: str | None = None
    supply_c: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done now.

    Attributes:
        replan: Why a new plan is wanted, None when none is.
        set_points: All that shall be held, machine by machine; what is not named is given back.
        seen: The plant as it was read.
    """

    replan: str | None
    set_points: tuple[SetPoint, ...]
    seen: Seen


def step(site: DispatchSite, memory: Memory, snapshot: Snapshot, now_ns: int) -> tuple[Memory, Decision]:
    """Decide; call it about once a second and with every event."""
    seen = look(site, snapshot, memory.seen)
    event = _event(memory.seen, seen.machines) or memory.event
    reason = _reason(memory, event, now_ns)
    if reason is not None:
        memory = replace(memory, asked_ns=now_ns, waiting=True)
        event = None
    wanted = _set_points(site, memory, seen, now_ns)
    memory = replace(memory, seen=seen.machines, event=event, supply_c=_supply_c(site, wanted))
    return memory, Decision(reason, wanted, seen)


def task_of(site: DispatchSite, memory: Memory, decision: Decision, snapshot: Snapshot) -> Task:
    """Everything the solver's process needs for one plan.

    Raises:
        SolveError: There is no forecast to plan on.
    """
    seen, hint = decision.seen, memory.plan.plan if memory.plan is not None else None
    window = Window(floor_quarter_ns(snapshot.now_ns), QUARTERS_A_DAY, site.time_zone)
    gated = forecast(snapshot.past, window, most_needed(site.plant.flowsheet))
    now = PlantNow(
        machines={name: _machine_now(machine, snapshot.now_ns) for name, machine in seen.machines.items()},
        soc_frac=seen.soc_frac,
        battery_held_kw=_battery_held_kw(site, seen),
        loop_c=seen.loop_c,
        month_peak_kw=snapshot.month_peak_kw,
    )
    notes = (*seen.notes, *(f"{name} is yesterday's: {why}" for name, why in gated.degraded.items()))
    return Task(site.plant, site.supply, gated.outlook, now, notes, decision.replan or "", hint)


def planned(memory: Memory, plan: Accepted | None) -> Memory:
    """Take a plan in, or note that none could be had; then the one in force stays."""
    return replace(memory, waiting=False, plan=memory.plan if plan is None else plan)


def _reason(memory: Memory, event: str | None, now_ns: int) -> str | None:
    if memory.waiting:
        return None
    if event is not None:
        return event
    plan = memory.plan
    fresh = plan is not None and plan.plan.start_ns == floor_quarter_ns(now_ns)
    rested = memory.asked_ns is None or now_ns - memory.asked_ns >= RETRY_S * _NS
    if fresh or not rested:
        return None
    return "first plan" if plan is None else "a new quarter hour"


def _event(before: dict[str, MachineSeen], now: dict[str, MachineSeen]) -> str | None:
    for name, machine in now.items():
        was = before.get(name)
        if was is not None and was.availability != machine.availability:
            return f"{name} was {was.availability.value}, is {machine.availability.value}"
    return None


def _set_points(site: DispatchSite, memory: Memory, seen: Seen, now_ns: int) -> tuple[SetPoint, ...]:
    accepted = memory.plan
    at = accepted.plan.step_at(now_ns) if accepted is not None else None
    if accepted is None or at is None or at >= accepted.plan.binary_steps:
        return ()
    planned = setpoints_at(site.plant, accepted.plan, at, float(accepted.pv_kw[at]))
    before_c = tuple(memory.supply_c.get(name) for name in site.plant.chiller_ids)
    told = eased(site.plant, planned, before_c, seen.loop_c)
    return tuple(
        SetPoint(point, value, unit, accepted.why(machine, at))
        for machine, point, value, unit in _allowed(site, seen, targets(site.plant, told))
    )


def _supply_c(site: DispatchSite, wanted: tuple[SetPoint, ...]) -> dict[str, float]:
    values = {one.point: one.value for one in wanted}
    bound = {name: site.plant.flowsheet.binding(name, "supply_set_c") for name in site.plant.chiller_ids}
    return {name: values[point] for name, point in bound.items() if point in values}


def _allowed(
    site: DispatchSite, seen: Seen, wanted: Iterator[tuple[str, str, float]]
) -> Iterator[tuple[str, str, float, str]]:
    """Only machines that are free and in auto, only points with limits, only values inside them."""
    for machine, role, value in wanted:
        state = seen.machines.get(machine)
        point = site.plant.flowsheet.binding(machine, role)
        limits = site.limits.get(point) if point is not None else None
        free = state is not None and state.availability is Availability.FREE
        if point is None or limits is None or not free or site.modes.of(machine) != "auto":
            continue
        if limits.low <= value <= limits.high:
            yield machine, point, value, limits.unit


def _machine_now(machine: MachineSeen, now_ns: int) -> MachineNow:
    state_s = LONG_S if machine.since_ns is None else (now_ns - machine.since_ns) / _NS
    free = machine.availability is Availability.FREE
    tripped = machine.availability is Availability.TRIPPED
    held = ON if machine.on and not tripped else OFF
    return MachineNow(machine.on, state_s, FREE if free else held)


def _battery_held_kw(site: DispatchSite, seen: Seen) -> float | None:
    battery = site.plant.battery
    for name, unit in site.plant.flowsheet.units.items():
        if battery is not None and unit is battery:
            free = seen.machines[name].availability is Availability.FREE
            return None if free else seen.battery_kw - battery.standby_kw
    return None
