"""A day ahead, strictly out of sample: two plants with shifts, holidays and broken meters, or others.

`EMS_FORECAST_DAYS` (default 56) is how many days at the end of each past are foreseen; `EMS_FORECAST_SEED`
makes other plants. `make bench CASE=b13_forecast CASES=folder` takes plants from `<name>.csv` with
`<name>.yaml` beside it (docs/forecasts.md).
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final

from benchmarks.case_files import FOLDER
from benchmarks.forecast_files import read_plants
from benchmarks.forecast_plants import Made, midnights, plants
from benchmarks.registry import Case, Result
from hub.forecast.backtest import MEMORY_DAYS, Outcome, Trial, backtest
from hub.forecast.job import Job, Site
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, WEATHER, Quarters
from hub.forecast.worker import LEARN_KILL_S, foresee_apart
from protocols.errors import ConfigError

DAYS: Final = "EMS_FORECAST_DAYS"
SEED: Final = "EMS_FORECAST_SEED"
_EVERY_DAYS: Final = 14
_TARGET_PCT: Final = 80.0
_LEAST_DAYS: Final = 28


def run() -> Result:
    """Foresee the last weeks of each plant, day by day.

    Raises:
        ConfigError: A file of the folder is wrong.
    """
    days = int(os.environ.get(DAYS, "56"))
    folder = os.environ.get(FOLDER)
    tried = read_plants(Path(folder)) if folder else []
    tried = tried or plants(int(os.environ.get(SEED, "1")))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        found_by_plant = list(pool.map(_tried, tried, [days] * len(tried)))
    outcomes = {made.name: found for made, found in zip(tried, found_by_plant, strict=True)}
    ratios = {name: _mean([one.ratio for one in found.values()]) for name, found in outcomes.items()}
    each = [one for found in outcomes.values() for one in found.values()]
    taken = [_retrained(made) for made in tried]
    return Result(
        {
            "pinball_ratio": max(ratios.values()),
            "pinball_ratio_plain": max(
                _mean([one.ratio_plain for one in found.values()]) for found in outcomes.values()
            ),
            "worst_load_ratio": max(one.ratio for one in each),
            "coverage_pct": max((one.coverage_pct for one in each), key=lambda pct: abs(pct - _TARGET_PCT)),
            "retrain_s": max(wall_s for wall_s, _ in taken),
            "retrain_cpu_s": max(cpu_s for _, cpu_s in taken),
            "days": float(days),
            "loads": float(len(each)),
        },
        results={name: {key: _told(one) for key, one in found.items()} for name, found in outcomes.items()},
    )


def _tried(made: Made, days: int) -> dict[str, Outcome]:
    names = [name for name in made.measured if name not in WEATHER]
    whole = [at for at in midnights(made) if at >= _LEAST_DAYS * QUARTERS_A_DAY]
    if len(whole) < _LEAST_DAYS:
        raise ConfigError(f"{made.name} has less than {2 * _LEAST_DAYS} days; give it a longer past")
    trial = Trial(
        Site(made.calendar, made.zone), Quarters(made.start_ns, made.measured), made.foreseen, made.true,
        whole[-days - 1 : -1], _EVERY_DAYS,
    )  # fmt: skip
    return backtest(trial, names)


def _retrained(made: Made) -> tuple[float, float]:
    """Seconds in which the hub's process learns all series of a plant anew and foresees a day.

    By the clock, which others on the machine lengthen since it is niced, and of a processor.
    """
    low = max(len(next(iter(made.measured.values()))) - MEMORY_DAYS * QUARTERS_A_DAY, 0)
    past = {name: values[low:] for name, values in made.measured.items()}  # as much as the hub reads
    job = Job(Site(made.calendar, made.zone), Quarters(made.start_ns + low * QUARTER_NS, past))
    before, began_s = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    asyncio.run(foresee_apart(job, limit_s=LEARN_KILL_S))
    wall_s, after = time.perf_counter() - began_s, getrusage(RUSAGE_CHILDREN)
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _told(one: Outcome) -> dict[str, object]:
    return {
        "loss": one.loss, "ratio": one.ratio, "ratio_plain": one.ratio_plain,
        "coverage_pct": one.coverage_pct, "methods": one.methods,
    }  # fmt: skip


CASE: Final = Case(
    "b13_forecast",
    "loads a day ahead, out of sample: pinball against the same weekday a week before, and the band",
    run,
    {"days": (56,), "plants": (2,)},
)
