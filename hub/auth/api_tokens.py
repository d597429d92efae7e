"""Tokens of programs: a random secret shown once and kept as its SHA-256, with a scope and an end."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.tables import ApiTokenRow, UserRow

PREFIX: Final = "ems_"
"""What a token begins with, so that nobody takes it for another, and scanners for leaked secrets find it."""
MOST_DAYS: Final = 400
"""Longest life of a token. [d]"""
MOST_OF_ONE: Final = 20
"""Most tokens of one person."""

_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32
_USED_EVERY_NS: Final = 60_000_000_000
_DAY_NS: Final = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to be made.

    Attributes:
        site: Site it is for.
        label: What it is for, in the person's words.
        scope: Role whose rights it does not go beyond.
        days: How long it is good. [d]
    """

    site: str
    label: str
    scope: str
    days: int


async def make(
    session: AsyncSession, owner: int, wanted: Wanted, now_ns: int
) -> tuple[ApiTokenRow, str] | None:
    """A new token and its secret, which nobody can ask for again; None: the person has too many."""
    if len(await of_person(session, owner)) >= MOST_OF_ONE:
        return None
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = ApiTokenRow(
        id=secrets.token_hex(_ID_BYTES), hash=_hash(secret), user_id=owner, site=wanted.site,
        label=wanted.label, scope=wanted.scope, made_ns=now_ns, expires_ns=now_ns + wanted.days * _DAY_NS,
        used_ns=None,
    )  # fmt: skip
    session.add(row)
    return row, secret


async def of_person(session: AsyncSession, owner: int) -> list[ApiTokenRow]:
    """Tokens of a person, also those that are over, oldest first."""
    wanted = select(ApiTokenRow).where(ApiTokenRow.user_id == owner)
    return list((await session.execute(wanted.order_by(ApiTokenRow.made_ns, ApiTokenRow.id))).scalars())


async def end(session: AsyncSession, owner: int, ident: str) -> str | None:
    """Take one token of a person away, at once; its label, None: they have no such token."""
    row = await session.get(ApiTokenRow, ident)
    if row is None or row.user_id != owner:
        return None
    await session.delete(row)
    return row.label


async def end_all(session: AsyncSession, owner: int) -> None:
    """Take all tokens of a person away."""
    await session.execute(delete(ApiTokenRow).where(ApiTokenRow.user_id == owner))


async def holder(
    session: AsyncSession, secret: str, site: str, now_ns: int
) -> tuple[ApiTokenRow, str] | None:
    """A token that is good at a site now, with the name of its person; its use is noted once a minute."""
    mine = (ApiTokenRow.hash == _hash(secret), ApiTokenRow.site == site, ApiTokenRow.expires_ns > now_ns)
    joined = select(ApiTokenRow, UserRow.name).join(UserRow, UserRow.id == ApiTokenRow.user_id)
    found = (await session.execute(joined.where(*mine))).one_or_none()
    if found is None:
        return None
    row, name = found
    if row.used_ns is None or now_ns - row.used_ns >= _USED_EVERY_NS:
        row.used_ns = now_ns
    return row, name


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
