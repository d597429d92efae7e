"""Windows and samples of points, as arrays beside their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class Sample(NamedTuple):
    """One sample as it came: `value` is None where the quality is bad. [unit of the point]."""

    time: datetime
    value: float | None
    quality: int


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One point over the windows of a table; arrays have shape (n,), NaN where nothing is covered.

    Attributes:
        unit: Symbol.
        mean: Time-weighted mean. [unit]
        min: Lowest held value. [unit]
        max: Highest held value. [unit]
        energy_kwh: Integral over the covered time; None for what is no power. [kWh]
        complete_pct: Covered part of each window. [%]
    """

    unit: str
    mean: FloatArray
    min: FloatArray
    max: FloatArray
    energy_kwh: FloatArray | None
    complete_pct: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SeriesTable:
    """Points over the same windows.

    Attributes:
        edges: Edges of the windows, one more than windows; empty where none has begun yet.
        columns: By `site/device/point`.
    """

    edges: Sequence[datetime]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return max(len(self.edges) - 1, 0)

    def __getitem__(self, point: str) -> Column:
        return self.columns[point]


def table_of(answers: Sequence[Sequence[Mapping[str, Any]]]) -> SeriesTable:
    """Answers of the API as one table.

    Args:
        answers: One a part of the time, by time; each one answer a group of points.
    """
    edges_ms: list[int] = []
    for part in answers:
        edges_ms += part[0]["edges_ms"][bool(edges_ms) :]
    columns = {}
    for group in range(len(answers[0]) if answers else 0):
        for at, first in enumerate(answers[0][group]["points"]):
            columns[first["point"]] = _column([part[group]["points"][at] for part in answers])
    return SeriesTable([datetime.fromtimestamp(ms / 1000, UTC) for ms in edges_ms], columns)


def _column(parts: Sequence[Mapping[str, Any]]) -> Column:
    def joined(name: str) -> FloatArray:
        values = [value for part in parts for value in part[name]]
        return np.array([np.nan if value is None else value for value in values], np.float64)

    energy = None if parts[0]["energy_kwh"] is None else joined("energy_kwh")
    return Column(
        parts[0]["unit"], joined("mean"), joined("min"), joined("max"), energy, joined("complete_pct")
    )
