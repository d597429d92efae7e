"""Sign-ins: a refresh token is exchanged once; seen a second time, its whole family ends."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.passwords import matches
from hub.auth.tables import RefreshRow, UserRow
from hub.auth.throttle import Throttle
from hub.auth.tokens import Caller, Tokens
from hub.database import Sessions
from protocols.clock import Clock
from protocols.errors import NotSignedInError, TooManyGuessesError

REFRESH_LIFE_S: Final = 12 * 3600
GRACE_S: Final = 5.0
"""Two tabs may exchange one token at the same moment; inside this time that is no theft."""

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in or an exchange gives.

    Attributes:
        access: Access token.
        refresh: Refresh token, for the cookie only.
        name: The person.
        role: Their role.
    """

    access: str
    refresh: str
    name: str
    role: str


class Auth:
    """Sign in, go on, sign out, and say who holds a token."""

    def __init__(self, sessions: Sessions, tokens: Tokens, clock: Clock) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        self._throttle = Throttle(clock)
        self._one_guess = asyncio.Lock()
        """A guess costs 64 MB and counts only when it is over: many at once would pass the brake together."""

    @property
    def throttle(self) -> Throttle:
        """The brake on guessing, of passwords and of join tokens."""
        return self._throttle

    async def login(self, name: str, password: str, address: str) -> SignedIn:
        """Check a password.

        Raises:
            NotSignedInError: Wrong name or password; nothing tells which.
            TooManyGuessesError: Too many wrong guesses lately.
        """
        self._brake(name, address)
        async with self._one_guess:
            self._brake(name, address)
            user = await self._known(name, password)
            if user is None:
                self._throttle.failed(name, address)
                raise NotSignedInError("wrong name or password")
            self._throttle.succeeded(name, address)
        async with self._sessions() as session, session.begin():
            await session.execute(delete(RefreshRow).where(RefreshRow.expires_ns < self._now_ns()))
            return self._give(session, user, secrets.token_hex(16))

    async def person(self, name: str, password: str, address: str) -> str | None:
        """Role of a person whose password is right; None when it is not, or there is no such person.

        Raises:
            TooManyGuessesError: Too many wrong guesses lately.
        """
        self._brake(name, address)
        async with self._one_guess:
            self._brake(name, address)
            user = await self._known(name, password)
            if user is None:
                self._throttle.failed(name, address)
                return None
            self._throttle.succeeded(name, address)
            return user.role

    def _brake(self, name: str, address: str) -> None:
        wait_s = self._throttle.wait_s(name, address)
        if wait_s > 0:
            raise TooManyGuessesError("too many wrong passwords; wait and try again", wait_s=round(wait_s))

    async def _known(self, name: str, password: str) -> UserRow | None:
        async with self._sessions() as session:
            user = (await session.execute(select(UserRow).where(UserRow.name == name))).scalar_one_or_none()
        right = await matches(None if user is None else user.password, password)
        return user if right else None

    async def refresh(self, token: str) -> SignedIn:
        """Exchange a refresh token for new tokens.

        Raises:
            NotSignedInError: Unknown, over, ended, or exchanged before; the last ends its whole family.
        """
        async with self._sessions() as session, session.begin():
            row = await session.get(RefreshRow, _hash(token))
            user = None if row is None else await session.get(UserRow, row.user_id)
            given = None
            if row is not None and user is not None and await self._usable(session, row):
                row.used_ns = row.used_ns or self._now_ns()
                given = self._give(session, user, row.family)
        if given is None:
            raise NotSignedInError("the session is over; sign in again")
        return given

    async def logout(self, token: str) -> None:
        """End the sign-in a refresh token belongs to; an unknown token changes nothing."""
        async with self._sessions() as session, session.begin():
            row = await session.get(RefreshRow, _hash(token))
            if row is not None:
                await self._end(session, row.family)

    async def caller(self, access: str) -> Caller:
        """Who holds an access token, by the token and by what happened since it was made.

        Raises:
            NotSignedInError: Not good, signed out, or the password was changed after it was made.
        """
        caller = self._tokens.read(access)
        async with self._sessions() as session:
            person = select(UserRow.changed_ns, UserRow.role).where(UserRow.name == caller.name)
            known = (await session.execute(person)).one_or_none()
            going_on = select(RefreshRow.hash).where(
                RefreshRow.family == caller.session, RefreshRow.ended_ns.is_(None)
            )
            alive = await session.scalar(going_on.limit(1))
        if known is None or alive is None or known.changed_ns // _NS > caller.made_s:
            raise NotSignedInError("the session is over; sign in again")
        return replace(caller, role=known.role)

    async def _usable(self, session: AsyncSession, row: RefreshRow) -> bool:
        now_ns = self._now_ns()
        if row.ended_ns is not None or row.expires_ns <= now_ns:
            return False
        if row.used_ns is not None and now_ns - row.used_ns > GRACE_S * _NS:
            await self._end(session, row.family)
            return False
        return True

    async def _end(self, session: AsyncSession, family: str) -> None:
        ended = update(RefreshRow).where(RefreshRow.family == family, RefreshRow.ended_ns.is_(None))
        await session.execute(ended.values(ended_ns=self._now_ns()))

    def _give(self, session: AsyncSession, user: UserRow, family: str) -> SignedIn:
        refresh = secrets.token_urlsafe(32)
        expires_ns = self._now_ns() + REFRESH_LIFE_S * _NS
        session.add(RefreshRow(hash=_hash(refresh), family=family, user_id=user.id, expires_ns=expires_ns))
        return SignedIn(self._tokens.issue(user.name, family), refresh, user.name, user.role)

    def _now_ns(self) -> int:
        return self._clock.now().wall_ns


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
