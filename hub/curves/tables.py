"""What came of learning each machine last, kept so that a person can look at it and accept it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, BigInteger, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Sessions


class CurveFitRow(Base):
    """The newest fit of one unit; `body` is `proposal.body_of`."""

    __tablename__ = "curve_fit"

    site: Mapped[str] = mapped_column(String(32), primary_key=True)
    unit: Mapped[str] = mapped_column(String(32), primary_key=True)
    made_ns: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


async def keep(sessions: Sessions, site: str, made_ns: int, bodies: Sequence[dict[str, Any]]) -> None:
    """Write fits down, each in the place of the one before, in one transaction."""
    units = [str(body["unit"]) for body in bodies]
    async with sessions.begin() as session:
        await session.execute(
            delete(CurveFitRow).where(CurveFitRow.site == site, CurveFitRow.unit.in_(units))
        )
        session.add_all(
            CurveFitRow(site=site, unit=str(body["unit"]), made_ns=made_ns, body=body) for body in bodies
        )


async def newest(sessions: Sessions, site: str) -> list[CurveFitRow]:
    """The newest fit of every unit of a site, by unit."""
    wanted = select(CurveFitRow).where(CurveFitRow.site == site).order_by(CurveFitRow.unit)
    async with sessions() as session:
        return list((await session.execute(wanted)).scalars())
