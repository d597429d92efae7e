"""People who may sign in: added, given roles and passwords, removed; each with its entry in the audit.

What belongs to a person at several sites is changed by somebody who administers them all, at the command
line or on the page; who administers one site alone changes what belongs to that site.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from typing_extensions import override

from hub.auth import api_tokens, factor, signed_in
from hub.auth.admin import ADMIN
from hub.auth.passwords import hash_password, one_time_password
from hub.auth.roles import ADMINISTER, BLOCKED, NONE, ROLES
from hub.auth.tables import IdentityRow, RefreshRow, SignInRow, SiteRoleRow, UserRow
from hub.database import Sessions
from hub.ledger import audit
from protocols.errors import ConfigError

_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, where and when, for the audit.

    Attributes:
        site: Site whose audit notes it.
        actor: Person, or account of the system that runs the command.
        now_ns: Wall clock.
        role: Their role; empty at the command line.
        source: Where it came from.
        everywhere: Whether they administer every site.
    """

    site: str
    actor: str
    now_ns: int
    role: str = ""
    source: str = "command line"
    everywhere: bool = True

    def entry(self, what: str, name: str, new: str = "", old: str = "") -> audit.Entry:
        """The entry of one change."""
        return audit.Entry(
            self.now_ns, self.actor, self.role, self.source, "person", what, name, old, new, "", "done"
        )


@dataclass(frozen=True, slots=True)
class Post:
    """A role, and where.

    Attributes:
        role: One of `ROLES`; empty: none.
        site: Site; None: every site that says nothing else.
    """

    role: str
    site: str | None = None

    @override
    def __str__(self) -> str:
        where = "everywhere" if self.site is None else f"at {self.site}"
        return f"{self.role or 'none'} {where}"


