"""What the business database promises to several writers, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from hub.database import (
    PLACE_FILE,
    Sessions,
    checked_url,
    create_engine,
    embedded_url,
    known_url,
    remember,
    sessions_of,
    upgrade,
    url_of,
)
from hub.ledger import audit, book
from hub.ledger.tables import CommandRow
from protocols.errors import ConfigError, StoreError
from protocols.receipt import Verified, encode_receipt
from runtime.postgres_server import PostgresServer
from tests.postgres import new_database
from tests.unit.hub_dispatch.test_hub_ledger import head, order

WRITERS = 8


async def _at_once(url: str, work: Callable[[Sessions, int], Coroutine[None, None, None]]) -> None:
    """Each writer has connections of its own, as processes have."""
    engines = [create_engine(url) for _ in range(WRITERS)]
    try:
        async with asyncio.TaskGroup() as group:
            for number, engine in enumerate(engines):
                group.create_task(work(sessions_of(engine), number))
    finally:
        for engine in engines:
            await engine.dispose()


async def test_terms_of_office_taken_at_once_have_numbers_of_their_own(business_url: str) -> None:
    taken: list[int] = []

    async def take(sessions: Sessions, number: int) -> None:
        for _ in range(5):
            taken.append(await book.take_office(sessions, "demo", 0, number))  # noqa: PERF401  awaits in turn

    await _at_once(business_url, take)
    assert sorted(taken) == list(range(1, 5 * WRITERS + 1))


async def test_entries_written_at_once_stand_in_one_chain(business_url: str) -> None:
    async def write(sessions: Sessions, number: int) -> None:
        for turn in range(5):
            entry = audit.Entry(turn, f"p{number}", "", "", "command", "set", "x", "", "", "", "asked")
            async with sessions.begin() as session:
                await audit.add(session, "demo", [entry])

    await _at_once(business_url, write)
    engine = create_engine(business_url)
    assert await audit.broken_at(sessions_of(engine), "demo") is None
    assert len([one async for one in audit.every(sessions_of(engine), "demo")]) == 5 * WRITERS
    await engine.dispose()


async def test_commands_entered_at_once_stand_in_one_chain(postgres: PostgresServer) -> None:
    url = new_database(postgres)

    async def write(sessions: Sessions, number: int) -> None:
        for turn in range(5):
            await book.enter(sessions, [order(1 + 5 * number + turn)], 0)

    await _at_once(url, write)
    engine = create_engine(url)
    async with sessions_of(engine)() as session:
        rows = (await session.execute(select(CommandRow).order_by(CommandRow.number))).scalars().all()
    await engine.dispose()
    chain = bytes(32)
    for row in rows:
        chain = hashlib.sha256(chain + row.body).digest()
        assert row.chain == chain
    assert len(rows) == 5 * WRITERS


async def test_receipts_taken_in_twice_at_once_count_once(business_url: str) -> None:
    engine = create_engine(business_url)
    await book.enter(sessions_of(engine), [order(number) for number in range(1, 6)], 0)
    await engine.dispose()
    rows = [(n, encode_receipt(Verified(*head(n), 2.0))) for n in range(1, 6)]
    moved: list[bytes] = []

    async def take(sessions: Sessions, _: int) -> None:
        moved.extend(one.id for one in await book.take_receipts(sessions, "demo", rows))

    await _at_once(business_url, take)
    assert sorted(moved) == [order(n).id for n in range(1, 6)]


async def test_what_may_be_lost_is_told_to_the_database_and_nothing_else_is(postgres: PostgresServer) -> None:
    url = new_database(postgres)
    for durable, word in ((True, "on"), (False, "off")):
        engine = create_engine(url, durable=durable)
        async with sessions_of(engine)() as session:
            assert (await session.execute(text("SHOW synchronous_commit"))).scalar_one() == word
        await engine.dispose()


async def test_a_server_that_was_restarted_is_used_again(postgres: PostgresServer) -> None:
    engine = create_engine(new_database(postgres))
    sessions = sessions_of(engine)
    assert await book.take_office(sessions, "demo", 0, 1) == 1
    await asyncio.to_thread(postgres.stop)
    with pytest.raises(SQLAlchemyError):
        await book.take_office(sessions, "demo", 0, 1)
    await asyncio.to_thread(postgres.start)
    assert await book.take_office(sessions, "demo", 0, 1) == 2
    await engine.dispose()


@pytest.mark.parametrize(
    ("text_", "why"),
    [
        ("mysql://x@y/z", "write sqlite, or postgresql"),
        ("postgresql+asyncpg://x@y/z", "write sqlite, or postgresql"),
        ("nonsense", "write sqlite, or postgresql"),
        ("postgresql+psycopg://x@y", "write sqlite, or postgresql"),
        ("postgresql+psycopg://x:secret@y/z", "PGPASSFILE"),
    ],
)
def test_an_address_that_will_not_do_is_refused_with_what_to_write(text_: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        checked_url(text_)
    assert "secret" not in str(refused.value)


def test_a_state_folder_knows_where_its_business_data_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no hub"):
        known_url(tmp_path)
    far = checked_url("postgresql+psycopg://ems@db/ems")
    remember(tmp_path, far)
    assert known_url(tmp_path) == url_of(tmp_path) == far
    remember(tmp_path, checked_url("sqlite"))
    assert not (tmp_path / PLACE_FILE).exists()
    assert url_of(tmp_path) == embedded_url(tmp_path)


def test_a_schema_of_a_newer_version_is_refused_in_words(business_url: str) -> None:
    async def forge() -> None:
        engine = create_engine(business_url)
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        await engine.dispose()

    asyncio.run(forge())
    with pytest.raises(StoreError, match="a schema that this version does not know"):
        upgrade(business_url)
