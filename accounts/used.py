"""What a billing period used, in the quantities that stand on an invoice, and the lines that come of it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accounts.bands import BandArray
from accounts.money import ZERO, metered, rounded, settled
from accounts.readings import FloatArray, Metering, Readings, demands_kw, peak_kw
from protocols.config import Text
from protocols.errors import ConfigError

Group = Literal[
    "energy", "losses", "grid", "system", "funds", "basic", "factor", "reactive", "tax", "feed_in", "other"
]
"""Parts of an invoice; the file's own order is the order of the lines."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an invoice.

    Attributes:
        part: Id of the part of the contract.
        label: What the invoice calls it.
        group: Where it belongs.
        quantity: What was multiplied, as the meter shows it.
        unit: Unit of the quantity.
        price: What it was multiplied by; of a course of prices the mean, for information.
        amount: Money, rounded.
        band: Band of the tariff; empty: all.
        counted: Whether it adds to the total; a tax within the prices does not.
        note: Why the quantity is what it is, where that is not plain.
    """

    part: str
    label: Text
    group: Group
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal
    band: str = ""
    counted: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier invoices of the same contract leave behind.

    Attributes:
        peaks_kw: Highest demand of each earlier month, the newest last. [kW]
        year_kwh: Taken since the begin of the year. [kWh]
    """

    peaks_kw: tuple[Decimal, ...] = ()
    year_kwh: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Period:
    """A billing period, by the local calendar.

    Attributes:
        first: First day.
        after: The day after the last.
    """

    first: dt.date
    after: dt.date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.after - self.first).days

    @property
    def days_of_year(self) -> int:
        """Days of the year it begins in: 365 or 366."""
        year = self.first.year
        return (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days

    @property
    def months(self) -> int | None:
        """Whole months; None where it does not consist of them."""
        count = (self.after.year - self.first.year) * 12 + self.after.month - self.first.month
        return count if self.after.day == self.first.day and count > 0 else None

    @property
    def a_year(self) -> bool:
        """Whether it is a whole year."""
        return self.months == 12  # noqa: PLR2004  months of a year


@dataclass(frozen=True)
class Used:
    """Readings of a period, asked in the words of a tariff.

    Attributes:
        readings: The period.
        period: Its days.
        band_names: Bands in the order of the invoice.
        band_of: Index of the band of each interval, shape (T,).
        metering: How the contract finds the highest demand.
        places: Decimals of energy, of power, of money.
        courses: Prices given from outside by their name, shape (T,) each. [money/kWh]
        before: What earlier invoices leave behind.
    """

    readings: Readings
    period: Period
    band_names: tuple[str, ...]
    band_of: BandArray
    metering: Metering = field(default_factory=Metering)
    places: tuple[int, int, int] = (3, 3, 2)
    courses: Mapping[str, FloatArray] = field(default_factory=dict)
    before: Before = field(default_factory=Before)

    @cached_property
    def kwh(self) -> dict[str, Decimal]:
        """Import of each band that has intervals in the period. [kWh]."""
        return self._by_band(self.readings.import_kwh)

    @cached_property
    def kvarh(self) -> dict[str, Decimal]:
        """Reactive energy of each band. [kvarh].

        Raises:
            ConfigError: It is not metered.
        """
        if not len(self.readings.kvarh):
            raise ConfigError("the contract charges reactive energy; the readings have no kvarh")
        return self._by_band(self.readings.kvarh)

    @property
    def total_kwh(self) -> Decimal:
        """Import of all bands, as the sum of what the bands show. [kWh]."""
        return sum(self.kwh.values(), ZERO)

    @property
    def export_kwh(self) -> Decimal:
        """Fed in. [kWh]."""
        return metered(_known(self.readings.export_kwh), self.places[0])

    def peak(self, bands: Collection[str] = ()) -> Decimal:
        """Highest demand, in some bands or in all. [kW]."""
        counts = self.within(bands) if bands else None
        return settled(peak_kw(self.readings, self.metering, counts), self.places[1])

    def demands(self, bands: Collection[str]) -> list[float]:
        """Means of all demand windows that end in some bands. [kW]."""
        found: list[float] = demands_kw(self.readings, self.metering, self.within(bands)).tolist()
        return found

    def within(self, bands: Collection[str]) -> NDArray[np.bool_]:
        """Intervals that lie in one of these bands, shape (T,)."""
        return np.isin(self.band_of, [self.band_names.index(name) for name in bands])

    def money(self, amount: Decimal) -> Decimal:
        """An amount of the invoice."""
        return rounded(amount, self.places[2])

    def course(self, name: str) -> FloatArray:
        """Prices given from outside, shape (T,).

        Raises:
            ConfigError: They were not given, or not for every interval that was metered.
        """
        prices = self.courses.get(name)
        if prices is None:
            raise ConfigError(f"the contract goes by the prices {name!r}, which were not given")
        if len(prices) != len(self.readings):
            raise ConfigError(
                f"the prices {name!r} have {len(prices)} intervals, the readings {len(self.readings)}"
            )
        lacking = ~np.isfinite(prices) & np.isfinite(self.readings.import_kwh)
        if lacking.any():
            raise ConfigError(
                f"the prices {name!r} lack interval {int(np.flatnonzero(lacking)[0])} of the period"
            )
        return prices

    def course_money(self, prices: FloatArray) -> Decimal:
        """Import times price, interval by interval, summed without loss."""
        return _valued(self.readings.import_kwh, prices)

    def export_money(self, prices: FloatArray) -> Decimal:
        """What is fed in times price, interval by interval, summed without loss."""
        return _valued(self.readings.export_kwh, prices)

    def _by_band(self, values: FloatArray) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for index, name in enumerate(self.band_names):
            inside = self.band_of == index
            if inside.any():
                found[name] = metered(_known(values[inside]), self.places[0])
        return found


def _known(values: FloatArray) -> list[float]:
    kept: list[float] = values[np.isfinite(values)].tolist()
    return kept


def _valued(energy: FloatArray, prices: FloatArray) -> Decimal:
    known = np.isfinite(energy) & np.isfinite(prices)
    return settled(math.fsum((energy[known] * prices[known]).tolist()), 9)


def sum_of(lines: Sequence[Line], groups: Collection[str]) -> Decimal:
    """Amount of the counted lines of some groups; without groups of all."""
    return sum((line.amount for line in lines if line.counted and (not groups or line.group in groups)), ZERO)
