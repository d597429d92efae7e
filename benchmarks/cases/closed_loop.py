"""Three winter and three summer days, three seeds: dispatch against the plant's own control, 1 s steps.

Cost is energy by tariff, fuel, starts and the price of CO2, without demand charge. What battery, receiver and
loop hold more at the end is priced at the day's mean. A call that was interrupted goes on where it stopped
(`benchmarks.courses`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks.account import Ledger, account
from benchmarks.courses import Place, live_all
from benchmarks.ems_above import Ems
from benchmarks.plant_run import DAY_S, HISTORY_DAYS, Run, make_world
from benchmarks.registry import Case, Figures, Result
from plant.scenario import make_scenario

SEASONS: Final = {"winter": (2025, 1, 6), "summer": (2025, 6, 9)}
"""Season to the Monday at which the scenario begins; four weeks of past follow, then the days measured."""
SEEDS: Final = (1, 2, 3)
DAYS: Final = 3
_FIRST_DAY: Final = {1: 0, 2: 2, 3: 4}
"""Seed 1 runs from a Monday, seed 2 from a Wednesday, seed 3 over the weekend."""


class Job(NamedTuple):
    """One course of the plant."""

    season: str
    seed: int
    days: int
    ems: bool


def run() -> Result:
    """Run what is not yet there, show how far it is, and add everything up."""
    jobs = [Job(season, seed, DAYS, ems) for ems in (True, False) for season in SEASONS for seed in SEEDS]
    lived = live_all("closed_loop", {_title(job): job for job in jobs}, lived_through)
    found = {job: Ledger(**lived[_title(job)]) for job in jobs}
    pairs = [
        (found[Job(season, seed, DAYS, False)], found[Job(season, seed, DAYS, True)])  # noqa: FBT003  a field
        for season in SEASONS
        for seed in SEEDS
    ]
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


def lived_through(job: Job, place: Place) -> dict[str, Any]:
    """Live through one course and account for it."""
    year, month, day = SEASONS[job.season]
    monday = dt.datetime(year, month, day, tzinfo=ZoneInfo("Europe/Berlin"))
    first = HISTORY_DAYS + _FIRST_DAY.get(job.seed, 0)

    def begin() -> Run:
        scenario = make_scenario(job.season, job.seed, days=first + job.days + 1)
        world = make_world(scenario, round(monday.timestamp()) * 1_000_000_000, first * DAY_S, job.seed)
        return Run(world, job.days * DAY_S, Ems(world) if job.ems else None)

    lived = place.kept(begin)
    return asdict(account(lived.world, lived.go(place.tell, place.keep)))


def _title(job: Job) -> str:
    return f"{job.season} seed {job.seed} {'EMS' if job.ems else 'own control'}"


def _own(pairs: list[tuple[Ledger, Ledger]]) -> Figures:
    return {"cost": sum(own.cost for own, _ in pairs) / len(pairs)}


CASE: Final = Case(
    "closed_loop",
    "dispatch against the plant's own control, 1 s steps, virtual time; tens of minutes",
    run,
    {"season": tuple(SEASONS), "seed": SEEDS},
)
