"""What energy costs: time-of-use bands in local time, feed-in, demand charge, fuel, CO2; and the bill.

Steps are instants (UTC nanoseconds); the calendar is looked up in the tariff's time zone, so days of 92 and
100 quarter hours need no special case. `bill` works without `price_series` on purpose: one checks the other.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from pydantic import Field, field_validator, model_validator

from optimizer.periods import Span, by_period, share_of_period
from optimizer.problem import FloatArray, Prices
from optimizer.supply import DemandCharge, Supply
from protocols.config import Config, IdPart

_NS = 1_000_000_000
_DAY_H = 24.0
_MINUTE_S = 60

Month = Annotated[int, Field(ge=1, le=12)]
Weekday = Annotated[int, Field(ge=0, le=6)]


class TariffWindow(Config):
    """When a band holds; a window whose hours run past midnight is written as two."""

    band: IdPart
    """Name of the band."""

    months: tuple[Month, ...] = tuple(range(1, 13))
    """Months of the year, 1 to 12."""

    weekdays: tuple[Weekday, ...] = tuple(range(7))
    """Days of the week, Monday is 0."""

    from_hour: Annotated[float, Field(ge=0, lt=24)] = 0.0
    """First hour of the local day that belongs to it. [h]"""

    to_hour: Annotated[float, Field(gt=0, le=24)] = 24.0
    """First hour that does not. [h]"""

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.to_hour <= self.from_hour:
            raise ValueError("to_hour must be later than from_hour; write a window past midnight as two")
        return self


class Tariff(Config):
    """Prices of one supply contract; taxes and grid fees per kWh are part of the band prices."""

    name: IdPart
    """Id of the tariff."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217 code of all prices here."""

    time_zone: str
    """IANA name of the zone the windows are meant in."""

    bands_per_kwh: dict[IdPart, float]
    """Price of bought energy per band. [money/kWh]"""

    windows: tuple[TariffWindow, ...]
    """The first window that holds an instant decides its band."""

    default_band: IdPart
    """Band of instants no window holds."""

    export_per_kwh: float
    """Paid for energy fed in. [money/kWh]"""

    demand_per_kw: Annotated[float, Field(ge=0)]
    """Charge on the highest mean of a metering interval in the calendar month. [money/kW]"""

    metering_s: Annotated[int, Field(gt=0)] = 900
    """Length of a metering interval. [s]"""

    gas_per_kwh: Annotated[float, Field(ge=0)]
    """Fuel by lower heating value. [money/kWh LHV]"""

    cny_rate: Annotated[float, Field(gt=0)] = 1.0
    """Yuan for one unit of the currency; wear in the flowsheet is stated in CNY. [CNY/money]"""

    co2_per_t: Annotated[float, Field(ge=0)]
    """Price the site puts on its emissions. [money/t]"""

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name} is no time zone; use an IANA name such as Europe/Berlin")
        return name

    @model_validator(mode="after")
    def _bands_exist(self) -> Self:
        for band in (self.default_band, *(window.band for window in self.windows)):
            if band not in self.bands_per_kwh:
                raise ValueError(f"the band {band} has no price in bands_per_kwh")
        return self


class Emissions(Config):
    """Emission factors of a site; a yearly average where only that is published."""

    name: IdPart
    """Id of the set."""

    grid_kg_per_kwh: Annotated[float, Field(ge=0)]
    """Bought electricity, yearly average. [kg CO2/kWh]"""

    grid_source: str
    """Who published it."""

    grid_year: int
    """Year it holds for."""

    gas_kg_per_kwh: Annotated[float, Field(ge=0)]
    """Fuel by lower heating value. [kg CO2/kWh LHV]"""

    gas_source: str
    """Who published it."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What a window costs by the tariff, in its currency."""

    imported: float
    exported: float
    """Paid to the site, not negative at a positive feed-in price."""
    demand: float
    """Charge on the highest metering interval, as if the window were the whole billing period."""
    peak_kw: float


def price_series(tariff: Tariff, start_ns: int, steps: int, step_s: float) -> FloatArray:
    """Price of bought energy at the start of each step, shape (steps,). [money/kWh]."""
    zone = ZoneInfo(tariff.time_zone)
    begins = start_ns + np.round(np.arange(steps) * step_s * _NS).astype(np.int64)
    return np.array([tariff.bands_per_kwh[band_at(tariff, int(ns), zone)] for ns in begins])


