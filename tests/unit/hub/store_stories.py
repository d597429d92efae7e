"""What every engine is told and asked alike, and a reference that looks at one sample after the other."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hub.store.port import HOLD_S, Received, TimeArray, Windows
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality, is_bad

S = 1_000_000_000
MS = 1_000_000
MINUTE = 60 * S
START_NS = 1_790_000_100 * S
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))
POWER = PointId("demo", "meter", "power_kw")
ENERGY = PointId("demo", "meter", "energy_kwh")
Sample = tuple[int, float, int]
"""Instant, value, quality."""


def frame(at_ns: int, power: float, energy: float | None = None, quality: int = 0) -> Frame:
    values = np.array([power] if energy is None else [power, energy])
    qualities = np.array([quality, 0][: len(values)], np.uint8)
    indices = np.array([0], np.uint16) if energy is None else None
    return Frame(METER.hash(), Instant("b", at_ns - START_NS, at_ns), values, qualities, indices)


def row(seq: int, *frames: Frame, journal: str = "j1", edge: str = "edge1") -> Received:
    return Received(edge, journal, seq, frames)


def day_of(samples: int, seed: int) -> list[Sample]:
    """A walk with gaps, bad and doubtful samples, and values that are not short in decimals."""
    draw = np.random.default_rng(seed)
    at_ns, found, value = START_NS, [], 20.0
    for _ in range(samples):
        at_ns += MS * int(draw.integers(*((1, 90_000) if draw.random() < 0.95 else (900_000, 4_000_000))))
        value += float(draw.normal())
        kind = draw.random()
        quality = (
            Quality.BAD_UNREACHABLE if kind < 0.1 else Quality.UNCERTAIN_STALE if kind < 0.2 else Quality.GOOD
        )
        found.append((at_ns, math.nan if is_bad(quality) else value, int(quality)))
    return found


@dataclass
class Held:
    """One window, as a person would work it out."""

    covered_s: float = 0.0
    integral: float = 0.0
    low: float = math.nan
    high: float = math.nan
    first: float = math.nan
    last: float = math.nan
    worst: int = 0


def reference(samples: Sequence[Sample], edges_ns: TimeArray) -> list[Held]:
    """Windows between edges, sample by sample."""
    edges = edges_ns.tolist()
    found = [Held() for _ in edges[:-1]]
    ordered = sorted(samples)
    following = [one[0] for one in ordered[1:]] + [edges[-1]]
    for (at_ns, value, quality), next_ns in zip(ordered, following, strict=True):
        end_ns = min(next_ns, at_ns + int(HOLD_S * S))
        for number in range(max(bisect_right(edges, at_ns) - 1, 0), len(found)):
            if edges[number] >= end_ns:
                break
            window = found[number]
            length_ns = min(end_ns, edges[number + 1]) - max(at_ns, edges[number])
            if length_ns <= 0:
                continue
            window.worst = max(window.worst, quality)
            if is_bad(quality) or math.isnan(value):
                continue
            window.first = value if math.isnan(window.first) else window.first
            window.last = value
            window.low = value if math.isnan(window.low) else min(window.low, value)
            window.high = value if math.isnan(window.high) else max(window.high, value)
            window.covered_s += length_ns / S
            window.integral += value * length_ns / S
    return found


def assert_same(windows: Windows, expected: Sequence[Held]) -> None:
    covered = np.array([one.covered_s for one in expected])
    integral = np.array([one.integral if one.covered_s else np.nan for one in expected])
    np.testing.assert_allclose(windows.covered_s, covered, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(windows.integral(), integral, rtol=1e-9)
    for name in ("low", "high", "first", "last"):
        wanted = np.array([getattr(one, name) for one in expected])
        np.testing.assert_array_equal(getattr(windows, name), wanted, err_msg=name)
    assert windows.worst.tolist() == [one.worst for one in expected]
