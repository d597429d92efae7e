"""What belongs to the caller: password, second factor, sign-ins, tokens of their programs."""

from __future__ import annotations

import asyncio
import base64
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from hub.api.access_models import (
    FactorCode,
    MadeToken,
    Me,
    NewFactor,
    NewPassword,
    NewToken,
    PasswordAgain,
    SignedInFrom,
    Token,
)
from hub.api.deep_refusals import heard
from hub.api.deps import ApiDeps, Deps, address_of, problems
from hub.api.models import from_ns
from hub.api.once import OnceRoute
from hub.api.policy import Permitted, permitted
from hub.api.refusals import refused
from hub.auth import api_tokens, factor, signed_in
from hub.auth.passwords import hash_password
from hub.auth.people import Act, find
from hub.auth.roles import rights_of
from hub.auth.tables import ApiTokenRow, UserRow
from hub.auth.tokens import Caller
from hub.database import Sessions
from hub.ledger import audit
from protocols.errors import NotSignedInError, SecondFactorError

_READ: Final = problems(401, 403, 422, 503)
_WRITE: Final = problems(401, 403, 404, 409, 422, 429, 503)

router = APIRouter(prefix="/me", dependencies=[Depends(permitted)], route_class=OnceRoute)


@router.get("", operation_id="me", responses=_READ)
async def me(deps: Deps, caller: Permitted) -> Me:
    """Who asks, and what they may do."""
    async with deps.sessions() as session:
        user = await _own(deps.sessions, caller)
        with_factor = await factor.asked_for(session, user.id)
    return Me(
        username=caller.name, site=deps.registry.site.id, role=caller.role, rights=rights_of(caller.role),
        factor=with_factor, scope=caller.scope,
    )  # fmt: skip


@router.post(
    "/password", operation_id="changePassword", status_code=204, response_class=Response, responses=_WRITE
)
async def change_password(body: NewPassword, deps: Deps, caller: Permitted, request: Request) -> Response:
    """Another password; all other sign-ins and all tokens of the caller end."""
    if body.new.casefold() in {body.old.casefold(), caller.name.casefold()}:
        raise refused("new_password")
    await _known_again(deps, caller, (body.old, None), request)
    stored = await asyncio.to_thread(hash_password, body.new)
    act = _act(deps, caller, request)
    user = await _own(deps.sessions, caller)
    async with deps.sessions.begin() as session:
        await audit.add(session, act.site, [act.entry("password", caller.name)])
        row = await session.get(UserRow, user.id)
        if row is not None:
            row.password, row.changed_ns = stored, act.now_ns
        await signed_in.end_all(session, user.id, act.now_ns, but=caller.session)
        await api_tokens.end_all(session, user.id)
    return Response(status_code=204)


@router.post("/factor", operation_id="beginFactor", status_code=201, responses=_WRITE)
async def begin_factor(body: PasswordAgain, deps: Deps, caller: Permitted, request: Request) -> NewFactor:
    """A secret for a code generator; sign-ins ask for codes once one was shown here."""
    await _known_again(deps, caller, (body.password, None), request)
    user, act = await _own(deps.sessions, caller), _act(deps, caller, request)
    async with deps.sessions.begin() as session:
        secret = await factor.begin(session, deps.auth.seal, user.id, act.now_ns)
    if secret is None:
        raise refused("factor_there")
    uri = factor.uri_of(secret, caller.name, act.site)
    return NewFactor(secret=base64.b32encode(secret).decode().rstrip("="), uri=uri)


@router.post(
    "/factor/prove", operation_id="proveFactor", status_code=204, response_class=Response, responses=_WRITE
)
async def prove_factor(body: FactorCode, deps: Deps, caller: Permitted, request: Request) -> Response:
    """Show a code of the new secret; from now on a sign-in asks for one."""
    user, act = await _own(deps.sessions, caller), _act(deps, caller, request)
    async with deps.sessions.begin() as session:
        if not await factor.passes(session, deps.auth.seal, user.id, body.code, act.now_ns):
            raise refused("factor_code")
        await audit.add(session, act.site, [act.entry("second factor", caller.name)])
    return Response(status_code=204)


@router.post(
    "/factor/drop", operation_id="dropFactor", status_code=204, response_class=Response, responses=_WRITE
)
async def drop_factor(body: PasswordAgain, deps: Deps, caller: Permitted, request: Request) -> Response:
    """Sign in with the password alone from now on."""
    await _known_again(deps, caller, (body.password, body.code), request)
    user, act = await _own(deps.sessions, caller), _act(deps, caller, request)
    async with deps.sessions.begin() as session:
        if not await factor.drop(session, user.id):
            raise refused("factor")
        await audit.add(session, act.site, [act.entry("second factor taken away", caller.name)])
    return Response(status_code=204)


