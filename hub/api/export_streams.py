"""History as a file that is written while it is read: CSV or Parquet, a portion of one point at a time.

However long the time, no more than one portion is in memory; whoever reads slowly makes the hub read slowly.
A store that fails in the middle breaks the answer off, so that a part is never taken for the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from hub.api.series_answers import page
from hub.store.arrow import pa
from hub.store.port import FloatArray, SeriesReader, TimeArray
from hub.values.cleaning import RuleMarker
from hub.values.reading import windows
from hub.values.site import SiteValues
from protocols.point import PointId
from protocols.quality import bad_mask

MOST_ROWS: Final = 50_000
"""Rows of one portion."""

_NS: Final = 1e9
_TIME: Final = pa.timestamp("us", tz="UTC")
_HEAD: Final = (("time", _TIME), ("point", pa.string()), ("unit", pa.string()))
SAMPLES: Final = pa.schema([*_HEAD, ("value", pa.float64()), ("quality", pa.uint8()), ("marked", pa.uint8())])
"""One row a sample: `quality` as it came, `marked` with the cleaning rules; no value where it is bad."""

WINDOWS: Final = pa.schema(
    [
        *_HEAD,
        ("mean", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("complete_pct", pa.float64()),
    ]
)
"""One row a window, named by its begin; time-weighted."""


class Wanted(NamedTuple):
    """What is exported: points with their units, and when. [ns]."""

    points: list[tuple[PointId, str]]
    start_ns: int
    end_ns: int


def samples(reader: SeriesReader, marker: RuleMarker, wanted: Wanted) -> Iterator[pa.Table]:
    """Samples as they came, point by point.

    Raises:
        StoreError: The store cannot be read now.
    """
    for point, unit in wanted.points:
        at_ns: int | None = wanted.start_ns
        while at_ns is not None:
            found, marks, at_ns = page(reader, marker, point, (at_ns, wanted.end_ns, MOST_ROWS))
            unusable = bad_mask(found.qualities) | ~np.isfinite(found.values)
            columns = pa.array(found.values, mask=unusable), pa.array(found.qualities)
            yield _table(SAMPLES, (point, unit), found.times_ns, (*columns, pa.array(marks, pa.uint8())))


def averages(
    reader: SeriesReader, values: SiteValues, wanted: Wanted, edges: TimeArray
) -> Iterator[pa.Table]:
    """Windows between edges, point by point; virtual points too.

    Raises:
        StoreError: The store cannot be read now.
    """
    for point, unit in wanted.points:
        for first in range(0, len(edges) - 1, MOST_ROWS):
            some = edges[first : first + MOST_ROWS + 1]
            found = windows(reader, values, [point], some)[point]
            complete = np.minimum(100.0, 100.0 * found.covered_s / (np.diff(some) / _NS)).round(3)
            yield _table(
                WINDOWS, (point, unit), some[:-1],
                (*map(_known, (found.mean, found.low, found.high)), pa.array(complete)),
            )  # fmt: skip


def as_csv(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """Lines of text, RFC 4180, with one head."""
    sink = _Sink()
    with pa_csv.CSVWriter(pa.PythonFile(sink, mode="w"), schema) as writer:
        for table in tables:
            writer.write_table(table)
            yield sink.take()
    yield sink.take()


def as_parquet(schema: pa.Schema, tables: Iterator[pa.Table]) -> Iterator[bytes]:
    """A Parquet file with a group of rows a portion, zstd."""
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for table in tables:
            if table.num_rows:
                writer.write_table(table)
            yield sink.take()
    yield sink.take()


WRITERS: Final[dict[str, Callable[[pa.Schema, Iterator[pa.Table]], Iterator[bytes]]]] = {
    "csv": as_csv, "parquet": as_parquet,
}  # fmt: skip


class _Sink:
    """Takes what a writer writes, and gives it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> int:
        """Keep it until it is taken."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True

    def take(self) -> bytes:
        """What was written since the last time."""
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole


def _table(
    schema: pa.Schema, of: tuple[PointId, str], times_ns: TimeArray, columns: tuple[pa.Array, ...]
) -> pa.Table:
    rows = len(times_ns)
    names = [pa.repeat(text, rows) for text in (str(of[0]), of[1])]
    times = pa.array(times_ns // 1000, pa.int64()).cast(_TIME)
    return pa.table([times, *names, *columns], schema=schema)


def _known(values: FloatArray) -> pa.Array:
    """NaN as nothing."""
    return pa.array(values, mask=~np.isfinite(values))
