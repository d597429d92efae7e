"""Snapshots from the store: newest values, links from the edges' heartbeats, the past as 15-min means."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from hub.dispatch.events import NEEDS, RECENT_S
from hub.dispatch.lookback import seen_before
from hub.dispatch.metering import SupplyMeter
from hub.dispatch.site import DispatchSite
from hub.dispatch.snapshot import MachineSeen, Reading, Snapshot
from hub.dispatch.supplied import Used
from hub.forecast.issue import Newest
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
from optimizer.peaks import Peaks, highest_kw, just_before, month_peaks
from protocols.errors import StoreError
from protocols.heartbeat import Heartbeat
from protocols.point import PointId, local_point

_log = logging.getLogger(__name__)
_PAST_DAYS: Final = 29
_LIVE_QUARTERS: Final = 8
_LEAST_COVERED_S: Final = 30.0
_NS: Final = 1_000_000_000
_EARLIER_MONTHS: Final = 24
_RECENT_NS: Final = round(RECENT_S * _NS)
_RECENT_EVERY_NS: Final = 30 * _NS
_PRICES_EVERY_NS: Final = 5 * _NS
"""So a plan by prices that were just published is under way in a few seconds."""
_RECENT_FRAC: Final = 0.8
"""Share of the last minutes a need must be known for."""


def links_of(beats: Mapping[str, tuple[Heartbeat, float]], most_age_s: float) -> dict[str, str]:
    """Device to its link, of the edges that were heard so lately. [s]."""
    links: dict[str, str] = {}
    for beat, age_s in beats.values():
        links |= beat.links if age_s <= most_age_s else {}
    return links


class PlantView:
    """Looks through one reader; the past is read anew once a quarter hour."""

    def __init__(self, site: DispatchSite, reader: StoreReader, newest: Newest | None = None) -> None:
        self._site = site
        self._newest = newest or Newest()
        self._reader = reader
        self._terms = sources(site.plant.flowsheet)
        self._meter = main_meter(site.plant.flowsheet)
        self._past = Quarters(0, {})
        self._peak_kw = 0.0
        self._recent: dict[str, float] = {}
        self._quarter_kw: float | None = None
        self._earlier_kw: tuple[float, ...] = ()
        self._month_ns = 0
        self._metered: Peaks | None = None
        self._recent_ns = 0
        self._supply = SupplyMeter(site, reader)
        self._used = Used()
        self._prices_ns = 0
        self._before: dict[str, MachineSeen] = {}
        self._before_ns = 0

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
        links = links_of(beats, most_age_s)
        readings = {
            point.local: Reading(last.value, last.quality, last.time_ns)
            for point, last in self._reader.last().items()
            if point.site == self._site.id
        }
        if floor_quarter_ns(now_ns) != self._past.end_ns:
            self._read_past(now_ns)
        if now_ns - self._recent_ns >= _RECENT_EVERY_NS:
            self._read_minutes(now_ns)
        if now_ns - self._prices_ns >= _PRICES_EVERY_NS:
            self._look_at_prices(now_ns)
        newest = self._newest.issue
        recent, month_kw, quarter_kw = dict(self._recent), self._peak_kw, self._quarter_kw
        seen = Snapshot(now_ns, readings, links, self._past, month_kw, newest)
        return replace(
            seen,
            recent=recent,
            quarter_kw=quarter_kw,
            earlier_kw=self._earlier_kw,
            metered=self._metered,
            used=self._used,
        )

    def before(self, now_ns: int) -> dict[str, MachineSeen]:
        """What machines did before, as the store knows it; slow once a quarter hour, so call it in a thread.

        Empty where the past cannot be read: starts before now are not known then, the edge counts them.
        """
        if floor_quarter_ns(now_ns) != self._before_ns:
            self._before, self._before_ns = {}, floor_quarter_ns(now_ns)
            try:
                self._before = seen_before(self._site, self._reader, now_ns)
            except StoreError as error:
                _log.warning(
                    "starts of machines before now are not known, the past cannot be read: %s", error
                )
        return self._before

    def _read_minutes(self, now_ns: int) -> None:
        """Needs and import of the last minutes; not known where they cannot be read."""
        self._recent, self._quarter_kw, self._recent_ns = {}, None, now_ns
        try:
            self._recent, self._quarter_kw = self._read_recent(now_ns), self._read_quarter(now_ns)
        except StoreError as error:
            _log.warning(
                "the needs of the last minutes cannot be read, plans go by forecasts alone: %s", error
            )

    def _look_at_prices(self, now_ns: int) -> None:
        """Prices of the day anew where others are published; where they cannot be read, the last ones."""
        self._prices_ns = now_ns
        try:
            if self._supply.published(now_ns):
                self._used = self._supply.read(now_ns)
        except StoreError as error:
            _log.warning("prices of the day cannot be read, plans go by the last ones: %s", error)

    def _read_quarter(self, now_ns: int) -> float | None:
        """Mean import since the quarter hour began; None where little of it is known. [kW]."""
        begin_ns, point = floor_quarter_ns(now_ns), local_point(self._site.id, self._meter)
        if now_ns - begin_ns < _LEAST_COVERED_S * _NS:
            return None
        found = self._reader.over([point], np.array([begin_ns, now_ns], dtype=np.int64))[point]
        known = float(found.covered_s[0]) * _NS >= _RECENT_FRAC * (now_ns - begin_ns)
        return max(float(found.mean[0]), 0.0) if known else None

    def _read_recent(self, now_ns: int) -> dict[str, float]:
        """Mean of each need over the last minutes; without those that are not known for most of them."""
        points = sorted({point for name in NEEDS for point, _ in self._terms[name]})
        named = {point: local_point(self._site.id, point) for point in points}
        edges = np.array([now_ns - _RECENT_NS, now_ns], dtype=np.int64)
        windows = self._reader.over(list(named.values()), edges)
        means: dict[str, float] = {}
        for name in NEEDS:
            found = [(windows[named[point]], sign) for point, sign in self._terms[name]]
            if all(float(one.covered_s[0]) * _NS >= _RECENT_FRAC * _RECENT_NS for one, _ in found):
                means[name] = max(sum(sign * float(one.mean[0]) for one, sign in found), 0.0)
        return means

    def _read_past(self, now_ns: int) -> None:
        """All of it or nothing: what could not be read is asked for again with the next look."""
        end_ns = floor_quarter_ns(now_ns)
        count = _PAST_DAYS * QUARTERS_A_DAY
        start_ns = end_ns - count * QUARTER_NS
        past = collect(self._terms, lambda point: self._means(point, start_ns, end_ns), start_ns, count)
        month_ns = min(floor_quarter_ns(_month_start_ns(now_ns, self._site.time_zone)), end_ns)
        imported = self._means(self._meter, month_ns, end_ns) if month_ns < end_ns else np.zeros(1)
        window_s, slide = self._window()
        peak_kw = highest_kw(month_ns, imported, window_s, slide=slide)
        contract = self._site.contract
        plain = Peaks(peak_kw, before_kw=just_before(imported, window_s, slide))
        metered = plain if contract is None else month_peaks(contract, month_ns, imported)
        used = self._supply.read(now_ns)
        if contract is not None and month_ns != self._month_ns:
            self._earlier_kw, self._month_ns = self._read_earlier(month_ns), month_ns
        self._peak_kw, self._metered, self._used = peak_kw, metered, used
        self._past = past  # last: it says which quarter hour is read

    def _window(self) -> tuple[float, bool]:
        """Length of the demand window that is paid by, and whether it slides. [s]."""
        contract = self._site.contract
        if contract is None:
            return float(self._site.supply[0].metering_s), False
        return float(contract.metering.window_s), contract.metering.slide

    def _read_earlier(self, month_ns: int) -> tuple[float, ...]:
        """Highest demand of each of the months before as the contract meters it, the newest last. [kW].

        0 where nothing is known.
        """
        window_s, slide = self._window()
        edges = [month_ns]
        for _ in range(_EARLIER_MONTHS):
            edges.insert(0, floor_quarter_ns(_month_start_ns(edges[0] - _NS, self._site.time_zone)))
        point = local_point(self._site.id, self._meter)
        return tuple(
            highest_kw(begin, self._reader.quarters(point, begin, end).mean, window_s, slide=slide)
            for begin, end in pairwise(edges)
        )

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
