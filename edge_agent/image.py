"""The process image: the last value of every point, as the gate and the local controllers read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from protocols.driver import Reading
from protocols.quality import Quality


class LastReading(NamedTuple):
    """Last reading of one point.

    `value` is NaN where `quality` is bad; `mono_s` is the boot clock at the poll. [s]
    """

    value: float
    quality: int
    mono_s: float


NEVER: Final = LastReading(math.nan, Quality.BAD_UNREACHABLE, -math.inf)
"""State of a point that was not polled yet."""


class Image:
    """Written by the poller, read by everyone else of the same process."""

    def __init__(self) -> None:
        self._points: dict[str, LastReading] = {}

    def update(self, device: str, points: Sequence[str], reading: Reading, mono_s: float) -> None:
        """Take the reading of one poll."""
        values, qualities = reading.values.tolist(), reading.qualities.tolist()
        for name, value, quality in zip(points, values, qualities, strict=True):
            self._points[f"{device}/{name}"] = LastReading(value, quality, mono_s)

    def get(self, point: str) -> LastReading:
        """State of `device/point`; `NEVER` when it was not polled yet."""
        return self._points.get(point, NEVER)
