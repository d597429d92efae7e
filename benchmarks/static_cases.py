"""What the static cases have in common: each load of each file answered, judged, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.registry import Figures
from protocols.errors import ContractError, SolveError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One load answered and judged.

    Attributes:
        cost: By the judge.
        bound: By the optimiser.
        plan: Plain values.
        wrong: What the judge found, empty when all is kept.
    """

    cost: float
    bound: float
    plan: Any
    wrong: list[str]


def measure(answer: Callable[[], Answer], known: float | None) -> dict[str, Any]:
    """Answer once: cost, bound, seconds and plan, or the reason why there is none.

    Raises:
        ContractError: The judge found a limit that is not kept, or a bound above the cost.
    """
    began_s = time.perf_counter()
    try:
        found = answer()
    except SolveError as error:
        return {"reason": str(error), "s": time.perf_counter() - began_s}
    took_s = time.perf_counter() - began_s
    if found.wrong:
        raise ContractError(f"the judge refuses the plan: {'; '.join(found.wrong[:3])}")
    if found.bound > found.cost * (1 + 1e-9) + 1e-9:
        raise ContractError(f"the bound {found.bound} is above the cost {found.cost}")
    reference = found.bound if known is None else known
    return {
        "cost": found.cost,
        "bound": found.bound,
        "s": took_s,
        "plan": found.plan,
        "excess_pct": 100.0 * (found.cost - reference) / abs(reference),
        "gap_pct": 100.0 * (found.cost - found.bound) / abs(found.cost),
    }


def figures_of(results: dict[str, Any]) -> Figures:
    """Worst excess and longest time over all loads of all files."""
    loads = [load for file in results.values() for load in file["loads"]]
    answered = [load for load in loads if "cost" in load]
    if not answered:
        raise ContractError("no load of any file has an answer")
    return {
        "worst_excess_pct": max(load["excess_pct"] for load in answered),
        "worst_gap_pct": max(load["gap_pct"] for load in answered),
        "max_s": max(load["s"] for load in loads),
        "loads": float(len(loads)),
        "without_answer": float(len(loads) - len(answered)),
    }


def summed(loads: list[dict[str, Any]]) -> dict[str, Any]:
    """A file's result: sums over its loads that have an answer, the longest time, and each load."""
    answered = [load for load in loads if "cost" in load]
    return {
        "cost": sum(load["cost"] for load in answered),
        "bound": sum(load["bound"] for load in answered),
        "s": max(load["s"] for load in loads),
        "plan": [load.get("plan") for load in loads],
        "loads": loads,
    }
