"""Answers about invoices, goals, what is ahead and closed periods; each figure has its unit."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from hub.api.account_models import AccountNote, PeriodAnswer, ShareRow
from hub.api.models import Number
from protocols.config import Config, Text

GoalState = Literal["met", "at_risk", "missed", "unknown"]


class InvoiceLine(Config):
    """One line of an invoice."""

    part: str
    """Id of the part of the contract."""

    label: Text
    """What the invoice calls it."""

    group: str
    """Where it belongs."""

    band: Text | None
    """Band of the tariff; None: all."""

    quantity: Number
    """What was multiplied. [unit]"""

    unit: str
    """Unit of the quantity."""

    price: Number
    """What it was multiplied by. [currency/unit]"""

    amount: Number
    """Money, rounded. [currency]"""

    counted: bool
    """Whether it adds to the total; a tax within the prices does not."""

    note: Text | None
    """Why the quantity is what it is; None: that is plain."""


class InvoiceSharing(Config):
    """An invoice shared out to the meters below the supply, to the cent, by the price of their hours.

    Where the site generates power itself, all meters had the same share of it in each quarter hour.
    """

    rows: list[ShareRow]
    """Who bears what; none: it is not shared out."""

    refused: Text | None
    """Why it is not shared out; None: it is."""


class AccountInvoice(Config):
    """What a period costs by the contract, line by line."""

    period: PeriodAnswer
    """The period, by the clock of the contract."""

    contract: Text
    """Its name."""

    currency: str
    """ISO 4217 code."""

    source: str
    """Where the prices were published."""

    lines: list[InvoiceLine]
    """In the order of the contract."""

    total: Number
    """Sum of the lines that count. [currency]"""

    peak_kw: Number | None
    """Highest demand; None: the readings are too far apart to know it. [kW]"""

    provisional: bool
    """Whether something is missing: the period goes on, or there are gaps."""

    missing: int
    """Intervals without a reading, those that have not come yet included."""

    complete_pct: Number
    """Known part of the intervals up to `period.until`. [%]"""

    sharing: InvoiceSharing
    """Who bears it."""

    notes: list[AccountNote]
    """Why it is not final though no reading of its period may be missing."""


class GoalAnswer(Config):
    """Where a target or a budget stands."""

    goal: str
    """Its id."""

    label: Text
    """Its name."""

    figure: str
    """Meter or product above the line."""

    per: str | None
    """What it is for one of; None: a budget."""

    unit: str
    """Unit of the figures."""

    first: dt.date
    """First day."""

    last: dt.date
    """Last day."""

    at_most: Number
    """What it may come to. [unit]"""

    so_far: Number | None
    """What it comes to so far; None: nothing is known. [unit]"""

    expected: Number | None
    """Where it ends if it goes on so; None: as above. [unit]"""

    elapsed_pct: Number
    """Part of its days that are known. [%]"""

    state: GoalState
    """Whether it is met, at risk, or missed for good."""


class FactorAnswer(Config):
    """The power factor of this month and where it ends."""

    standard: str
    """Factor that neither adds nor takes off."""

    billed: bool
    """Whether the contract adjusts the bill by it."""

    kwh: Number
    """Active energy so far. [kWh]"""

    kvarh: Number
    """Reactive energy so far. [kvarh]"""

    to_come_kwh: Number
    """What is expected until the end of the month. [kWh]"""

    to_come_kvarh: Number
    """What is expected until the end of the month. [kvarh]"""

    factor: Number
    """The factor of what was used so far. [-]"""

    end_factor: Number
    """Where the month ends. [-]"""

    end_pct: Number
    """What is then added to the bill, negative where it is taken off. [%]"""

    to_standard_kvarh: Number
    """Reactive energy to compensate until then for the standard; 0: it is kept. [kvarh]"""

    days: int
    """Days that the expectation was learnt from."""

    complete_pct: Number
    """Known part of the readings of the month so far. [%]"""


class ChargeWay(Config):
    """A way to be charged next month."""

    mode: Literal["capacity", "contract", "measured"]
    """The way."""

    label: Text
    """Its name."""

    contract_kw: Number | None
    """Contract demand that costs least in it; None for others. [kW]"""

    expected: Number
    """Money at the expected demand. [currency]"""

    at_high: Number
    """Money at the highest demand to be reckoned with. [currency]"""


class ChargeAdvice(Config):
    """Which basic charge is cheapest next month."""

    month: str
    """The month it is for."""

    in_use: Literal["capacity", "contract", "measured"]
    """The way the contract goes by now."""

    ways: list[ChargeWay]
    """The cheapest first."""

    expected_kw: Number
    """Demand that is expected. [kW]"""

    high_kw: Number
    """Demand to be reckoned with. [kW]"""

    month_kwh: Number
    """Energy that is expected. [kWh]"""

    months: list[str]
    """Months it was learnt from."""


class AccountOutlook(Config):
    """What is ahead; of what is not, why not."""

    factor: FactorAnswer | None
    """Power factor of this month."""

    no_factor: Text | None
    """Why it is not told; None: it is."""

    charge: ChargeAdvice | None
    """Basic charge of next month."""

    no_charge: Text | None
    """Why it is not told; None: it is."""

    currency: str
    """ISO 4217 code of all money here."""


class ClosedFigure(Config):
    """One figure of a closed period, to the last digit."""

    figure: str
    """Its code, which never changes."""

    label: Text
    """What people call it."""

    unit: str
    """Its unit; empty: it has none."""

    value: str
    """As it was reported."""


class ClosedChange(Config):
    """One figure that became another."""

    figure: str
    """Its code, which never changes."""

    label: Text
    """What people call it."""

    unit: str
    """Its unit; empty: it has none."""

    old: str | None
    """As it was reported last; None: it was not."""

    new: str | None
    """As it is known now; None: it is not reported any more."""

    difference: str | None
    """New less old; None where one of them is missing."""


class ClosedVersion(Config):
    """A period as it was reported once."""

    period: str
    """Its name."""

    version: int
    """1 when it was closed, one more with each restatement."""

    figures: list[ClosedFigure]
    """What was reported."""

    changes: list[ClosedChange]
    """What became of the version before; none for the first."""

    reason: str
    """Why it was restated; of one without its invoice also that, and why. Empty: it was closed, whole."""

    by: str
    """Who did it."""

    time: datetime
    """When."""

    hash: str
    """SHA-256 of the record, which holds that of the one before."""


class ClosePeriod(Config):
    """A period to be closed."""

    period: Annotated[str, Field(min_length=4, max_length=32)]
    """Its name, as `2026-10`."""

    despite_gaps: bool = False
    """Close it although readings are missing."""

    without_invoice: bool = False
    """Close it although its invoice cannot be made; the record says so and why."""


class RestatePeriod(Config):
    """A closed period to be restated."""

    period: Annotated[str, Field(min_length=4, max_length=32)]
    """Its name."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]
    """Why; it is kept with the figures."""

    despite_gaps: bool = False
    """Restate it although readings are missing."""

    without_invoice: bool = False
    """Restate it although its invoice cannot be made; the record says so and why."""
