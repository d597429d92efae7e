"""The same input again, in processes of their own, alone and beside load: the same plan to the bit."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any, Final

import numpy as np

from benchmarks.cases.b16_broken import plant
from benchmarks.registry import Case, Result
from optimizer.build import build
from optimizer.dispatch import plan_day
from optimizer.ease import ease
from optimizer.plan import Plan
from optimizer.problem import DispatchProblem
from optimizer.read import read_plan
from optimizer.solve import Infeasible, SolveOptions, Stopped, Unsolved, solve
from protocols.errors import ContractError

_RUNS: Final = 5
_LIMIT_S: Final = 1.0
_TIMEOUT_S: Final = 120.0
_LOAD: Final = "x = 1\nwhile True: x = (x * 31 + 7) % 1000003"
_THREADS: Final = "EMS_BENCH_THREADS"


def problem() -> DispatchProblem:
    """A day of a plant, noisy, so that many plans are nearly as good."""
    whole = plant(96)
    noise = np.random.default_rng(7).normal(0.0, 1.0, (2, 96))
    needs = replace(
        whole.forecasts,
        air_m3_min=np.clip(whole.forecasts.air_m3_min + noise[0], 0.0, 28.0),
        cooling_kw=np.clip(whole.forecasts.cooling_kw + 30.0 * noise[1], 0.0, 950.0),
    )
    return replace(whole, forecasts=needs)


def fingerprint(plan: Plan) -> str:
    """Every bit of what a plan decides."""
    digest = hashlib.sha256()
    for name in sorted(plan.machines):
        machine = plan.machines[name]
        digest.update(name.encode() + machine.on.tobytes() + machine.power_kw.tobytes())
        digest.update(machine.level.tobytes())
    return digest.hexdigest()


def solve_once() -> None:
    """Plan in this process, print the fingerprint."""
    asked = problem()
    matrix, columns = build(asked)
    options = SolveOptions(limit_s=60.0, threads=int(os.environ.get(_THREADS, "1")))
    found = solve(matrix, options)
    if isinstance(found, Unsolved) or not found.proven:
        raise ContractError("the search did not end on its gap")
    found = ease(matrix, columns, found, options, few_starts=True)
    print(fingerprint(read_plan(asked, matrix, columns, found.x)))


def run() -> Result:
    """Plan in fresh processes with one and two threads, half of them beside a busy one, then by the clock.

    Raises:
        ContractError: A run failed, or a plan cut off by the clock said nothing of its gap.
    """
    prints = [_in_a_process(threads, busy=again % 2 == 1) for threads in (1, 2) for again in range(_RUNS)]
    stopped = _by_the_clock()
    figures = {"runs": float(len(prints)), "identical": float(prints.count(prints[0]))}
    return Result(figures | stopped, results={"fingerprints": prints})


def _in_a_process(threads: int, *, busy: bool) -> str:
    beside = subprocess.Popen([sys.executable, "-c", _LOAD]) if busy else None  # noqa: S603  our own line
    code = "from benchmarks.cases.b17_determinism import solve_once; solve_once()"
    try:
        done = subprocess.run(  # noqa: S603  our own module
            [sys.executable, "-c", code],
            env=os.environ | {_THREADS: str(threads)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    finally:
        if beside is not None:
            beside.kill()
            beside.wait()
    if done.returncode:
        raise ContractError(f"a run failed: {done.stderr[-300:]}")
    return done.stdout.strip()


def _by_the_clock() -> dict[str, float]:
    """A search that the clock ends says so, with its bound, or that there is no plan yet."""
    hard = replace(problem(), binary_steps=32)
    outcome: Any = plan_day(hard, limit_s=_LIMIT_S, gap_frac=0.0)
    if isinstance(outcome, Infeasible):
        raise ContractError(f"the clock made a problem infeasible: {outcome.reason}")
    over = outcome.stats.solve_s / _LIMIT_S - 1.0
    told = isinstance(outcome, Stopped) or outcome.bound <= outcome.objective + 1e-6
    return {"clock_over_limit_pct": 100.0 * max(over, 0.0), "clock_told": float(told)}


CASE: Final = Case(
    "b17_determinism", "the same plan to the bit, alone and beside load", run, {"threads": (1, 2)}
)
