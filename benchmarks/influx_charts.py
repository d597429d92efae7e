"""Charts out of a real InfluxDB 2, for the case `store_influx`: what a page asks, answered by rollups."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.chart_api import PIXELS, asked_ms, chart_api, write_site
from benchmarks.registry import Figures
from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore, StoreReader, TimeArray, Windows
from hub.values.calendar import pixel_edges
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import VirtualClock, iso_utc

DAYS: Final = int(os.environ.get("EMS_BENCH_INFLUX_DAYS", "365"))
"""Days of 1-min samples of four points."""

_MONTH_D: Final = 30
_TURNS: Final = 7
_SEED: Final = 23
_NS: Final = 1_000_000_000
_MINUTE: Final = 60 * _NS
_DAY: Final = 86_400 * _NS
_START_NS: Final = 1_750_032_000 * _NS  # a midnight
_FRAMES_A_ROW: Final = 60
_ROWS_A_BATCH: Final = 24


def measure(place: StorePlace) -> Figures:
    """Fill a place with a year of 4 points and a month of 20, roll up, and time what a page asks.

    Raises:
        StoreError: An answer is not what the samples say.
    """
    clock = VirtualClock(_START_NS)
    with closing(open_store(place, clock)) as store:
        year, month = _catalogue("year", 4), _catalogue("month", 20)
        for catalogue in (year, month):
            store.add_catalogue(catalogue)
            store.upkeep()
        means = _fill(store, year, DAYS, 1)
        _fill(store, month, min(_MONTH_D, DAYS), 1 + 24 * DAYS)
        clock.shift_wall((DAYS + 1) * 86_400.0)
        began_s = time.perf_counter()
        while store.upkeep():
            pass
        rolled_s = time.perf_counter() - began_s
    with closing(open_reader(place)) as reader:
        return _timed(reader, (year, month), means) | {"rollup_s": rolled_s} | _from_api(place, year)


def _from_api(place: StorePlace, catalogue: Catalogue) -> Figures:
    """The year again, by HTTP from the hub's own role."""
    state = place.series.parent
    write_site(state / "config", catalogue.device, catalogue.points)
    points = [str(point) for point in _points(catalogue)]
    whole = {"from": iso_utc(_START_NS), "to": iso_utc(_START_NS + DAYS * _DAY), "pixels": PIXELS}
    with chart_api(state, state / "config", place.influx) as client:
        return {"chart_year_ms": asked_ms(client, "series", {"point": points, **whole})}


def _timed(
    reader: StoreReader, catalogues: tuple[Catalogue, Catalogue], means: NDArray[np.float64]
) -> Figures:
    four, twenty = (_points(catalogue) for catalogue in catalogues)
    end_ns = _START_NS + DAYS * _DAY
    pixels = pixel_edges(_START_NS, end_ns, PIXELS)
    quarters = np.arange(_START_NS, _START_NS + min(_MONTH_D, DAYS) * _DAY + 1, 900 * _NS, dtype=np.int64)
    day_ns = end_ns - _DAY
    found: Windows = reader.over(four, pixels)[four[0]]
    drawn = float((found.mean * found.covered_s).sum() / found.covered_s.sum())
    if abs(drawn - means[0]) > 1e-6 * abs(means[0]):
        raise StoreError(f"the chart of a year says {drawn}, the samples say {means[0]}")
    return {
        "chart_year_store_ms": _ms(lambda: reader.over(four, pixels)),
        "chart_30d_ms": _ms(lambda: reader.over(twenty, quarters)),
        "raw_day_ms": _ms(lambda: reader.raw(four[0], day_ns, day_ns + _DAY)),
        "last_ms": _ms(reader.last),
    }


def _ms(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TURNS):
        began_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began_s)
    return 1000.0 * statistics.median(taken)


def _fill(store: SeriesStore, catalogue: Catalogue, days: int, first: int) -> NDArray[np.float64]:
    """Samples of each minute; gives the mean of each point."""
    draw, count = np.random.default_rng(_SEED), len(catalogue.points)
    name, bad = catalogue.hash(), np.zeros(count, np.uint8)
    level, total, seq = draw.uniform(0.0, 400.0, count), np.zeros(count), first
    times: TimeArray = np.arange(_START_NS, _START_NS + days * _DAY, _MINUTE, dtype=np.int64)
    for day in times.reshape(-1, _ROWS_A_BATCH, _FRAMES_A_ROW):
        rows = []
        for hour in day.tolist():
            frames = []
            for at_ns in hour:
                level = np.round(level + draw.integers(-1, 2, count) / 10.0, 1)
                total += level
                frames.append(Frame(name, Instant("b", at_ns, at_ns), level, bad))
            rows.append(Received("edge1", "charts", seq, tuple(frames)))
            seq += 1
        store.append(rows)
    return total / len(times)


def _catalogue(device: str, count: int) -> Catalogue:
    names = tuple(f"point{number}_kw" for number in range(count))
    return Catalogue("demo", device, names, ("kW",) * count, ("measurement",) * count)


def _points(catalogue: Catalogue) -> list[PointId]:
    return [PointId(catalogue.site, catalogue.device, name) for name in catalogue.points]
