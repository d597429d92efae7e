from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.database import FILE, Base, Sessions, create_engine, embedded_url, sessions_of, upgrade
from hub.ledger import book, queries
from hub.ledger.moves import Standing, moved, unanswered
from protocols.clock import Instant
from protocols.command import VERSION, Command, CommandKind, Echo, Level
from protocols.receipt import (
    Expired,
    FallbackDone,
    Mismatch,
    Receipt,
    Received,
    Refused,
    Released,
    Superseded,
    Verified,
    Written,
    encode_receipt,
)
from protocols.refusal import Refusal

NS = 1_000_000_000


def order(number: int, kind: CommandKind = CommandKind.SET) -> Command:
    return Command(
        v=VERSION,
        id=number.to_bytes(16, "big"),
        issuer="hub",
        key_id="00",
        site="demo",
        edge="edge1",
        agent_epoch=1,
        point="demo/comp1/role_set_code",
        kind=kind,
        value=2.0,
        unit="code",
        level=Level.OPTIMISER,
        start_in_s=0.0,
        lease_s=10.0,
        echo=Echo("b", 1),
        epoch=1,
        seq=number,
        revision=1,
        expect=None,
        cap_hash=bytes(16),
        reason="test",
        actor="dispatch",
    )


def head(number: int, at_s: float = 5.0) -> tuple[bytes, str, str, Instant]:
    return number.to_bytes(16, "big"), "edge1", "demo/comp1/role_set_code", Instant("b", 1, round(at_s * NS))


def story(number: int) -> list[Receipt]:
    at = head(number)
    return [
        Received(*at, 10.0),
        Written(*at, 2.0),
        Verified(*at, 2.0),
        Released(*at),
        FallbackDone(*at, 3.0, 0.2),
    ]


async def test_every_receipt_moves_the_ledger_once_however_often_it_is_read(sessions: Sessions) -> None:
    await book.enter(sessions, [order(1)], 0)
    rows = [(number, encode_receipt(receipt)) for number, receipt in enumerate(story(1)[:3], 1)]
    assert len(await book.take_receipts(sessions, "demo", rows)) == 3
    assert await book.take_receipts(sessions, "demo", rows) == []
    assert await book.cursor(sessions, "demo") == 3
    async with sessions() as session:
        assert await queries.counts(session, "demo") == {
            "issued": 1,
            "verified": 1,
            "refused": 0,
            "failed": 0,
        }
        (command,) = await queries.recent_commands(session, "demo", 5)
    assert (command["state"], command["readback"], command["lease_until"]) == (
        "verified",
        2.0,
        "1970-01-01T00:00:15.000Z",
    )


def test_receipts_in_any_order_end_in_the_same_verdict() -> None:
    for order_of in itertools.permutations(story(1)[:3]):
        standing = Standing("issued")
        for receipt in order_of:
            standing = moved(standing, "set", receipt)
        assert (standing.state, standing.verdict) == ("verified", "verified")


def test_a_release_after_the_proof_keeps_the_verdict_and_moves_the_state() -> None:
    standing = Standing("issued")
    for receipt in story(1):
        standing = moved(standing, "set", receipt)
    assert (standing.state, standing.verdict) == ("released", "verified")


@pytest.mark.parametrize(
    ("receipt", "verdict", "code"),
    [
        (Refused(*head(1), Refusal.LIMITS, ""), "refused", "limits"),
        (Expired(*head(1)), "failed", "expired"),
        (Superseded(*head(1), bytes(16)), "failed", "superseded"),
        (Mismatch(*head(1), 2.0, 3.0), "failed", "mismatch"),
    ],
)
def test_an_order_without_proof_ends_refused_or_failed(receipt: Receipt, verdict: str, code: str) -> None:
    standing = moved(Standing("issued"), "set", receipt)
    assert (standing.verdict, standing.code) == (verdict, code)
    again = moved(standing, "set", Verified(*head(1), 2.0))
    assert (again.verdict == "verified") == (code == "mismatch")


def test_what_is_said_of_one_copy_of_a_message_is_not_the_verdict_of_the_command() -> None:
    late = Refused(*head(1), Refusal.OUT_OF_ORDER, "number 11, 12 was accepted")
    standing = moved(Standing("issued"), "set", late)
    assert (standing.state, standing.verdict) == ("refused", "refused")
    for receipt in story(1):
        standing = moved(standing, "set", receipt)
    told = standing
    assert told.verdict == "verified"
    assert moved(told, "set", late) == told
    assert moved(moved(Standing("issued"), "set", story(1)[0]), "set", late).state == "received"


