"""A day of scripted faults at fifty plants, watched by one operator: how many alarms, and which are missed.

`EMS_ALARM_PLANTS` and `EMS_ALARM_SEED` take another number of plants and other stories.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from benchmarks.alarm_plants import Day, play
from benchmarks.registry import Case, Result
from hub.alarms.figures import SPAN_S, Raise, chattering, most_within

PLANTS: Final = int(os.environ.get("EMS_ALARM_PLANTS", "50"))
SEED: Final = int(os.environ.get("EMS_ALARM_SEED", "1"))


def run() -> Result:
    """Play them all, and count what one operator would be told."""
    began_s = time.perf_counter()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        days = list(pool.map(play, range(SEED, SEED + PLANTS)))
    merged = sorted(
        Raise(one.time_ns, f"{plant}/{one.alarm}", one.priority)
        for plant, day in enumerate(days)
        for one in day.raises
    )
    faults = [fault for day in days for fault in day.faults]
    return Result(
        {
            "plants": float(len(days)),
            "faults": float(len(faults)),
            "alarms": float(len(merged)),
            "per_10min_max": float(most_within(merged, SPAN_S)),
            "chattering": float(len(chattering(merged))),
            "missed": float(sum(len(day.missed) for day in days)),
            "unexplained": float(sum(len(day.unexplained) for day in days)),
            "took_s": time.perf_counter() - began_s,
        },
        results={"by_kind": _by_kind(days)},
    )


def _by_kind(days: list[Day]) -> dict[str, dict[str, int]]:
    """How often each kind of fault came, and how often without its alarm."""
    found: dict[str, dict[str, int]] = {}
    for day in days:
        for fault in day.faults:
            row = found.setdefault(fault.kind, {"scripted": 0, "missed": 0})
            row["scripted"] += 1
            row["missed"] += fault in day.missed
    return dict(sorted(found.items()))


CASE: Final = Case(
    "alarm_day",
    "a day of scripted faults at fifty simulated plants, as one operator is told of it",
    run,
    {"plants": (PLANTS,), "kinds of faults": (11,)},
)
