"""Reads what contracts beside the prices go by: fuel, reactive energy, prices made day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from accounts.invoice import Courses
from hub.dispatch.site import DispatchSite
from hub.dispatch.supplied import Used, foreseen, fuel_points
from hub.forecast.quarters import QUARTER_NS, QUARTERS_A_DAY, FloatArray, floor_quarter_ns, main_meter
from hub.store.port import StoreReader
from optimizer.words import said
from protocols.config import Text
from protocols.point import local_point

_NS: Final = 1_000_000_000
_HOUR_NS: Final = 3600 * _NS
_QUARTER_H: Final = 0.25
_BACK: Final = 7 * QUARTERS_A_DAY
_LIVE: Final = 8


class SupplyMeter:
    """Of one site; reads once a quarter hour, and looks in between whether other prices are published."""

    def __init__(self, site: DispatchSite, reader: StoreReader) -> None:
        self._site = site
        self._reader = reader
        self._start_ns = 0
        self._ahead: dict[str, FloatArray] = {}

    def read(self, now_ns: int) -> Used:
        """What was used when the quarter hour of `now_ns` begins.

        Raises:
            StoreError: The store cannot be read.
        """
        start_ns = floor_quarter_ns(now_ns)
        notes: list[Text] = []
        gas, reactive = self._site.planning.gas, self._site.planning.reactive
        hour_kwh = period_kwh = month_kwh = month_kvarh = 0.0
        need: FloatArray | None = None
        if gas is not None:
            hour_kwh = self._energy(fuel_points(self._site), start_ns - start_ns % _HOUR_NS, start_ns)
            begin_ns = period_ns(start_ns, self._site.time_zone, gas.take_per)
            period_kwh = self._energy(fuel_points(self._site), begin_ns, start_ns) if gas.take_kwh else 0.0
        if reactive is not None:
            begin_ns = period_ns(start_ns, self._site.time_zone, "month")
            meter = main_meter(self._site.plant.flowsheet)
            month_kwh = self._energy([meter], begin_ns, start_ns)
            month_kvarh = self._energy([reactive.point], begin_ns, start_ns, both=True)
            need = self._need(reactive.point, start_ns)
        courses = dict(self._courses(start_ns, notes))
        return Used(
            gas_hour_kwh=hour_kwh,
            gas_period_kwh=period_kwh,
            month_kwh=month_kwh,
            month_kvarh=month_kvarh,
            need_kvar=need,
            courses=courses,
            notes=tuple(notes),
        )

    def published(self, now_ns: int) -> bool:
        """Whether prices of the day are others than those read last, in the same quarter hour.

        Raises:
            StoreError: The store cannot be read.
        """
        if self._start_ns != floor_quarter_ns(now_ns):
            return False
        return any(
            not np.array_equal(self._ahead[name], self._ahead_of(point), equal_nan=True)
            for name, (point, _) in self._site.courses.items()
        )

    def _energy(self, points: Iterable[str], from_ns: int, to_ns: int, *, both: bool = False) -> float:
        """Sum of what is known, export left out or both signs; what is not known counts as nothing. [kWh]."""
        total = 0.0
        for point in points:
            means = self._means(point, from_ns, to_ns)
            counted = np.abs(means) if both else np.maximum(means, 0.0)
            total += float(np.nansum(counted)) * _QUARTER_H
        return total

    def _need(self, point: str, start_ns: int) -> FloatArray | None:
        """Reactive power at the grid and of the inverters, as on the days before. [kvar]."""
        span = (start_ns - _BACK * QUARTER_NS, start_ns)
        total = self._means(point, *span)
        sheet, plant = self._site.plant.flowsheet, self._site.plant
        for name, unit in sheet.units.items():
            given = sheet.binding(name, "reactive_kvar") if unit is plant.pv else None
            if given is not None:
                total = total + self._means(given, *span)
        ahead = np.concatenate([total, np.full(QUARTERS_A_DAY, np.nan)])
        found, _ = foreseen(ahead, QUARTERS_A_DAY)
        return found if np.isfinite(found).all() else None

    def _courses(self, start_ns: int, notes: list[Text]) -> Iterable[tuple[str, Courses]]:
        """Each price over the window; none that no day before knows either."""
        self._start_ns = start_ns
        for name, (point, per_kwh) in self._site.courses.items():
            before = self._means(point, start_ns - _BACK * QUARTER_NS, start_ns)
            ahead = self._ahead[name] = self._ahead_of(point)
            found, missing = foreseen(np.concatenate([before, ahead]) * per_kwh, QUARTERS_A_DAY)
            if missing and np.isfinite(found).all():
                notes.append(
                    said(
                        "{missing} prices of {name} are not known yet, foreseen by the days before",
                        "{name} 有 {missing} 个价格尚未公布，按前几日预测",
                        missing=missing,
                        name=name,
                    )
                )
            yield name, Courses(start_ns, QUARTER_NS // _NS, found)

    def _ahead_of(self, point: str) -> FloatArray:
        """What is published of a price over the window, NaN where nothing is."""
        until_ns = self._start_ns + QUARTERS_A_DAY * QUARTER_NS
        named = local_point(self._site.id, point)
        return self._reader.windows(named, self._start_ns, until_ns, QUARTER_NS // _NS).mean

    def _means(self, point: str, from_ns: int, to_ns: int) -> FloatArray:
        """Quarters, the newest from the samples themselves."""
        if to_ns <= from_ns:
            return np.zeros(0)
        named = local_point(self._site.id, point)
        means = self._reader.quarters(named, from_ns, to_ns).mean.copy()
        live = min(_LIVE, len(means))
        newest = self._reader.windows(named, to_ns - live * QUARTER_NS, to_ns, QUARTER_NS // _NS).mean
        means[-live:] = np.where(np.isfinite(newest), newest, means[-live:])
        return means


def period_ns(at_ns: int, zone: str, period: str) -> int:
    """Begin of the calendar month or year an instant lies in, on a quarter hour."""
    local = dt.datetime.fromtimestamp(at_ns // _NS, ZoneInfo(zone))
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = first.replace(month=1) if period == "year" else first
    return floor_quarter_ns(round(begin.timestamp()) * _NS)
