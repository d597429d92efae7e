"""Seven days in closed loop with events: over a proven bound of the week, and over perfect forecasts.

`EMS_RECEDING_SEEDS` names the weeks (0,1), `EMS_RECEDING_STEPS` how many of the 168 hours are gone through.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.courses import Place, live_all
from benchmarks.receding import STEPS, Run, money, receding, starts, week
from benchmarks.registry import Case, Figures, Result
from optimizer.build import build
from optimizer.carry import cut
from optimizer.check import check
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.read import price, read_plan
from optimizer.solve import Solved, SolveOptions, Unsolved, solve
from protocols.errors import ConfigError, ContractError

SEEDS: Final = "EMS_RECEDING_SEEDS"
UNTIL: Final = "EMS_RECEDING_STEPS"
_BOUND_S: Final = 150.0
_BOUND_GAP: Final = 0.0002
_SHORT: Final = frozenset({"air_short", "cooling_short", "heat_short", "import_over", "export_over"})
"""A need or a contract that is not kept."""
_RESERVES: Final = frozenset({"reserve_air", "reserve_cooling"})

_PASSES: Final = ("perfect", "forecast")

Told = dict[str, Any]


class Job(NamedTuple):
    """One pass through a week; the bound is no pass, it knows the week whole."""

    seed: int
    what: str
    until: int


def run() -> Result:
    """Each week twice, step by step: with perfect forecasts and with those that are wrong."""
    return compared(seeds_asked(os.environ.get(SEEDS, "0,1")), steps_asked(os.environ.get(UNTIL, str(STEPS))))


def seeds_asked(text: str) -> list[int]:
    """Which weeks to go through, each once.

    Raises:
        ConfigError: These are no seeds.
    """
    seeds = [seed.strip() for seed in text.split(",")]
    if not all(seed.isdecimal() for seed in seeds):
        raise ConfigError(f"{SEEDS} is {text!r}; give numbers from 0 on, such as 0,1")
    return list(dict.fromkeys(int(seed) for seed in seeds))


def steps_asked(text: str) -> int:
    """How many steps to go through.

    Raises:
        ConfigError: It is no number of steps of a week.
    """
    if not text.isdecimal() or not 1 <= int(text) <= STEPS:
        raise ConfigError(f"{UNTIL} is {text!r}; give a number of hours from 1 to {STEPS}")
    return int(text)


def compared(seeds: list[int], until: int) -> Result:
    """The first steps of some weeks, side by side.

    Raises:
        ContractError: A week has no bound, or a step no plan.
    """
    jobs = [Job(seed, what, until) for seed in seeds for what in ("forecast", "perfect", "bound")]
    told = live_all("b06_receding", {_title(job): job for job in jobs}, gone_through)
    weeks = [{what: told[_title(Job(seed, what, until))] for what in ("bound", *_PASSES)} for seed in seeds]
    results = {f"seed {seed}": one for seed, one in zip(seeds, weeks, strict=True)}
    return Result(figures_of(weeks) | {"weeks": float(len(seeds)), "steps": float(until)}, results=results)


def figures_of(weeks: list[dict[str, Told]]) -> Figures:
    """The worst week, and what all weeks broke."""
    passes = [one[what] for one in weeks for what in _PASSES]
    return {
        "excess_perfect_pct": max(_over(one["perfect"]["money"], one["bound"]["bound"]) for one in weeks),
        "excess_forecast_pct": max(_over(one["forecast"]["money"], one["perfect"]["money"]) for one in weeks),
        "border_violations": float(sum(one["violations"] for one in passes)),
        "starts_ratio": max(one["forecast"]["starts"] / max(one["perfect"]["starts"], 1.0) for one in weeks),
        "step_median_s": max(one["step_median_s"] for one in passes),
        "step_p95_s": max(one["step_p95_s"] for one in passes),
        "short_steps_perfect": float(sum(one["perfect"]["short"] for one in weeks)),
        "short_steps_forecast": float(sum(one["forecast"]["short"] for one in weeks)),
        "short_reserve_steps_perfect": float(sum(one["perfect"]["short_reserve"] for one in weeks)),
        "short_reserve_steps_bound": float(sum(one["bound"]["short_reserve"] for one in weeks)),
        "bound_gap_pct": max(_over(one["bound"]["best"], one["bound"]["bound"]) for one in weeks),
    }


def gone_through(job: Job, place: Place) -> Told:
    """One pass, or the bound."""
    asked = week(job.seed)
    world = asked.world if job.until == STEPS else cut(asked.world, 0, job.until)
    if job.what == "bound":
        found, plan = bound_of(world)
        return {"bound": found.bound, "best": found.objective, "short_reserve": _short(plan, _RESERVES)}
    return _told(world, receding(asked, perfect=job.what == "perfect", until=job.until, tell=place.tell))


def bound_of(world: DispatchProblem) -> tuple[Solved, Plan]:
    """The week known whole, every switch whole: no plan of it costs less than its bound; and the best found.

    Raises:
        ContractError: There is none in time.
    """
    world = replace(world, binary_steps=world.steps)
    matrix, columns = build(world)
    found = solve(matrix, SolveOptions(gap_frac=_BOUND_GAP, limit_s=_BOUND_S))
    if isinstance(found, Unsolved):
        raise ContractError(f"the week has no bound: {found.detail}")
    return found, read_plan(world, matrix, columns, found.x)


def _told(world: DispatchProblem, found: Run) -> Told:
    plan = found.plan
    cost, _ = price(world, plan.import_kw, plan.export_kw, plan.fuel_kw, plan.machines)
    # the costs of single steps are summed anew above; a content outside what a step was told is none
    broken = [fault for fault in check(world, plan) if fault.machine != "cost"]
    times = np.array(found.step_s or [0.0])
    return {
        "money": money(world, plan, cost),
        "starts": float(starts(world, plan)),
        "violations": float(len(broken)),
        "first_violations": [f"{one.machine} step {one.step}: {one.limit}" for one in broken[:5]],
        "short": _short(plan, _SHORT),
        "short_reserve": _short(plan, _RESERVES),
        "step_median_s": float(np.median(times)),
        "step_p95_s": float(np.quantile(times, 0.95)),
    }


def _short(plan: Plan, names: frozenset[str]) -> float:
    """Steps in which one of these is not kept."""
    return float(len({one.step for one in plan.shortages if one.name in names}))


def _over(cost: float, base: float) -> float:
    return 100.0 * (cost - base) / abs(base)


def _title(job: Job) -> str:
    return f"week {job.seed} {job.what}"


CASE = Case(
    name="b06_receding",
    about="weeks in closed loop with six events: over a bound of the week, and over perfect forecasts",
    run=run,
    axes={"forecasts": ("perfect", "wrong by up to 8 %"), "week": (0, 1)},
)
"""This case."""
