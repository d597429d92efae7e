"""Invoices, goals, what is ahead and closed periods as answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from accounts.closing import Closed, changes
from accounts.goals import Standing
from accounts.invoice import Invoice
from accounts.used import Line
from hub.accounts.billing import Billed, contract_of
from hub.accounts.figure_words import Naming
from hub.accounts.outlook import BasicAdvice, FactorOutlook
from hub.accounts.periods import NamedPeriod
from hub.accounts.phrases import account_text
from hub.accounts.site import SiteAccounts
from hub.api.account_models import AccountNote
from hub.api.account_money_models import (
    AccountInvoice,
    ChargeAdvice,
    ChargeWay,
    ClosedChange,
    ClosedFigure,
    ClosedVersion,
    FactorAnswer,
    GoalAnswer,
    InvoiceLine,
    InvoiceSharing,
)
from hub.api.account_views import Words, maybe, period_of, shares_answer
from hub.api.models import from_ns
from protocols.config import Text


def invoice_answer(
    site: SiteAccounts, period: NamedPeriod, billed: Billed, sharing: InvoiceSharing
) -> AccountInvoice:
    """An invoice as an answer, with who bears it."""
    made = billed.invoice
    return AccountInvoice(
        period=period_of(period, billed.until_ns, over=billed.over),
        contract=contract_of(site).label,
        currency=made.currency,
        source=made.source,
        lines=[_line(made, line) for line in made.lines],
        total=float(made.total),
        peak_kw=maybe(made.peak_kw),
        provisional=not billed.final,
        missing=made.missing,
        complete_pct=100.0 * billed.known_frac,
        sharing=sharing,
        notes=[AccountNote(text=note.text, detail=note.detail) for note in billed.notes],
    )


def sharing_answer(shared: Mapping[str, Decimal], refused: Text | None, words: Words) -> InvoiceSharing:
    """Who bears an invoice, or why nobody is told."""
    money = {name: float(amount) for name, amount in shared.items()}
    return InvoiceSharing(rows=shares_answer(money, {}, words), refused=refused)


def _line(made: Invoice, line: Line) -> InvoiceLine:
    return InvoiceLine(
        part=line.part, label=line.label, group=line.group,
        band=made.bands[line.band].label if line.band else None, quantity=float(line.quantity),
        unit=line.unit, price=float(line.price), amount=float(line.amount), counted=line.counted,
        note=account_text(line.note) if line.note else None,
    )  # fmt: skip


def goal_answers(site: SiteAccounts, found: Mapping[str, Standing]) -> list[GoalAnswer]:
    """Goals as answers, in the order of the book."""
    units = {meter.id: meter.unit for meter in site.book.meters}
    units |= {one.counter: one.unit for one in site.book.products}
    units = {"cost": site.currency, "co2_kg": "kg", "tce": "t", **units}
    return [
        GoalAnswer(
            goal=goal.id, label=goal.label, figure=goal.figure, per=goal.per,
            unit=units[goal.figure] if goal.per is None else f"{units[goal.figure]}/{units[goal.per]}",
            first=goal.first, last=goal.last, at_most=float(goal.at_most),
            so_far=maybe(found[goal.id].so_far), expected=maybe(found[goal.id].expected),
            elapsed_pct=100.0 * found[goal.id].elapsed, state=found[goal.id].state,
        )
        for goal in site.book.goals
    ]  # fmt: skip


def factor_answer(found: FactorOutlook) -> FactorAnswer:
    """The power factor as an answer."""
    return FactorAnswer(
        standard=found.standard, billed=found.billed, kwh=float(found.so_far[0]),
        kvarh=float(found.so_far[1]),
        to_come_kwh=float(found.to_come[0]), to_come_kvarh=float(found.to_come[1]),
        factor=float(found.now.factor), end_factor=float(found.end.factor), end_pct=float(found.end.percent),
        to_standard_kvarh=float(found.end.to_standard_kvarh), days=found.days,
        complete_pct=100.0 * found.known_frac,
    )  # fmt: skip


def charge_answer(found: BasicAdvice) -> ChargeAdvice:
    """Advice as an answer."""
    return ChargeAdvice(
        month=found.month, in_use=found.in_use,
        ways=[
            ChargeWay(
                mode=way.mode, label=way.label, contract_kw=maybe(way.contract_kw),
                expected=float(way.expected), at_high=float(way.at_high),
            )
            for way in found.ways
        ],
        expected_kw=float(found.expected_kw), high_kw=float(found.high_kw), month_kwh=float(found.month_kwh),
        months=[one.period.name for one in found.months],
    )  # fmt: skip


def closed_answers(records: Sequence[Closed], name: Naming) -> list[ClosedVersion]:
    """All versions of all periods, the newest first, each with what became of the one before.

    Args:
        records: All, as they were made.
        name: What people call a figure, by its code.
    """
    before: dict[str, Closed] = {}
    found: list[ClosedVersion] = []
    for one in records:
        old = before.get(one.period)
        differences = [] if old is None else changes(old, one)
        found.append(
            ClosedVersion(
                period=one.period, version=one.version,
                figures=[
                    ClosedFigure(figure=code, value=value, **name(code)._asdict())
                    for code, value in one.figures
                ],
                changes=[
                    ClosedChange(
                        figure=change.figure, old=_text(change.old), new=_text(change.new),
                        difference=_text(change.difference), **name(change.figure)._asdict(),
                    )
                    for change in differences
                ],
                reason=one.reason, by=one.by, time=from_ns(one.at_ns), hash=one.hash,
            )
        )  # fmt: skip
        before[one.period] = one
    return found[::-1]


def closed_answer(records: Sequence[Closed], made: Closed, name: Naming) -> ClosedVersion:
    """One version among all; others may have been added since it was."""
    mine = (made.period, made.version)
    return next(one for one in closed_answers(records, name) if (one.period, one.version) == mine)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
