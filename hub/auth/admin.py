"""The first person: made at the first start, and made anew by `ems hub admin reset`."""

from __future__ import annotations

import asyncio
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth import api_tokens, factor, signed_in
from hub.auth.passwords import hash_password, one_time_password
from hub.auth.tables import SiteRoleRow, UserRow
from hub.database import create_engine, one_at_a_time, sessions_of
from protocols.clock import Clock

ADMIN: Final = "admin"


def ensure_admin(url: str, clock: Clock) -> str | None:
    """Make the person `admin` when there is nobody; returns the password, once and never again."""
    return asyncio.run(_with_admin(url, clock, reset=False))


def reset_admin(url: str, clock: Clock) -> str:
    """Give `admin` a new password and its role back, take its second factor, end all of its sessions.

    Returns:
        The password.
    """
    return asyncio.run(_with_admin(url, clock, reset=True)) or ""


async def _with_admin(url: str, clock: Clock, *, reset: bool) -> str | None:
    engine = create_engine(url)
    try:
        async with sessions_of(engine)() as session, session.begin():
            await one_at_a_time(session, "first person")
            found = (await session.execute(select(UserRow).where(UserRow.name == ADMIN))).scalar_one_or_none()
            if found is not None and not reset:
                return None
            return await _set_password(session, found, clock.now().wall_ns)
    finally:
        await engine.dispose()


async def _set_password(session: AsyncSession, found: UserRow | None, now_ns: int) -> str:
    password = one_time_password()
    stored = await asyncio.to_thread(hash_password, password)
    if found is None:
        session.add(UserRow(name=ADMIN, role="admin", password=stored, changed_ns=now_ns))
    else:
        found.password, found.changed_ns, found.role = stored, now_ns, "admin"
        await session.execute(delete(SiteRoleRow).where(SiteRoleRow.user_id == found.id))
        await signed_in.end_all(session, found.id, now_ns)
        await api_tokens.end_all(session, found.id)
        await factor.drop(session, found.id)
    return password
