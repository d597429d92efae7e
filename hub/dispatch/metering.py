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
from protocols.point import local_point

_NS: Final = 1_000_000_000
_HOUR_NS: Final = 3600 * _NS
_QUARTER_H: Final = 0.25
_BACK: Final = 7 * QUARTERS_A_DAY
_LIVE: Final = 8


class SupplyMeter:
    """Of one site; reads once a quarter hour."""

    def __init__(self, site: DispatchSite, reader: StoreReader) -> None:
        self._site = site
        self._reader = reader

    def read(self, now_ns: int) -> Used:
        """What was used when the quarter hour of `now_ns` begins.

        Raises:
            StoreError: The store cannot be read.
        """
        start_ns = floor_quarter_ns(now_ns)
        notes: list[str] = []
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

    def _courses(self, start_ns: int, notes: list[str]) -> Iterable[tuple[str, Courses]]:
        """Each price over the window; none that no day before knows either."""
        until_ns = start_ns + QUARTERS_A_DAY * QUARTER_NS
        for name, (point, per_kwh) in self._site.courses.items():
            before = self._means(point, start_ns - _BACK * QUARTER_NS, start_ns)
            named = local_point(self._site.id, point)
            ahead = self._reader.windows(named, start_ns, until_ns, QUARTER_NS // _NS).mean
            found, missing = foreseen(np.concatenate([before, ahead]) * per_kwh, QUARTERS_A_DAY)
            if missing and np.isfinite(found).all():
                notes.append(f"{missing} prices of {name} are not known yet, foreseen by the days before")
            yield name, Courses(start_ns, QUARTER_NS // _NS, found)

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
