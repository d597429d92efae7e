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
from accounts.carbon import Emission
from accounts.contract import Contract
from accounts.goals import Day, Standing, intensity, standing
from accounts.invoice import Courses, midnight_ns
from accounts.ledger import Account, Dimension, Flow, Intervals, Rates, accounts_of, residuals
from accounts.money import metered
from accounts.pricing import price_series
from accounts.readings import FloatArray
from accounts.sharing import share_invoice
from hub.accounts.book import ELECTRICITY, AccountsFile, Product
from hub.accounts.chp_shares import ChpShare, chp_shares
from hub.accounts.media import Shared, cost_of, kg_of, media_of, total_of
from hub.accounts.notes import Note, no_co2, no_cost, no_media, no_medium
from hub.accounts.supplies import carbon_rows, coal_of, factors_of, years_of
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
        chp: What of each CHP's fuel belongs to power and to heat.
        notes: What could not be said, and why.
    """

    accounts: list[Account]
    media: list[Shared]
    coal_kg: dict[str, Decimal]
    carbon: list[Emission]
    products: list[Made]
    goals: dict[str, Standing]
    shared: dict[str, Decimal]
    chp: list[ChpShare]
    notes: list[Note]


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
    notes: list[Note] = []
    rates = rates_of(book, starts, around, notes)
    intervals = _shifts(around, starts, table.step_s)
    media = _media(book, flows, rates, notes)
    return Statement(
        accounts=accounts_of(flows, by, rates, intervals),
        media=media,
        coal_kg=coal_of(book, flows, notes),
        carbon=carbon_rows(book, flows, (starts, around.zone), notes),
        goals=_goals(book, table, starts, around.zone),
        shared={} if around.invoice is None else _shared(book, flows, rates, around.invoice),
        chp=chp_shares(book, {flow.meter: flow for flow in flows}, rates, notes),
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


def rates_of(book: AccountsFile, starts: IntArray, around: Around, notes: list[Note]) -> dict[str, Rates]:
    """What a unit of each carrier that is bought costs and emits; of what is not known the notes say why.

    Args:
        book: The book.
        starts: Begin of each interval. [ns since 1970, UTC]
        around: Contract and its prices.
        notes: What could not be said.
    """
    years = years_of(starts, around.zone)
    prices = {one.carrier: np.full(len(starts), float(one.per_unit)) for one in book.prices}
    why: ConfigError | None = None
    try:
        if around.contract is not None:
            prices[ELECTRICITY] = price_series(around.contract, starts, around.courses)
    except ConfigError as error:
        why = error
    found: dict[str, Rates] = {}
    for carrier in _bought_carriers(book):
        kg: FloatArray | None = None
        try:
            kg = factors_of(book, carrier, years)
        except ConfigError as error:
            notes.append(no_co2(carrier, error))
        if carrier not in prices:
            notes.append(no_cost(carrier, why if carrier == ELECTRICITY else None))
        found[carrier] = Rates(prices.get(carrier), kg)
    return found


def _bought_carriers(book: AccountsFile) -> list[str]:
    """Carriers that come from outside, in the order of the book."""
    media = {medium.id for medium in book.media}
    return list(
        dict.fromkeys(meter.carrier for meter in book.meters if meter.bought and meter.carrier not in media)
    )


def _media(
    book: AccountsFile, flows: Sequence[Flow], rates: Mapping[str, Rates], notes: list[Note]
) -> list[Shared]:
    """Media that can be reckoned; of the others the notes say why not."""
    known = {flow.meter: flow.carrier for flow in flows if np.isfinite(flow.amount).any()}
    able = book.media
    while True:
        carriers = {*rates, *(one.id for one in able)}
        still = tuple(
            one
            for one in able
            if one.made in known and all(known.get(name) in carriers for name in one.inputs)
        )
        if len(still) == len(able):
            break
        able = still
    notes += [no_medium(one.label) for one in book.media if one not in able]
    try:
        return media_of(book.model_copy(update={"media": able}), flows, rates)
    except ConfigError as error:
        notes.append(no_media(error))
        return []


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
    below = {flow.meter: flow.amount for flow in own if flow.below}
    if any(not meter.bought and meter.carrier == ELECTRICITY for meter in book.meters):
        below = _bought_part(below, supply[0].amount)
    return share_invoice(total, price, below, supply[0].amount)


def _bought_part(below: Mapping[str, FloatArray], supply: FloatArray) -> dict[str, FloatArray]:
    """Consumers less what own generation gave them: in each interval all had the same share of it."""
    used = sum((np.nan_to_num(amount) for amount in below.values()), np.zeros(len(supply)))
    bought = np.clip(np.nan_to_num(supply), 0.0, used)
    part = np.divide(bought, used, out=np.zeros(len(supply)), where=used > 0.0)
    return {name: amount * part for name, amount in below.items()}


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
