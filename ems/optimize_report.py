"""The page about the plan of a case."""

from __future__ import annotations

import datetime as dt
from typing import Any

from optimizer.at_rest import saving_against_rest
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.report_page import About, report_page
from protocols.errors import SolveError


def page_of(
    title: str, problem: DispatchProblem, plan: Plan, said: dict[str, Any], zone: dt.tzinfo | None
) -> str:
    """The page, with what the plan saves where that can be told.

    Args:
        title: Name of the case.
        problem: What was asked.
        plan: The plan.
        said: What the command tells of it.
        zone: Of the case; None: UTC.
    """
    saving = said.get("saving")
    if saving is None:
        try:
            found = saving_against_rest(problem, plan)
        except SolveError:
            found = None  # the plan stands without what it saves
        saving = None if found is None else found.to_dict()
    about = About(
        title=title,
        status=str(said["status"]),
        gap=float(said["gap_pct"]) / 100.0,
        objective=float(said["objective"]),
        bound=float(said["bound"]),
        solver=str(said["solver"]),
        solve_s=float(said["s"]),
        not_kept=tuple(said["not_kept"]),
        saving=saving,
        conflicts=tuple(said.get("conflicts", ())),
        labels=dict(problem.speech.labels),
    )
    return report_page(problem, plan, about, zone)
