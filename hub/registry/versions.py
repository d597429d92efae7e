"""The site's configuration as versions in the business database: kept, listed, compared, rolled back.

The highest version is in force. Nothing is ever changed: a roll-back is a new version with the files of an
old one. Each version has its entry in the audit, in the same transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.database import Sessions
from hub.ledger import audit
from hub.registry.documents import Documents, digest_of
from hub.registry.version_tables import BodyRow, FileRow, VersionRow
from protocols.errors import ConfigError, ConfigMovedError, StoreError

_MANY: Final = 400
"""Hashes in one question; databases bound the number of parameters."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who accepts a version, and what for.

    Attributes:
        name: Person or job.
        note: What for.
        role: Their role when it comes over the API.
        source: Where it came from: an address, or the name of a part of the hub.
        back_to: Version whose files it has again; 0: it is no roll-back.
        seen: Version they looked at, which must still be in force, 0: none; None: whichever is.
        token: Scope and id of the API token it came by; empty for a person or a job.
    """

    name: str
    note: str = ""
    role: str = ""
    source: str = "ems hub config"
    back_to: int = 0
    seen: int | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an import: its version, and whether it is a new one."""

    version: int
    fresh: bool


async def keep(sessions: Sessions, site: str, documents: Documents, author: Author, now_ns: int) -> Kept:
    """Accept files as the next version; the same files as in force make no new one.

    Raises:
        ConfigMovedError: The version the author looked at is not in force any more; nothing was changed.
        StoreError: Another one was accepted at the same moment; nothing was changed.
    """
    try:
        async with sessions() as session, session.begin():
            return await _keep(session, site, documents, author, now_ns)
    except IntegrityError as error:
        raise StoreError("another configuration was accepted at the same moment; look at it first") from error


async def _keep(session: AsyncSession, site: str, documents: Documents, author: Author, now_ns: int) -> Kept:
    await audit.hold(session, site)  # the write lock comes first, so that two imports follow each other
    before = await _newest(session, site)
    _check_seen(before, author.seen)
    digest = digest_of(documents)
    if before is not None and before.digest == digest:
        return Kept(before.version, fresh=False)
    version = 1 if before is None else before.version + 1
    hashes = {path: hashlib.sha256(body).hexdigest() for path, body in documents.items()}
    known = await _known(session, sorted(set(hashes.values())))
    fresh = {hashes[path]: body for path, body in documents.items() if hashes[path] not in known}
    session.add_all([BodyRow(sha256=name, body=body) for name, body in fresh.items()])
    session.add_all(
        [FileRow(site=site, version=version, path=path, sha256=name) for path, name in hashes.items()]
    )
    session.add(
        VersionRow(
            site=site, version=version, made_ns=now_ns, actor=author.name[:64], note=author.note[:200],
            digest=digest, back_to=author.back_to,
        )
    )  # fmt: skip
    old = "" if before is None else str(before.version)
    kind = "roll_back" if author.back_to else "import"
    entry = audit.Entry(
        now_ns, author.name[:64], author.role, author.source, "configuration", kind, site, old, str(version),
        author.note[:200], "accepted", token=author.token,
    )  # fmt: skip
    await audit.add(session, site, [entry])
    return Kept(version, fresh=True)


def _check_seen(before: VersionRow | None, seen: int | None) -> None:
    now = 0 if before is None else before.version
    if seen is not None and seen != now:
        raise ConfigMovedError(
            f"version {now} is in force, not version {seen} that this was made on; look at it and ask again"
        )


async def _known(session: AsyncSession, hashes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(hashes), _MANY):
        part = hashes[start : start + _MANY]
        rows = await session.execute(select(BodyRow.sha256).where(BodyRow.sha256.in_(part)))
        found |= set(rows.scalars())
    return found


async def _newest(session: AsyncSession, site: str) -> VersionRow | None:
    query = select(VersionRow).where(VersionRow.site == site).order_by(VersionRow.version.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def newest(sessions: Sessions, site: str) -> VersionRow | None:
    """The version in force; None before the first import."""
    async with sessions() as session:
        return await _newest(session, site)


async def history(sessions: Sessions, site: str, most: int, before: int | None = None) -> list[VersionRow]:
    """Versions, newest first, those before one where it is named."""
    query = select(VersionRow).where(VersionRow.site == site)
    if before is not None:
        query = query.where(VersionRow.version < before)
    async with sessions() as session:
        return list((await session.execute(query.order_by(VersionRow.version.desc()).limit(most))).scalars())


async def version_of(sessions: Sessions, site: str, version: int | None) -> VersionRow:
    """One version; None asks for the one in force.

    Raises:
        ConfigError: There is none.
    """
    async with sessions() as session:
        row = (
            await _newest(session, site)
            if version is None
            else await session.get(VersionRow, (site, version))
        )
        if row is not None:
            return row
        query = select(func.max(VersionRow.version)).where(VersionRow.site == site)
        most = (await session.execute(query)).scalar()
    if most is None:
        raise ConfigError(
            f"site {site!r} has no configuration yet; `ems hub config import DIR` makes the first"
        )
    raise ConfigError(f"site {site!r} has no version {version}; there are 1 to {most}")


async def documents_of(sessions: Sessions, site: str, version: int) -> dict[str, bytes]:
    """Files of a version, checked against its hash.

    Raises:
        ConfigError: There is no such version.
        StoreError: What the database holds is not what was accepted.
    """
    row = await version_of(sessions, site, version)
    query = (
        select(FileRow.path, BodyRow.body)
        .join(BodyRow, BodyRow.sha256 == FileRow.sha256)
        .where(FileRow.site == site, FileRow.version == row.version)
        .order_by(FileRow.path)
    )
    async with sessions() as session:
        found = {path: bytes(body) for path, body in (await session.execute(query)).all()}
    if digest_of(found) != row.digest:
        raise StoreError(
            f"version {row.version} of {site!r} is damaged in the database; "
            "roll back to another or restore a backup"
        )
    return found


async def roll_back(sessions: Sessions, site: str, version: int, author: Author, now_ns: int) -> Kept:
    """Accept the files of an old version again, as the next one.

    Raises:
        ConfigError: There is no such version, or as `keep`.
        StoreError: It is damaged, or another one was accepted at the same moment.
    """
    documents = await documents_of(sessions, site, version)
    return await keep(sessions, site, documents, replace(author, back_to=version), now_ns)
