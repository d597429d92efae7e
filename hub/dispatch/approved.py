"""Machines that wait for a person, in the plans made meanwhile, and when an approval is over. Pure.

A page may go by a newer configuration than the planner for some seconds, or by an older one. So an approval
that the planner cannot place yet is left alone for that long, neither followed nor taken back; and one that
was given after the mode of its machine changed is not ended by that change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from hub.dispatch.site import DispatchSite
from hub.dispatch.solving import Accepted
from hub.ledger.approvals import Approval, Why
from optimizer.problem import OFF, ON
from plant.state import Plant

GRACE_S: Final = 30.0
"""How long an approval may be ahead of what the planner knows; a version takes effect within seconds. [s]"""
_NS: Final = 1_000_000_000


class Standing(NamedTuple):
    """What approvals are held against.

    Attributes:
        waits: Machines that wait for a person.
        changed_ns: Machine to when its mode changed, since approvals were judged last.
        away: Machines whose station lost one.
        plans: Ids of the plans that may still be followed.
        may: People who may command here.
        now_ns: Wall clock.
    """

    waits: Collection[str]
    changed_ns: Mapping[str, int]
    away: Collection[str]
    plans: Collection[str]
    may: Collection[str]
    now_ns: int


def over(known: Mapping[str, Approval], standing: Standing) -> Iterator[tuple[str, Why]]:
    """Machines whose approval is over, and why."""
    for machine, approval in known.items():
        why = _why(machine, approval, standing)
        if why is not None:
            yield machine, why


def _why(machine: str, approval: Approval, now: Standing) -> Why | None:
    early = now.now_ns - approval.at_ns < GRACE_S * _NS
    why: Why | None = None
    if machine in now.away:
        why = "event"
    elif approval.at_ns < now.changed_ns.get(machine, 0) or (machine not in now.waits and not early):
        why = "mode"
    elif approval.plan_id not in now.plans:
        why = "plan"
    elif approval.person not in now.may:
        why = "right"
    return why


def power_course_of(
    accepted: Accepted | None, machine: str, start_ns: int, *, now_kw: float
) -> tuple[float, ...]:
    """The same of one that is told a power [kW]: the approved one, else in the first step what it takes."""
    planned = None if accepted is None else accepted.plan.machines.get(machine)
    if accepted is None or planned is None:
        return (now_kw,)
    at, end = accepted.plan.step_at(start_ns), accepted.plan.binary_steps
    if at is None or at >= end:
        return (now_kw,)
    return tuple(float(power) for power in planned.power_kw[at:end])


def course_of(accepted: Accepted | None, machine: str, start_ns: int, *, on: bool) -> tuple[int, ...]:
    """Lock per step from a begin on, as far as it is not for a new plan to decide.

    The course a person approved, to the end of its exact steps; without one the machine stays as it is in the
    first step, since nobody has approved anything else yet. From then on the plan decides what it proposes.
    """
    now = (ON if on else OFF,)
    planned = None if accepted is None else accepted.plan.machines.get(machine)
    if accepted is None or planned is None:
        return now
    at, end = accepted.plan.step_at(start_ns), accepted.plan.binary_steps
    if at is None or at >= end:
        return now
    return tuple(ON if runs else OFF for runs in planned.on[at:end])


def ended_by(site: DispatchSite, approved: Mapping[str, Accepted], away: frozenset[str]) -> frozenset[str]:
    """Machines whose approval is over, since one of their station was taken away."""
    return frozenset(name for name in approved if not away.isdisjoint(_station(site.plant, name)))


def _station(plant: Plant, machine: str) -> frozenset[str]:
    for names in (plant.compressor_ids, plant.chiller_ids):
        if machine in names:
            return frozenset(names)
    return frozenset({machine})
