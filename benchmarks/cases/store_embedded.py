"""The embedded store: taking in on one core; reading and size when a day, 30 days, a year are sealed.

The store takes in through `append` as ingest calls it, in groups of frames, while its upkeep seals, rolls up
and merges in a thread beside it; that process is pinned to one core, and another one reads all the time.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.chart_api import PIXELS, asked_ms, chart_api, write_site
from benchmarks.registry import Case, Figures, Result
from hub.store.embedded import EmbeddedStore
from hub.store.port import FloatArray, Received, TimeArray
from hub.store.reader import EmbeddedReader
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from runtime.clock import VirtualClock, iso_utc

NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * NS
START_NS: Final = 1_735_689_600 * NS
"""1 January 2025, a midnight of UTC."""
POINTS: Final = 1000
INGEST_S: Final = float(os.environ.get("EMS_BENCH_INGEST_S", "60"))
DAY_POINTS: Final = int(os.environ.get("EMS_BENCH_DAY_POINTS", "200"))
"""A day of 1,000 takes minutes; a sample has less bytes then: what is told of a poll is shared by more."""
_FRAMES_A_GROUP: Final = 6
_DEVICES: Final = 10
_UNCHANGED: Final = 0.7
_ROUNDS: Final = 7


def run() -> Result:
    """Take in, then build the pasts and ask them.

    Raises:
        StoreError: An answer is not what was stored.
    """
    folder = Path(tempfile.mkdtemp(prefix="ems-store-"))
    try:
        figures = _apart("ingest", folder / "ingest")
        figures |= _apart("day", folder / "day")
        figures |= _apart("month", folder / "month")
        figures |= _apart("year", folder / "year")
        return Result(figures)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _apart(what: str, folder: Path) -> Figures:
    """Measure in a process of its own, so that nothing is warm that would not be."""
    command = [sys.executable, "-m", "benchmarks.cases.store_embedded", what, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own module
    if done.returncode:
        raise StoreError(f"the part {what} failed: {done.stderr[-2000:]}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def ingest(folder: Path) -> Figures:
    """10 devices of 1,000 points, as fast as they are taken; sealing and rollups go along."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clock = VirtualClock(START_NS)
    store = EmbeddedStore(folder / "series.db", clock)
    catalogues = [_catalogue(f"dev{n}", POINTS) for n in range(_DEVICES)]
    for catalogue in catalogues:
        store.add_catalogue(catalogue)
    asking = _Asking(folder)
    keeping = _Keeping(store)
    walk = _walk(np.random.default_rng(1), POINTS, 512)
    commits: list[float] = []
    seq = 0
    begun = time.perf_counter()
    while time.perf_counter() - begun < INGEST_S:
        batch = []
        for _ in range(_FRAMES_A_GROUP):
            second, device = divmod(seq, _DEVICES)
            seq += 1
            at_ns = START_NS + second * NS
            frame = _frame(catalogues[device], at_ns, walk[:, (second + device) % 512])
            batch.append(Received("edge1", "j1", seq, (frame,)))
        clock.shift_wall((START_NS + seq // _DEVICES * NS - clock.now().wall_ns) / NS)
        before = time.perf_counter()
        store.append(batch)
        commits.append(time.perf_counter() - before)
    lasted_s = time.perf_counter() - begun
    reads = asking.end()
    sealed = keeping.end()
    stored = store.ranges("edge1", "j1")
    if stored != [(1, seq)] or not reads:
        raise StoreError(f"taken in were 1 to {seq}, stored are {stored}, read was {reads} times")
    store.close()
    return {
        "samples_s": seq * POINTS / lasted_s,
        "commit_p95_ms": float(np.percentile(commits, 95)) * 1e3,
        "commit_p99_ms": float(np.percentile(commits, 99)) * 1e3,
        "commit_max_ms": max(commits) * 1e3,
        "upkeep_portions": float(sealed),
        "reads_beside": float(reads),
    }


def day(folder: Path) -> Figures:
    """A day of points at 1 s, all files after sealing; polls jitter by some milliseconds."""
    chance = np.random.default_rng(2)
    jitter_ns = (chance.normal(0.0, 2e6, 86_400)).astype(np.int64)
    store, clock = _filled(folder, DAY_POINTS, START_NS + np.arange(86_400) * NS + jitter_ns, a_row=1)
    size = _settled(store, clock, folder, START_NS + 3 * DAY_NS)
    points = _points(DAY_POINTS)
    store.close()
    reader = EmbeddedReader(folder / "series.db")
    raw = reader.raw(points[7], START_NS, START_NS + DAY_NS)
    if abs(len(raw.values) - 86_400) > 1:
        raise StoreError(f"of a day's 86,400 samples {len(raw.values)} are there")
    return {
        "bytes_per_sample": size / (DAY_POINTS * 86_400),
        "day_points": float(DAY_POINTS),
        "last_ms": _last_ms(folder / "last"),
        "raw_day_ms": _median_ms(lambda: reader.raw(points[DAY_POINTS // 2], START_NS, START_NS + DAY_NS)),
        "raw_day_cold_ms": _cold_ms(
            folder, lambda cold: cold.raw(points[DAY_POINTS // 3], START_NS, START_NS + DAY_NS)
        ),
    }


def _last_ms(folder: Path) -> float:
    """Newest values of 1,000 points of 50 devices."""
    store = EmbeddedStore(folder / "series.db", VirtualClock(START_NS))
    for n in range(50):
        catalogue = _catalogue(f"dev{n}", POINTS // 50)
        store.add_catalogue(catalogue)
        store.append([Received("edge1", "j1", n + 1, (_frame(catalogue, START_NS, np.arange(POINTS / 50)),))])
    store.close()
    reader = EmbeddedReader(folder / "series.db")
    if len(reader.last()) != POINTS:
        raise StoreError(f"of {POINTS} last values {len(reader.last())} are there")
    return _median_ms(reader.last)


def month(folder: Path) -> Figures:
    """30 days of 20 points at 20 s; windows of 15 minutes of all, the newest hour from samples."""
    count = int(os.environ.get("EMS_BENCH_MONTH_POINTS", "20"))
    times = START_NS + np.arange(30 * 4_320) * 20 * NS
    store, clock = _filled(folder, count, times, a_row=120)
    _settled(store, clock, folder, START_NS + 30 * DAY_NS)
    edges = np.arange(START_NS, START_NS + 30 * DAY_NS + 1, 900 * NS)
    points = _points(20)
    store.close()
    reader = EmbeddedReader(folder / "series.db")
    return {
        "chart_30d_ms": _median_ms(lambda: reader.over(points, edges)),
        "chart_30d_cold_ms": _cold_ms(folder, lambda cold: cold.over(points, edges)),
    }


def filled_year(folder: Path) -> None:
    """A year of 4 points at 1 min, sealed and rolled up."""
    times = START_NS + np.arange(365 * 1440) * 60 * NS
    store, clock = _filled(folder, 4, times, a_row=600)
    _settled(store, clock, folder, START_NS + 366 * DAY_NS, steps=40)
    store.close()


def year(folder: Path) -> Figures:
    """A year of 4 points for 1,200 pixels: by HTTP from the API; from the store, on no grid and on 15 min."""
    filled_year(folder)
    points = _points(4)
    names = [point.point for point in points]
    whole = {"from": iso_utc(START_NS), "to": iso_utc(START_NS + 365 * DAY_NS), "pixels": PIXELS}
    write_site(folder / "config", "dev0", names)
    with chart_api(folder, folder / "config") as client:
        api_ms = asked_ms(client, "series", {"point": [str(point) for point in points], **whole})
    reader = EmbeddedReader(folder / "series.db")
    odd = START_NS + 365 * DAY_NS // 1200 * np.arange(1201) // NS * NS
    even = odd // (900 * NS) * 900 * NS
    return {
        "chart_year_ms": api_ms,
        "chart_year_store_ms": _median_ms(lambda: reader.over(points, odd)),
        "chart_year_grid_ms": _median_ms(lambda: reader.over(points, even)),
        "chart_year_cold_ms": _cold_ms(folder, lambda cold: cold.over(points, odd)),
    }


class _Asking:
    """Another process that asks for last values, samples and windows until it is ended."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._reads = context.Value("i", 0)
        self._child = context.Process(target=_ask, args=(folder, self._stop, self._reads))
        self._child.start()

    def end(self) -> int:
        """How often it got an answer."""
        self._stop.set()
        self._child.join(20)
        return int(self._reads.value)


def _ask(folder: Path, stop: threading.Event, reads: object) -> None:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    reader = EmbeddedReader(folder / "series.db")
    points = [PointId("demo", f"dev{n}", "p0000_kw") for n in range(4)]
    edges = np.arange(START_NS, START_NS + 7200 * NS, 900 * NS)
    while not stop.is_set():
        reader.last(points)
        reader.raw(points[0], START_NS, START_NS + 60 * NS)
        reader.over(points, edges)
        reads.value += 1  # type: ignore[attr-defined]
        stop.wait(0.2)


class _Keeping:
    """Upkeep in a thread, as the ingest role does it."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self._stop = threading.Event()
        self._portions = 0
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self) -> int:
        """Portions done."""
        self._stop.set()
        self._thread.join()
        return self._portions

    def _work(self) -> None:
        while not self._stop.is_set():
            more = self._store.upkeep()
            self._portions += more
            self._stop.wait(0.02 if more else 0.5)


def _filled(
    folder: Path, count: int, times_ns: TimeArray, a_row: int = 60
) -> tuple[EmbeddedStore, VirtualClock]:
    """A store that took in a walk of some points, and whose upkeep ran along."""
    clock = VirtualClock(int(times_ns[0]))
    store = EmbeddedStore(folder / "series.db", clock)
    catalogue = _catalogue("dev0", count)
    store.add_catalogue(catalogue)
    chance = np.random.default_rng(3)
    level = np.full(count, 500.0)
    for start in range(0, len(times_ns), 10 * a_row):
        some = times_ns[start : start + 10 * a_row]
        walk = np.round(level[:, None] / 10 + _steps(chance, count, len(some)).cumsum(axis=1), 1)
        level = walk[:, -1] * 10
        rows = []
        for at in range(0, len(some), a_row):
            frames = [
                _frame(catalogue, int(some[n]), walk[:, n]) for n in range(at, min(at + a_row, len(some)))
            ]
            rows.append(Received("edge1", "j1", (start + at) // a_row + 1, tuple(frames)))
        store.append(rows)
        clock.shift_wall((int(some[-1]) - clock.now().wall_ns) / NS)
        store.upkeep()
    return store, clock


def _settled(
    store: EmbeddedStore, clock: VirtualClock, folder: Path, until_ns: int, *, steps: int = 4
) -> int:
    """Let all upkeep be done; returns the size of all files. [bytes]."""
    for _ in range(steps):
        while store.upkeep():
            pass
        clock.shift_wall(max((until_ns - clock.now().wall_ns) / NS, 90_000.0))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _steps(chance: np.random.Generator, count: int, length: int) -> FloatArray:
    moves = chance.choice(np.array([-0.1, 0.1]), (count, length))
    found: FloatArray = np.where(chance.random((count, length)) < _UNCHANGED, 0.0, moves)
    return found


def _walk(chance: np.random.Generator, count: int, length: int) -> FloatArray:
    found: FloatArray = np.round(50.0 + _steps(chance, count, length).cumsum(axis=1), 1)
    return found


def _catalogue(device: str, count: int) -> Catalogue:
    names = tuple(f"p{n:04d}_kw" for n in range(count))
    return Catalogue("demo", device, names, ("kW",) * count, ("measurement",) * count)


def _points(count: int) -> list[PointId]:
    return [PointId("demo", "dev0", f"p{n:04d}_kw") for n in range(count)]


def _frame(catalogue: Catalogue, at_ns: int, values: FloatArray) -> Frame:
    return Frame(
        catalogue.hash(),
        Instant("boot", at_ns, at_ns),
        np.ascontiguousarray(values),
        np.zeros(len(values), np.uint8),
    )


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return float(np.median(times)) * 1e3


def _cold_ms(folder: Path, work: Callable[[EmbeddedReader], object]) -> float:
    """The first answer of a reader that knows nothing yet."""
    reader = EmbeddedReader(folder / "series.db")
    begun = time.perf_counter()
    work(reader)
    lasted_s = time.perf_counter() - begun
    reader.close()
    return lasted_s * 1e3


CASE: Final = Case(
    "store_embedded",
    "taking in on one core, size and reading of the embedded store",
    run,
    {"points": (POINTS,)},
)

if __name__ == "__main__":
    print(
        json.dumps(
            {"ingest": ingest, "day": day, "month": month, "year": year}[sys.argv[1]](Path(sys.argv[2]))
        )
    )
