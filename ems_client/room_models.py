"""Answers about accounts, reports and the audit; fields that a newer hub adds are left out."""

from __future__ import annotations

import datetime as dt
from datetime import datetime

from ems_client.models import Answer
from protocols.config import Text


class PeriodAnswer(Answer):
    """A period and how far it is reckoned."""

    name: str
    """As `2026-10`."""

    first: dt.date
    """First day, by the site's clock."""

    last: dt.date
    """Last day."""

    until: datetime
    """Reckoned to here: its end, or now."""

    over: bool
    """Whether it has ended."""


class AccountNote(Answer):
    """What could not be said."""

    text: Text
    """For people."""

    detail: Text | None
    """Why; None: the text says all."""


class AccountRow(Answer):
    """One account."""

    key: list[str]
    """Its place in each dimension that was asked for; empty: what none claims."""

    labels: list[Text]
    """The same in words."""

    carrier: str
    """What was used."""

    unit: str
    """Unit of the amount."""

    amount: float
    """How much. [unit]"""

    cost: float | None
    """Money by the price of its hours; None: not known. [currency]"""

    co2_kg: float | None
    """CO2; None: not known. [kg]"""

    complete_pct: float
    """Known part of its intervals. [%]"""


class EmissionRow(Answer):
    """One row of the carbon account."""

    factor_kg_per_unit: float | None = None
    """The factor; None: an older hub does not say. [kg for one unit]"""

    scope: str
    """`1`, `2_location` or `2_market`."""

    carrier: str
    """What emitted."""

    quantity: float
    """How much of it. [unit]"""

    unit: str
    """Unit of the quantity."""

    co2_kg: float
    """CO2. [kg]"""

    factor_source: str
    """Who published the factor, and where."""

    factor_year: int | None
    """Year it describes."""

    complete_pct: float
    """Known part of the intervals of its supplies. [%]"""


class AccountStatement(Answer):
    """What a site used over a period."""

    period: PeriodAnswer
    """The period."""

    currency: str
    """ISO 4217 code of all money here."""

    accounts: list[AccountRow]
    """By the dimensions that were asked for."""

    emissions: list[EmissionRow]
    """Scope 1 and both figures of scope 2, which are never added."""

    notes: list[AccountNote]
    """What could not be said, and why."""


class InvoiceLine(Answer):
    """One line of an invoice."""

    part: str
    """Id of the part of the contract."""

    label: Text
    """What the invoice calls it."""

    quantity: float
    """What was multiplied. [unit]"""

    unit: str
    """Unit of the quantity."""

    price: float
    """What it was multiplied by. [currency/unit]"""

    amount: float
    """Money, rounded. [currency]"""

    counted: bool
    """Whether it adds to the total."""

    note: Text | None
    """Why the quantity is what it is; None: that is plain."""


class AccountInvoice(Answer):
    """What a period costs by the contract."""

    period: PeriodAnswer
    """The period, by the clock of the contract."""

    currency: str
    """ISO 4217 code."""

    lines: list[InvoiceLine]
    """In the order of the contract."""

    total: float
    """Sum of the lines that count. [currency]"""

    peak_kw: float | None
    """Highest demand; None: not known. [kW]"""

    provisional: bool
    """Whether something is missing."""

    complete_pct: float
    """Known part of the intervals. [%]"""

    notes: list[AccountNote]
    """Why it is not final."""


class GoalAnswer(Answer):
    """Where a target or a budget stands."""

    goal: str
    """Its id."""

    label: Text
    """Its name."""

    unit: str
    """Unit of the figures."""

    at_most: float
    """What it may come to. [unit]"""

    so_far: float | None
    """What it comes to so far; None: nothing is known. [unit]"""

    expected: float | None
    """Where it ends if it goes on so; None: as above. [unit]"""

    state: str
    """met, at_risk, missed or unknown."""


class ClosedFigure(Answer):
    """One figure of a closed period, to the last digit."""

    figure: str
    """Its code, which never changes."""

    label: Text | None = None
    """What people call it; None: an older hub does not say."""

    unit: str = ""
    """Its unit; empty: it has none, or an older hub does not say."""

    value: str
    """As it was reported."""


class ClosedChange(Answer):
    """One figure that became another."""

    figure: str
    """Its code, which never changes."""

    label: Text | None = None
    """What people call it; None: an older hub does not say."""

    unit: str = ""
    """Its unit; empty: it has none, or an older hub does not say."""

    old: str | None
    """As it was reported last; None: it was not."""

    new: str | None
    """As it is known now; None: it is not reported any more."""

    difference: str | None
    """New less old; None where one of them is missing."""


class ClosedVersion(Answer):
    """A period as it was reported once."""

    period: str
    """Its name."""

    version: int
    """1 when it was closed, one more with each restatement."""

    figures: list[ClosedFigure]
    """What was reported."""

    changes: list[ClosedChange]
    """What became of the version before."""

    reason: str
    """Why it was restated; of one without its invoice also that."""

    by: str
    """Who did it."""

    time: datetime
    """When."""

    hash: str
    """SHA-256 of the record."""


class ReportProgress(Answer):
    """How far a report is."""

    state: str
    """waiting, running, done or failed."""

    progress_frac: float
    """How much is done, from 0 to 1. [-]"""

    stalled: bool
    """Whether nobody has worked at it for too long."""

    completeness_pct: float | None
    """How much of its data was there. [%]"""

    error: Text | None
    """Why there is none."""


class ReportFile(Answer):
    """A file of a report that is done."""

    form: str
    """`xlsx` or `pdf`."""

    name: str
    """What it is called."""

    size_bytes: int
    """Its size. [bytes]"""


class SiteReport(Answer):
    """A report that was asked for."""

    id: str
    """Its id."""

    kind: str
    """energy, carbon, alarms or plan."""

    title: Text
    """What it is called."""

    period: str
    """Its time."""

    language: str
    """Language it is written in."""

    asked_by: str
    """Who asked."""

    asked: datetime
    """When."""

    progress: ReportProgress
    """How far it is, and what came of it."""

    files: list[ReportFile]
    """Its files, once it is done."""


class AuditEntry(Answer):
    """One act: who did what; one answer of the API, hence its many fields."""

    number: int
    """Place in the chain, from 1."""

    time: datetime
    """When."""

    actor: str
    """Person or job."""

    role: str
    """Role of the person then; empty for a job."""

    source: str
    """Address, or part of the hub."""

    category: str
    """command, sign_in, person, accounts, report …"""

    type: str
    """What."""

    target: str
    """Point, scope, period or person."""

    old: str
    """Value before; empty where there is none."""

    new: str
    """Value asked for; empty where there is none."""

    reason: str
    """Why, in the person's words."""

    result: str
    """How it went."""


class AuditCheck(Answer):
    """Whether the audit chain verifies."""

    whole: bool
    """Nothing was changed, taken out or cut off."""

    broken_at: int | None
    """Number of the first entry that does not follow; None when whole."""

    entries: int
    """How many entries there are."""