def test_an_answer_after_the_time_for_it_corrects_the_verdict() -> None:
    standing = unanswered(Standing("issued"))
    assert (standing.verdict, standing.code) == ("failed", "no_answer")
    assert moved(standing, "set", Verified(*head(1), 2.0)).verdict == "verified"


async def test_each_of_many_orders_ends_in_exactly_one_verdict(sessions: Sessions) -> None:
    dice = random.Random(3)  # noqa: S311  a fixed seed, no secret
    orders = [order(number) for number in range(1, 31)]
    await book.enter(sessions, orders, 0)
    rows: list[bytes] = []
    for number in range(1, 31):
        refused: list[Receipt] = [Refused(*head(number), Refusal.LIMITS, "")]
        told = dice.choice([story(number), refused, story(number)[:1], []])
        rows += [encode_receipt(receipt) for receipt in told for _ in range(dice.choice([1, 2]))]
    dice.shuffle(rows)
    for start in range(0, len(rows), 7):
        # each batch overlaps the one before, as after a crash between reading and noting
        batch = list(enumerate(rows, 1))[max(0, start - 3) : start + 7]
        await book.take_receipts(sessions, "demo", batch)
    await book.close_unanswered(sessions, "demo", 100 * NS)
    async with sessions() as session:
        counts = await queries.counts(session, "demo")
    assert counts["issued"] == 30 == counts["verified"] + counts["refused"] + counts["failed"]
    assert await book.open_commands(sessions, "demo") == []


async def test_an_order_is_not_given_up_before_its_lease_and_the_grace_are_over(sessions: Sessions) -> None:
    await book.enter(sessions, [order(1)], 0)
    assert await book.close_unanswered(sessions, "demo", 19 * NS) == 0
    assert await book.close_unanswered(sessions, "demo", 21 * NS) == 1


async def test_releases_do_not_count_as_set_points(sessions: Sessions) -> None:
    await book.enter(sessions, [order(1, CommandKind.RELEASE)], 0)
    async with sessions() as session:
        assert (await queries.counts(session, "demo"))["issued"] == 0


async def test_the_epoch_grows_past_the_database_and_past_every_fence(sessions: Sessions) -> None:
    assert await book.take_office(sessions, "demo", 0, 1) == 1
    assert await book.take_office(sessions, "demo", 0, 2) == 2
    assert await book.take_office(sessions, "demo", 41, 3) == 42
    assert await book.take_office(sessions, "demo", 7, 4) == 43


async def test_two_who_take_office_at_once_never_get_the_same_epoch(sessions: Sessions) -> None:
    found: list[int] = []

    async def start() -> None:
        found.append(await book.take_office(sessions, "demo", 3, 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(start())
    assert sorted(found) == [4, 5, 6, 7, 8]


async def test_the_chain_covers_every_row_before(sessions: Sessions) -> None:
    await book.enter(sessions, [order(1), order(2)], 0)
    await book.enter(sessions, [order(3)], 1)
    assert await book.reissue(sessions, replace(order(2), epoch=7, seq=1, echo=Echo("b", 99)))
    assert not await book.reissue(sessions, order(99))
    rows = await book.find(sessions, [order(n).id for n in (1, 2, 3)])
    chain = bytes(32)
    for row in sorted(rows, key=lambda row: row.number):
        chain = hashlib.sha256(chain + row.body).digest()
        assert row.chain == chain


def test_the_migration_makes_the_tables_the_models_describe(tmp_path: Path) -> None:
    upgrade(embedded_url(tmp_path))
    connection = sqlite3.connect(tmp_path / FILE)
    for table in ("leader_epoch", "plan", "command", "receipt_cursor"):
        made = {
            (row[1], bool(row[3]) or bool(row[5]))
            for row in connection.execute(f"PRAGMA table_info({table})")
        }
        wanted = {(c.name, not c.nullable) for c in Base.metadata.tables[table].columns}
        assert made == wanted
    connection.close()


async def test_only_what_is_read_again_after_a_power_cut_is_committed_without_waiting_for_the_disk(
    tmp_path: Path,
) -> None:
    for durable, level in ((True, 2), (False, 1)):
        engine = create_engine(embedded_url(tmp_path), durable=durable)
        async with sessions_of(engine)() as session:
            assert (await session.execute(text("PRAGMA synchronous"))).scalar_one() == level
            assert (await session.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        await engine.dispose()
