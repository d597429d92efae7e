"""What a site declares about switching its machines, beyond what they need themselves: a plan keeps both.

An engine's warm-up is its own; a ramp is one of a plan only where it takes longer than a step to run through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from optimizer.problem import Commitment, DispatchProblem
from optimizer.starting import DAY_S, MINUTE_S, Ramp
from plant.units.heat import Chp


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchLimits:
    """How often a machine may be switched, and what counts of what was.

    Attributes:
        most_per_h: Starts in any hour; None: as many as asked.
        most_per_day: Starts in any 24 h, likewise.
        least_s: Shortest time between two switches. [s]
        ages_s: How long before the window each earlier start was, below zero where it has begun. [s]
        output_kw: What it gives now; None: not known. [kW]
    """

    most_per_h: int | None = None
    most_per_day: int | None = None
    least_s: float = 0.0
    ages_s: tuple[float, ...] = ()
    output_kw: float | None = None


def with_switch_limits(
    problem: DispatchProblem, limits: Mapping[str, SwitchLimits], late_s: float = 0.0
) -> DispatchProblem:
    """The problem with its machines switched no more often than declared.

    Args:
        problem: Any; compressors, chillers and engines are looked at.
        limits: Machine to what is declared; machines not named are left alone.
        late_s: How much of the first step is over where it is planned whole: what is owed ends later. [s]
    """

    def limited(machine: Any) -> Any:  # noqa: ANN401  any machine that is on or off
        own = limits.get(machine.name)
        if own is None:
            return machine
        return replace(machine, commitment=_limited(machine.commitment, own, late_s))

    return replace(
        problem,
        compressors=tuple(limited(one) for one in problem.compressors),
        chillers=tuple(limited(one) for one in problem.chillers),
        chps=tuple(limited(one) for one in problem.chps),
    )


def _limited(own: Commitment, limits: SwitchLimits, late_s: float) -> Commitment:
    limited = limits.most_per_h is not None or limits.most_per_day is not None
    young = tuple(age_s for age_s in limits.ages_s if age_s <= DAY_S)
    least_s = max(own.min_up_s, own.starting.warm_up_s) if own.on else own.min_down_s
    owed = least_s <= own.state_s < limits.least_s  # what the machine itself owes ends later already
    return replace(
        own,
        state_s=own.state_s - (late_s if owed else 0.0),
        min_up_s=max(own.min_up_s, limits.least_s),
        min_down_s=max(own.min_down_s, limits.least_s),
        starting=replace(
            own.starting,
            most_per_h=limits.most_per_h,
            most_per_day=limits.most_per_day,
            ages_s=young if limited else (),
        ),
        ramp=own.ramp
        if own.ramp is None or limits.output_kw is None
        else replace(own.ramp, last=max(limits.output_kw, 0.0)),
    )


def ramp_of(unit: Chp, step_s: float) -> Ramp | None:
    """How fast an engine's power moves; None where a step is enough for all of it."""
    if unit.times.ramp_kw_s * step_s >= unit.generation_max_kw:
        return None
    per_min = unit.times.ramp_kw_s * MINUTE_S
    return Ramp(up_per_min=per_min, down_per_min=per_min)
