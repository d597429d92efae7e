"""Questions about series in InfluxQL, and answers as columns.

All fields of an instant come in one row and instants as numbers; Flux tells each field in rows of its own and
instants as text, which costs several times as much on both sides (docs/adr/0032).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hub.store.influx.lines import ROLLUP, SAMPLE, SEED
from hub.store.port import FloatArray, QualityArray, Raw, TimeArray, Windows
from hub.store.rollup import Spans
from protocols.point import PointId
from protocols.quality import is_bad

_SAMPLE_FIELDS: Final = ("v", "q", "t")
_WINDOW_FIELDS: Final = ("mean", "low", "high", "first", "last", "covered", "worst")
_WHOLE: Final = frozenset({"time", "t"})
"""Columns of whole numbers that a float cannot hold."""
_BAD: Final = np.array([is_bad(code) for code in range(256)])

Columns = Mapping[str, Mapping[str, NDArray[Any]]]
"""By point, then by field; `time` ascends; what is not there is NaN, of whole numbers 0."""


ANY_SAMPLE: Final = f'SELECT "q" FROM "{SAMPLE}" LIMIT 1'  # noqa: S608  a constant
"""One sample, if there is any."""


def samples(points: Iterable[PointId], spans: Spans) -> str:
    """Value, quality and told time of every sample in stretches of time."""
    return _asked(SAMPLE, _SAMPLE_FIELDS, points, spans)


def count_and_sum(points: Iterable[PointId], spans: Spans) -> str:
    """How many samples each point has in stretches of time, and the sum of those that have a value."""
    return _asked(SAMPLE, ('count("q") AS "count"', 'sum("v") AS "sum"'), points, spans)


def windows(points: Iterable[PointId], spans: Spans) -> str:
    """Windows of a rollup that start in stretches of time."""
    return _asked(ROLLUP, _WINDOW_FIELDS, points, spans)


def seeds(points: Iterable[PointId], spans: Spans) -> str:
    """Seeded means that start in stretches of time."""
    return _asked(SEED, ("mean",), points, spans)


def columns_of(series: Iterable[Mapping[str, Any]]) -> Columns:
    """The pieces of an answer put together, each point's in order of time.

    Args:
        series: Pieces as the server sends them, those of one point in order of time.
    """
    pieces: dict[str, dict[str, list[NDArray[Any]]]] = defaultdict(lambda: defaultdict(list))
    for piece in series:
        mine = pieces[piece["tags"]["point"]]
        for name, values in zip(piece["columns"], zip(*piece["values"], strict=True), strict=True):
            mine[name].append(_array(name, values))
    return {
        point: {name: np.concatenate(some) for name, some in columns.items()}
        for point, columns in pieces.items()
    }


def raw_of(columns: Columns, point: PointId) -> Raw:
    """Samples of a point in the answer to `samples`: each has a quality, a value where that allows one."""
    found = columns.get(str(point))
    if found is None:
        return Raw(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint8), np.empty(0, np.int64))
    qualities: QualityArray = found["q"].astype(np.uint8)
    values = np.where(_BAD[qualities], np.nan, found["v"])
    return Raw(found["time"], values, qualities, found["t"])


def windows_of(columns: Columns, point: PointId) -> Windows:
    """Windows of a point in the answer to `windows`.

    Numbers of one that is not covered are left over from before a cleaning rule, and are none.
    """
    found = columns.get(str(point))
    if found is None:
        nothing = np.empty(0)
        none: TimeArray = np.empty(0, np.int64)
        return Windows(none, nothing, nothing, nothing, nothing, nothing, nothing, np.empty(0, np.uint8))
    covered_s = found["covered"]
    mean, low, high, first, last = (
        np.where(covered_s > 0.0, found[name], np.nan) for name in _WINDOW_FIELDS[:5]
    )
    return Windows(found["time"], mean, low, high, first, last, covered_s, found["worst"].astype(np.uint8))


def seeds_of(columns: Columns, point: PointId) -> tuple[TimeArray, FloatArray]:
    """Starts and means of a point in the answer to `seeds`."""
    found = columns.get(str(point))
    return (np.empty(0, np.int64), np.empty(0)) if found is None else (found["time"], found["mean"])


def _array(name: str, values: Sequence[Any]) -> NDArray[Any]:
    if name in _WHOLE:
        return np.array([0 if one is None else one for one in values], np.int64)
    return np.array(values, np.float64)


def _asked(measurement: str, fields: Sequence[str], points: Iterable[PointId], spans: Spans) -> str:
    names = ", ".join(name if " " in name else f'"{name}"' for name in fields)
    who = " OR ".join(f"\"point\" = '{_quoted(str(point))}'" for point in points)
    return "; ".join(
        f'SELECT {names} FROM "{measurement}" WHERE time >= {start} AND time < {end} AND ({who})'  # noqa: S608  quoted
        ' GROUP BY "point"'
        for start, end in zip(spans.starts_ns.tolist(), spans.ends_ns.tolist(), strict=True)
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
