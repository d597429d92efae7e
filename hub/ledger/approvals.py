"""What people approve: the plan that a machine in the mode `approve` may follow, and who said so."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple

from sqlalchemy import BigInteger, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Sessions
from hub.ledger import audit
from hub.ledger.order_tables import AuditRow

Why = Literal["mode", "event", "plan", "right"]
"""Why the hub took one back: mode of the machine, event of its station, plan over, right of the person."""
SOURCE: Final = "hub_dispatch"
CATEGORY: Final = "plan"


class ApprovalRow(Base):
    """The last word about one machine; `plan_id` is None where an approval was taken back."""

    __tablename__ = "plan_approval"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    machine: Mapped[str] = mapped_column(String(32), primary_key=True)
    plan_id: Mapped[str | None] = mapped_column(String(32))
    person: Mapped[str] = mapped_column(String(64))
    at_ns: Mapped[int] = mapped_column(BigInteger)


class Approval(NamedTuple):
    """Who let a machine follow which plan, and when."""

    plan_id: str
    person: str
    at_ns: int


async def approve(
    sessions: Sessions, site: str, rows: Sequence[ApprovalRow], entries: Sequence[audit.Entry]
) -> None:
    """Keep what a person said with its audit entries, in one transaction."""
    async with sessions.begin() as session:
        await audit.add(session, site, entries)
        for row in rows:
            await session.merge(row)


async def approvals(sessions: Sessions, site: str) -> dict[str, Approval]:
    """Machine to the plan it may follow; without those nobody approved, or took back."""
    wanted = select(ApprovalRow).where(ApprovalRow.site == site)
    async with sessions() as session:
        rows = (await session.execute(wanted)).scalars()
        return {
            row.machine: Approval(row.plan_id, row.person, row.at_ns)
            for row in rows
            if row.plan_id is not None
        }


class Over(NamedTuple):
    """An approval that the hub took back, and when it was given."""

    machine: str
    approval: Approval
    why: Why


async def let_go(sessions: Sessions, site: str, gone: Sequence[Over], now_ns: int) -> None:
    """Take back what is over, with its entry in the audit; what a person said meanwhile stays."""
    async with sessions.begin() as session:
        for machine, said, why in gone:
            over = (
                update(ApprovalRow)
                .where(
                    ApprovalRow.site == site,
                    ApprovalRow.machine == machine,
                    ApprovalRow.plan_id == said.plan_id,
                    ApprovalRow.at_ns == said.at_ns,
                )
                .values(plan_id=None)
                .returning(ApprovalRow.machine)
            )
            if (await session.execute(over)).first() is not None:
                await audit.add(session, site, [_entry(machine, said, why, now_ns)])


def _entry(machine: str, said: Approval, why: Why, now_ns: int) -> audit.Entry:
    result = f"ended: {why}"
    return audit.Entry(
        now_ns, said.person, "", SOURCE, CATEGORY, "withdraw", machine, said.plan_id, "", "", result
    )


class Ended(NamedTuple):
    """What became of the last approval of a machine, where the hub took it back."""

    person: str
    plan_id: str
    why: str
    at_ns: int


async def ended(sessions: Sessions, site: str, machines: Collection[str], since_ns: int) -> dict[str, Ended]:
    """Machine to the last word about it, as far as that was the hub's own."""
    rows = (
        select(AuditRow)
        .where(AuditRow.site == site, AuditRow.time_ns >= since_ns, AuditRow.category == CATEGORY)
        .where(AuditRow.target.in_(machines))
        .order_by(AuditRow.number)
    )
    last: dict[str, dict[str, str]] = {}
    async with sessions() as session:
        for row in (await session.execute(rows)).scalars():
            last[row.target] = json.loads(row.body) | {"at": str(row.time_ns)}
    return {
        machine: Ended(said["actor"], said["old"], said["result"].removeprefix("ended: "), int(said["at"]))
        for machine, said in last.items()
        if said["source"] == SOURCE
    }
