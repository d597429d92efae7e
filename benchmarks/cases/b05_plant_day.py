"""A plant day of 96 steps with every switch whole: over the file's lower bound, and the time it takes."""

from __future__ import annotations

import statistics
import time
from typing import Any, Final

from benchmarks.case_files import case_files
from benchmarks.judge_day import day_cost
from benchmarks.registry import Case, Result
from optimizer.build import build, whole_of
from optimizer.cases.forms import read_form
from optimizer.cases.plant_day import PlantDay, problem_of
from optimizer.check import check
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.read import read_plan
from optimizer.rolling import solve_rolling
from optimizer.solve import SolveOptions, Unsolved
from protocols.errors import ContractError

_LIMIT_S: Final = 50.0
"""For a day of 96 steps; a longer window has more in proportion."""
_DAY_STEPS: Final = 96
_GAP_FRAC: Final = 0.001


def run() -> Result:
    """Plan the day of every file and judge each."""
    results = {name: _day(plain) for name, plain in case_files("plant_day").items()}
    answered = [one for one in results.values() if "cost" in one]
    if not answered:
        raise ContractError("no file has a plan")
    return Result(
        {
            "excess_over_bound_pct": max(one["excess_pct"] for one in answered),
            "gap_pct": max(one["gap_pct"] for one in answered),
            "s": max(one["s"] for one in results.values()),
            "step_median_s": statistics.median([s for one in answered for s in one["steps_s"]]),
            "step_max_s": max(s for one in answered for s in one["steps_s"]),
            "without_answer": float(len(results) - len(answered)),
        },
        results=results,
    )


def _day(plain: dict[str, Any]) -> dict[str, Any]:
    began_s = time.perf_counter()
    problem = problem_of(read_form(PlantDay, plain))
    matrix, columns = build(problem)
    limit_s = _LIMIT_S * max(1.0, problem.steps / _DAY_STEPS)
    options = SolveOptions(gap_frac=_GAP_FRAC, limit_s=limit_s)
    solved, steps_s = solve_rolling(matrix, whole_of(problem, matrix, columns), options)
    if isinstance(solved, Unsolved):
        return {"reason": solved.detail, "s": time.perf_counter() - began_s}
    plan = read_plan(problem, matrix, columns, solved.x)
    took_s = time.perf_counter() - began_s
    told = _told(problem, plan)
    cost, wrong = day_cost(plain, told)
    wrong += [f"{fault.machine} step {fault.step}: {fault.limit}" for fault in check(problem, plan)]
    if wrong:
        raise ContractError(f"the judge refuses the plan: {'; '.join(wrong[:3])}")
    bound = plain.get("known", {}).get("lower_bound", solved.bound)
    return {
        "cost": cost,
        "bound": solved.bound,
        "s": took_s,
        "excess_pct": 100.0 * (cost - bound) / bound,
        "gap_pct": 100.0 * (cost - solved.bound) / cost,
        "steps_s": list(steps_s),
        "plan": told,
    }


def _told(problem: DispatchProblem, plan: Plan) -> dict[str, Any]:
    """The plan in the words of the judge."""
    machines: dict[str, Any] = {}
    for name, machine in plan.machines.items():
        if machine.kind in {"compressor", "chiller"}:
            level = "flow_m3_min" if machine.kind == "compressor" else "load_kw"
            machines[name] = {"on": machine.on.astype(int).tolist(), level: machine.level.tolist()}
    battery, cold = problem.batteries[0], problem.stores[1]
    power = plan.machines[battery.name].power_kw
    content = plan.machines[cold.name].level
    before = [cold.content, *content[:-1].tolist()]
    into = [
        (now - was * (1.0 - cold.loss_per_h_frac * problem.step_h)) / problem.step_h
        for now, was in zip(content.tolist(), before, strict=True)
    ]
    return {
        "machines": machines,
        "charge_kw": power.clip(min=0.0).tolist(),
        "discharge_kw": (-power).clip(min=0.0).tolist(),
        "store_in_kw": into,
        "receiver_m3": plan.machines[problem.stores[0].name].level.tolist(),
        "pv_kw": plan.machines["pv"].level.tolist(),
        "import_kw": plan.import_kw.tolist(),
        "export_kw": plan.export_kw.tolist(),
    }


CASE: Final = Case(
    "b05_plant_day",
    "twelve compressors, chillers, stores, battery and PV over a day, every switch whole",
    run,
    {"steps": (96,)},
)
