"""Closed periods in the business database: a row a version, only ever added, with the hash of the one before.

What is closed is what the page and the reports showed: `figures_of` names it. Each act has its entry in the
audit, in the same transaction; the end of that chain is known, so a row taken from the end of this one is
missed there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import zip_longest
from typing import Final

from sqlalchemy import JSON, BigInteger, Integer, String, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from accounts.carbon import Scope, of_scope
from accounts.closing import Closed, Figures, close, restate, verify
from hub.accounts.billing import Billed
from hub.accounts.making import PeriodStatement
from hub.accounts.periods import named
from hub.database import Base, Sessions
from hub.ledger import audit
from protocols.errors import ConfigError, ContractError, TamperedError

_CATEGORY: Final = "accounts"
_DONE: Final = "done"
_NO_INVOICE: Final = "without an invoice (不含账单)"
_MOST_REASON: Final = 500
_SCOPES: Final[tuple[Scope, ...]] = ("1", "2_location", "2_market")


class ClosedPeriodRow(Base):
    """One version of one period; `hash` is that of the record it holds."""

    __tablename__ = "closed_period"
    __table_args__ = (UniqueConstraint("site", "period", "version"),)

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    period: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(Integer)
    figures: Mapped[list[list[str]]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(String(_MOST_REASON))
    actor: Mapped[str] = mapped_column(String(64))
    at_ns: Mapped[int] = mapped_column(BigInteger)
    before: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class Closer:
    """Who closes or restates.

    Attributes:
        name: The person.
        role: Their role.
        source: Where they came from.
        reason: Why it is restated; empty: it is closed.
        token: Scope and id of the token they came by; empty for a person.
        no_invoice: Why it goes without its invoice; empty: it has one, or the site has no contract.
    """

    name: str
    role: str
    source: str
    reason: str = ""
    token: str = ""
    no_invoice: str = ""


async def records_of(sessions: Sessions, site: str) -> list[Closed]:
    """All versions of all periods of a site in the order they were made, looked through.

    Raises:
        TamperedError: A row was changed, taken out or put in; the message says which.
    """
    async with sessions() as session:
        return await _records(session, site)


async def close_period(
    sessions: Sessions, site: str, what: tuple[str, Figures], who: Closer, now_ns: int
) -> Closed:
    """Close a period: from now on its figures stand.

    Raises:
        ConfigError: It is closed already, or its reason leaves no room for what it goes without.
        TamperedError: As `records_of`.
    """
    period, figures = what
    return await _add(
        sessions,
        site,
        who,
        lambda records: close(records, _recorded(records, period), figures, who.name, now_ns),
    )


async def restate_period(
    sessions: Sessions, site: str, what: tuple[str, Figures], who: Closer, now_ns: int
) -> Closed:
    """Restate a closed period; what was reported stays beside it.

    Raises:
        ConfigError: It is not closed, no reason is given, nothing is new, or the reason is too long.
        TamperedError: As `records_of`.
    """
    period, figures = what
    why = (who.reason, who.name)
    return await _add(
        sessions,
        site,
        who,
        lambda records: restate(records, _recorded(records, period), figures, why, now_ns),
    )


def _recorded(records: Sequence[Closed], period: str) -> str:
    """The name a period is recorded under: once a whole month could be closed as the range of its days."""
    return next((one.period for one in records if named(one.period).name == period), period)


async def _add(
    sessions: Sessions, site: str, who: Closer, make: Callable[[Sequence[Closed]], Closed]
) -> Closed:
    async with sessions() as session, session.begin():
        await audit.hold(session, site)  # two who close at once follow each other
        records = await _records(session, site)
        made = _noted(make(records), who.no_invoice)
        session.add(_row(site, len(records) + 1, made))
        old = next((one for one in records[::-1] if one.period == made.period), None)
        entry = audit.Entry(
            made.at_ns, who.name, who.role, who.source, _CATEGORY, "restate" if old else "close", made.period,
            "" if old is None else _mark(old), _mark(made), made.reason, _DONE, token=who.token,
        )  # fmt: skip
        await audit.add(session, site, [entry])
    return made


def _noted(made: Closed, no_invoice: str) -> Closed:
    """A record that says in its reason that it goes without its invoice, and why as far as there is room."""
    if not no_invoice:
        return made
    head = "; ".join(part for part in (made.reason, _NO_INVOICE) if part)
    if len(head) > _MOST_REASON:
        raise ConfigError(f"say the reason in {_MOST_REASON - len(_NO_INVOICE) - 2} characters or fewer")
    return replace(made, reason=f"{head}: {' '.join(no_invoice.split())}"[:_MOST_REASON])


async def _records(session: AsyncSession, site: str) -> list[Closed]:
    wanted = select(ClosedPeriodRow).where(ClosedPeriodRow.site == site).order_by(ClosedPeriodRow.number)
    rows = (await session.execute(wanted)).scalars().all()
    records = verified(rows)
    await _anchored(session, site, records)
    return records


def verified(rows: Sequence[ClosedPeriodRow]) -> list[Closed]:
    """The records that rows of a site hold, in their order, looked through by their hashes alone.

    Raises:
        TamperedError: A row was changed, taken out or put in; the message says which.
    """
    records = [_record_of(row) for row in rows]
    try:
        verify(records)
    except ContractError as error:
        raise _tampered(str(error.args[0])) from error
    for row, record in zip(rows, records, strict=True):
        if row.hash != record.hash:
            raise _tampered(f"{record.period}, version {record.version}, is not what its hash was made of")
    return records


def _record_of(row: ClosedPeriodRow) -> Closed:
    """A row as the record it holds."""
    figures = tuple((name, text) for name, text in row.figures)
    return Closed(row.period, row.version, figures, row.reason, row.actor, row.at_ns, row.before)


async def _anchored(session: AsyncSession, site: str, records: Sequence[Closed]) -> None:
    """Hold the records against what the audit tells of them, one by one and in the same order."""
    entries = (one.entry for one in await audit.of_category(session, site, _CATEGORY))
    noted = [(one.target, one.new) for one in entries if one.result == _DONE]
    made = [(one.period, _mark(one)) for one in records]
    for at, (told, kept) in enumerate(zip_longest(noted, made)):
        if told is None:
            raise _tampered(f"record {at} ({kept[0]}, {kept[1]}) has no entry in the audit")
        if told != kept:
            raise _tampered(f"the audit tells of {told[0]}, {told[1]}, which is gone or another")


def _mark(record: Closed) -> str:
    """A record as the audit names it."""
    return f"version {record.version}, {record.hash[:12]}"


def _tampered(why: str) -> TamperedError:
    return TamperedError(f"the closed periods were changed in the database; restore it from a backup: {why}")


def _row(site: str, number: int, record: Closed) -> ClosedPeriodRow:
    return ClosedPeriodRow(
        site=site, number=number, period=record.period, version=record.version,
        figures=[list(one) for one in record.figures], reason=record.reason, actor=record.by,
        at_ns=record.at_ns, before=record.before, hash=record.hash,
    )  # fmt: skip


def figures_of(made: PeriodStatement, billed: Billed | None) -> dict[str, Decimal]:
    """What a period is closed with: its accounts by carrier, carbon, standard coal, and its invoice."""
    found: dict[str, Decimal] = {}
    for one in made.statement.accounts:
        name = ".".join([*(part or "-" for part in one.key), one.carrier])
        figures = {one.unit: one.amount, "cost": one.cost, "co2_kg": one.kg}
        found |= {f"{name}.{what}": value for what, value in figures.items() if value is not None}
        found[f"{name}.known_pct"] = round(Decimal(100 * (1 - one.missing)), 3)
    if made.statement.carbon:
        found |= {f"scope_{scope}.co2_kg": of_scope(made.statement.carbon, scope) for scope in _SCOPES}
    found |= {f"coal.{carrier}.kg": kg for carrier, kg in made.statement.coal_kg.items()}
    if billed is not None:
        found |= {f"invoice.{group}": money for group, money in billed.invoice.of_groups().items()}
        found["invoice.total"] = billed.invoice.total
    return found


def may_close(made: PeriodStatement, billed: Billed | None, *, over: bool, despite_gaps: bool) -> None:
    """Refuse what is no final figure.

    Raises:
        ConfigError: The period goes on, or it has gaps and nobody said that it may have them.
    """
    if not over:
        raise ConfigError(f"{made.period.name} is not over; it can be closed after its last day")
    gaps = [one for one in made.statement.accounts if one.missing]
    if not despite_gaps and billed is not None and billed.before_known_frac < 1.0:
        raise ConfigError(
            f"{made.period.name} has an invoice that goes by earlier months, of which "
            f"{100 * billed.before_known_frac:.2f} % are known; close it despite them"
        )
    if not despite_gaps and (gaps or (billed is not None and billed.invoice.missing)):
        worst = max((one.missing for one in gaps), default=0.0)
        raise ConfigError(
            f"{made.period.name} has gaps (up to {100 * worst:.2f} % of an account is not known); wait for "
            "what comes late, or close it despite them"
        )


def may_go_without(period: str, no_invoice: str, *, said: bool) -> None:
    """Refuse to leave the invoice of a period out in silence.

    Raises:
        ConfigError: It cannot be made, and nobody said that the period may be closed without it.
    """
    if no_invoice and not said:
        raise ConfigError(
            f"no invoice can be made of {period}: {no_invoice}; mend that, or close it without its invoice"
        )
