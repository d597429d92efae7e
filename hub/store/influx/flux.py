"""Questions in Flux, and answers as columns; instants stay exact to the nanosecond."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from hub.store.influx.lines import SAMPLE
from hub.store.port import LastValue, QualityArray, Raw, TimeArray
from protocols.point import PointId, parse_point
from protocols.quality import is_bad

_KEEP: Final = 'keep(columns: ["_time", "_value", "_field", "point"])'

Columns = dict[tuple[str, str], tuple[TimeArray, list[str]]]
"""Instants and values as they came, by (point, field)."""


def row_numbers(bucket: str, point: PointId, from_ns: int, to_ns: int) -> str:
    """Number of the row of every sample of a point with `from_ns` <= time < `to_ns`."""
    return _of(bucket, SAMPLE, (point,), (from_ns, to_ns), ("n",))


def last_samples(bucket: str, points: Sequence[PointId] | None) -> str:
    """The newest value, quality and told time of points; None: of all."""
    named = "" if points is None else f" and ({_any('point', map(str, points))})"
    wanted = _any("_field", ("v", "q", "t"))
    return (
        f"from(bucket: {json.dumps(bucket)}) |> range(start: 0, stop: 2262-01-01T00:00:00Z)"
        f' |> filter(fn: (r) => r._measurement == "{SAMPLE}" and ({wanted}){named}) |> last() |> {_KEEP}'
    )


def counted(bucket: str, first: int, last: int) -> str:
    """Samples of each point whose row has a number in a range."""
    return (
        f"from(bucket: {json.dumps(bucket)}) |> range(start: 0, stop: 2262-01-01T00:00:00Z)"
        f' |> filter(fn: (r) => r._measurement == "{SAMPLE}" and r._field == "n")'
        f" |> filter(fn: (r) => r._value >= {first} and r._value <= {last})"
        ' |> count() |> keep(columns: ["_value", "point"])'
    )


def anything(bucket: str) -> str:
    """A question that costs nothing: whether the server answers at all."""
    return f"from(bucket: {json.dumps(bucket)}) |> range(start: -1s) |> limit(n: 1) |> {_KEEP}"


def columns_of(rows: Iterable[Mapping[str, str]]) -> Columns:
    """Answers of the questions above by point and field, each in order of time."""
    times: dict[tuple[str, str], list[str]] = defaultdict(list)
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        key = (row["point"], row["_field"])
        times[key].append(row["_time"][:-1])
        values[key].append(row["_value"])
    found: Columns = {}
    for key, column in times.items():
        instants = np.array(column, "datetime64[ns]").astype(np.int64)
        order = np.argsort(instants, kind="stable")
        texts = values[key]
        if (order[:-1] > order[1:]).any():
            instants, texts = instants[order], [texts[at] for at in order.tolist()]
        found[key] = (instants, texts)
    return found


def raw_of(columns: Columns, point: PointId) -> Raw:
    """Samples of a point: each has a quality; a value where the quality allows one."""
    name = str(point)
    times_ns, texts = columns.get((name, "q"), (np.empty(0, np.int64), []))
    qualities: QualityArray = np.array(texts, np.int64).astype(np.uint8)
    values = np.full(len(times_ns), np.nan)
    told_ns = np.zeros(len(times_ns), np.int64)
    if (name, "v") in columns:
        at, numbers = columns[name, "v"]
        values[np.searchsorted(times_ns, at)] = np.array(numbers, np.float64)
    if (name, "t") in columns:
        at, numbers = columns[name, "t"]
        told_ns[np.searchsorted(times_ns, at)] = np.array(numbers, np.int64)
    values[[is_bad(quality) for quality in qualities.tolist()]] = np.nan
    return Raw(times_ns, values, qualities, told_ns)


def lasts_of(columns: Columns) -> Iterator[tuple[PointId, LastValue]]:
    """The newest sample of each point in the answer to `last_samples`."""
    for point in sorted({name for name, field in columns if field == "q"}):
        raw = raw_of(dict(_same_instant(columns, point)), parse_point(point))
        yield (
            parse_point(point),
            LastValue(
                float(raw.values[0]), int(raw.qualities[0]), int(raw.times_ns[0]), int(raw.source_ns[0])
            ),
        )


def _same_instant(
    columns: Columns, point: str
) -> Iterator[tuple[tuple[str, str], tuple[TimeArray, list[str]]]]:
    """What of a point has the instant of its newest quality."""
    newest = columns[point, "q"][0][-1]
    for field in ("q", "v", "t"):
        times_ns, texts = columns.get((point, field), (np.empty(0, np.int64), []))
        if len(times_ns) and times_ns[-1] == newest:
            yield (point, field), (times_ns[-1:], texts[-1:])


def _of(
    bucket: str, measurement: str, points: Sequence[PointId], span_ns: tuple[int, int], fields: Sequence[str]
) -> str:
    return (
        f"from(bucket: {json.dumps(bucket)})"
        f" |> range(start: time(v: {span_ns[0]}), stop: time(v: {span_ns[1]}))"
        f' |> filter(fn: (r) => r._measurement == "{measurement}" and ({_any("point", map(str, points))})'
        f" and ({_any('_field', fields)})) |> {_KEEP}"
    )


def _any(column: str, values: Iterable[str]) -> str:
    return " or ".join(f"r.{column} == {json.dumps(value)}" for value in values)
