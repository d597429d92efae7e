"""Sign-ins: a refresh token is exchanged once; seen a second time, its whole family ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth import api_tokens, factor, signed_in
from hub.auth.line import Line
from hub.auth.passwords import matches
from hub.auth.quick_standing import QuickStanding
from hub.auth.roles import Standing, role_at, standing_at
from hub.auth.signed_in import REFRESH_LIFE_S, Origin
from hub.auth.tables import IdentityRow, RefreshRow, UserRow
from hub.auth.throttle import Throttle
from hub.auth.tokens import NOT_GOOD, Caller, Tokens
from hub.database import Sessions
from hub.ledger import audit
from protocols.clock import Clock
from protocols.errors import NotSignedInError, SecondFactorError, StoreError, TooManyGuessesError

_log = logging.getLogger(__name__)

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
        role: Their role at this hub's site; empty: none.
    """

    access: str
    refresh: str
    name: str
    role: str


class Auth:
    """Sign in, go on, sign out, and say who holds a token, at one site.

    Attributes:
        quick: Reads how callers stand, where the business data is in a file; None: the sessions do.
    """

    quick: QuickStanding | None = None

    def __init__(self, sessions: Sessions, tokens: Tokens, clock: Clock, site: str) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        self._site = site
        self._throttle = Throttle(clock)
        self._seal = factor.Seal(tokens.derived("second factor"))
        self._successors = tokens.derived("refresh tokens")
        self._lines = Line(), Line()
        """Of strangers, and of people where they signed in before: no storm stands in the way of these."""

    @property
    def throttle(self) -> Throttle:
        """The brake on guessing, of passwords and of join tokens."""
        return self._throttle

    @property
    def seal(self) -> factor.Seal:
        """What the secrets of second factors are sealed with."""
        return self._seal

    @property
    def tokens(self) -> Tokens:
        """The tokens of this installation."""
        return self._tokens

    async def login(self, name: str, password: str, origin: Origin, code: str = "") -> SignedIn:
        """Check a password, and the code of the second factor where the person has one.

        Raises:
            NotSignedInError: Wrong name or password; nothing tells which. Or somebody of a provider.
            SecondFactorError: The password is right, the code is missing or wrong.
            TooManyGuessesError: Too many wrong guesses lately, or too many people sign in at this moment.
        """
        self._brake(name, origin.address)
        async with self._line(name, origin.address).turn():
            self._brake(name, origin.address)
            user = await self._known(name, password)
            if user is None:
                self._throttle.failed(name, origin.address)
                raise NotSignedInError("wrong name or password")
            await self._belongs_here(user)
            await self._second(user, code, origin.address)
            self._throttle.succeeded(name, origin.address)
        return await self.admit(user.id, origin, user.password)

    async def admit(self, owner: int, origin: Origin, shown: str | None = None) -> SignedIn:
        """Begin a sign-in of a person who has shown who they are.

        Args:
            owner: Whose.
            origin: Where it comes from.
            shown: Hash of the password that was shown; None: they were known otherwise.

        Raises:
            NotSignedInError: They were removed meanwhile, or the password is another one by now.
        """
        async with self._sessions() as session, session.begin():
            mine = (
                (UserRow.id == owner,) if shown is None else (UserRow.id == owner, UserRow.password == shown)
            )
            held = await session.execute(update(UserRow).where(*mine).values(id=owner))  # locked from here on
            user = await session.get(UserRow, owner)
            if user is None or int(getattr(held, "rowcount", 0)) != 1:
                raise NotSignedInError("wrong name or password")
            now_ns = self._now_ns()
            await signed_in.forget_old(session, now_ns)
            family = secrets.token_hex(16)
            signed_in.note(session, family, user.id, origin, now_ns)
            return await self._give(session, user, family, secrets.token_urlsafe(32))

    async def person(self, name: str, password: str, address: str, code: str | None = None) -> str | None:
        """Role of a person whose password is right; None when it is not, or there is no such person.

        Args:
            name: Who.
            password: What they showed.
            address: Where they are.
            code: Of their second factor, where they have one; None: it is not asked for.

        Raises:
            SecondFactorError: The password is right, the code is missing or wrong.
            TooManyGuessesError: Too many wrong guesses lately, or too many people sign in at this moment.
        """
        self._brake(name, address)
        async with self._line(name, address).turn():
            self._brake(name, address)
            user = await self._known(name, password)
            if user is None:
                self._throttle.failed(name, address)
                return None
            if code is not None:
                await self._second(user, code, address)
            self._throttle.succeeded(name, address)
        async with self._sessions() as session:
            return await role_at(session, self._site, name)

    def _line(self, name: str, address: str) -> Line:
        return self._lines[self._throttle.knows(name, address)]

    def _brake(self, name: str, address: str) -> None:
        self._wait(self._throttle.wait_s(name, address))

    @staticmethod
    def _wait(wait_s: float) -> None:
        if wait_s > 0:
            raise TooManyGuessesError("too many wrong passwords; wait and try again", wait_s=round(wait_s))

    async def _known(self, name: str, password: str) -> UserRow | None:
        async with self._sessions() as session:
            user = (await session.execute(select(UserRow).where(UserRow.name == name))).scalar_one_or_none()
        right = await matches(None if user is None else user.password, password)
        return user if right else None

    async def _belongs_here(self, user: UserRow) -> None:
        """Whom the provider lets in no more must not come in by a password that is meant for acts."""
        async with self._sessions() as session:
            elsewhere = await session.scalar(
                select(IdentityRow.user_id).where(IdentityRow.user_id == user.id)
            )
        if elsewhere is not None:
            raise NotSignedInError("you sign in with your company account; this password is for acts alone")

    async def _second(self, user: UserRow, code: str, address: str) -> None:
        async with self._sessions.begin() as session:
            if not await factor.asked_for(session, user.id):
                return
            self._wait(self._throttle.code_wait_s(user.name))
            if code and await factor.passes(session, self._seal, user.id, code, self._now_ns()):
                self._throttle.code_right(user.name)
                return
        self._throttle.code_failed(user.name)
        if not code:
            raise SecondFactorError("the code of the second factor is wanted too")
        self._throttle.failed(user.name, address)
        raise SecondFactorError("that is not the code of the second factor now, or it was used before")

    async def refresh(self, token: str, address: str = "") -> SignedIn:
        """Exchange a refresh token for new tokens; asked again at once it gives the same refresh token.

        Raises:
            NotSignedInError: Unknown, over, ended, or exchanged before; the last ends its whole family.
        """
        async with self._sessions() as session, session.begin():
            given, twice = await self._exchange(session, token)
        if twice:
            _log.warning("a refresh token of %s came twice, now from %s: its sign-in ends", twice, address)
            now_ns = self._now_ns()
            entry = audit.Entry(
                now_ns, twice, "", address, "sign_in", "refresh", twice, "", "", "", "refused: used twice"
            )
            async with self._sessions.begin() as session:
                await audit.add(session, self._site, [entry])
        if given is None:
            raise NotSignedInError("the session is over; sign in again")
        return given

    async def logout(self, token: str) -> str | None:
        """End the sign-in a refresh token belongs to: whose it was; None: unknown or over."""
        async with self._sessions() as session, session.begin():
            row = await session.get(RefreshRow, _hash(token))
            if row is None or not await signed_in.goes_on(session, row.family):
                return None
            await signed_in.end(session, row.family, self._now_ns())
            user = await session.get(UserRow, row.user_id)
            return None if user is None else user.name

    async def caller(self, access: str) -> Caller:
        """Who holds an access token or a program's token, by it and by what happened since it was made.

        Raises:
            NotSignedInError: Not good, signed out, or the password was changed after it was made.
        """
        if access.startswith(api_tokens.PREFIX):
            return await self._program(access)
        caller = self._tokens.read(access)
        known = await self._standing(caller)
        if known is None or known.changed_ns // _NS > caller.made_s:
            raise NotSignedInError(NOT_GOOD)
        return replace(caller, role=known.role)

    async def _standing(self, caller: Caller) -> Standing | None:
        if self.quick is not None:
            try:
                return self.quick.at(self._site, caller.name, caller.session)
            except StoreError as error:
                _log.debug("the standing of a caller is asked the long way: %s", error)
        async with self._sessions() as session:
            return await standing_at(session, self._site, caller.name, caller.session)

    async def _program(self, secret: str) -> Caller:
        async with self._sessions() as session, session.begin():
            found = await api_tokens.holder(session, secret, self._site, self._now_ns())
            if found is None:
                raise NotSignedInError(NOT_GOOD)
            row, name = found
            role = await role_at(session, self._site, name)
            return Caller(name, row.id, row.made_ns // _NS, role, row.scope)

    async def _exchange(self, session: AsyncSession, token: str) -> tuple[SignedIn | None, str]:
        """What a token gives, and whose it is where it came twice.

        Its sign-in is held before it is looked at: what ends that comes before or waits.
        """
        family = await session.scalar(select(RefreshRow.family).where(RefreshRow.hash == _hash(token)))
        begun = None if family is None else await signed_in.hold(session, family)
        row = await session.get(RefreshRow, _hash(token), populate_existing=True)
        user = None if row is None else await session.get(UserRow, row.user_id)
        now_ns = self._now_ns()
        if begun is None or row is None or user is None or row.expires_ns <= now_ns:
            return None, ""
        if row.used_ns is not None and now_ns - row.used_ns > GRACE_S * _NS:
            await signed_in.end(session, row.family, now_ns)
            return None, user.name
        if signed_in.over(begun, now_ns):
            return None, ""
        row.used_ns = row.used_ns or now_ns
        successor = hmac.digest(self._successors, token.encode(), "sha256")
        return await self._give(session, user, row.family, base64.urlsafe_b64encode(successor).decode()), ""

    async def _give(self, session: AsyncSession, user: UserRow, family: str, refresh: str) -> SignedIn:
        if await session.get(RefreshRow, _hash(refresh)) is None:
            until_ns = self._now_ns() + REFRESH_LIFE_S * _NS
            session.add(RefreshRow(hash=_hash(refresh), family=family, user_id=user.id, expires_ns=until_ns))
        role = await role_at(session, self._site, user.name)
        return SignedIn(self._tokens.issue(user.name, family), refresh, user.name, role)

    def _now_ns(self) -> int:
        return self._clock.now().wall_ns


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
