"""Readings and prices from CSV: a column of times, columns of numbers, every fault with its line at once.

    time,import_kwh,kvarh
    2026-01-01T00:00:00+08:00,12.4,3.1

Times say their offset. Rows are sorted and as far apart as the two that are nearest; a row that is not there
is a missing interval, and so is an empty cell. Nothing is filled in.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from accounts.readings import FloatArray
from protocols.errors import ConfigError

_NS: Final = 1_000_000_000
_MOST_ROWS: Final = 3_000_000
"""Five years of minutes."""
_MOST_FAULTS: Final = 20
_TIME: Final = "time"


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal intervals.

    Attributes:
        start_ns: Begin of the first. [ns since 1970, UTC]
        step_s: Length of each. [s]
        columns: Name to values, shape (T,); NaN where there is none.
    """

    start_ns: int
    step_s: int
    columns: dict[str, FloatArray]

    def column(self, name: str) -> FloatArray:
        """A column; empty where the file has none of the name."""
        return self.columns.get(name, np.empty(0))


@dataclass
class _Rows:
    """Rows as they are read."""

    names: list[str]
    times_s: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_table(path: Path, needed: Collection[str], known: Collection[str] | None = None) -> Table:
    """Read a table.

    Args:
        path: The file, UTF-8.
        needed: Columns that have to be there.
        known: Columns that may be there; None: any.

    Raises:
        ConfigError: All faults, each as `file:line: column: found, allowed`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _read(csv.reader(file), needed, known)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 CSV: {error}") from error
    if not rows.faults and len(rows.times_s) < 2:  # noqa: PLR2004  an interval has two ends
        rows.faults.append(
            "1: time: found fewer than two rows; allowed are at least two, so that their length is known"
        )
    if rows.faults:
        more = [f"{path}: and more"] if len(rows.faults) > _MOST_FAULTS else []
        raise ConfigError("\n".join([*(f"{path}:{fault}" for fault in rows.faults[:_MOST_FAULTS]), *more]))
    return _placed(path, rows)


def _read(lines: Iterator[list[str]], needed: Collection[str], known: Collection[str] | None) -> _Rows:
    head = [name.strip() for name in next(lines, [])]
    rows = _Rows(head[1:], faults=list(_head_faults(head, needed, known)))
    if rows.faults:
        return rows
    for number, cells in enumerate(lines, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            rows.faults.append(f"{number}: found {len(cells)} cells; allowed are {len(head)}, as in the head")
        else:
            _row(rows, number, cells)
        if len(rows.faults) > _MOST_FAULTS or len(rows.times_s) > _MOST_ROWS:
            break
    if len(rows.times_s) > _MOST_ROWS:
        rows.faults.append(f"1: found more than {_MOST_ROWS} rows; give fewer")
    return rows


def _head_faults(head: list[str], needed: Collection[str], known: Collection[str] | None) -> Iterator[str]:
    if head[:1] != [_TIME]:
        yield f"1: found {head[:1] or 'nothing'} first; allowed is a head that begins with {_TIME}"
        return
    for name in dict.fromkeys(head[1:]):
        if head.count(name) > 1:
            yield f"1: {name}: found twice; allowed is once"
        if known is not None and name not in known:
            yield f"1: {name}: found, but nothing reads it; allowed are {', '.join(known)}"
    for name in needed:
        if name not in head:
            yield f"1: {name}: it is missing; add the column"


def _row(rows: _Rows, number: int, cells: list[str]) -> None:
    at_s = _time_s(cells[0].strip())
    if at_s is None:
        said = "allowed is 2026-01-31T13:45:00+08:00, with offset"
        rows.faults.append(f"{number}: time: found {cells[0]!r}; {said}")
        return
    if rows.times_s and at_s <= rows.times_s[-1]:
        rows.faults.append(f"{number}: time: found {cells[0]!r}; allowed are times after the row above")
        return
    values: list[float] = []
    for name, cell in zip(rows.names, cells[1:], strict=True):
        value = _number(cell.strip())
        if value is None:
            rows.faults.append(f"{number}: {name}: found {cell!r}; allowed is a number, or nothing")
        values.append(math.nan if value is None else value)
    rows.times_s.append(at_s)
    rows.values.append(values)


def _time_s(text: str) -> int | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None or found.microsecond:
        return None
    return round(found.timestamp())


def _number(cell: str) -> float | None:
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _placed(path: Path, rows: _Rows) -> Table:
    times_s = np.array(rows.times_s, np.int64)
    step_s = int(np.diff(times_s).min())
    index, odd = np.divmod(times_s - times_s[0], step_s)
    if odd.any():
        row = int(np.flatnonzero(odd)[0])
        raise ConfigError(
            f"{path}: the row of {dt.datetime.fromtimestamp(int(times_s[row]), dt.UTC).isoformat()} "
            "stands between "
            f"intervals of {step_s} s; allowed are times a whole number of intervals apart"
        )
    count = int(index[-1]) + 1
    if count > _MOST_ROWS:
        raise ConfigError(f"{path}: from first to last there are {count} intervals of {step_s} s; give fewer")
    values = np.array(rows.values, np.float64).reshape(len(times_s), len(rows.names))
    columns: dict[str, FloatArray] = {}
    for at, name in enumerate(rows.names):
        columns[name] = np.full(count, np.nan)
        columns[name][index] = values[:, at]
    return Table(int(times_s[0]) * _NS, step_s, columns)
