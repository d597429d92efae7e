"""What of a plan goes on under another configuration of the same plant. Pure.

When machines run is kept until there is a new plan. Set-points that were chosen are not, where the levels to
choose from or the limits around them are others: the new limits may be narrower than what was chosen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hub.dispatch.solving import Accepted
from optimizer.planning import PlanningFile

_CHOSEN: Final = ("chilled_water", "condenser_water", "pressure", "reactive")
"""Fields of the planning file that set-points are chosen by."""


def chooses_alike(one: PlanningFile, other: PlanningFile) -> bool:
    """Whether set-points are chosen from the same levels and within the same limits."""
    return all(getattr(one, name) == getattr(other, name) for name in _CHOSEN)


def without_choices(accepted: Accepted) -> Accepted:
    """The same plan, that tells machines when to run and no set-point of their own loops."""
    plan = accepted.plan
    own = {name: replace(one, supply_c=None) for name, one in plan.machines.items()}
    return replace(accepted, plan=replace(plan, machines=own, setpoints={}))
