"""Desired beside reported: which configuration each edge shall have, and what it says it has.

A version is decided once: by what its edge reports first after `trying`. The edge's own is the truth; what is
wanted here is a wish until the edge accepted it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from hub.database import Sessions, one_at_a_time
from hub.registry.tables import ConfigurationCursorRow, ConfigurationRow, ReportedRow
from protocols.configuration import Configuration, ConfigurationReport, Why, digest
from protocols.heartbeat import Heartbeat
from protocols.signing import key_id

WANTED: Final = "wanted"
SUPERSEDED: Final = "superseded"
_OPEN: Final = (WANTED, "trying")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants an edge to go by."""

    site: str
    edge: str
    files: Mapping[str, bytes]
    actor: str
    note: str


async def want(sessions: Sessions, wish: Wish, key: Ed25519PrivateKey, now_ns: int) -> int:
    """Sign the next version and keep it; an earlier one not sent yet is superseded. Returns the version.

    Raises:
        ContractError: The files are too large for one message.
    """
    async with sessions() as session, session.begin():
        await one_at_a_time(session, "configuration", wish.site, wish.edge)
        version = await _next_version(session, wish.site, wish.edge)
        made = Configuration(
            version, wish.site, wish.edge, key_id(key.public_key()), now_ns, wish.actor, wish.note, wish.files
        )
        mine = (ConfigurationRow.site == wish.site, ConfigurationRow.edge == wish.edge)
        await session.execute(
            update(ConfigurationRow).where(*mine, ConfigurationRow.state == WANTED).values(state=SUPERSEDED)
        )
        row = ConfigurationRow(
            site=wish.site, edge=wish.edge, version=version, made_ns=now_ns, actor=wish.actor, note=wish.note,
            digest=digest(wish.files), envelope=made.sealed(key), state=WANTED, why=str(Why.NONE), detail="",
            changed_ns=now_ns,
        )  # fmt: skip
        session.add(row)
    return version


async def _next_version(session: AsyncSession, site: str, edge: str) -> int:
    mine = (ConfigurationRow.site == site, ConfigurationRow.edge == edge)
    known = (await session.execute(select(func.max(ConfigurationRow.version)).where(*mine))).scalar()
    reported = await session.get(ReportedRow, (site, edge))
    return max(known or 0, reported.seen if reported else 0) + 1


async def wanted(sessions: Sessions, site: str) -> list[tuple[str, bytes]]:
    """Edge and envelope of every version that no edge answered yet."""
    query = select(ConfigurationRow.edge, ConfigurationRow.envelope).where(
        ConfigurationRow.site == site, ConfigurationRow.state == WANTED
    )
    async with sessions() as session:
        return [(edge, envelope) for edge, envelope in (await session.execute(query)).all()]


async def cursor(sessions: Sessions, site: str) -> int:
    """Row id up to which reports were taken."""
    async with sessions() as session:
        row = await session.get(ConfigurationCursorRow, site)
    return 0 if row is None else row.row_id


async def take_reports(
    sessions: Sessions, site: str, reports: Sequence[tuple[int, ConfigurationReport | None]]
) -> None:
    """Note what edges said, each report once: cursor and states in one commit."""
    async with sessions() as session, session.begin():
        await one_at_a_time(session, "configuration reports", site)
        for _, report in reports:
            if report is not None:
                await _take(session, site, report)
        await session.merge(ConfigurationCursorRow(site=site, row_id=reports[-1][0]))


async def _take(session: AsyncSession, site: str, report: ConfigurationReport) -> None:
    query = select(ConfigurationRow).where(
        ConfigurationRow.site == site,
        ConfigurationRow.edge == report.edge,
        ConfigurationRow.state.in_(_OPEN),
    )
    if report.version:
        query = query.where(ConfigurationRow.version == report.version)
    newest = query.order_by(ConfigurationRow.version.desc()).limit(1)
    row = (await session.execute(newest)).scalar_one_or_none()
    if row is not None:
        row.state, row.why, row.detail = str(report.outcome), str(report.why), report.detail
        row.changed_ns = report.at.wall_ns


async def note_reported(sessions: Sessions, site: str, heard: Sequence[tuple[int, Heartbeat]]) -> None:
    """Keep what edges go by, with the time they were heard [ns since the epoch]."""
    async with sessions() as session, session.begin():
        await one_at_a_time(session, "configuration reports", site)
        for heard_ns, beat in heard:
            await session.merge(
                ReportedRow(
                    site=site, edge=beat.edge, heard_ns=heard_ns, agent_epoch=beat.agent_epoch,
                    version=beat.config_version, trial=beat.config_trial, seen=beat.config_seen,
                    digest=beat.config_digest, edited=beat.config_edited,
                )
            )  # fmt: skip


async def versions(sessions: Sessions, site: str, edge: str) -> list[ConfigurationRow]:
    """All versions of an edge, newest first."""
    query = select(ConfigurationRow).where(ConfigurationRow.site == site, ConfigurationRow.edge == edge)
    async with sessions() as session:
        return list((await session.execute(query.order_by(ConfigurationRow.version.desc()))).scalars())


async def recent(sessions: Sessions, site: str, edge: str, most: int) -> list[ConfigurationRow]:
    """The newest versions of an edge, newest first, without what was signed."""
    query = select(ConfigurationRow).where(ConfigurationRow.site == site, ConfigurationRow.edge == edge)
    newest = query.order_by(ConfigurationRow.version.desc()).limit(most)
    async with sessions() as session:
        return list((await session.execute(newest.options(defer(ConfigurationRow.envelope)))).scalars())


async def reported(sessions: Sessions, site: str, edge: str) -> ReportedRow | None:
    """What an edge goes by; None when it was never heard."""
    async with sessions() as session:
        return await session.get(ReportedRow, (site, edge))
