"""A reader of series that gives up between two reads, once nobody waits for what is made of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hub.store.port import Keeping, LastValue, Origins, Raw, SeriesReader, TimeArray, Windows
from protocols.errors import EmsError
from protocols.point import PointId


class NobodyWaitsError(EmsError):
    """Those who asked went away; what was worked out for them so far is of no use."""


class HeedingReader:
    """Implements `SeriesReader`. Each read raises `NobodyWaitsError` once that is so."""

    def __init__(self, series: SeriesReader, unwanted: threading.Event) -> None:
        self._series = series
        self._unwanted = unwanted

    def last(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        """As the reader."""
        return self._heeded.last(points)

    def raw(self, point: PointId, from_ns: int, to_ns: int) -> Raw:
        """As the reader."""
        return self._heeded.raw(point, from_ns, to_ns)

    def origins(self, point: PointId, raw: Raw) -> Origins:
        """As the reader."""
        return self._heeded.origins(point, raw)

    def windows(self, point: PointId, from_ns: int, to_ns: int, window_s: int) -> Windows:
        """As the reader."""
        return self._heeded.windows(point, from_ns, to_ns, window_s)

    def quarters(self, point: PointId, from_ns: int, to_ns: int) -> Windows:
        """As the reader."""
        return self._heeded.quarters(point, from_ns, to_ns)

    def over(self, points: Sequence[PointId], edges_ns: TimeArray) -> dict[PointId, Windows]:
        """As the reader."""
        return self._heeded.over(points, edges_ns)

    def keeping(self) -> Keeping:
        """As the reader."""
        return self._heeded.keeping()

    @property
    def _heeded(self) -> SeriesReader:
        if self._unwanted.is_set():
            raise NobodyWaitsError("nobody waits for these accounts any more")
        return self._series
