"""The child process that explains one plan: a question on stdin, its answer on stdout, then it ends."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final
from zoneinfo import ZoneInfo

from optimizer.conflict import Conflict, conflict_of, ranked
from optimizer.explain import explain
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.short_words import unit_of
from optimizer.words import Speech, slack_text, told
from optimizer.written import read
from protocols.config import Text
from protocols.errors import ContractError, SolveError
from runtime.children import die_with_parent

_MOST_CONFLICTS: Final = 3
"""Shortages that are traced to their limits; the others are only named."""


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question as `hub.dispatch.asking` writes it.

    Raises:
        SolveError: The plan has no such unit or step, or does not belong to its problem.
        ContractError: What is kept of the plan cannot be read.
    """
    problem, plan = read(asked["made"])
    labels = {name: Text.model_validate(text) for name, text in asked["labels"].items()}
    speech = Speech(labels, ZoneInfo(asked["zone"]))
    if asked["unit"] is None:
        return {"short": [_told(one, problem, speech) for one in _conflicts(problem, plan, speech)]}
    return explain(problem, plan, (asked["unit"], asked["step"]), speech).to_dict()


def _conflicts(problem: DispatchProblem, plan: Plan, speech: Speech) -> list[Conflict]:
    worst = ranked(problem, plan.shortages)[:_MOST_CONFLICTS]
    return [conflict_of(problem, plan.shortages, one, speech) for one in worst]


def _told(found: Conflict, problem: DispatchProblem, speech: Speech) -> dict[str, Any]:
    short = found.shortage
    assert short is not None  # noqa: S101  each was asked for by its shortage
    return {
        "name": short.name,
        "label": slack_text(short.name, speech).model_dump(),
        "at_ns": problem.start_ns + round(short.step * problem.step_s * 1e9),
        "amount": short.amount,
        "unit": unit_of(problem, short),
        "need": found.need.model_dump(),
        "limits": [one.model_dump() for one in found.limits],
        "smallest": found.smallest,
    }


def _main() -> None:
    die_with_parent()
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not get into the answer
    asked = json.load(sys.stdin.buffer)
    said: dict[str, Any]
    try:
        said = answer(asked)
    except (SolveError, ContractError) as error:
        said = {"refused": str(error), "refused_zh": told(error).zh}
    with os.fdopen(out, "w", encoding="utf-8") as pipe:
        json.dump(said, pipe)


if __name__ == "__main__":
    _main()
