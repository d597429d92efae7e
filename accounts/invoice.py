"""The invoice of a period: what was used, line by line in the order of the contract, each rounded once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from accounts.bands import IntArray, TariffBand
from accounts.contract import AnyPart, Contract
from accounts.excess import with_unpriced
from accounts.readings import FloatArray, Readings, bands_of, knows_peak
from accounts.used import Before, Line, Period, Used, sum_of
from protocols.errors import ConfigError

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Courses:
    """Prices that are made each quarter or hour.

    Attributes:
        start_ns: Begin of the first. [ns since 1970, UTC]
        step_s: How long each holds. [s]
        per_kwh: Prices, shape (T,); NaN where none is known. [money/kWh]
    """

    start_ns: int
    step_s: int
    per_kwh: FloatArray

    def at(self, starts_ns: IntArray) -> FloatArray:
        """Price at each instant; NaN where none was given. [money/kWh]."""
        index = (starts_ns - self.start_ns) // (self.step_s * _NS)
        inside = (index >= 0) & (index < len(self.per_kwh))
        found = np.full(len(starts_ns), np.nan)
        found[inside] = self.per_kwh[index[inside]]
        return found


@dataclass(frozen=True, slots=True)
class Beside:
    """What a period is billed with beside its readings.

    Attributes:
        courses: Prices by their name.
        before: What earlier invoices leave behind.
        gaps: Whether intervals may be missing; the invoice then says so and is provisional.
    """

    courses: Mapping[str, Courses] = field(default_factory=dict)
    before: Before = field(default_factory=Before)
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a period costs.

    Attributes:
        contract: Id of the contract.
        currency: ISO 4217 code.
        period: Its days.
        source: Where the prices were published.
        lines: In the order of the contract.
        bands: Bands by their id.
        missing: Intervals without a reading; 0: it is final.
        intervals: All intervals.
        peak_kw: Highest demand; None where the intervals are too long to know it. [kW]
    """

    contract: str
    currency: str
    period: Period
    source: str
    lines: tuple[Line, ...]
    bands: Mapping[str, TariffBand]
    missing: int
    intervals: int
    peak_kw: Decimal | None

    @property
    def total(self) -> Decimal:
        """Sum of the lines that count."""
        return sum_of(self.lines, ())

    def of_groups(self) -> dict[str, Decimal]:
        """Money of each group of lines that count, in the order of the invoice."""
        return {
            group: sum_of(self.lines, (group,)) for group in dict.fromkeys(line.group for line in self.lines)
        }


def midnight_ns(day: dt.date, zone: ZoneInfo) -> int:
    """The first instant of a day; where midnight is skipped the end of the jump. [ns since 1970, UTC]."""
    return round(dt.datetime.combine(day, dt.time(), zone).timestamp()) * _NS


def month_of(year: int, month: int) -> Period:
    """A calendar month.

    Example:
        >>> month_of(2024, 2).days
        29
    """
    return Period(dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1))


def bill(contract: Contract, readings: Readings, period: Period, beside: Beside | None = None) -> Invoice:
    """Bill a period.

    Args:
        contract: A contract without faults.
        readings: Of its meter, over the whole period; more are left out.
        period: Its days.
        beside: Prices from outside, earlier invoices, whether gaps are let pass.

    Raises:
        ConfigError: The contract has no prices for the period, the readings do not span it or have gaps,
            or a part of the contract cannot be known from them.
    """
    beside = beside or Beside()
    if period.after <= period.first:
        raise ConfigError(f"a period from {period.first} to {period.after} has no day; give a later end")
    sheet = contract.sheet_of(period.first, period.after)
    zone = contract.zone
    cut = readings.between(midnight_ns(period.first, zone), midnight_ns(period.after, zone))
    if cut.missing and not beside.gaps:
        raise ConfigError(
            f"{cut.missing} of {len(cut)} intervals have no reading; the invoice would be too low. Find "
            "them, or ask for a provisional one"
        )
    bands = contract.bands
    used = Used(
        readings=cut,
        period=period,
        band_names=bands.names,
        band_of=bands_of(cut, bands),
        metering=contract.metering,
        places=contract.rounding.places,
        courses={name: course.at(cut.starts_ns) for name, course in beside.courses.items()},
        before=beside.before,
    )
    return Invoice(
        contract=contract.id,
        currency=contract.currency,
        period=period,
        source=sheet.source,
        lines=_lines(sheet.parts, used),
        bands=contract.bands_by_id(),
        missing=cut.missing,
        intervals=len(cut),
        peak_kw=used.peak() if knows_peak(cut.step_s, contract.metering) else None,
    )


def _lines(parts: Sequence[AnyPart], used: Used) -> tuple[Line, ...]:
    lines: list[Line] = []
    for part in parts:
        if part.hours_of_use is None or part.hours_of_use.holds(used):
            lines += part.lines(used, lines)
    return tuple(with_unpriced(parts, used, lines))
