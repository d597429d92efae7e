"""The accounts of a site over the time of a report: read once, looked at by each kind of report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import ValidationError

from accounts.ledger import Dimension
from hub.accounts.book import AccountMeter, AccountsFile
from hub.accounts.counted import Counted
from hub.accounts.gauges import gauges_of
from hub.accounts.making import PeriodStatement, courses_of, statement_of
from hub.accounts.phrases import account_text
from hub.accounts.site import SiteAccounts
from hub.accounts.statement import Around as Beside
from hub.accounts.statement import Statement, statement
from hub.accounts.tables import Table as Readings
from hub.reports.around import Around, nothing
from protocols.config import Text
from protocols.errors import ConfigError, ReportError
from protocols.units import UNITS

NO_BOOK: Final = Text(
    en="The site has no book of accounts (accounts.yaml): its energy counters are listed one by one.",
    zh="该站点没有账簿（accounts.yaml），因此逐个列出其电能计数器。",
)
_MOST_METERS: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """The accounts of a period.

    Attributes:
        site: What they go by.
        made: The statement by carrier, as the API gives it.
        beside: What statements over the same readings are made with.
        has_book: Whether the site has a book; else its counters stand for one.
    """

    site: SiteAccounts
    made: PeriodStatement
    beside: Beside
    has_book: bool

    @property
    def counted(self) -> Counted:
        """The readings, quarter by quarter."""
        return self.made.counted

    def by(self, dimension: Dimension, readings: Readings | None = None) -> Statement:
        """A statement by another dimension, or of a part of the readings."""
        book = self.site.book.model_copy(update={"goals": ()})
        return statement(book, readings or self.counted.table, (dimension,), self.beside)

    @property
    def known_pct(self) -> float:
        """How much is known of all meters that something reads. [%]."""
        read = [kept.known_frac for kept in self.counted.kept.values() if kept.point is not None]
        return 100.0 * float(np.mean(read)) if read else 0.0

    def known_of(self, carrier: str) -> float:
        """How much is known of the meters of a carrier at its supply. [%]."""
        names = [one.id for one in self.site.book.meters if one.carrier == carrier and one.below is None]
        return 100.0 * self.counted.known_frac(names)


def ledger_of(around: Around) -> Ledger:
    """Read it.

    Raises:
        ReportError: There are no data, or the site has nothing that counts.
        StoreError: The series cannot be read now.
    """
    site = around.view.accounts or _counters(around)
    try:
        made = statement_of(around.reader, site, around.period, ("carrier",), (around.now_ns, None))
        courses = courses_of(around.reader, site, around.span_ns)
    except ConfigError as error:
        why = account_text(str(error))
        raise ReportError(f"the accounts cannot be made: {why.en}", zh=f"无法生成账目：{why.zh}") from error
    if not any(np.isfinite(values).any() for values in made.counted.table.columns.values()):
        raise nothing(around)
    beside = Beside(contract=site.contract, courses=courses, calendar=site.calendar, zone=site.zone)
    return Ledger(site, made, beside, around.view.accounts is not None)


def _counters(around: Around) -> SiteAccounts:
    """A book of the energy counters of a site that has none: each on its own, none below another."""
    registry, values = around.view.registry, around.view.values
    gauges = gauges_of(registry, values)
    found = [
        AccountMeter(id=name.replace("/", "_")[:32], unit="kWh", point=name)
        for name, gauge in gauges.items()
        if gauge.counts and UNITS[gauge.unit].quantity == UNITS["kWh"].quantity
    ][:_MOST_METERS]
    try:
        book = AccountsFile(meters=tuple({one.id: one for one in found}.values()))
    except ValidationError as error:
        site = around.site
        raise ReportError(
            f"{site} has neither a book of accounts nor an energy counter; add sites/{site}/accounts.yaml",
            zh=f"站点 {site} 既没有账簿也没有电能计数器，请添加 sites/{site}/accounts.yaml",
        ) from error
    return SiteAccounts(
        site=around.site, book=book, contract=None, by_tariff=False, calendar=around.view.places.calendar,
        zone=around.zone, currency=registry.site.currency, values=values, gauges=gauges,
    )  # fmt: skip
