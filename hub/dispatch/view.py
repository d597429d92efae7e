"""Snapshots from the store: newest values, links from the edges' heartbeats, the past as 15-min means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import Reading, Snapshot
from hub.forecast.quarters import (
    QUARTER_NS,
    QUARTERS_A_DAY,
    FloatArray,
    Quarters,
    collect,
    floor_quarter_ns,
    main_meter,
    sources,
)
from hub.store.port import StoreReader
from protocols.heartbeat import Heartbeat
from protocols.point import PointId, local_point

_PAST_DAYS: Final = 29
_LIVE_QUARTERS: Final = 8
_LEAST_COVERED_S: Final = 30.0
_NS: Final = 1_000_000_000


class PlantView:
    """Looks through one reader; the past is read anew once a quarter hour."""

    def __init__(self, site: DispatchSite, reader: StoreReader) -> None:
        self._site = site
        self._reader = reader
        self._terms = sources(site.plant.flowsheet)
        self._meter = main_meter(site.plant.flowsheet)
        self._past = Quarters(0, {})
        self._peak_kw = 0.0

    def snapshot(
        self, now_ns: int, beats: Mapping[str, tuple[Heartbeat, float]], most_age_s: float
    ) -> Snapshot:
        """The plant now; slow once a quarter hour, so call it in a thread.

        Args:
            now_ns: Wall clock.
            beats: Edge to its newest heartbeat and that one's age. [s]
            most_age_s: Devices of an edge that was silent for longer are down. [s]

        Raises:
            StoreError: The store cannot be read.
        """
        links: dict[str, str] = {}
        for beat, age_s in beats.values():
            links |= beat.links if age_s <= most_age_s else {}
        readings = {
            point.local: Reading(last.value, last.quality, last.time_ns)
            for point, last in self._reader.last().items()
            if point.site == self._site.id
        }
        if floor_quarter_ns(now_ns) != self._past.end_ns:
            self._read_past(now_ns)
        return Snapshot(now_ns, readings, links, self._past, self._peak_kw)

    def _read_past(self, now_ns: int) -> None:
        end_ns = floor_quarter_ns(now_ns)
        count = _PAST_DAYS * QUARTERS_A_DAY
        start_ns = end_ns - count * QUARTER_NS
        self._past = collect(self._terms, lambda point: self._means(point, start_ns, end_ns), start_ns, count)
        month_ns = min(floor_quarter_ns(_month_start_ns(now_ns, self._site.time_zone)), end_ns)
        imported = self._means(self._meter, month_ns, end_ns) if month_ns < end_ns else np.zeros(1)
        known = imported[np.isfinite(imported)]
        self._peak_kw = max(float(known.max()), 0.0) if len(known) else 0.0

    def _means(self, local: str, start_ns: int, end_ns: int) -> FloatArray:
        point: PointId = local_point(self._site.id, local)
        means = self._reader.quarters(point, start_ns, end_ns).mean.copy()
        live = min(_LIVE_QUARTERS, len(means))
        newest = self._reader.windows(point, end_ns - live * QUARTER_NS, end_ns, QUARTER_NS // _NS)
        usable = newest.covered_s >= _LEAST_COVERED_S
        means[-live:] = np.where(usable, newest.mean, means[-live:])
        return means


def _month_start_ns(now_ns: int, zone: str) -> int:
    local = dt.datetime.fromtimestamp(now_ns // _NS, ZoneInfo(zone))
    return round(local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()) * _NS
