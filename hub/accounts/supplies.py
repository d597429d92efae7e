"""What the supplies of a book show: what was bought, its standard coal and its carbon by scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from accounts.bands import IntArray, local_clock
from accounts.carbon import Emission, Factor, Instrument, report, usable
from accounts.fuels import STANDARD_COAL, fuel_coal_kg, in_basis, standard_coal_kg
from accounts.ledger import Flow
from accounts.money import metered, rounded
from accounts.readings import FloatArray
from hub.accounts.book import ELECTRICITY, AccountsFile
from hub.accounts.notes import Note, no_carbon, no_coal
from protocols.errors import ConfigError

_PLACES: Final = 6


def in_factor_basis(book: AccountsFile, factor: Factor, amount: Decimal) -> Decimal:
    """An amount as its meters state it, by the heating value of a factor."""
    stated = next(meter.basis for meter in book.meters if meter.carrier == factor.carrier)
    if stated is None or factor.basis is None:
        return amount
    return in_basis(amount, stated, factor.basis, factor.hhv_per_lhv)


def factors_of(book: AccountsFile, carrier: str, years: IntArray) -> FloatArray:
    """CO2 of a unit by the factor of the year of each interval. [kg].

    Raises:
        ConfigError: One of the years has none that may stand in a report.
    """
    kinds = ("average_year",) if carrier == ELECTRICITY else ("supplier_year", "average_year")
    found = np.empty(len(years))
    for year in np.unique(years).tolist():
        factor = usable(book.factors, carrier, kinds, year)
        found[years == year] = float(factor.kg_per_unit * in_factor_basis(book, factor, Decimal(1)))
    return found


def bought_of(book: AccountsFile, flows: Sequence[Flow]) -> dict[str, Decimal]:
    """What the supplies show, by carrier; media are made here and none of it."""
    media = {medium.id for medium in book.media}
    bought = {meter.id for meter in book.meters if meter.bought and meter.carrier not in media}
    found: dict[str, Decimal] = {}
    for flow in flows:
        if not flow.below and flow.meter in bought:
            amount = metered(flow.amount[np.isfinite(flow.amount)].tolist(), _PLACES)
            found[flow.carrier] = found.get(flow.carrier, Decimal(0)) + amount
    return found


def coal_of(book: AccountsFile, flows: Sequence[Flow], notes: list[Note]) -> dict[str, Decimal]:
    """Standard coal of what was bought, by carrier; of what has none the notes say why. [kg]."""
    units = {flow.carrier: flow.unit for flow in flows}
    stated = {meter.carrier: meter.basis for meter in book.meters}
    ratios = {factor.carrier: factor.hhv_per_lhv for factor in book.factors if factor.hhv_per_lhv}
    found: dict[str, Decimal] = {}
    for carrier, amount in bought_of(book, flows).items():
        basis = stated[carrier]
        try:
            if basis is not None and units[carrier] == "kWh":
                found[carrier] = fuel_coal_kg(amount, basis, ratios.get(carrier))
            elif STANDARD_COAL.get(carrier, ("", 0))[0] == units[carrier]:
                found |= standard_coal_kg({carrier: amount})
            else:
                notes.append(no_coal(carrier, f"GB/T 2589 has none for it in {units[carrier]}"))
        except ConfigError as error:
            notes.append(no_coal(carrier, str(error)))
    return found


def carbon_rows(
    book: AccountsFile, flows: Sequence[Flow], when: tuple[IntArray, ZoneInfo], notes: list[Note]
) -> list[Emission]:
    """Rows of each calendar year that the table has a part of, by the factors of that year."""
    years = years_of(*when)
    found: list[Emission] = []
    try:
        for year in np.unique(years).tolist():
            inside = years == year
            found += _carbon_of([replace(flow, amount=flow.amount[inside]) for flow in flows], book, year)
    except ConfigError as error:
        notes.append(no_carbon(error))
        return []
    return found


def years_of(starts: IntArray, zone: ZoneInfo) -> IntArray:
    """Calendar year that each instant lies in, by a zone's clock."""
    days, _ = local_clock(starts, zone)
    held, at = np.unique(days, return_inverse=True)
    return np.array([dt.date.fromordinal(int(day)).year for day in held], np.int64)[at]


def _carbon_of(flows: Sequence[Flow], book: AccountsFile, year: int) -> list[Emission]:
    bought = bought_of(book, flows)
    with_factor = {factor.carrier for factor in book.factors}
    burnt: dict[str, Decimal] = {}
    for name, amount in bought.items():
        if name != ELECTRICITY and name in with_factor:
            factor = usable(book.factors, name, ("supplier_year", "average_year"), year)
            burnt[name] = in_factor_basis(book, factor, amount)
    power = bought.get(ELECTRICITY, Decimal(0))
    covered = [
        Instrument(rounded(power * one.share, _PLACES), one.kg_per_kwh, one.source)
        for one in book.attributes
        if one.year == year
    ]
    return report(burnt, power, book.factors, year, covered)
