"""Orders of people: placed by the API, carried out by the dispatcher, each step with its audit entry.

    asked → taken → ended         ended by: expired, released, superseded, overridden, done, refused, failed
      └───→ refused               it never went out

Placing commits the order and its entry in one transaction; nothing is told to the dispatcher before that.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import Sessions
from hub.ledger import audit
from hub.ledger.order_tables import OrderRow
from protocols.command import CommandKind

ASKED: Final = "asked"
TAKEN: Final = "taken"
REFUSED: Final = "refused"
ENDED: Final = "ended"
OPEN: Final = (ASKED, TAKEN)


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for.

    Attributes:
        site: The site.
        kind: What: set, test, release, select, operate, cancel, or an act.
        target: Point, or scope of an act.
        value: Value wanted; None where the kind has none.
        unit: Its unit.
        expect: Value the person saw before; None: whatever it was.
        reason: Why.
        actor: Name of the person.
        confirm: Who confirms the second step; None for a first one.
        until_ns: Wall clock at which it ends by itself; None: no end.
        of: Order of the selection that an operate completes.
        id: Made anew for each.
    """

    site: str
    kind: CommandKind
    target: str
    value: float | None
    unit: str | None
    expect: float | None
    reason: str
    actor: str
    confirm: str | None = None
    until_ns: int | None = None
    of: str | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an order came from, for the audit.

    Attributes:
        role: Role of the person.
        source: Address.
        old: Value before, as text.
        token: Scope and id of the API token it came by; empty for a person.
    """

    role: str
    source: str
    old: str = ""
    token: str = ""


async def place(sessions: Sessions, order: Order, origin: Origin, now_ns: int) -> Order:
    """Commit an order with its audit entry; gives it with its id."""
    known = replace(order, id=order.id or secrets.token_hex(16))
    async with sessions.begin() as session:
        await audit.add(session, known.site, [_entry(known, origin, now_ns, "asked")])
        session.add(row_of(known, now_ns))
    return known


async def decline(sessions: Sessions, order: Order, origin: Origin, now_ns: int, code: str) -> None:
    """Note an order that was refused before it was placed, for the audit alone."""
    async with sessions.begin() as session:
        await audit.add(session, order.site, [_entry(order, origin, now_ns, f"refused: {code}")])


async def open_orders(sessions: Sessions, site: str) -> list[OrderRow]:
    """Orders asked or taken, oldest first."""
    async with sessions() as session:
        rows = await session.execute(
            select(OrderRow).where(OrderRow.site == site, OrderRow.state.in_(OPEN)).order_by(OrderRow.number)
        )
        return list(rows.scalars())


async def find(sessions: Sessions, site: str, ident: str) -> OrderRow | None:
    """One order."""
    async with sessions() as session:
        wanted = select(OrderRow).where(OrderRow.site == site, OrderRow.id == ident)
        return (await session.execute(wanted)).scalar_one_or_none()


async def newest(session: AsyncSession, site: str, limit: int, before: str | None = None) -> list[OrderRow]:
    """Newest orders first, those older than the order `before` where one is named."""
    wanted = select(OrderRow).where(OrderRow.site == site)
    if before is not None:
        last = select(OrderRow.number).where(OrderRow.site == site, OrderRow.id == before)
        wanted = wanted.where(OrderRow.number < last.scalar_subquery())
    return list((await session.execute(wanted.order_by(OrderRow.number.desc()).limit(limit))).scalars())


@dataclass(frozen=True, slots=True)
class Change:
    """Where an order goes.

    Attributes:
        id: The order.
        state: `taken`, `refused` or `ended`; empty: it stays, and the audit has a new entry, once a code.
        code: Why, or how it went.
        command_hex: Id of the command that says so; empty without one.
    """

    id: str
    state: str
    code: str
    command_hex: str = ""


async def move(  # noqa: PLR0913, PLR0917  an order, where it goes, and what the audit says of it
    sessions: Sessions, order: OrderRow, state: str, code: str | None, now_ns: int, command_hex: str = ""
) -> None:
    """Move an order on, with its audit entry, in one transaction; one that is over stays as it is."""
    await move_all(sessions, order.site, [Change(order.id, state, code or "", command_hex)], now_ns)


async def move_all(sessions: Sessions, site: str, changes: Sequence[Change], now_ns: int) -> None:
    """Move orders on, each with its audit entry, all in one transaction; what is over stays as it is."""
    async with sessions.begin() as session:
        await audit.hold(session, site)
        for change in changes:
            await _move(session, site, change, now_ns)


async def issued(session: AsyncSession, site: str, ident: str, command_hex: str, now_ns: int) -> None:
    """Take an order in the transaction that writes its command down; the first command alone says so."""
    await audit.hold(session, site)
    wanted = select(OrderRow.state).where(OrderRow.site == site, OrderRow.id == ident)
    if (await session.execute(wanted)).scalar_one_or_none() == ASKED:
        await _move(session, site, Change(ident, TAKEN, "", command_hex), now_ns)


async def _move(session: AsyncSession, site: str, change: Change, now_ns: int) -> None:
    wanted = select(OrderRow).where(OrderRow.site == site, OrderRow.id == change.id)
    row = (await session.execute(wanted)).scalar_one()
    if row.state not in OPEN or (not change.state and row.code == change.code):
        return
    result = {TAKEN: "issued", REFUSED: f"refused: {change.code}", ENDED: f"ended: {change.code}"}
    row.code = change.code or None
    if change.state:
        row.state = change.state
        row.ended_ns = now_ns if change.state in {REFUSED, ENDED} else None
    entry = _entry(order_of(row), Origin("", "hub.dispatch"), now_ns, result.get(change.state, change.code))
    await audit.add(session, site, [replace(entry, command=change.command_hex)])


def order_of(row: OrderRow) -> Order:
    """The order a row tells of."""
    return Order(
        row.site, CommandKind(row.kind), row.target, row.value, row.unit, row.expect, row.reason, row.actor,
        row.confirm, row.until_ns, row.of, row.id,
    )  # fmt: skip


def row_of(order: Order, now_ns: int) -> OrderRow:
    """The row of an order that is asked for now."""
    return OrderRow(
        id=order.id, site=order.site, kind=order.kind.value, target=order.target, value=order.value,
        unit=order.unit, expect=order.expect, reason=order.reason, actor=order.actor, confirm=order.confirm,
        asked_ns=now_ns, until_ns=order.until_ns, of=order.of, state=ASKED, code=None, ended_ns=None,
    )  # fmt: skip


def _entry(order: Order, origin: Origin, now_ns: int, result: str) -> audit.Entry:
    new = "" if order.value is None else f"{order.value:g} {order.unit or ''}".strip()
    return audit.Entry(
        now_ns, order.actor, origin.role, origin.source, "command", order.kind.value, order.target,
        origin.old, new, order.reason, result, order.id, token=origin.token,
    )  # fmt: skip
