"""Table of the forecasts, and the few ways it is used."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Index, Integer, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from hub.database import Base, Sessions

KEPT_DAYS: Final = 8
"""Forecasts older than this are let go. [days]"""

_DAY_NS: Final = 86_400_000_000_000


class ForecastRow(Base):
    """One forecast of all series of a site; `body` holds it in the shape of the API."""

    __tablename__ = "forecast"
    __table_args__ = (Index("ix_forecast_site_made", "site", "made_ns"),)

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    site: Mapped[str] = mapped_column(String(32))
    made_ns: Mapped[int] = mapped_column(BigInteger)
    start_ns: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


async def keep(sessions: Sessions, site: str, times_ns: tuple[int, int], body: dict[str, Any]) -> None:
    """Write a forecast down and let old ones go, in one transaction.

    Args:
        sessions: Business database.
        site: Whose it is.
        times_ns: When it was made, and the start of its first quarter.
        body: As the API shows it.
    """
    made_ns, start_ns = times_ns
    old = delete(ForecastRow).where(
        ForecastRow.site == site, ForecastRow.made_ns < made_ns - KEPT_DAYS * _DAY_NS
    )
    async with sessions.begin() as session:
        session.add(ForecastRow(site=site, made_ns=made_ns, start_ns=start_ns, body=body))
        await session.execute(old)


async def newest(sessions: Sessions, site: str) -> ForecastRow | None:
    """The forecast made last; None before the first."""
    wanted = select(ForecastRow).where(ForecastRow.site == site).order_by(ForecastRow.made_ns.desc()).limit(1)
    async with sessions() as session:
        return (await session.execute(wanted)).scalar_one_or_none()


async def since(sessions: Sessions, site: str, from_ns: int) -> list[ForecastRow]:
    """Forecasts made from an instant on, oldest first."""
    wanted = select(ForecastRow).where(ForecastRow.site == site, ForecastRow.made_ns >= from_ns)
    async with sessions() as session:
        return list((await session.execute(wanted.order_by(ForecastRow.made_ns))).scalars())
