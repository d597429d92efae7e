"""A day of samples for tests of the store, and what must be the same whatever became of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hub.store.embedded import EmbeddedStore
from hub.store.port import Received, Span, Windows
from hub.store.reader import EmbeddedReader
from hub.store.rollup import columns_of
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality
from protocols.source_time import SourceTimes
from runtime.clock import VirtualClock

S = 1_000_000_000
HOUR = 3600 * S
DAY = 24 * HOUR
START = 1_750_032_000 * S  # a midnight
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))
POWER = PointId("demo", "meter", "power_kw")
ENERGY = PointId("demo", "meter", "energy_kwh")
EVERYTHING = Span("edge1", "j1", 0, 10**9)


def frame(at_ns: int, power: float, *, bad: bool = False, told_ns: int = 0) -> Frame:
    values = np.array([power, float(at_ns // S % 10_000)])
    qualities = np.zeros(2, np.uint8)
    if bad:
        values[0], qualities[0] = np.nan, Quality.BAD_UNREACHABLE
    told = SourceTimes(10 * S, np.array([told_ns, 0])) if told_ns else None
    return Frame(METER.hash(), Instant("boot", at_ns, at_ns), values, qualities, None, told)


def row(seq: int, *frames: Frame) -> Received:
    return Received("edge1", "j1", seq, frames)


def day_of_rows(step_s: int = 30, days: int = 1) -> list[Received]:
    """Rows with 20 polls each, a walk with a gap, bad samples and told times."""
    chance = random.Random(3)  # noqa: S311  a seeded plant
    level = 50.0
    polls = []
    for at_ns in range(START, START + days * DAY, step_s * S):
        level = round(level + chance.choice([0, 0, 0.1, -0.1]), 1)
        if not 3 * HOUR < (at_ns - START) % DAY < 4 * HOUR:
            told_ns = at_ns - 2 * S if chance.random() < 0.1 else 0
            polls.append(frame(at_ns, level, bad=chance.random() < 0.02, told_ns=told_ns))
    return [row(seq, *polls[start : start + 20]) for seq, start in enumerate(range(0, len(polls), 20), 1)]


def fed(path: Path, rows: Sequence[Received], clock: VirtualClock | None = None) -> EmbeddedStore:
    made = EmbeddedStore(path, clock or VirtualClock(START))
    made.add_catalogue(METER)
    for start in range(0, len(rows), 16):
        made.append(rows[start : start + 16])
    return made


def settle(store: EmbeddedStore, clock: VirtualClock, at_ns: int) -> None:
    """Do all upkeep that is due at an instant."""
    clock.shift_wall((at_ns - clock.now().wall_ns) / S)
    while store.upkeep():
        pass


def same(one: EmbeddedReader, other: EmbeddedReader, from_ns: int, to_ns: int) -> None:
    """Both give the same samples, and windows of any edges."""
    for point in (POWER, ENERGY):
        raw, wanted = one.raw(point, from_ns, to_ns), other.raw(point, from_ns, to_ns)
        for name in ("times_ns", "values", "qualities", "source_ns"):
            np.testing.assert_array_equal(getattr(raw, name), getattr(wanted, name), name)
    for step_s in (60, 900, 1234, 37_000, 86_400):
        edges = np.arange(from_ns, to_ns + 1, step_s * S)
        found, known = one.over([POWER, ENERGY], edges), other.over([POWER, ENERGY], edges)
        for point in (POWER, ENERGY):
            same_windows(found[point], known[point])


def same_windows(found: Windows, wanted: Windows) -> None:
    names = ("starts_ns", "mean", "low", "high", "first", "last", "covered_s", "worst")
    for name, a, b in zip(names, columns_of(found), columns_of(wanted), strict=True):
        np.testing.assert_allclose(
            a.astype(np.float64), b.astype(np.float64), rtol=1e-9, atol=1e-6, err_msg=name
        )
