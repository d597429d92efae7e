"""Loads to bill: an invoice case says in words of hours what was used; here it becomes plain intervals.

Nothing of the engine under test is in here: the same intervals go to it and to the judge.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml

from protocols.errors import ConfigError

FOLDER: Final = "EMS_BENCH_CASES"
CONTRACTS: Final = Path(__file__).resolve().parents[1] / "configs" / "contracts"


@dataclass
class Load:
    """Intervals of a meter.

    Attributes:
        start_s: Begin of the first. [s since 1970]
        step_s: Length of each. [s]
        kwh: Taken. [kWh]
        export_kwh: Fed in. [kWh]
        kvarh: Reactive. [kvarh]
        prices: Price of each interval, where the contract goes by a course. [money/kWh]
    """

    start_s: int
    step_s: int
    kwh: list[float] = field(default_factory=list)
    export_kwh: list[float] = field(default_factory=list)
    kvarh: list[float] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)


def load_of(case: dict[str, Any], zone: str) -> Load:
    """The intervals of a case: power by the hour of the local clock on workdays and weekends, with spikes.

    Args:
        case: first, after, step_s, workday_kw and weekend_kw (24 each), kvar_share, export_kw (24), spikes
            (at, minutes, kw), price (24), jitter (share) and seed.
        zone: IANA name of the contract's zone.
    """
    clock = ZoneInfo(zone)
    step_s = int(case.get("step_s", 900))
    begin, end = (_midnight_s(case[key], clock) for key in ("first", "after"))
    load = Load(begin, step_s)
    dice = random.Random(int(case.get("seed", 0)))  # noqa: S311  loads, no secrets
    spikes = [_spike(one, clock) for one in case.get("spikes", ())]
    for at_s in range(begin, end, step_s):
        local = dt.datetime.fromtimestamp(at_s, clock)
        kind = "workday_kw" if local.weekday() < 5 else "weekend_kw"  # noqa: PLR2004  Saturday
        power_kw = float(case[kind][local.hour]) * (1 + float(case.get("jitter", 0)) * (dice.random() - 0.5))
        power_kw = next((kw for first, last, kw in spikes if first <= at_s < last), power_kw)
        load.kwh.append(power_kw * step_s / 3600)
        load.kvarh.append(power_kw * step_s / 3600 * float(case.get("kvar_share", 0)))
        load.export_kwh.append(float(case.get("export_kw", [0] * 24)[local.hour]) * step_s / 3600)
        load.prices.append(float(case.get("price", [0] * 24)[local.hour]))
    return load


def contracts() -> dict[str, dict[str, Any]]:
    """Contract files as plain data by their path: ours, or those of the folder in `EMS_BENCH_CASES`.

    Raises:
        ConfigError: There is none.
    """
    folder = Path(os.environ.get(FOLDER) or CONTRACTS)
    found = {}
    for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.json"))):
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        if isinstance(plain, dict) and {"currency", "sheets"} <= plain.keys():
            found[str(path)] = plain
    if not found:
        raise ConfigError(f"there is no contract in {folder}; {FOLDER} names another folder")
    return found


def _midnight_s(day: str | dt.date, clock: ZoneInfo) -> int:
    date = day if isinstance(day, dt.date) else dt.date.fromisoformat(day)
    return round(dt.datetime.combine(date, dt.time(), clock).timestamp())


def _spike(one: dict[str, Any], clock: ZoneInfo) -> tuple[int, int, float]:
    begin = dt.datetime.fromisoformat(str(one["at"])).replace(tzinfo=clock)
    first = round(begin.timestamp())
    return first, first + 60 * int(one["minutes"]), float(one["kw"])
