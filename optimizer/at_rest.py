"""What planning is worth where nothing else is known of a plant: the same machines, its stores at rest.

The baseline meets the same needs at least cost, but takes nothing into a store or out of it, and does not
look at the demand charge. In the hub the baseline is the plant's own control, run through the plant model.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from optimizer.dispatch import plan_day
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.saving import Run, Saving, run_of_plan, saving_of
from optimizer.solve import Feasible, Optimal
from protocols.config import Text

_MORE_SHORT: Final = 1e-3
_AGAINST: Final = Text(
    en="the same machines with their stores at rest and no look at the peak",
    zh="储能静置、不考虑需量的同一套设备",
)


def saving_against_rest(problem: DispatchProblem, plan: Plan) -> Saving | None:
    """What the plan saves; None where the plant could not do without its stores.

    Raises:
        SolveError: The problem cannot be planned.
    """
    resting = at_rest(problem)
    outcome = plan_day(resting)
    if not isinstance(outcome, Optimal | Feasible):
        return None
    if _short(outcome.plan) > _short(plan) + _MORE_SHORT:
        return None
    planned, own = _run(problem, plan), _run(problem, outcome.plan)
    return saving_of(planned, own, problem, _AGAINST)


def at_rest(problem: DispatchProblem) -> DispatchProblem:
    """The same plant with nothing going into its stores or out of them, and without a demand charge."""
    return replace(
        problem,
        prices=replace(problem.prices, demand_charge_eur_kw=0.0),
        supply=replace(problem.supply, charges=()),
        batteries=tuple(replace(one, fixed_kw=np.zeros(problem.steps)) for one in problem.batteries),
        stores=tuple(
            replace(one, charge_max=0.0, discharge_max=0.0, least=0.0, end_least=None)
            for one in problem.stores
        ),
    )


def _short(plan: Plan) -> float:
    named = (
        one for one in plan.shortages if not one.name.startswith(("end_short", "reserve_", "heat_surplus"))
    )
    return float(sum(one.amount for one in named))


def _run(problem: DispatchProblem, plan: Plan) -> Run:
    names = [one.name for one in problem.batteries] + [one.name for one in problem.stores]
    held = {name: float(plan.machines[name].level[-1]) for name in names}
    return run_of_plan(problem, plan, held)
