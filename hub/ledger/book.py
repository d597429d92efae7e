"""The ledger's writes: each function is one transaction, committed when it returns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.database import locked, one_at_a_time
from hub.ledger import orders
from hub.ledger.moves import ISSUED, OVER, Standing, moved, unanswered
from hub.ledger.tables import CommandRow, LeaderEpochRow, PlanRow, ReceiptCursorRow
from protocols.command import Command
from protocols.receipt import Receipt, decode_receipt
from runtime.supervise import guarded_decode

Sessions = async_sessionmaker[AsyncSession]

ANSWER_S = 10.0
"""How long after the end of its lease a command may still be answered before it counts as failed. [s]"""


@dataclass(frozen=True, slots=True)
class Moved:
    """A command whose standing changed.

    Attributes:
        id: Id of the command.
        point: Its point.
        receipt: What came.
        standing: Where it stands now.
        order_id: Order of a person that the command carries out.
    """

    id: bytes
    point: str
    receipt: Receipt
    standing: Standing
    order_id: str | None = None


async def take_office(sessions: Sessions, site: str, highest_fence: int, now_ns: int) -> int:
    """Begin a term: max(database, highest fence seen in heartbeats) + 1, committed before it is returned."""
    async with sessions.begin() as session:
        # locked before the value is read, so two starters never get one number
        row = await locked(session, LeaderEpochRow(site=site, epoch=0, taken_ns=now_ns))
        row.epoch = max(row.epoch, highest_fence) + 1
        row.taken_ns = now_ns
        return row.epoch


async def enter(
    sessions: Sessions,
    commands: Sequence[Command],
    issued_ns: int,
    plan_id: str | None = None,
    order_id: str | None = None,
) -> None:
    """Write new commands down, chained; publish them only after this returned.

    The order of a person that they carry out is taken in the same transaction, with its audit entry.
    """
    async with sessions.begin() as session:
        await one_at_a_time(session, "command chain")
        if order_id is not None and commands:
            await orders.issued(session, commands[0].site, order_id, commands[0].id.hex(), issued_ns)
        last = select(CommandRow.chain).order_by(CommandRow.number.desc()).limit(1)
        chain = (await session.execute(last)).scalar_one_or_none() or bytes(32)
        for command in commands:
            row = _row(command, issued_ns, plan_id, chain)
            row.order_id = order_id
            chain = row.chain
            session.add(row)


async def reissue(sessions: Sessions, command: Command) -> bool:
    """Note a re-send, same id, new epoch and seq; False when the command was never written down.

    Never a new row or issue time, and the body stays the first one: the chain is made over it.
    """
    wanted = update(CommandRow).where(CommandRow.id == command.id).returning(CommandRow.number)
    async with sessions.begin() as session:
        found = await session.execute(wanted.values(epoch=command.epoch, seq=command.seq))
        return found.first() is not None


async def prolong(sessions: Sessions, ids: Iterable[bytes], until_ns: int) -> None:
    """Note a renewal: the leases that still live end at `until_ns` now; one that is over stays over."""
    wanted = update(CommandRow).where(CommandRow.id.in_(list(ids)), CommandRow.state.not_in(OVER))
    async with sessions.begin() as session:
        await session.execute(wanted.values(lease_until_ns=until_ns))


async def cursor(sessions: Sessions, site: str) -> int:
    """Highest receipt row the ledger has taken in; 0 before the first."""
    async with sessions() as session:
        row = await session.get(ReceiptCursorRow, site)
        return row.row_id if row is not None else 0


async def take_receipts(sessions: Sessions, site: str, rows: Iterable[tuple[int, bytes]]) -> list[Moved]:
    """Move the ledger by receipts (rowid, body); each row counts once, the cursor commits with the moves.

    Rows at or below the cursor are left out, receipts for unknown ids and undecodable ones are passed over.
    """
    found: list[Moved] = []
    async with sessions.begin() as session:
        mark = await locked(session, ReceiptCursorRow(site=site, row_id=0))
        for row_id, body in sorted(rows):
            if row_id <= mark.row_id:
                continue
            mark.row_id = row_id
            receipt = guarded_decode(decode_receipt, body, "receipt")
            if receipt is None:
                continue
            change = await _move(session, site, receipt)
            if change is not None:
                found.append(change)
    return found


async def _move(session: AsyncSession, site: str, receipt: Receipt) -> Moved | None:
    wanted = select(CommandRow).where(CommandRow.id == receipt.id, CommandRow.site == site)
    row = (await session.execute(wanted)).scalar_one_or_none()
    if row is None:
        return None
    standing = moved(standing_of(row), row.kind, receipt)
    _stand(row, standing)
    return Moved(row.id, row.point, receipt, standing, row.order_id)


async def close_unanswered(sessions: Sessions, site: str, now_ns: int, grace_s: float = ANSWER_S) -> int:
    """Fail every order whose lease ended `grace_s` ago with no verdict; gives how many."""
    async with sessions.begin() as session:
        rows = await _open(session, site)
        late = [row for row in rows if row.issued_ns + round((row.lease_s + grace_s) * 1e9) < now_ns]
        for row in late:
            _stand(row, unanswered(standing_of(row)))
        return len(late)


async def close_all(sessions: Sessions, site: str, issued_until_ns: int) -> int:
    """Fail every order still open; for the end of the process. A late answer still corrects the verdict."""
    async with sessions.begin() as session:
        rows = [row for row in await _open(session, site) if row.issued_ns <= issued_until_ns]
        for row in rows:
            _stand(row, unanswered(standing_of(row)))
        return len(rows)


async def open_commands(sessions: Sessions, site: str) -> list[CommandRow]:
    """Commands without a verdict, oldest first."""
    async with sessions() as session:
        return await _open(session, site)


async def find(sessions: Sessions, ids: Sequence[bytes]) -> list[CommandRow]:
    """Commands by id, those that are known."""
    async with sessions() as session:
        rows = await session.execute(select(CommandRow).where(CommandRow.id.in_(ids)))
        return list(rows.scalars())


async def of_orders(sessions: Sessions, ids: Sequence[str]) -> list[CommandRow]:
    """Commands that carry out orders of people, oldest first."""
    async with sessions() as session:
        wanted = select(CommandRow).where(CommandRow.order_id.in_(ids)).order_by(CommandRow.number)
        return list((await session.execute(wanted)).scalars())


async def save_plan(sessions: Sessions, plan: PlanRow) -> None:
    """Keep an accepted plan."""
    async with sessions.begin() as session:
        session.add(plan)


async def _open(session: AsyncSession, site: str) -> list[CommandRow]:
    rows = await session.execute(
        select(CommandRow)
        .where(CommandRow.site == site, CommandRow.verdict.is_(None))
        .order_by(CommandRow.number)
    )
    return list(rows.scalars())


def standing_of(row: CommandRow) -> Standing:
    """The part of a row that receipts change."""
    return Standing(row.state, row.verdict, row.code, row.lease_until_ns, row.readback, row.readback_ns)


def _stand(row: CommandRow, standing: Standing) -> None:
    row.state, row.verdict, row.code = standing.state, standing.verdict, standing.code
    row.lease_until_ns = standing.lease_until_ns
    row.readback, row.readback_ns = standing.readback, standing.readback_ns


def _row(command: Command, issued_ns: int, plan_id: str | None, chain: bytes) -> CommandRow:
    body = command.body()
    return CommandRow(
        id=command.id,
        site=command.site,
        edge=command.edge,
        point=command.point,
        kind=command.kind.value,
        value=command.value,
        unit=command.unit,
        level=command.level.value,
        reason=command.reason,
        actor=command.actor,
        plan_id=plan_id,
        epoch=command.epoch,
        seq=command.seq,
        issued_ns=issued_ns,
        lease_s=command.lease_s,
        body=body,
        chain=hashlib.sha256(chain + body).digest(),
        state=ISSUED,
    )
