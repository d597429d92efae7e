"""Roles, what each may do, and the role a person has at a site: the one place that says so.

A person has one role at every site (`user.role`, empty: none) and may have another one at a site
(`site_role`), which then counts alone there. A role is never added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.tables import SignInRow, SiteRoleRow, UserRow

Role = Literal["viewer", "operator", "engineer", "manager", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "engineer", "manager", "admin")
NONE: Final = ""
"""Role of somebody who has none at a site."""
BLOCKED: Final = "blocked"
"""In the place of a role: somebody was removed whom a provider of identities would bring back."""

READ: Final = frozenset(ROLES)
"""Who may look."""
COMMAND: Final = frozenset({"operator", "engineer", "admin"})
"""Who may ask for set-points and acts, and act on alarms."""
CONFIGURE: Final = frozenset({"engineer", "admin"})
"""Who may accept another configuration."""
MANAGE: Final = frozenset({"manager", "admin"})
"""Who may change what costs, carbon and reports go by."""
ADMINISTER: Final = frozenset({"admin"})
"""Who says who may do what."""

RIGHTS: Final = {"command": COMMAND, "configure": CONFIGURE, "manage": MANAGE, "administer": ADMINISTER}
"""Names of the rights, as a page is told them."""


def rights_of(role: str) -> list[str]:
    """What a role may do beyond looking.

    Example:
        >>> rights_of("engineer")
        ['command', 'configure']
    """
    return [right for right, roles in RIGHTS.items() if role in roles]


def _here(site: str | ColumnElement[str]) -> Select[str, str]:
    mine = and_(SiteRoleRow.user_id == UserRow.id, SiteRoleRow.site == site)
    role = func.coalesce(SiteRoleRow.role, UserRow.role)
    return select(UserRow.name, role).outerjoin(SiteRoleRow, mine)


async def roles_at(session: AsyncSession, site: str, names: Iterable[str]) -> dict[str, str]:
    """Role of each person at a site; who is not there is missing, who has no role there has an empty one."""
    rows = await session.execute(_here(site).where(UserRow.name.in_(list(names))))
    return {row[0]: str(row[1]) for row in rows}


class Standing(NamedTuple):
    """When a person's password was changed [ns], and their role at a site."""

    changed_ns: int
    role: str


def _standing() -> Select[str, str, int]:
    """The question each request asks, made once: to make it costs more than to answer it."""
    of_sign_in = SignInRow.family == bindparam("family")
    theirs = and_(SignInRow.user_id == UserRow.id, of_sign_in, SignInRow.ended_ns.is_(None))
    here = _here(bindparam("site", type_=String())).add_columns(UserRow.changed_ns)
    return here.join(SignInRow, theirs).where(UserRow.name == bindparam("name"))


STANDING: Final = _standing()
"""Columns: name, role, when the password was changed. [ns]"""


async def standing_at(session: AsyncSession, site: str, name: str, family: str) -> Standing | None:
    """How a person stands at a site, in one question.

    None: there is no such person, or the sign-in is none of theirs, or it has ended.
    """
    told = {"site": site, "name": name, "family": family}
    row = (await session.execute(STANDING, told)).one_or_none()
    return None if row is None else Standing(int(row[2]), str(row[1]))


async def role_at(session: AsyncSession, site: str, name: str) -> str:
    """Role of one person at a site; empty where they have none, or there is no such person."""
    return (await roles_at(session, site, [name])).get(name, NONE)


async def people_at(session: AsyncSession, site: str) -> list[tuple[str, str]]:
    """Names and roles of all who have a role at a site."""
    rows = await session.execute(_here(site).order_by(UserRow.name))
    return [(row[0], str(row[1])) for row in rows if row[1] not in {NONE, BLOCKED}]
