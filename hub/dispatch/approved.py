"""Machines that wait for a person, in the plans made meanwhile, and when an approval is over. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hub.dispatch.site import DispatchSite
from hub.dispatch.solving import Accepted
from optimizer.problem import OFF, ON
from plant.state import Plant


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
