"""Newest values that outlive an outage of the store: what was known last, marked as stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.store.port import LastValue, SeriesReader
from protocols.errors import StoreError
from protocols.point import PointId
from protocols.quality import Quality, is_good


class NewestValues:
    """Reads the store, and remembers what it read."""

    def __init__(self, series: SeriesReader) -> None:
        self._series = series
        self._known: dict[PointId, LastValue] = {}

    def read(self, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        """Newest samples; while the store cannot be read those known last, none of them good.

        Raises:
            StoreError: The store cannot be read, and nothing was ever known.
        """
        try:
            found = self._series.last(points)
        except StoreError:
            if not self._known:
                raise
            wanted = self._known if points is None else points
            return {point: _stale(self._known[point]) for point in wanted if point in self._known}
        self._known |= found
        return found


def _stale(last: LastValue) -> LastValue:
    return replace(last, quality=int(Quality.UNCERTAIN_STALE)) if is_good(last.quality) else last