async def add(sessions: Sessions, name: str, post: Post, act: Act) -> str:
    """Make a person; gives the password, once and never again.

    Raises:
        ConfigError: No name, no role, or there is such a person.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name; write it like olga or o.smith")
    _check_role(post.role)
    password = one_time_password()
    stored = await asyncio.to_thread(hash_password, password)
    async with sessions.begin() as session:
        await audit.add(session, act.site, [act.entry("add", name, _told(post))])
        if await find(session, name) is not None:
            raise ConfigError(
                f"there is a person {name!r} already; `ems hub person password` gives a new password, "
                "`ems hub person role` another role"
            )
        everywhere = post.role if post.site is None else NONE
        session.add(UserRow(name=name, role=everywhere, password=stored, changed_ns=act.now_ns))
        await session.flush()
        if post.site is not None:
            await give_role(session, await known(session, name), post)
    return password


async def appoint(sessions: Sessions, name: str, post: Post, act: Act) -> None:
    """Give a person another role; it counts from their next request on.

    Raises:
        ConfigError: No role, no such person, or it is the one that is always an admin.
    """
    if post.role:
        _check_role(post.role)
    if name == ADMIN:
        raise ConfigError(f"{ADMIN!r} stays an admin, so that somebody always can say who may do what")
    async with sessions.begin() as session:
        row = await known(session, name)
        await reachable(session, row, act, post.site)
        _not_blocked(row)
        old = str(Post(await _role_of(session, row, post.site), post.site))
        await audit.add(session, act.site, [act.entry("role", name, str(post), old)])
        await give_role(session, row, post)


async def renew(sessions: Sessions, name: str, act: Act) -> str:
    """Give a person a new password and end all of their sessions and tokens.

    Raises:
        ConfigError: There is no such person, or they are not in this admin's reach.
    """
    password = one_time_password()
    stored = await asyncio.to_thread(hash_password, password)
    async with sessions.begin() as session:
        row = await known(session, name)
        await reachable(session, row, act)
        _not_blocked(row)
        await audit.add(session, act.site, [act.entry("password", name)])
        row.password, row.changed_ns = stored, act.now_ns
        await signed_in.end_all(session, row.id, act.now_ns)
        await api_tokens.end_all(session, row.id)
    return password


async def without_factor(sessions: Sessions, name: str, act: Act) -> None:
    """Take a person's second factor away, for who lost it; ends all of their sessions.

    Raises:
        ConfigError: There is no such person, they have none, or they are not in this admin's reach.
    """
    async with sessions.begin() as session:
        row = await known(session, name)
        await reachable(session, row, act)
        if not await factor.drop(session, row.id):
            raise ConfigError(f"{name!r} has no second factor")
        await audit.add(session, act.site, [act.entry("second factor taken away", name)])
        await signed_in.end_all(session, row.id, act.now_ns)


async def remove(sessions: Sessions, name: str, act: Act) -> bool:
    """Remove a person with all of their sessions; what they did stays in the audit.

    Whom a provider of identities would bring back at the next sign-in stays blocked instead, which is told
    by True, until `let_in` forgets that.

    Raises:
        ConfigError: There is no such person, they are blocked already, or it is the one that is always there.
    """
    if name == ADMIN:
        raise ConfigError(
            f"{ADMIN!r} stays, so that somebody can always sign in; `ems hub admin reset` gives a password"
        )
    async with sessions.begin() as session:
        row = await known(session, name)
        await reachable(session, row, act)
        if row.role == BLOCKED:
            raise ConfigError(f"{name!r} is blocked already; `ems hub person let-in` forgets that")
        returns = await _from_provider(session, row)
        await audit.add(session, act.site, [act.entry("remove", name, BLOCKED if returns else "")])
        await _forget(session, row, blocked=returns)
    return returns


async def let_in(sessions: Sessions, name: str, act: Act) -> None:
    """Forget that a person is blocked: the provider may bring them again, with the role it says then.

    Raises:
        ConfigError: There is no such person, or they are not blocked.
    """
    async with sessions.begin() as session:
        row = await known(session, name)
        await reachable(session, row, act)
        if row.role != BLOCKED:
            raise ConfigError(f"{name!r} is not blocked")
        await audit.add(session, act.site, [act.entry("let in", name, old=BLOCKED)])
        await _forget(session, row, blocked=False)


async def everybody(sessions: Sessions) -> list[tuple[str, str]]:
    """Names and roles, those at single sites as well."""
    async with sessions() as session:
        rows = (await session.execute(select(UserRow).order_by(UserRow.name))).scalars().all()
        posts = (await session.execute(select(SiteRoleRow).order_by(SiteRoleRow.site))).scalars().all()
    found = []
    for row in rows:
        mine = [f"{post.role or 'none'} at {post.site}" for post in posts if post.user_id == row.id]
        found.append((row.name, ", ".join([row.role, *mine] if row.role or not mine else mine)))
    return found


async def known(session: AsyncSession, name: str) -> UserRow:
    """The person of this name.

    Raises:
        ConfigError: There is none.
    """
    person = await find(session, name)
    if person is None:
        raise ConfigError(f"there is no person {name!r}; `ems hub person list` names all")
    return person


async def find(session: AsyncSession, name: str) -> UserRow | None:
    """The person of this name; None: there is none."""
    return (await session.execute(select(UserRow).where(UserRow.name == name))).scalar_one_or_none()


async def reachable(session: AsyncSession, row: UserRow, act: Act, site: str | None = None) -> None:
    """Let an admin of one site change only what belongs to it.

    Raises:
        ConfigError: The person is known elsewhere too, and the act is about all of them.
    """
    if act.everywhere or site == act.site:
        return
    posts = (await session.execute(select(SiteRoleRow).where(SiteRoleRow.user_id == row.id))).scalars()
    if row.role or await _from_provider(session, row) or {post.site for post in posts} - {act.site}:
        raise ConfigError(
            f"{row.name!r} is known at other sites or a provider of identities too; an admin of all sites "
            "does this, or `ems hub person` on the machine of the hub; here their role at this site can be "
            "changed"
        )


async def elsewhere(session: AsyncSession, row: UserRow, act: Act) -> bool:
    """Whether a person has a role at another site than that of an admin who does not administer all."""
    if act.everywhere:
        return False
    posts = (await session.execute(select(SiteRoleRow).where(SiteRoleRow.user_id == row.id))).scalars()
    return any(post.site != act.site and post.role != NONE for post in posts)


async def give_role(session: AsyncSession, row: UserRow, post: Post) -> None:
    """Write a role down."""
    if post.site is None:
        row.role = post.role
        return
    there = await session.get(SiteRoleRow, (row.id, post.site))
    if there is None:
        session.add(SiteRoleRow(user_id=row.id, site=post.site, role=post.role))
    else:
        there.role = post.role


async def administers_all(session: AsyncSession, name: str) -> bool:
    """Whether a person is an admin of every site."""
    row = await find(session, name)
    return row is not None and row.role in ADMINISTER


async def _role_of(session: AsyncSession, row: UserRow, site: str | None) -> str:
    there = None if site is None else await session.get(SiteRoleRow, (row.id, site))
    return row.role if there is None else there.role


async def _from_provider(session: AsyncSession, row: UserRow) -> bool:
    found = select(IdentityRow.user_id).where(IdentityRow.user_id == row.id).limit(1)
    return await session.scalar(found) is not None


async def _forget(session: AsyncSession, row: UserRow, *, blocked: bool) -> None:
    """Take away all of a person; of one that is blocked the name and who they are at their provider stay."""
    for table in (RefreshRow, SignInRow, SiteRoleRow):
        await session.execute(delete(table).where(table.user_id == row.id))
    await api_tokens.end_all(session, row.id)
    await factor.drop(session, row.id)
    if blocked:
        row.role, row.password = BLOCKED, ""
        return
    await session.execute(delete(IdentityRow).where(IdentityRow.user_id == row.id))
    await session.delete(row)


def _not_blocked(row: UserRow) -> None:
    if row.role == BLOCKED:
        raise ConfigError(f"{row.name!r} is blocked; let them in again first")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ConfigError(f"{role!r} is no role; known are {', '.join(ROLES)}")


def _told(post: Post) -> str:
    return post.role if post.site is None else str(post)
