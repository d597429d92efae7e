"""The reasons of a planned case: one machine at one time, what is short, what is saved."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

from optimizer.at_rest import saving_against_rest
from optimizer.conflict import conflict_of, ranked
from optimizer.explain import explain
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from protocols.errors import ConfigError, SolveError

_CLOCK: Final = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_MOST: Final = 3
_BUDGET_S: Final = 10.0
_NS: Final = 1_000_000_000


def why_of(problem: DispatchProblem, plan: Plan, asked: str, zone: dt.tzinfo | None) -> dict[str, Any]:
    """The answer to `UNIT@TIME`, and what the plan saves.

    Raises:
        ConfigError: The question names no machine of the plan, or no time inside it.
    """
    unit, _, when = asked.rpartition("@")
    if unit not in plan.machines:
        raise ConfigError(f"--why {asked}: give UNIT@TIME; the machines are {', '.join(plan.machines)}")
    step = _step_of(plan, when, zone or dt.UTC)
    speech = problem.speech
    try:
        found = explain(problem, plan, (unit, step), speech)
        saving = saving_against_rest(problem, plan)
    except SolveError as error:
        return {"why_not": str(error)}  # the plan stands without its reason
    return {"why": found.to_dict(), "saving": None if saving is None else saving.to_dict()}


def shortages_of(problem: DispatchProblem, plan: Plan) -> dict[str, Any]:
    """The worst shortages with the limits that conflict, where there are any."""
    speech = problem.speech
    worst = ranked(problem, plan.shortages)[:_MOST]
    found = [conflict_of(problem, plan.shortages, one, speech, _BUDGET_S) for one in worst]
    return {
        "conflicts": [
            {
                "name": one.shortage.name,
                "step": one.shortage.step,
                "amount": one.shortage.amount,
                "need": one.need.model_dump(),
                "limits": [limit.model_dump() for limit in one.limits],
                "smallest": one.smallest,
            }
            for one in found
            if one.shortage is not None
        ]
    }


def _step_of(plan: Plan, when: str, zone: dt.tzinfo) -> int:
    clock = _CLOCK.match(when)
    begin = dt.datetime.fromtimestamp(plan.start_ns / _NS, zone)
    if clock is not None:
        at = begin.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        at += dt.timedelta(days=int(at + dt.timedelta(seconds=plan.step_s) <= begin))
    else:
        at = _instant(when, zone)
    step = plan.step_at(round(at.timestamp()) * _NS)
    if step is None:
        end = begin + dt.timedelta(seconds=plan.steps * plan.step_s)
        raise ConfigError(f"--why …@{when}: the plan holds {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}")
    return step


def _instant(when: str, zone: dt.tzinfo) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(when)
    except ValueError as error:
        raise ConfigError(f"--why …@{when}: give a time such as 10:15 or 2026-06-15T10:15") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)
