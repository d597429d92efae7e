"""The electricity invoice of a site from its series, and what earlier months leave behind for it.

Everything here may wait for the store: call it from a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.contract import Contract
from accounts.invoice import Beside, Invoice, bill
from accounts.money import metered, settled
from accounts.parts import TierPart
from accounts.power_parts import DemandPart
from accounts.readings import FloatArray, Readings, knows_peak, peak_kw
from accounts.used import Before, Period
from hub.accounts.book import SupplyFile
from hub.accounts.counted import STEP_S, Column, Counted, counted
from hub.accounts.making import courses_of
from hub.accounts.notes import Note, months_unknown
from hub.accounts.periods import NamedPeriod, months_before
from hub.accounts.site import SiteAccounts
from hub.store.port import SeriesReader
from protocols.errors import ConfigError

_NS: Final = 1_000_000_000
_IMPORT, _EXPORT, _KVARH = "import_kwh", "export_kwh", "kvarh"
_DUST: Final = -1e-9
"""Below it an integral is no rounding of zero. [kWh]"""


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice and how much of its period is known.

    Attributes:
        invoice: The invoice.
        until_ns: How far readings can reach: the end of the period, or now. [ns since 1970, UTC]
        known_frac: Known share of the intervals up to there. [-]
        over: Whether the period has ended.
        before_known_frac: Known share of the earlier months it goes by, of the one that is known least; 1
            where it goes by none. [-]
    """

    invoice: Invoice
    until_ns: int
    known_frac: float
    over: bool
    before_known_frac: float

    @property
    def final(self) -> bool:
        """Whether nothing is missing, nor in the earlier months that it goes by."""
        return self.over and self.invoice.missing == 0 and self.before_known_frac >= 1.0

    @property
    def notes(self) -> list[Note]:
        """What is not plain about it."""
        return [] if self.before_known_frac >= 1.0 else [months_unknown(self.before_known_frac)]


@dataclass(frozen=True, slots=True)
class MonthUse:
    """What a month used, in the figures that basic charges go by.

    Attributes:
        period: The month.
        kwh: Energy bought. [kWh]
        kvarh: Reactive energy; None: it is not counted. [kvarh]
        peak_kw: Highest demand; None where readings are too far apart, or there are none. [kW]
        known_frac: Known share of its intervals up to now. [-]
    """

    period: NamedPeriod
    kwh: Decimal
    kvarh: Decimal | None
    peak_kw: Decimal | None
    known_frac: float


def invoice_of(reader: SeriesReader, site: SiteAccounts, period: NamedPeriod, now_ns: int) -> Billed:
    """Bill a period by the contract; one that goes on, or has gaps, is provisional and says so.

    Raises:
        ConfigError: There is no contract or no supply, it has no prices for the period, or a part of it
            cannot be known from what is metered.
        StoreError: The series cannot be read now.
    """
    contract = contract_of(site)
    readings, found, until_ns = _readings(reader, site, period, now_ns)
    before, before_known_frac = _before(reader, site, period, now_ns)
    courses = courses_of(reader, site, (readings.start_ns, until_ns))
    made = bill(contract, readings, period.days, Beside(courses=courses, before=before, gaps=True))
    return Billed(
        invoice=made,
        until_ns=until_ns,
        known_frac=found.known_frac(list(found.kept)),
        over=until_ns == period.edges_ns(contract.zone)[1],
        before_known_frac=before_known_frac,
    )


def month_use(reader: SeriesReader, site: SiteAccounts, month: NamedPeriod, now_ns: int) -> MonthUse:
    """What a month used up to now.

    Raises:
        ConfigError: There is no contract or no supply, or the month has not begun.
        StoreError: The series cannot be read now.
    """
    metering = contract_of(site).metering
    readings, found, _ = _readings(reader, site, month, now_ns)
    known = readings.import_kwh[np.isfinite(readings.import_kwh)]
    peak = (
        settled(peak_kw(readings, metering), 3)
        if len(known) and knows_peak(readings.step_s, metering)
        else None
    )
    kvarh = readings.kvarh[np.isfinite(readings.kvarh)]
    return MonthUse(
        period=month,
        kwh=metered(known.tolist(), 3),
        kvarh=metered(kvarh.tolist(), 3) if len(readings.kvarh) else None,
        peak_kw=peak,
        known_frac=found.kept[_IMPORT].known_frac,
    )


