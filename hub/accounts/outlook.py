"""What is ahead: the power factor at the end of the month, and which basic charge is cheapest next month.

    rest of a month    Σ over days to come of the mean day of its kind in the last four weeks
    next month's peak  expected: mean of the last three whole months' peaks; to be reckoned with: the highest
                       of the last twelve

Everything here may wait for the store: call it from a thread.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from accounts.contract import basic_of
from accounts.invoice import midnight_ns
from accounts.money import ZERO, metered, rounded
from accounts.other_parts import FactorPart
from accounts.power_factor import Foreseen, Standard, foreseen
from accounts.power_parts import BasicMode, Choice, advice
from hub.accounts.billing import MonthUse, contract_of, month_use, supply_of_site
from hub.accounts.counted import Column, between
from hub.accounts.periods import month_named, months_before
from hub.accounts.site import SiteAccounts
from hub.store.port import SeriesReader
from protocols.errors import ConfigError

_LOOK_D: Final = 28
_MEAN_MONTHS: Final = 3
_HIGH_MONTHS: Final = 12
_KNOWN_FRAC: Final = 0.95
"""Months that are known less teach nothing."""
_PLACES: Final = 3
_DEFAULT: Final[Standard] = "0.90"
_KWH, _KVARH = "kwh", "kvarh"


@dataclass(frozen=True, slots=True)
class FactorOutlook:
    """The power factor of the running month.

    Attributes:
        standard: Factor that neither adds nor takes off.
        billed: Whether the contract adjusts the bill by it.
        so_far: Active and reactive energy until now. [kWh, kvarh]
        to_come: What is expected until its end. [kWh, kvarh]
        now: The factor of what was used until now.
        end: Where the month ends.
        days: Days that the expectation was learnt from.
        known_frac: Known share of the readings of the month until now. [-]
    """

    standard: Standard
    billed: bool
    so_far: tuple[Decimal, Decimal]
    to_come: tuple[Decimal, Decimal]
    now: Foreseen
    end: Foreseen
    days: int
    known_frac: float


@dataclass(frozen=True, slots=True)
class BasicAdvice:
    """Ways to be charged next month, the cheapest first.

    Attributes:
        month: The month they are for, as `2026-11`.
        in_use: The way the contract goes by now.
        ways: All ways.
        expected_kw: Demand that is expected. [kW]
        high_kw: Demand to be reckoned with. [kW]
        month_kwh: Energy that is expected. [kWh]
        months: Months it was learnt from, the oldest first.
    """

    month: str
    in_use: BasicMode
    ways: list[Choice]
    expected_kw: Decimal
    high_kw: Decimal
    month_kwh: Decimal
    months: list[MonthUse]


def factor_outlook(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> FactorOutlook:
    """Where the power factor of this month ends.

    Raises:
        ConfigError: No reactive energy is metered, or no day is known to learn from.
        StoreError: The series cannot be read now.
    """
    supply = supply_of_site(site)
    if supply.kvarh_point is None:
        raise ConfigError(
            "the power factor needs reactive energy: name its counter as kvarh_point under supply"
        )
    today = dt.datetime.fromtimestamp(now_ns / 1e9, site.zone).date()
    month = month_named(today)
    use = month_use(reader, site, month, now_ns)
    of_kind, days = _mean_days(reader, site, today)
    left = [today + dt.timedelta(days=step) for step in range((month.days.after - today).days)]
    gone_frac = _gone_frac(site, today, now_ns)
    kwh = kvarh = 0.0
    for day in left:
        mean = of_kind[_kind(site, day)]
        share = 1.0 - gone_frac if day == today else 1.0
        kwh, kvarh = kwh + mean[0] * share, kvarh + mean[1] * share
    so_far = (use.kwh, use.kvarh or ZERO)
    to_come = (metered([kwh], _PLACES), metered([kvarh], _PLACES))
    standard, billed = _standard(site, today)
    return FactorOutlook(
        standard=standard,
        billed=billed,
        so_far=so_far,
        to_come=to_come,
        now=foreseen(so_far, (ZERO, ZERO), standard),
        end=foreseen(so_far, to_come, standard),
        days=days,
        known_frac=use.known_frac,
    )


def basic_advice(reader: SeriesReader, site: SiteAccounts, now_ns: int) -> BasicAdvice:
    """Which basic charge is cheapest next month.

    Raises:
        ConfigError: The contract has no basic charge, or no month is known well enough to learn from.
        StoreError: The series cannot be read now.
    """
    contract = contract_of(site)
    today = dt.datetime.fromtimestamp(now_ns / 1e9, contract.zone).date()
    part = basic_of(contract.sheet_of(today, today + dt.timedelta(days=1)).parts)
    if part is None:
        raise ConfigError("the contract has no basic charge to choose")
    this = month_named(today)
    uses = [month_use(reader, site, month, now_ns) for month in (*months_before(this, _HIGH_MONTHS), this)]
    whole = [one for one in uses[:-1] if one.known_frac >= _KNOWN_FRAC and one.peak_kw is not None]
    taught = whole or [one for one in uses[-1:] if one.peak_kw is not None]
    if not taught:
        raise ConfigError("no month is known well enough to say what the next one needs")
    peaks = [one.peak_kw for one in taught if one.peak_kw is not None]
    newest = peaks[-_MEAN_MONTHS:]
    energies = [one.kwh for one in taught[-_MEAN_MONTHS:]]
    expected = rounded(sum(newest, ZERO) / len(newest), _PLACES)
    high = max([*peaks, *(one.peak_kw for one in uses[-1:] if one.peak_kw is not None)])
    month_kwh = rounded(sum(energies, ZERO) / len(energies), _PLACES)
    return BasicAdvice(
        month=month_named(this.days.after).name,
        in_use=part.mode,
        ways=advice(part, expected, high, month_kwh, contract.rounding.money),
        expected_kw=expected,
        high_kw=high,
        month_kwh=month_kwh,
        months=taught,
    )


def _standard(site: SiteAccounts, day: dt.date) -> tuple[Standard, bool]:
    """The standard of the contract, and whether it has one."""
    parts = contract_of(site).sheet_of(day, day + dt.timedelta(days=1)).parts
    found = next((part.standard for part in parts if isinstance(part, FactorPart)), None)
    return (_DEFAULT, False) if found is None else (found, True)


def _mean_days(
    reader: SeriesReader, site: SiteAccounts, today: dt.date
) -> tuple[dict[bool, tuple[float, float]], int]:
    """Mean day of each kind, worked or not, of the last four weeks; one kind stands in for the other."""
    supply = supply_of_site(site)
    meter = next(one for one in site.book.meters if one.id == supply.meter)
    columns = [Column(_KWH, meter.point, "kWh"), Column(_KVARH, supply.kvarh_point, "kvarh")]
    dates = [today - dt.timedelta(days=back) for back in range(_LOOK_D, 0, -1)]
    edges = np.array([midnight_ns(day, site.zone) for day in (*dates, today)], np.int64)
    values, _ = between(reader, site, columns, edges)
    known: defaultdict[bool, list[tuple[float, float]]] = defaultdict(list)
    for day, kwh, kvarh in zip(dates, values[_KWH].tolist(), values[_KVARH].tolist(), strict=True):
        if np.isfinite(kwh) and np.isfinite(kvarh):
            known[_kind(site, day)].append((kwh, kvarh))
    if not known:
        raise ConfigError("no whole day of the last four weeks is known; the month cannot be foreseen")
    means = {kind: _mean(days) for kind, days in known.items()}
    other = next(iter(means.values()))
    return {kind: means.get(kind, other) for kind in (True, False)}, sum(len(days) for days in known.values())


def _mean(days: Sequence[tuple[float, float]]) -> tuple[float, float]:
    kwh, kvarh = (sum(column) / len(days) for column in zip(*days, strict=True))
    return kwh, kvarh


def _kind(site: SiteAccounts, day: dt.date) -> bool:
    return site.calendar.day(day).kind in {"working", "make_up"}


def _gone_frac(site: SiteAccounts, today: dt.date, now_ns: int) -> float:
    begin, end = (midnight_ns(day, site.zone) for day in (today, today + dt.timedelta(days=1)))
    return (now_ns - begin) / (end - begin)
