"""The audit chain of a site: who did what, to what, from which value to which, why, and how it went.

    chain = SHA-256(chain of the row before || body); the first row follows 32 zero bytes

Rows are only ever added. An entry is part of the transaction of the act it tells of: an act that cannot be
noted does not happen. The entry of the edge for the write itself names the same command id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import Sessions, locked
from hub.ledger.order_tables import AuditHeadRow, AuditRow

_FIRST: Final = bytes(32)
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One act.

    Attributes:
        time_ns: Wall clock.
        actor: Person or job.
        role: Their role when it happened; empty for a job.
        source: Where it came from: an address, or the name of a part of the hub.
        category: `command`, `sign_in`, `person`.
        type: What: a word of `CommandKind`, or one of the category's own.
        target: Point, scope, edge or person.
        old: Value before, as text; empty where there is none.
        new: Value asked for, as text; empty where there is none.
        reason: Why, in the person's words.
        result: `asked`, `refused: …`, `issued`, `verified`, `failed: …`, `ended: …`.
        order: Id of the order, empty without one.
        command: Id of the command in hex, empty without one; the edge's entry names it too.
        token: Scope and id of the API token it came by, empty for a person; also of one that is gone by now.
    """

    time_ns: int
    actor: str
    role: str
    source: str
    category: str
    type: str
    target: str
    old: str
    new: str
    reason: str
    result: str
    order: str = ""
    command: str = ""
    token: str = ""

    def body(self) -> str:
        """The text that is chained; entries from before there were tokens in it stay what they were."""
        said = asdict(self)
        if not self.token:
            del said["token"]
        return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class Numbered(NamedTuple):
    """An entry with its place in the chain."""

    number: int
    entry: Entry
    chain_hex: str


async def hold(session: AsyncSession, site: str) -> AuditHeadRow:
    """Take the write lock of the chain, so that two parts of the hub never follow the same row."""
    return await locked(session, AuditHeadRow(site=site, number=0, chain=_FIRST))


async def add(session: AsyncSession, site: str, entries: Sequence[Entry]) -> None:
    """Add entries in the caller's transaction."""
    if not entries:
        return
    head = await hold(session, site)
    for entry in entries:
        body = entry.body()
        head.number += 1
        head.chain = _hash(head.chain, body)
        session.add(
            AuditRow(
                site=site, number=head.number, time_ns=entry.time_ns, actor=entry.actor,
                category=entry.category, target=entry.target, body=body, chain=head.chain,
            )
        )  # fmt: skip


async def page(session: AsyncSession, site: str, before: int | None, limit: int) -> list[Numbered]:
    """Newest entries first, those before a number where one is given."""
    wanted = select(AuditRow).where(AuditRow.site == site)
    if before is not None:
        wanted = wanted.where(AuditRow.number < before)
    rows = await session.execute(wanted.order_by(AuditRow.number.desc()).limit(limit))
    return [_numbered(row) for row in rows.scalars()]


async def of_category(session: AsyncSession, site: str, category: str) -> list[Numbered]:
    """All entries of a category, oldest first; for those of which there are few."""
    wanted = select(AuditRow).where(AuditRow.site == site, AuditRow.category == category)
    return [_numbered(row) for row in (await session.execute(wanted.order_by(AuditRow.number))).scalars()]


async def every(sessions: Sessions, site: str, after: int = 0) -> AsyncIterator[Numbered]:
    """All entries, oldest first; those after a number where one is given."""
    while True:
        wanted = select(AuditRow).where(AuditRow.site == site, AuditRow.number > after)
        async with sessions() as session:
            rows = (await session.execute(wanted.order_by(AuditRow.number).limit(_PAGE))).scalars().all()
        for row in rows:
            after = row.number
            yield _numbered(row)
        if not rows:
            return


async def broken_at(sessions: Sessions, site: str) -> int | None:
    """Number of the first entry that is missing or does not follow from the one before; None: it verifies."""
    chain, number, went_on = _FIRST, 0, True
    while went_on:
        went_on = False
        async for row in every(sessions, site, number):
            went_on, number = True, number + 1
            chain = _hash(chain, row.entry.body())
            if row.number != number or row.chain_hex != chain.hex():
                return number
        async with sessions() as session:
            head = await session.get(AuditHeadRow, site)
        if (number, chain) == ((0, _FIRST) if head is None else (head.number, head.chain)):
            return None
    return number + 1  # the end is not that of the last row, and no row came meanwhile


def _numbered(row: AuditRow) -> Numbered:
    return Numbered(row.number, Entry(**json.loads(row.body)), row.chain.hex())


def _hash(chain: bytes, body: str) -> bytes:
    return hashlib.sha256(chain + body.encode()).digest()
