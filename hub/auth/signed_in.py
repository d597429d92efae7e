"""What stands of a person's sign-ins: where they came from, until when they last; and their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.tables import RefreshRow, SignInRow

REFRESH_LIFE_S: Final = 12 * 3600
"""A sign-in ends so long after it was last prolonged. [s]"""
LONGEST_S: Final = 30 * 86_400
"""However often it is prolonged, it ends so long after it began. [s]"""
PROVIDER_S: Final = 12 * 3600
"""One by a provider of identities ends so long after it began: then the provider is asked again. [s]"""
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sign-in comes from.

    Attributes:
        address: Address it came from.
        agent: What the program calls itself.
        way: `password` or `provider`.
    """

    address: str = ""
    agent: str = ""
    way: str = "password"


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in that goes on.

    Attributes:
        family: Its name.
        made_ns: When it began.
        seen_ns: When it was last prolonged.
        origin: Where it came from.
    """

    family: str
    made_ns: int
    seen_ns: int
    origin: Origin


def note(session: AsyncSession, family: str, owner: int, origin: Origin, now_ns: int) -> None:
    """Write down where a sign-in came from."""
    session.add(
        SignInRow(
            family=family, user_id=owner, made_ns=now_ns, way=origin.way, address=origin.address[:64],
            agent=origin.agent[:200],
        )
    )  # fmt: skip


async def going_on(session: AsyncSession, owner: int, now_ns: int) -> list[SignIn]:
    """Sign-ins of a person that can be prolonged, the newest first."""
    last_ns = func.max(RefreshRow.expires_ns)
    joined = select(SignInRow, last_ns).join(RefreshRow, RefreshRow.family == SignInRow.family)
    alive = joined.where(
        SignInRow.user_id == owner, SignInRow.ended_ns.is_(None), RefreshRow.expires_ns > now_ns
    )
    rows = (await session.execute(alive.group_by(SignInRow.family))).all()
    found = [_sign_in(row, until_ns - REFRESH_LIFE_S * _NS) for row, until_ns in rows]
    return sorted(found, key=lambda one: (one.made_ns, one.family), reverse=True)


def _sign_in(row: SignInRow, seen_ns: int) -> SignIn:
    return SignIn(row.family, row.made_ns, seen_ns, Origin(row.address, row.agent, row.way))


def over(row: SignInRow, now_ns: int) -> bool:
    """Whether a sign-in began too long ago to be prolonged."""
    return row.made_ns <= now_ns - (PROVIDER_S if row.way == "provider" else LONGEST_S) * _NS


async def goes_on(session: AsyncSession, family: str) -> bool:
    """Whether a sign-in has not ended."""
    row = select(SignInRow.family).where(SignInRow.family == family, SignInRow.ended_ns.is_(None))
    return await session.scalar(row) is not None


async def hold(session: AsyncSession, family: str) -> SignInRow | None:
    """A sign-in that has not ended, locked to the end of the transaction; None: it has.

    Who ends it in another transaction waits, and who has ended it is seen: nothing is prolonged meanwhile.
    """
    mine = update(SignInRow).where(SignInRow.family == family, SignInRow.ended_ns.is_(None))
    held = await session.execute(mine.values(family=family))
    if int(getattr(held, "rowcount", 0)) != 1:
        return None
    return await session.get(SignInRow, family, populate_existing=True)


async def end(session: AsyncSession, family: str, now_ns: int) -> None:
    """End one sign-in: its access tokens are refused from now on."""
    mine = update(SignInRow).where(SignInRow.family == family, SignInRow.ended_ns.is_(None))
    await session.execute(mine.values(ended_ns=now_ns))


async def end_all(session: AsyncSession, owner: int, now_ns: int, but: str = "") -> None:
    """End all sign-ins of a person; `but` names one that goes on."""
    mine = (SignInRow.user_id == owner, SignInRow.ended_ns.is_(None), SignInRow.family != but)
    await session.execute(update(SignInRow).where(*mine).values(ended_ns=now_ns))


async def forget_old(session: AsyncSession, now_ns: int) -> None:
    """Drop what can never be used again."""
    await session.execute(delete(RefreshRow).where(RefreshRow.expires_ns < now_ns))
    left = select(RefreshRow.family)
    await session.execute(delete(SignInRow).where(SignInRow.family.not_in(left)))
