"""Orders and the audit chain on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from hub.database import Sessions, create_engine, sessions_of
from hub.ledger import audit, orders
from hub.ledger.order_tables import AuditRow
from protocols.command import CommandKind

SITE = "demo"
ORDER = orders.Order(
    SITE, CommandKind.SET, "demo/comp4/pressure_set_bar_g", 6.6, "bar(g)", 6.4, "test", "admin", until_ns=900
)
ORIGIN = orders.Origin("admin", "127.0.0.1", "6.4 bar(g)")


@pytest.fixture
async def sessions(business_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(business_url)
    yield sessions_of(engine)
    await engine.dispose()


async def test_an_order_and_its_entry_are_there_together(sessions: Sessions) -> None:
    placed = await orders.place(sessions, ORDER, ORIGIN, 100)
    row = (await orders.open_orders(sessions, SITE))[0]
    assert orders.order_of(row) == placed
    assert (row.state, row.asked_ns) == (orders.ASKED, 100)
    async with sessions() as session:
        (entry,) = [one.entry for one in await audit.page(session, SITE, None, 10)]
    assert (entry.actor, entry.old, entry.new, entry.result) == ("admin", "6.4 bar(g)", "6.6 bar(g)", "asked")
    assert entry.order == placed.id


async def test_that_a_value_was_verified_is_told_once_by_however_many_terms(sessions: Sessions) -> None:
    await orders.place(sessions, ORDER, ORIGIN, 100)
    row = (await orders.open_orders(sessions, SITE))[0]
    await orders.move(sessions, row, orders.TAKEN, None, 200, "ab")
    for now_ns in (300, 400):  # the term after a kill cannot know whether the one before had told it
        await orders.move_all(sessions, SITE, [orders.Change(row.id, "", "verified", "ab")], now_ns)
    found = await orders.find(sessions, SITE, row.id)
    assert found is not None
    assert (found.state, found.ended_ns) == (orders.TAKEN, None)
    assert [one.entry.result async for one in audit.every(sessions, SITE)] == ["asked", "issued", "verified"]


async def test_an_order_that_is_over_stays_over(sessions: Sessions) -> None:
    await orders.place(sessions, ORDER, ORIGIN, 100)
    row = (await orders.open_orders(sessions, SITE))[0]
    await orders.move(sessions, row, orders.TAKEN, None, 200, "ab")
    await orders.move(sessions, row, orders.ENDED, "released", 300)
    await orders.move(sessions, row, orders.TAKEN, None, 400)
    assert await orders.open_orders(sessions, SITE) == []
    found = await orders.find(sessions, SITE, row.id)
    assert found is not None
    assert (found.state, found.code, found.ended_ns) == (orders.ENDED, "released", 300)
    results = [one.entry.result async for one in audit.every(sessions, SITE)]
    assert results == ["asked", "issued", "ended: released"]
    assert await audit.broken_at(sessions, SITE) is None


@pytest.mark.parametrize("number", [1, 3, 5])
async def test_one_changed_or_missing_entry_is_found(sessions: Sessions, number: int) -> None:
    for at in range(5):
        await orders.place(sessions, ORDER, ORIGIN, at)
    assert await audit.broken_at(sessions, SITE) is None
    async with sessions.begin() as session:
        row = await session.get(AuditRow, (SITE, number))
        assert row is not None
        await session.execute(
            update(AuditRow)
            .where(AuditRow.number == number)
            .values(body=row.body.replace("6.6 bar(g)", "6.7 bar(g)"))
        )
    assert await audit.broken_at(sessions, SITE) == number
    async with sessions.begin() as session:
        await session.execute(delete(AuditRow).where(AuditRow.number == number))
    assert await audit.broken_at(sessions, SITE) == number


async def test_an_entry_that_is_added_while_the_chain_is_checked_breaks_nothing(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await orders.place(sessions, ORDER, ORIGIN, 1)
    every, added = audit.every, [2, 3]

    async def slowly(*args: Any) -> AsyncIterator[audit.Numbered]:  # noqa: ANN401  as `every`
        async for row in every(*args):
            yield row
        if added:
            await orders.place(sessions, ORDER, ORIGIN, added.pop())

    monkeypatch.setattr(audit, "every", slowly)
    assert await audit.broken_at(sessions, SITE) is None
    assert added == []


async def test_an_act_that_cannot_be_noted_does_not_happen(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("DROP TABLE audit"))
    with pytest.raises(Exception, match=r"no such table: audit|relation \"audit\" does not exist"):
        await orders.place(sessions, ORDER, ORIGIN, 100)
    assert await orders.open_orders(sessions, SITE) == []
