"""Join tokens: made by a person at the hub, good for one key and some minutes; the use is committed first.

The same box may repeat its own request (same token, same key) while the token lives, so an answer that got
lost on the way costs nobody a walk.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import update

from hub.database import Sessions
from hub.registry.join_tables import JoinTokenRow
from protocols.errors import JoinRefusedError
from protocols.join import JoinToken

MINUTES: Final = 15
"""How long a token lives unless told otherwise. [min]"""

_NS_PER_MIN: Final = 60_000_000_000
_SECRET_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a token is for.

    Attributes:
        site: The site.
        edge: Id the box gets.
        url: Where the box finds the hub.
        ca_pin: SHA-256 of the CA's certificate, or empty.
        bus_folder: Folder of the bus's register.
        actor: Who made it.
        minutes: How long it lives.
    """

    site: str
    edge: str
    url: str
    ca_pin: bytes
    bus_folder: Path
    actor: str
    minutes: float = MINUTES


@dataclass(frozen=True, slots=True)
class Joining:
    """A box that may come in."""

    site: str
    edge: str
    bus_folder: Path


async def invite(sessions: Sessions, invitation: Invitation, now_ns: int) -> JoinToken:
    """Make a token; earlier ones of the same edge are void from now on."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    token = JoinToken(
        invitation.site, invitation.edge, invitation.url, invitation.ca_pin, secrets.token_hex(8), secret
    )
    row = JoinTokenRow(
        id=token.id, secret_hash=_hash(secret), site=token.site, edge=token.edge,
        bus_folder=str(invitation.bus_folder.resolve()), actor=invitation.actor, made_ns=now_ns,
        expires_ns=now_ns + round(invitation.minutes * _NS_PER_MIN), used_ns=0, public_key="", address="",
    )  # fmt: skip
    await void(sessions, token.edge, now_ns)
    async with sessions() as session, session.begin():
        session.add(row)
    return token


async def void(sessions: Sessions, edge: str, now_ns: int) -> None:
    """No token of this edge is good any more, used or not."""
    mine = (JoinTokenRow.edge == edge, JoinTokenRow.expires_ns > now_ns)
    async with sessions() as session, session.begin():
        await session.execute(update(JoinTokenRow).where(*mine).values(expires_ns=now_ns))


async def redeem(sessions: Sessions, ident: str, secret: bytes, box: tuple[str, str], now_ns: int) -> Joining:
    """Use a token up for one key; the commit comes before anything else happens.

    Args:
        sessions: Business database.
        ident: Id of the token.
        secret: Its secret.
        box: Public key of the box, and the address it asks from.
        now_ns: Wall clock of the hub. [ns]

    Raises:
        JoinRefusedError: No such token, or one that is over or used by another key.
    """
    key, address = box
    mine = (JoinTokenRow.id == ident, JoinTokenRow.secret_hash == _hash(secret))
    fresh = (*mine, JoinTokenRow.used_ns == 0, JoinTokenRow.expires_ns > now_ns)
    async with sessions() as session, session.begin():
        taken = update(JoinTokenRow).where(*fresh)
        await session.execute(taken.values(used_ns=now_ns, public_key=key, address=address))
        row = await session.get(JoinTokenRow, ident)
    if row is None or not secrets.compare_digest(row.secret_hash, _hash(secret)):
        raise JoinRefusedError("the hub knows no such join token; make one with `ems bus token`")
    if row.expires_ns <= now_ns:
        raise JoinRefusedError("this join token is over; make a new one with `ems bus token`")
    if row.public_key != key:
        raise JoinRefusedError(
            "this join token was used by another box; make a new one, and look who used it"
        )
    return Joining(row.site, row.edge, Path(row.bus_folder))


async def bus_folder_of(sessions: Sessions, ident: str) -> Path | None:
    """Folder of the bus a token is for; None where there is no such token."""
    async with sessions() as session:
        row = await session.get(JoinTokenRow, ident)
    return None if row is None else Path(row.bus_folder)


def _hash(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()
