"""Three winter and three summer days, three seeds: dispatch against the plant's own control, 1 s steps.

Cost is energy by tariff, fuel, starts and the price of CO2, without demand charge. What battery, receiver and
loop hold more at the end is priced at the day's mean. Finished runs are kept beside the results until the
last one is done, so a call that was interrupted goes on where it stopped; a change of the code begins anew.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import multiprocessing
import shutil
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rich.progress import Progress

from benchmarks.account import Ledger, account
from benchmarks.plant_run import HISTORY_DAYS, Run, make_world
from benchmarks.registry import Case, Figures, Result
from plant.scenario import make_scenario

SEASONS: Final = {"winter": (2025, 1, 6), "summer": (2025, 6, 9)}
"""Season to the Monday at which the scenario begins; four weeks of past follow, then the days measured."""
SEEDS: Final = (1, 2, 3)
DAYS: Final = 3
_FIRST_DAY: Final = {1: 0, 2: 2, 3: 4}
"""Seed 1 runs from a Monday, seed 2 from a Wednesday, seed 3 over the weekend."""
_ROOT: Final = Path(__file__).parents[2]
_PART: Final = _ROOT / "benchmarks/results/.closed_loop"
_CODE: Final = ("plant", "optimizer", "hub/dispatch", "hub/forecast", "configs", "benchmarks")
_WORKERS: Final = 2


class Job(NamedTuple):
    """One course of the plant."""

    season: str
    seed: int
    days: int
    ems: bool


def run() -> Result:
    """Run what is not yet there, show how far it is, and add everything up."""
    jobs = [Job(season, seed, DAYS, ems) for season in SEASONS for seed in SEEDS for ems in (False, True)]
    folder = _PART / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    _run_all([job for job in jobs if not _file(folder, job).exists()], folder)
    found = {job: Ledger(**json.loads(_file(folder, job).read_text(encoding="utf-8"))) for job in jobs}
    pairs = [
        (found[Job(season, seed, DAYS, False)], found[Job(season, seed, DAYS, True)])  # noqa: FBT003  a field
        for season in SEASONS
        for seed in SEEDS
    ]
    shutil.rmtree(_PART)
    return Result(figures_of(pairs), {"own_control": _own(pairs)})


def figures_of(pairs: list[tuple[Ledger, Ledger]]) -> Figures:
    """Figures of runs as (own control, EMS)."""
    savings = [100.0 * (own.cost - ems.cost) / own.cost for own, ems in pairs]
    daily = [
        100.0 * (own_day - ems_day) / own_day
        for own, ems in pairs
        for own_day, ems_day in zip(own.day_costs, ems.day_costs, strict=True)
    ]
    own_kwh, ems_kwh = sum(own.energy_kwh for own, _ in pairs), sum(ems.energy_kwh for _, ems in pairs)
    return {
        "saving_pct": sum(savings) / len(savings),
        "saving_min_pct": min(daily),
        "peak_change_kw": max(ems.peak_kw - own.peak_kw for own, ems in pairs),
        "energy_change_pct": 100.0 * (ems_kwh - own_kwh) / own_kwh,
        "baseline_outside_limits_s": float(sum(own.outside_s for own, _ in pairs)),
        "ems_outside_limits_s": float(sum(ems.outside_s for _, ems in pairs)),
        "cost": sum(ems.cost for _, ems in pairs) / len(pairs),
        "plans": float(sum(ems.plans for _, ems in pairs)),
        "plans_refused": float(sum(ems.refused for _, ems in pairs)),
        "saving_winter_pct": sum(savings[: len(SEEDS)]) / len(savings[: len(SEEDS)]),
        "saving_summer_pct": sum(savings[len(SEEDS) :]) / max(len(savings[len(SEEDS) :]), 1),
    }


def course(job: Job, progress: Path | None = None) -> Ledger:
    """Live through one course and account for it; `progress` is a file that holds the fraction done."""
    year, month, day = SEASONS[job.season]
    monday = dt.datetime(year, month, day, tzinfo=ZoneInfo("Europe/Berlin"))
    first = HISTORY_DAYS + _FIRST_DAY.get(job.seed, 0)
    scenario = make_scenario(job.season, job.seed, days=first + job.days + 1)
    world = make_world(scenario, round(monday.timestamp()) * 1_000_000_000, first * 86400, job.seed)

    def tell(done: float) -> None:
        if progress is not None:
            progress.write_text(f"{done:.4f}", encoding="ascii")

    return account(world, Run(world, job.days, ems=job.ems).go(tell))


def _work(job: Job, folder: Path) -> None:
    ledger = course(job, _file(folder, job).with_suffix(".progress"))
    fresh = _file(folder, job).with_suffix(".new")
    fresh.write_text(json.dumps(asdict(ledger)), encoding="utf-8")
    fresh.rename(_file(folder, job))


def _run_all(jobs: list[Job], folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_WORKERS, mp_context=context) as pool, Progress() as progress:
        futures = {pool.submit(_work, job, folder): job for job in sorted(jobs, key=lambda job: not job.ems)}
        bars = {future: progress.add_task(_title(job), total=1.0) for future, job in futures.items()}
        waiting: set[Future[None]] = set(futures)
        while waiting:
            for future in list(waiting):
                progress.update(bars[future], completed=_fraction(folder, futures[future]))
                if future.done():
                    future.result()
                    progress.update(bars[future], completed=1.0)
                    waiting.discard(future)
            time.sleep(0.5)


def _fraction(folder: Path, job: Job) -> float:
    file = _file(folder, job).with_suffix(".progress")
    text = file.read_text(encoding="ascii") if file.exists() else ""
    return float(text or 0.0)


def _title(job: Job) -> str:
    return f"{job.season} seed {job.seed} {'EMS' if job.ems else 'own control'}"


def _file(folder: Path, job: Job) -> Path:
    return folder / f"{job.season}-{job.seed}-{job.days}-{'ems' if job.ems else 'own'}.json"


def _own(pairs: list[tuple[Ledger, Ledger]]) -> Figures:
    return {"cost": sum(own.cost for own, _ in pairs) / len(pairs)}


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for part in _CODE:
        for file in sorted((_ROOT / part).rglob("*")):
            if file.suffix in {".py", ".yaml"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


CASE: Final = Case(
    "closed_loop",
    "dispatch against the plant's own control, 1 s steps, virtual time; tens of minutes",
    run,
    {"season": tuple(SEASONS), "seed": SEEDS},
)
