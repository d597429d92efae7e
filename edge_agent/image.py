"""The process image: the last value of every point, as the gate and the local controllers read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from protocols.driver import Reading
from protocols.frame import Qualities, Values
from protocols.quality import Quality
from protocols.source_time import Times


class LastReading(NamedTuple):
    """Last reading of one point.

    `value` is NaN where `quality` is bad; `mono_s` is the boot clock at the poll [s], `source_ns` the time
    that the device told, Unix ns, 0 where it told none.
    """

    value: float
    quality: int
    mono_s: float
    source_ns: int = 0


NEVER: Final = LastReading(math.nan, Quality.BAD_UNREACHABLE, -math.inf)
"""State of a point that was not polled yet."""


@dataclass(slots=True)
class _Columns:
    """The last poll of one group of points, as it came; an update puts arrays in place of others."""

    values: Values
    qualities: Qualities
    mono_s: float
    source_ns: Times | None


class Image:
    """Written by the poller, read by everyone else of the same process."""

    def __init__(self) -> None:
        self._groups: dict[str, list[tuple[tuple[str, ...], _Columns]]] = {}
        self._points: dict[str, tuple[_Columns, int]] = {}

    def update(self, device: str, points: Sequence[str], reading: Reading, mono_s: float) -> None:
        """Take the reading of one poll; a point belongs to the group that came last with it."""
        group = self._group(device, points)
        if group is None:
            group = _Columns(reading.values, reading.qualities, mono_s, reading.source_ns)
            self._groups.setdefault(device, []).append((tuple(points), group))
            self._points.update((f"{device}/{name}", (group, at)) for at, name in enumerate(points))
        group.values, group.qualities, group.mono_s = reading.values, reading.qualities, mono_s
        group.source_ns = reading.source_ns

    def _group(self, device: str, points: Sequence[str]) -> _Columns | None:
        """Columns of these points; to hash hundreds of names at each poll would cost more than to look."""
        for names, group in self._groups.get(device, ()):
            if names is points or names == points:
                return group
        return None

    def get(self, point: str) -> LastReading:
        """State of `device/point`; `NEVER` when it was not polled yet."""
        found = self._points.get(point)
        if found is None:
            return NEVER
        group, at = found
        told_ns = 0 if group.source_ns is None else int(group.source_ns[at])
        return LastReading(float(group.values[at]), int(group.qualities[at]), group.mono_s, told_ns)
