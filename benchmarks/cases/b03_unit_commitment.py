"""A day of thermal units with warm and cold starts: as in the file, and copied to a hundred units."""

from __future__ import annotations

import time
from typing import Any, Final

from benchmarks.case_files import case_files
from benchmarks.judge_units import schedule_cost
from benchmarks.registry import Case, Result
from optimizer.cases.forms import UnitCommitment, fleet_of, read_form
from optimizer.unit_commitment import commit_units
from protocols.errors import ContractError, SolveError

_MANY: Final = 100
_GAP_FRAC: Final = (3e-4, 4e-4)
"""Gaps at which the two sizes end."""
_LIMIT_S: Final = (20.0, 80.0)
"""Safety nets of the two sizes; both end on their gap long before. [s]"""


def run() -> Result:
    """Schedule every file as it is and in copies, and judge each."""
    results: dict[str, Any] = {}
    for name, plain in case_files("unit_commitment").items():
        copies = max(1, round(_MANY / len(plain["units"])))
        results[name] = _schedule(plain, 1, (_GAP_FRAC[0], _LIMIT_S[0]))
        results[f"{name} x{copies}"] = _schedule(plain, copies, (_GAP_FRAC[1], _LIMIT_S[1]))
    single = [one for one in results.values() if one["copies"] == 1 and "cost" in one]
    many = [one for one in results.values() if one["copies"] > 1 and "cost" in one]
    if not single:
        raise ContractError("no file has a schedule")
    figures = {
        "gap10_pct": max(one["gap_pct"] for one in single),
        "s10": max(one["s"] for one in single),
        "without_answer": float(sum("cost" not in one for one in results.values())),
    }
    if many:
        figures |= {
            "gap100_pct": max(one["gap_pct"] for one in many),
            "s100": max(one["s"] for one in many),
        }
    return Result(figures, results=results)


def _schedule(plain: dict[str, Any], copies: int, until: tuple[float, float]) -> dict[str, Any]:
    began_s = time.perf_counter()
    try:
        found = commit_units(fleet_of(read_form(UnitCommitment, plain), copies), *until)
    except SolveError as error:
        return {"copies": copies, "reason": str(error), "s": time.perf_counter() - began_s}
    took_s = time.perf_counter() - began_s
    on, power = found.on.tolist(), found.power_mw.tolist()
    cost, wrong = schedule_cost(plain, copies, on, power)
    if wrong or abs(cost - found.cost) > 1e-6 * cost:
        raise ContractError(f"the judge refuses the schedule: {wrong[:3] or f'{cost} is not {found.cost}'}")
    return {
        "copies": copies,
        "cost": cost,
        "bound": found.bound,
        "s": took_s,
        "gap_pct": 100.0 * (cost - found.bound) / cost,
        "plan": {"on": [[int(runs) for runs in unit] for unit in on], "p_mw": power},
    }


CASE: Final = Case(
    "b03_unit_commitment",
    "thermal units over a day, identical ones as one whole number, exact costs after",
    run,
    {"units": (10, 100)},
)
