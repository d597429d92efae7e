"""Answers about energy, cost and carbon; each figure has its unit and how much of it is known."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from typing import Literal

from hub.api.models import Number
from protocols.config import Config, Text

Dimension = Literal["carrier", "area", "device", "product", "shift", "meter"]


class AccountsState(Config):
    """Whether a site has accounts, and what they go by."""

    book: bool
    """Whether there is a book of meters; without it there are no accounts."""

    contract: Text | None
    """Name of the contract; None: there is none, so electricity has no cost."""

    by_tariff: bool
    """Whether the contract was made of the planner's tariff: the site has none of its own."""

    currency: str
    """ISO 4217 code of all money here."""

    dimensions: list[Dimension]
    """What accounts can be split by."""


class PeriodAnswer(Config):
    """A period and how far it is reckoned."""

    name: str
    """As `2026-10`."""

    kind: Literal["day", "week", "month", "year", "range"]
    """What it is."""

    first: dt.date
    """First day, by the site's clock."""

    last: dt.date
    """Last day."""

    until: datetime
    """Reckoned to here: its end, or now."""

    over: bool
    """Whether it has ended."""


class AccountNote(Config):
    """What could not be said."""

    text: Text
    """For people."""

    detail: Text | None
    """Why, in the words of the check that found it; None: the text says all."""


class AccountRow(Config):
    """One account."""

    key: list[str]
    """Its place in each dimension that was asked for; empty: what none claims."""

    labels: list[Text]
    """The same in words; empty words for what none claims."""

    carrier: str
    """What was used."""

    carrier_label: Text
    """Its name."""

    unit: str
    """Unit of the amount."""

    amount: Number
    """How much; negative where the meters below show more than the one above. [unit]"""

    cost: Number | None
    """Money by the price of its hours; None: no price is known. [currency]"""

    co2_kg: Number | None
    """CO2 by the grid's or the fuel's yearly factor; None: no factor is known. [kg]"""

    complete_pct: Number
    """Known part of its intervals. [%]"""


class MeterRow(Config):
    """What is told of a meter beside its account."""

    meter: str
    """Its id in the book."""

    label: Text
    """Its name."""

    point: str | None
    """Point it is read from, as `device/point`; None: nothing reads it."""

    unit: str
    """Unit of the amounts."""

    amount: Number
    """What it counted in known intervals, those below it included. [unit]"""

    across_gaps: Number
    """Counted, but nobody knows in which interval: in no account. [unit]"""

    new_meters: int
    """How often another meter took over."""

    complete_pct: Number
    """Known part of its intervals. [%]"""


class ShareRow(Config):
    """What somebody bears of a shared cost."""

    name: str
    """A meter of the book, or `unmetered`."""

    label: Text
    """Its name."""

    cost: Number | None
    """Money; None: it is not known. [currency]"""

    co2_kg: Number | None
    """CO2; None: it is not known. [kg]"""


class MediumRow(Config):
    """A medium that the site makes for itself."""

    medium: str
    """Its carrier."""

    label: Text
    """Its name."""

    unit: str
    """Unit of what is made."""

    made: Number
    """How much. [unit]"""

    cost_per_unit: Number | None
    """Money of one unit; None: not known. [currency/unit]"""

    co2_kg_per_unit: Number | None
    """CO2 of one unit; None: not known. [kg/unit]"""

    shares: list[ShareRow]
    """Who bears it."""

    complete_pct: Number
    """Known part of the intervals of what was made and taken. [%]"""


class EmissionRow(Config):
    """One row of the carbon account."""

    scope: Literal["1", "2_location", "2_market"]
    """Where it counts."""

    carrier: str
    """What emitted."""

    carrier_label: Text
    """Its name."""

    quantity: Number
    """How much of it. [unit]"""

    unit: str
    """Unit of the quantity."""

    co2_kg: Number
    """CO2. [kg]"""

    factor_kg_per_unit: Number
    """The factor. [kg for one unit]"""

    factor_source: str
    """Who published the factor, and where."""

    factor_year: int | None
    """Year it describes."""

    factor_kind: str
    """`average_year`, `supplier_year`, `residual_year` or `instrument`; estimates are never here."""

    note: Text | None
    """What is not plain about it."""

    complete_pct: Number
    """Known part of the intervals of its supplies. [%]"""


class CoalRow(Config):
    """Standard coal of a carrier, by GB/T 2589."""

    carrier: str
    """What was bought."""

    carrier_label: Text
    """Its name."""

    tce: Number
    """Tons of standard coal equivalent. [t]"""

    complete_pct: Number
    """Known part of the intervals of its supplies. [%]"""


class ProductRow(Config):
    """What one of a product took."""

    product: str
    """Its id."""

    label: Text
    """Its name."""

    unit: str
    """What it is counted in."""

    count: Number
    """How much was made. [unit]"""

    kwh_per_unit: Number | None
    """Electricity of its own meters for one. [kWh/unit]"""

    cost_per_unit: Number | None
    """Money for one, media included. [currency/unit]"""

    co2_kg_per_unit: Number | None
    """CO2 of one, media included. [kg/unit]"""

    complete_pct: Number
    """Known part of the intervals of its counter and its meters. [%]"""


class ChpRow(Config):
    """How the fuel of a CHP is shared between its power and its heat."""

    unit: str
    """Its id."""

    label: Text
    """Its name."""

    method: Literal["energy", "exergy", "alternative", "power_bonus"]
    """How it is split."""

    fuel_kwh: Number
    """Burnt, as its meter states it. [kWh]"""

    power_kwh: Number
    """Generated. [kWh]"""

    heat_kwh: Number
    """Heat that was used. [kWh]"""

    power_frac: Number
    """Share that the power bears; the heat bears the rest. [-]"""

    cost: Number | None
    """Money of the fuel; None: it has no price. [currency]"""

    co2_kg: Number | None
    """CO2 of the fuel; None: it has no factor. [kg]"""

    complete_pct: Number
    """Known part of the intervals of its meters. [%]"""


class AccountStatement(Config):
    """What a site used over a period."""

    period: PeriodAnswer
    """The period."""

    by: list[Dimension]
    """Dimensions of the accounts."""

    currency: str
    """ISO 4217 code of all money here."""

    accounts: list[AccountRow]
    """By the dimensions that were asked for."""

    meters: list[MeterRow]
    """What is told of each meter."""

    media: list[MediumRow]
    """What the site makes for itself."""

    emissions: list[EmissionRow]
    """Scope 1 and both figures of scope 2."""

    coal: list[CoalRow]
    """Standard coal of what was bought."""

    products: list[ProductRow]
    """What one of each product took."""

    chp: list[ChpRow]
    """CHP units, split by their method."""

    notes: list[AccountNote]
    """What could not be said, and why."""
