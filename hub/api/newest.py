"""Newest values with the marks of cleaning rules; in an outage of the store those known last, as stale."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from hub.store.port import LastValue, SeriesReader
from hub.values.recent import Recent, Rules
from protocols.errors import StoreError
from protocols.point import PointId
from protocols.quality import Quality, is_good


class NewestValues:
    """Reads the store, and remembers what it read."""

    def __init__(self, series: SeriesReader) -> None:
        self._series = series
        self._known: dict[PointId, LastValue] = {}
        self._recent: tuple[Rules, Recent] = ({}, Recent({}))
        self._one = threading.Lock()

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

    def judged(self, rules: Rules, points: Sequence[PointId] | None = None) -> dict[PointId, LastValue]:
        """As `read`, with the marks of rules; while samples cannot be read, by what is known of those before.

        Raises:
            StoreError: The store cannot be read, and nothing was ever known.
        """
        told = self.read(points)
        with self._one:
            if self._recent[0] is not rules:
                fresh = Recent(rules)
                fresh.go_on(self._recent[1])
                self._recent = rules, fresh
            recent = self._recent[1]
            try:
                return recent.learn(self._series, told)
            except StoreError:
                return {
                    point: recent.hear(point, last) if point in rules else last
                    for point, last in told.items()
                }


def _stale(last: LastValue) -> LastValue:
    return replace(last, quality=int(Quality.UNCERTAIN_STALE)) if is_good(last.quality) else last
