"""A statement of a site over a table of readings: accounts, media, standard coal, carbon, products.

What is worked out how stands in `accounts`; here the book says which column is what.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from accounts.bands import IntArray, local_clock
from accounts.carbon import Emission, Factor, Instrument, report, usable
from accounts.contract import Contract
from accounts.fuels import STANDARD_COAL, fuel_coal_kg, in_basis, standard_coal_kg
from accounts.goals import Day, Standing, intensity, standing
from accounts.invoice import Courses, midnight_ns
from accounts.ledger import Account, Dimension, Flow, Intervals, Rates, accounts_of, residuals
from accounts.money import metered, rounded
from accounts.pricing import price_series
from accounts.sharing import share_invoice
from hub.accounts.book import ELECTRICITY, AccountsFile, Product
from hub.accounts.media import Shared, cost_of, kg_of, media_of, total_of
from hub.accounts.tables import Table
from hub.registry.calendars import Calendar
from protocols.errors import ConfigError

_NS = 1_000_000_000
_PLACES = 6


@dataclass(frozen=True, slots=True)
class Made:
    """A product.

    Attributes:
        id: Its id.
        unit: What it is counted in.
        count: How much was made.
        kwh_per_unit: Electricity of its own meters for one; None where none was made.
        cost_per_unit: Money for one, media included; None as above.
        kg_per_unit: CO2 of one, media included; None as above. [kg]
    """

    id: str
    unit: str
    count: Decimal
    kwh_per_unit: Decimal | None
    cost_per_unit: Decimal | None
    kg_per_unit: Decimal | None


@dataclass(frozen=True, slots=True)
class Statement:
    """What a site used over the time of a table.

    Attributes:
        accounts: By the dimensions that were asked for.
        media: What it made for itself.
        coal_kg: Standard coal of what it bought, by carrier. [kg]
        carbon: Scope 1 and both figures of scope 2.
        products: What one of each product took.
        goals: Where each goal stands, by its id.
        shared: The invoice shared out to the meters below the supply, to the cent; empty: there is none.
        notes: What could not be said, and why.
    """

    accounts: list[Account]
    media: list[Shared]
    coal_kg: dict[str, Decimal]
    carbon: list[Emission]
    products: list[Made]
    goals: dict[str, Standing]
    shared: dict[str, Decimal]
    notes: list[str]


@dataclass(frozen=True)
class Around:
    """What a statement goes by beside book and readings.

    Attributes:
        contract: Of the electricity; None: it has no cost.
        courses: Prices the contract goes by.
        calendar: Shifts of the site.
        zone: Zone of its clock.
        invoice: Total of the electricity's invoice, to be shared out; None: it is not.
    """

    contract: Contract | None
    courses: Mapping[str, Courses]
    calendar: Calendar
    zone: ZoneInfo
    invoice: Decimal | None = None


def statement(book: AccountsFile, table: Table, by: Sequence[Dimension], around: Around) -> Statement:
    """Make a statement.

    Raises:
        ConfigError: A meter has no column, prices or factors lack something, or media cannot be solved.
    """
    starts = table.start_ns + np.arange(_length(table), dtype=np.int64) * (table.step_s * _NS)
    flows = _flows(book, table)
    year = dt.datetime.fromtimestamp(table.start_ns / _NS, around.zone).year
    notes: list[str] = []
    rates = _rates(book, starts, around, (year, notes))
    intervals = _shifts(around, starts, table.step_s)
    media = media_of(book, flows, rates)
    return Statement(
        accounts=accounts_of(flows, by, rates, intervals),
        media=media,
        coal_kg=_coal(book, flows, notes),
        carbon=_carbon(book, flows, year, notes),
        goals=_goals(book, table, starts, around.zone),
        shared={} if around.invoice is None else _shared(book, flows, rates, around.invoice),
        products=[_made(one, table, residuals(flows), (rates, media)) for one in book.products],
        notes=notes,
    )


def _length(table: Table) -> int:
    return len(next(iter(table.columns.values())))


def _flows(book: AccountsFile, table: Table) -> list[Flow]:
    lacking = [meter.id for meter in book.meters if meter.id not in table.columns]
    if lacking:
        raise ConfigError(
            f"the table has no column for {', '.join(lacking)}; add them, empty where nothing is known"
        )
    return [
        Flow(
            meter.id, meter.carrier if meter.bought else f"{meter.carrier}_own", meter.unit,
            table.columns[meter.id], meter.area or "", meter.device or "", meter.product or "", meter.below
            or "",
        )
        for meter in book.meters
    ]  # fmt: skip


def _rates(
    book: AccountsFile, starts: IntArray, around: Around, told: tuple[int, list[str]]
) -> dict[str, Rates]:
    year, notes = told
    prices = {one.carrier: np.full(len(starts), float(one.per_unit)) for one in book.prices}
    if around.contract is not None:
        prices[ELECTRICITY] = price_series(around.contract, starts, around.courses)
    found: dict[str, Rates] = {}
    media = {medium.id for medium in book.media}
    for carrier in dict.fromkeys(meter.carrier for meter in book.meters if meter.carrier not in media):
        kg: float | None = None
        kinds = ("average_year",) if carrier == ELECTRICITY else ("supplier_year", "average_year")
        try:
            factor = usable(book.factors, carrier, kinds, year)
            kg = float(factor.kg_per_unit * _in_factor(book, factor, Decimal(1)))
        except ConfigError as error:
            notes.append(f"no CO2 for {carrier}: {error}")
        if carrier not in prices:
            notes.append(f"no cost for {carrier}: give its price under prices, or a contract")
        found[carrier] = Rates(prices.get(carrier), kg)
    return found


def _in_factor(book: AccountsFile, factor: Factor, amount: Decimal) -> Decimal:
    """An amount as its meters state it, by the heating value of a factor."""
    stated = next(meter.basis for meter in book.meters if meter.carrier == factor.carrier)
    if stated is None or factor.basis is None:
        return amount
    return in_basis(amount, stated, factor.basis, factor.hhv_per_lhv)


def _shifts(around: Around, starts: IntArray, step_s: int) -> Intervals:
    shifts = [shift.id for shift in around.calendar.file.shifts]
    index = np.full(len(starts), -1, np.int64)
    if not shifts or not len(starts):
        return Intervals()
    days, _ = local_clock(starts, around.zone)
    for ordinal in range(int(days.min()) - 1, int(days.max()) + 1):
        for one in around.calendar.shifts(dt.date.fromordinal(ordinal), around.zone):
            begin, end = (round(at.timestamp()) * _NS for at in (one.start, one.end))
            index[(starts >= begin) & (starts + step_s * _NS <= end)] = shifts.index(one.shift.id)
    return Intervals(tuple(shifts), index)


def _bought(book: AccountsFile, flows: Sequence[Flow]) -> dict[str, Decimal]:
    """What the supplies show, by carrier; media are made here and none of it."""
    media = {medium.id for medium in book.media}
    bought = {meter.id for meter in book.meters if meter.bought and meter.carrier not in media}
    found: dict[str, Decimal] = {}
    for flow in flows:
        if not flow.below and flow.meter in bought:
            amount = metered(flow.amount[np.isfinite(flow.amount)].tolist(), _PLACES)
            found[flow.carrier] = found.get(flow.carrier, Decimal(0)) + amount
    return found


def _coal(book: AccountsFile, flows: Sequence[Flow], notes: list[str]) -> dict[str, Decimal]:
    units = {flow.carrier: flow.unit for flow in flows}
    stated = {meter.carrier: meter.basis for meter in book.meters}
    ratios = {factor.carrier: factor.hhv_per_lhv for factor in book.factors if factor.hhv_per_lhv}
    found: dict[str, Decimal] = {}
    for carrier, amount in _bought(book, flows).items():
        basis = stated[carrier]
        try:
            if basis is not None and units[carrier] == "kWh":
                found[carrier] = fuel_coal_kg(amount, basis, ratios.get(carrier))
            elif STANDARD_COAL.get(carrier, ("", 0))[0] == units[carrier]:
                found |= standard_coal_kg({carrier: amount})
            else:
                notes.append(f"no standard coal for {carrier} in {units[carrier]}: GB/T 2589 has none for it")
        except ConfigError as error:
            notes.append(f"no standard coal for {carrier}: {error}")
    return found


def _carbon(book: AccountsFile, flows: Sequence[Flow], year: int, notes: list[str]) -> list[Emission]:
    bought = _bought(book, flows)
    try:
        burnt = {
            name: _in_factor(
                book, usable(book.factors, name, ("supplier_year", "average_year"), year), amount
            )
            for name, amount in bought.items()
            if name != ELECTRICITY and name in {factor.carrier for factor in book.factors}
        }
        power = bought.get(ELECTRICITY, Decimal(0))
        covered = [
            Instrument(rounded(power * one.share, _PLACES), one.kg_per_kwh, one.source)
            for one in book.attributes
            if one.year == year
        ]
        return report(burnt, power, book.factors, year, covered)
    except ConfigError as error:
        notes.append(f"no carbon report: {error}")
        return []


def _shared(
    book: AccountsFile, flows: Sequence[Flow], rates: Mapping[str, Rates], total: Decimal
) -> dict[str, Decimal]:
    bought = {meter.id for meter in book.meters if meter.bought and not meter.below}
    own = [flow for flow in residuals(flows) if flow.carrier == ELECTRICITY]
    supply = [flow for flow in flows if flow.carrier == ELECTRICITY and flow.meter in bought]
    if len(supply) != 1:
        raise ConfigError(
            f"an invoice is shared out below one supply; the book has {len(supply)} that are bought"
        )
    price = rates[ELECTRICITY].cost
    if price is None:
        raise ConfigError("an invoice is shared out by the price of its hours; give the contract it is from")
    return share_invoice(
        total, price, {flow.meter: flow.amount for flow in own if flow.below}, supply[0].amount
    )


def _goals(book: AccountsFile, table: Table, starts: IntArray, zone: ZoneInfo) -> dict[str, Standing]:
    """Goals by days; a day counts where its column has all its intervals."""
    ordinals, _ = local_clock(starts, zone)
    days: list[Day] = []
    for ordinal in np.unique(ordinals):
        inside = ordinals == ordinal
        date = dt.date.fromordinal(int(ordinal))
        whole_ns = midnight_ns(date + dt.timedelta(days=1), zone) - midnight_ns(date, zone)
        if int(inside.sum()) * table.step_s * _NS < whole_ns:
            continue
        of_day = {name: values[inside] for name, values in table.columns.items()}
        known = {name: values for name, values in of_day.items() if np.isfinite(values).all()}
        days.append(Day(date, {name: metered(values.tolist(), _PLACES) for name, values in known.items()}))
    return {goal.id: standing(goal, days) for goal in book.goals}


def _made(
    one: Product, table: Table, flows: Sequence[Flow], known: tuple[Mapping[str, Rates], Sequence[Shared]]
) -> Made:
    rates, media = known
    if one.counter not in table.columns:
        raise ConfigError(f"the table has no column {one.counter!r} with what was made of {one.id!r}")
    count = metered(table.columns[one.counter][np.isfinite(table.columns[one.counter])].tolist(), _PLACES)
    own = [flow for flow in flows if flow.product == one.id and flow.carrier in rates]
    names = {flow.meter for flow in flows if flow.product == one.id}
    used = [medium for medium in media if names & set(medium.meters)]
    priced = all(rates[flow.carrier].cost is not None for flow in own)
    known_kg = all(rates[flow.carrier].kg is not None for flow in own)
    cost = _summed([cost_of(flow, rates) for flow in own], [medium.cost for medium in used], names)
    kg = _summed([kg_of(flow, rates) for flow in own], [medium.kg for medium in used], names)
    figures = (
        sum(total_of(flow) for flow in own if flow.carrier == ELECTRICITY),
        cost if priced else None,
        kg if known_kg else None,
    )
    if count <= 0:
        return Made(one.id, one.unit, count, None, None, None)
    each = [None if value is None else intensity(Decimal(value), count) for value in figures]
    return Made(one.id, one.unit, count, *each)


def _summed(
    own: Sequence[float], borne: Sequence[Mapping[str, float]], names: Collection[str]
) -> float | None:
    """What the meters of a product bear, media included; None where that of a medium is not known."""
    if not all(borne):
        return None
    return sum(own) + sum(amount for one in borne for name, amount in one.items() if name in names)
