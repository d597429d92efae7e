"""Rows of one machine from a CSV file: a column `time` (ISO 8601 or seconds since 1970), one a quantity."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Final

import numpy as np

from plant.learning.rows import Rows
from protocols.errors import ConfigError

_NS: Final = 1_000_000_000
_MOST_ROWS: Final = 5_000_000
_TIME: Final = "time"


def read_csv(path: Path) -> Rows:
    """Read a file; an empty field is unknown, lines may stand in any order.

    Raises:
        ConfigError: No column `time`, a time or number that is none, an instant twice; file and line named.
    """
    times: list[int] = []
    lines: list[list[float]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        head = [name.strip() for name in next(reader, [])]
        if _TIME not in head or len(head) != len(set(head)) or len(head) == 1:
            raise ConfigError(
                f"{path}:1: found {', '.join(head) or 'nothing'}; needed are a column time and one a "
                "quantity, such as time,power_kw,flow_m3_min,pressure_bar_g,inlet_c"
            )
        place = head.index(_TIME)
        for number, line in enumerate(reader, start=2):
            if not any(field.strip() for field in line):
                continue
            if len(line) != len(head) or number > _MOST_ROWS:
                raise ConfigError(f"{path}:{number}: found {len(line)} fields, the head has {len(head)}")
            times.append(_time_ns(line[place], path, number))
            lines.append([_number(f, path, number) for k, f in enumerate(line) if k != place])
    names = [name for name in head if name != _TIME]
    return _sorted(path, times, np.array(lines, dtype=np.float64).reshape(len(lines), len(names)), names)


def _sorted(
    path: Path, times: list[int], table: np.ndarray[tuple[int, int], np.dtype[np.float64]], names: list[str]
) -> Rows:
    instants = np.array(times, dtype=np.int64)
    order = np.argsort(instants, kind="stable")
    instants = instants[order]
    twice = np.flatnonzero(np.diff(instants) == 0)
    if len(twice):
        at = dt.datetime.fromtimestamp(int(instants[twice[0]]) / _NS, dt.UTC)
        raise ConfigError(f"{path}: {at.isoformat()} stands there {len(twice) + 1} times or more; once each")
    return Rows(instants, {name: table[order, k] for k, name in enumerate(names)})


def _time_ns(text: str, path: Path, number: int) -> int:
    word = text.strip()
    try:
        return round(float(word) * _NS)
    except ValueError:
        pass
    try:
        at = dt.datetime.fromisoformat(word)
    except ValueError as error:
        raise ConfigError(
            f"{path}:{number}: {word!r} is no time; write 2026-06-15T10:15:00+08:00 or seconds since 1970"
        ) from error
    if at.tzinfo is None:
        raise ConfigError(f"{path}:{number}: {word!r} has no zone; write it with +08:00 or Z")
    return round(at.timestamp()) * _NS


def _number(text: str, path: Path, number: int) -> float:
    word = text.strip()
    try:
        value = float(word) if word else np.nan
    except ValueError as error:
        raise ConfigError(f"{path}:{number}: {word!r} is no number; leave an unknown field empty") from error
    return value if np.isfinite(value) else np.nan
