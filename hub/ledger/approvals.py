"""What people approve: the plan that a machine in the mode `approve` may follow, and who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Sessions
from hub.ledger import audit


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


async def let_go(sessions: Sessions, site: str, plans: Mapping[str, str]) -> None:
    """Take back what is over, machine to the plan it was; what a person said meanwhile stays."""
    async with sessions.begin() as session:
        for machine, plan_id in plans.items():
            over = update(ApprovalRow).where(
                ApprovalRow.site == site, ApprovalRow.machine == machine, ApprovalRow.plan_id == plan_id
            )
            await session.execute(over.values(plan_id=None))