def band_at(tariff: Tariff, at_ns: int, zone: ZoneInfo | None = None) -> str:
    """Name of the band an instant lies in."""
    local = dt.datetime.fromtimestamp(at_ns / _NS, zone or ZoneInfo(tariff.time_zone))
    hour = local.hour + local.minute / 60.0 + local.second / 3600.0
    for window in tariff.windows:
        held = local.month in window.months and local.weekday() in window.weekdays
        if held and window.from_hour <= hour < window.to_hour:
            return window.band
    return tariff.default_band


def peak_weight(tariff: Tariff, start_ns: int, window_s: float) -> float:
    """Share of the demand charge a planning window answers for: its share of what remains of the month.

    A day at the month's begin carries a thirtieth of the charge, since a later day may set the peak anyway;
    the last day carries all of it.
    """
    return share_of_period(ZoneInfo(tariff.time_zone), start_ns, window_s)


def prices(
    tariff: Tariff, emissions: Emissions, window: tuple[int, int, float], month_peak_kw: float = 0.0
) -> Prices:
    """Prices of a window (start_ns, steps, step_s) as the dispatch wants them."""
    start_ns, steps, step_s = window
    return Prices(
        import_eur_kwh=price_series(tariff, start_ns, steps, step_s),
        export_eur_kwh=np.full(steps, tariff.export_per_kwh),
        gas_eur_kwh=tariff.gas_per_kwh,
        co2_eur_t=tariff.co2_per_t,
        grid_kg_kwh=np.full(steps, emissions.grid_kg_per_kwh),
        gas_kg_kwh=emissions.gas_kg_per_kwh,
        demand_charge_eur_kw=tariff.demand_per_kw,
        month_peak_kw=month_peak_kw,
        peak_weight=peak_weight(tariff, start_ns, steps * step_s),
        currency=tariff.currency,
    )


def metered(
    tariff: Tariff, bought: Prices, window: Span, before_kw: tuple[float, ...] = ()
) -> tuple[Prices, Supply]:
    """The demand charge on the meter's own intervals, and month by month, where these are not the plan's.

    Args:
        tariff: The tariff.
        bought: Its prices over the window.
        window: Begin, number and length of the steps.
        before_kw: Import of the steps just before, the latest last. [kW]

    Returns:
        Prices, without the charge where it is in the contracts, and the contracts.
    """
    by_step = tariff.metering_s == round(window[2])
    charge = DemandCharge(
        name="demand",
        eur_kw=bought.demand_charge_eur_kw,
        so_far_kw=bought.month_peak_kw,
        weight_frac=bought.peak_weight,
        window_s=None if by_step else float(tariff.metering_s),
        before_kw=before_kw,
    )
    charges = by_period(charge, ZoneInfo(tariff.time_zone), window)
    if bought.demand_charge_eur_kw <= 0 or (by_step and len(charges) == 1):
        return bought, Supply()
    return replace(bought, demand_charge_eur_kw=0.0), Supply(charges=charges)


def bill(tariff: Tariff, start_ns: int, step_s: float, import_kw: FloatArray, export_kw: FloatArray) -> Bill:
    """Bill a measured or planned course, minute by minute; steps are means of whole minutes.

    Raises:
        ValueError: The step is no whole number of minutes, or the two series differ in length.
    """
    if round(step_s) % _MINUTE_S or abs(step_s - round(step_s)) > 0 or len(import_kw) != len(export_kw):
        raise ValueError("a bill needs steps of whole minutes and two series of the same length")
    per_step = round(step_s) // _MINUTE_S
    zone = ZoneInfo(tariff.time_zone)
    bought: list[float] = []
    meters: dict[int, list[float]] = {}
    for minute in range(len(import_kw) * per_step):
        at_s = start_ns // _NS + minute * _MINUTE_S
        power = float(import_kw[minute // per_step])
        bought.append(power / 60.0 * _minute_price(tariff, dt.datetime.fromtimestamp(at_s, zone)))
        meters.setdefault(at_s // tariff.metering_s, []).append(power)
    peak = max(math.fsum(powers) / len(powers) for powers in meters.values()) if meters else 0.0
    exported = math.fsum(export_kw.tolist()) * step_s / 3600.0 * tariff.export_per_kwh
    return Bill(math.fsum(bought), exported, peak * tariff.demand_per_kw, peak)


def _minute_price(tariff: Tariff, local: dt.datetime) -> float:
    minute = local.hour * 60 + local.minute
    matching = (
        window.band
        for window in tariff.windows
        if window.from_hour * 60 <= minute < window.to_hour * 60
        and local.weekday() in window.weekdays
        and local.month in window.months
    )
    return tariff.bands_per_kwh[next(matching, tariff.default_band)]
