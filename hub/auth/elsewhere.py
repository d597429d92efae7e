"""People who sign in at a provider of identities: who they are here, made at their first time."""

from __future__ import annotations

import hashlib

from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.people import Act, Post, find, give_role
from hub.auth.provider import Identity
from hub.auth.roles import BLOCKED, NONE, role_at
from hub.auth.tables import IdentityRow, UserRow
from hub.database import Sessions, one_at_a_time
from hub.ledger import audit
from protocols.errors import NotSignedInError


async def person_of(sessions: Sessions, identity: Identity, act: Act) -> tuple[int, str]:
    """The person an identity is here, with the role the provider's groups give them now: id and name.

    Raises:
        NotSignedInError: They were removed here; or their groups give them no role, and one they had at this
            site is taken away.
    """
    async with sessions.begin() as session:
        await one_at_a_time(session, "identity")
        user = await _known(session, identity)
        if user is None and identity.role is not None:
            user = await _new(session, identity, act)
        name = "" if user is None else user.name
        blocked = user is not None and user.role == BLOCKED
        if user is not None and not blocked:
            await _hold(session, user, identity.role or NONE, act)
    if blocked:
        raise NotSignedInError("an admin of this hub has removed you; ask them", who=name, blocked=True)
    if user is None or identity.role is None:
        raise NotSignedInError("your groups at the provider of identities give you no role here", who=name)
    return user.id, user.name


async def _known(session: AsyncSession, identity: Identity) -> UserRow | None:
    row = await session.get(IdentityRow, (identity.issuer, identity.subject))
    return None if row is None else await session.get(UserRow, row.user_id)


async def _new(session: AsyncSession, identity: Identity, act: Act) -> UserRow:
    name = identity.name
    if await find(session, name) is not None:
        lasting = hashlib.sha256(f"{identity.issuer} {identity.subject}".encode()).hexdigest()
        name = f"{name}.{lasting[:8]}"
    user = UserRow(name=name, role=NONE, password="", changed_ns=act.now_ns)
    session.add(user)
    await session.flush()
    session.add(IdentityRow(issuer=identity.issuer, subject=identity.subject, user_id=user.id))
    told = f"{identity.subject} at {identity.issuer}"
    await audit.add(session, act.site, [act.entry("add", name, told)])
    return user


async def _hold(session: AsyncSession, user: UserRow, role: str, act: Act) -> None:
    """The provider says at each sign-in what a person may do here."""
    await session.flush()
    old = await role_at(session, act.site, user.name)
    if old != role:
        await give_role(session, user, Post(role, act.site))
        entry = act.entry("role", user.name, str(Post(role, act.site)), str(Post(old, act.site)))
        await audit.add(session, act.site, [entry])