@router.get("/sessions", operation_id="mySessions", responses=_READ)
async def sessions(deps: Deps, caller: Permitted) -> list[SignedInFrom]:
    """The caller's sign-ins that go on, the newest first."""
    user = await _own(deps.sessions, caller)
    return await sessions_of_person(deps, user.id, caller.session)


@router.delete(
    "/sessions/{ident}",
    operation_id="endMySession",
    status_code=204,
    response_class=Response,
    responses=_WRITE,
)
async def end_session(ident: str, deps: Deps, caller: Permitted, request: Request) -> Response:
    """End one of the caller's sign-ins: its requests are refused at once, its live picture within 5 s."""
    user = await _own(deps.sessions, caller)
    return await end_session_of(deps, user, ident, _act(deps, caller, request))


@router.get("/tokens", operation_id="myTokens", responses=_READ)
async def tokens(deps: Deps, caller: Permitted) -> list[Token]:
    """Tokens of the caller's programs, oldest first; those that are over say so by their end."""
    user = await _own(deps.sessions, caller)
    async with deps.sessions() as session:
        return [_token(row) for row in await api_tokens.of_person(session, user.id)]


@router.post("/tokens", operation_id="makeToken", status_code=201, responses=_WRITE)
async def make_token(body: NewToken, deps: Deps, caller: Permitted, request: Request) -> MadeToken:
    """A token for a program, shown once; its scope has no right that the caller has not."""
    beyond = set(rights_of(body.scope)) - set(rights_of(caller.role))
    if beyond:
        raise refused("token_scope", scope=body.scope)
    await _known_again(deps, caller, (body.password, body.code), request)
    user, act = await _own(deps.sessions, caller), _act(deps, caller, request)
    wanted = api_tokens.Wanted(act.site, body.label, body.scope, body.days)
    async with deps.sessions.begin() as session:
        made = await api_tokens.make(session, user.id, wanted, act.now_ns)
        if made is None:
            raise refused("tokens", most=api_tokens.MOST_OF_ONE)
        row, secret = made
        told = f"{body.label} ({body.scope}, {body.days} d)"
        await audit.add(session, act.site, [act.entry("token made", row.id, told)])
    return MadeToken(token=_token(row), secret=secret)


@router.delete(
    "/tokens/{ident}", operation_id="endMyToken", status_code=204, response_class=Response, responses=_WRITE
)
async def end_token(ident: str, deps: Deps, caller: Permitted, request: Request) -> Response:
    """Take a token away; it is refused at once."""
    user, act = await _own(deps.sessions, caller), _act(deps, caller, request)
    async with deps.sessions.begin() as session:
        label = await api_tokens.end(session, user.id, ident)
        if label is None:
            raise refused("token", ident=ident)
        await audit.add(session, act.site, [act.entry("token taken away", ident, old=label)])
    return Response(status_code=204)


async def sessions_of_person(deps: ApiDeps, owner: int, this: str) -> list[SignedInFrom]:
    """The sign-ins of a person that go on."""
    async with deps.sessions() as session:
        found = await signed_in.going_on(session, owner, deps.clock.now().wall_ns)
    return [
        SignedInFrom(
            id=one.family, made=from_ns(one.made_ns), seen=from_ns(one.seen_ns),
            way=one.origin.way, address=one.origin.address, agent=one.origin.agent, this=one.family == this,
        )
        for one in found
    ]  # fmt: skip


async def end_session_of(deps: ApiDeps, user: UserRow, ident: str, act: Act) -> Response:
    """End one sign-in of a person.

    Raises:
        RefusedError: 404: they have no such sign-in.
    """
    async with deps.sessions.begin() as session:
        found = await signed_in.going_on(session, user.id, act.now_ns)
        if ident not in {one.family for one in found}:
            raise refused("sign_in", ident=ident)
        await signed_in.end(session, ident, act.now_ns)
        await audit.add(session, act.site, [act.entry("session ended", user.name, old=ident[:8])])
    return Response(status_code=204)


async def _own(sessions: Sessions, caller: Caller) -> UserRow:
    async with sessions() as session:
        user = await find(session, caller.name)
    if user is None:
        raise NotSignedInError("there is no such person any more")
    return user


async def _known_again(
    deps: ApiDeps, caller: Caller, shown: tuple[str, str | None], request: Request
) -> None:
    password, code = shown
    try:
        role = await deps.auth.person(caller.name, password, address_of(request), code)
    except SecondFactorError as error:
        raise refused("factor_again", why=heard(error)) from error
    if role is None:
        raise refused("password")


def _act(deps: ApiDeps, caller: Caller, request: Request) -> Act:
    now_ns = deps.clock.now().wall_ns
    return Act(deps.registry.site.id, caller.name, now_ns, caller.role, address_of(request), everywhere=False)


def _token(row: ApiTokenRow) -> Token:
    return Token(
        id=row.id, label=row.label, site=row.site, scope=row.scope, made=from_ns(row.made_ns),
        expires=from_ns(row.expires_ns), used=None if row.used_ns is None else from_ns(row.used_ns),
    )  # fmt: skip
