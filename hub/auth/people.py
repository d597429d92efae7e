"""People who may sign in: added, given a new password, removed; each with its entry in the audit."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.admin import ADMIN
from hub.auth.passwords import hash_password, one_time_password
from hub.auth.tables import RefreshRow, UserRow
from hub.database import Sessions
from hub.ledger import audit
from protocols.errors import ConfigError

ROLES: Final = ("admin", "operator", "viewer")
"""admin and operator may command, a viewer only looks."""
_NAME: Final = re.compile(r"^[a-z][a-z0-9_.-]{0,63}$")


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, where and when, for the audit.

    Attributes:
        site: Site whose audit notes it.
        actor: Account of the system that runs the command.
        now_ns: Wall clock.
    """

    site: str
    actor: str
    now_ns: int


async def add(sessions: Sessions, name: str, role: str, act: Act) -> str:
    """Make a person; gives the password, once and never again.

    Raises:
        ConfigError: No name, no role, or there is such a person.
    """
    if not _NAME.match(name):
        raise ConfigError(f"{name!r} is no name; write it like olga or o.smith")
    if role not in ROLES:
        raise ConfigError(f"{role!r} is no role; known are {', '.join(ROLES)}")
    password = one_time_password()
    stored = await asyncio.to_thread(hash_password, password)
    async with sessions.begin() as session:
        await _note(session, act, "add", name, role)
        if await _find(session, name) is not None:
            raise ConfigError(
                f"there is a person {name!r} already; `ems hub person password` gives a new password"
            )
        session.add(UserRow(name=name, role=role, password=stored, changed_ns=act.now_ns))
    return password


async def renew(sessions: Sessions, name: str, act: Act) -> str:
    """Give a person a new password and end all of their sessions.

    Raises:
        ConfigError: There is no such person.
    """
    password = one_time_password()
    stored = await asyncio.to_thread(hash_password, password)
    async with sessions.begin() as session:
        await _note(session, act, "password", name, "")
        person = await _known(session, name)
        person.password, person.changed_ns = stored, act.now_ns
        ended = update(RefreshRow).where(RefreshRow.user_id == person.id, RefreshRow.ended_ns.is_(None))
        await session.execute(ended.values(ended_ns=act.now_ns))
    return password


async def remove(sessions: Sessions, name: str, act: Act) -> None:
    """Remove a person with all of their sessions; what they did stays in the audit.

    Raises:
        ConfigError: There is no such person, or it is the one that is always there.
    """
    if name == ADMIN:
        raise ConfigError(
            f"{ADMIN!r} stays, so that somebody can always sign in; `ems hub admin reset` gives a password"
        )
    async with sessions.begin() as session:
        await _note(session, act, "remove", name, "")
        person = await _known(session, name)
        await session.execute(delete(RefreshRow).where(RefreshRow.user_id == person.id))
        await session.delete(person)


async def everybody(sessions: Sessions) -> list[tuple[str, str]]:
    """Names and roles."""
    async with sessions() as session:
        rows = await session.execute(select(UserRow.name, UserRow.role).order_by(UserRow.name))
        return [(row.name, row.role) for row in rows]


async def _known(session: AsyncSession, name: str) -> UserRow:
    person = await _find(session, name)
    if person is None:
        raise ConfigError(f"there is no person {name!r}; `ems hub person list` names all")
    return person


async def _find(session: AsyncSession, name: str) -> UserRow | None:
    return (await session.execute(select(UserRow).where(UserRow.name == name))).scalar_one_or_none()


async def _note(session: AsyncSession, act: Act, what: str, name: str, role: str) -> None:
    entry = audit.Entry(act.now_ns, act.actor, "", "command line", "person", what, name, "", role, "", "done")
    await audit.add(session, act.site, [entry])