def contract_of(site: SiteAccounts) -> Contract:
    """The contract of a site.

    Raises:
        ConfigError: It has none.
    """
    if site.contract is None:
        raise ConfigError(
            f"the site has no contract: add contracts/{site.site}.yaml, or tariffs/{site.site}.yaml"
        )
    return site.contract


def supply_of_site(site: SiteAccounts) -> SupplyFile:
    """What the invoice goes by.

    Raises:
        ConfigError: The book does not say it.
    """
    if site.supply is None:
        raise ConfigError("no single meter of the book counts what is bought; say which under supply")
    return site.supply


def _readings(
    reader: SeriesReader, site: SiteAccounts, period: NamedPeriod, now_ns: int
) -> tuple[Readings, Counted, int]:
    """Readings of a whole period; what has not come yet is missing. Also how far they can reach."""
    contract, supply = contract_of(site), supply_of_site(site)
    metering = contract.metering
    step_ns = (metering.slip_s if metering.slide else STEP_S) * _NS
    start_ns, end_ns = period.edges_ns(contract.zone)
    until_ns = end_ns if end_ns <= now_ns else start_ns + max(now_ns - start_ns, 0) // step_ns * step_ns
    if until_ns <= start_ns:
        raise ConfigError(f"{period.name} has not begun")
    meter = next(one for one in site.book.meters if one.id == supply.meter)
    columns = [Column(_IMPORT, meter.point, "kWh")]
    if supply.export_point is not None:
        columns.append(Column(_EXPORT, supply.export_point, "kWh"))
    if supply.kvarh_point is not None:
        columns.append(Column(_KVARH, supply.kvarh_point, "kvarh"))
    found = counted(reader, site, columns, (start_ns, until_ns, step_ns))
    whole = (end_ns - start_ns) // step_ns
    given = [_padded(found.table.column(name), whole) for name in (_IMPORT, _EXPORT, _KVARH)]
    return Readings(start_ns, step_ns // _NS, *given), found, until_ns


def _padded(values: FloatArray, whole: int) -> FloatArray:
    """A column as long as its period, dust of an integral below zero taken off; an empty one stays so."""
    if not len(values):
        return values
    found = np.full(whole, np.nan)
    found[: len(values)] = np.where((values < 0.0) & (values > _DUST), 0.0, values)
    return found


def _before(
    reader: SeriesReader, site: SiteAccounts, period: NamedPeriod, now_ns: int
) -> tuple[Before, float]:
    """What earlier months leave behind, as far as a part of the contract asks for it.

    Beside it the known share of the month, or of the year so far, that is known least.
    """
    parts = contract_of(site).sheet_of(period.days.first, period.days.after).parts
    back = max(
        (one.ratchet.months for one in parts if isinstance(one, DemandPart) and one.ratchet), default=0
    )
    uses = [month_use(reader, site, month, now_ns) for month in months_before(period, back)]
    peaks = [use.peak_kw for use in uses]
    year_kwh = Decimal(0)
    if any(isinstance(part, TierPart) for part in parts) and period.days.first.timetuple().tm_yday > 1:
        first = period.days.first
        since = Period(first.replace(month=1, day=1), first)
        name = f"{since.first}..{period.days.first}"
        uses.append(month_use(reader, site, NamedPeriod(name, "range", since), now_ns))
        year_kwh = uses[-1].kwh
    known_frac = min((use.known_frac for use in uses), default=1.0)
    return Before(tuple(peak for peak in peaks if peak is not None), year_kwh), known_frac
