"""Idempotency keys: a question that was sent twice with one `Idempotency-Key` is carried out once.

The first answer is kept for a day and given again. Answers with a secret are never kept: the second question
is told that it was done. What failed before anything was done may be sent again with the same key.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from typing_extensions import override

from hub.api.policy import may, paced
from hub.api.refusals import refused
from hub.auth.tables import OnceRow
from hub.auth.tokens import Caller
from hub.database import Sessions
from protocols.errors import EmsError, NotSignedInError

HEADER: Final = "Idempotency-Key"
KEPT_S: Final = 86_400
SECRETS: Final = frozenset({"addPerson", "renewPersonPassword", "makeToken", "beginFactor"})
"""Routes whose answers hold a secret that is shown once."""
REPEATABLE: Final = frozenset({"checkConfig", "checkConfigRows"})
"""Questions that change nothing: they need no key."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT_HEADERS: Final = ("content-type", "etag", "location")
_NS: Final = 1_000_000_000
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class OnceRoute(APIRoute):
    """A route whose POST heeds idempotency keys."""

    @override
    def get_route_handler(self) -> _Handler:
        plain = super().get_route_handler()
        operation = str(self.operation_id)
        if "POST" not in (self.methods or ()) or operation in REPEATABLE:
            return plain

        async def handler(request: Request) -> Response:
            key = request.headers.get(HEADER)
            return await plain(request) if key is None else await _once(request, key, (operation, plain))

        return handler


async def _once(request: Request, key: str, route: tuple[str, _Handler]) -> Response:
    operation, plain = route
    if _KEY.fullmatch(key) is None:
        raise refused("once_key", header=HEADER)
    deps = request.app.state.deps
    caller = await _caller(request)
    paced(request, deps, caller)
    if not may(caller, operation):
        return await plain(request)  # which refuses it: nothing is kept of it
    sessions: Sessions = deps.sessions
    secret = deps.auth.tokens.derived("idempotency keys")
    name = hmac.digest(secret, f"{caller.name}\n{caller.scope}\n{key}".encode(), "sha256")
    asked = await _fingerprint(request, secret)
    now_ns: int = deps.clock.now().wall_ns
    known = await _begin(sessions, OnceRow(key=name, asked=asked, made_ns=now_ns))
    if known is not None:
        return _again(known, asked)
    try:
        answer = await plain(request)
    except (HTTPException, RequestValidationError, EmsError):
        async with sessions.begin() as session:  # it was refused: nothing was done
            await session.execute(delete(OnceRow).where(OnceRow.key == name))
        raise
    kept: dict[str, Any] = {"status": answer.status_code}
    if operation not in SECRETS:
        headers = {part: answer.headers[part] for part in _KEPT_HEADERS if part in answer.headers}
        kept |= {"headers": headers, "body": bytes(answer.body)}
    async with sessions.begin() as session:
        await session.execute(update(OnceRow).where(OnceRow.key == name).values(kept))
    return answer


async def _caller(request: Request) -> Caller:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise NotSignedInError("this needs a sign-in")
    caller: Caller = await request.app.state.deps.auth.caller(token)
    return caller


async def _fingerprint(request: Request, secret: bytes) -> bytes:
    """What was asked, by a secret: questions hold passwords, which nobody shall guess from the database."""
    digest = hmac.new(secret, f"{request.url.path}?{request.url.query}\n".encode(), "sha256")
    digest.update(request.headers.get("if-match", "").encode() + b"\n")
    digest.update(await request.body())
    return digest.digest()


async def _begin(sessions: Sessions, row: OnceRow) -> OnceRow | None:
    """Take a key; gives what is known where somebody has it."""
    async with sessions.begin() as session:
        await session.execute(delete(OnceRow).where(OnceRow.made_ns < row.made_ns - KEPT_S * _NS))
    try:
        async with sessions.begin() as session:
            session.add(row)
    except IntegrityError:
        async with sessions() as session:
            known = await session.get(OnceRow, row.key)
        if known is None:
            raise refused("once_ended", header=HEADER) from None
        return known
    return None


def _again(known: OnceRow, asked: bytes) -> Response:
    if known.asked != asked:
        raise refused("once_other", header=HEADER)
    if known.status is None:
        raise refused("once_under_way", header=HEADER)
    if known.body is None:
        raise refused("once_secret", header=HEADER)
    headers = {**(known.headers or {}), "Idempotency-Replayed": "true"}
    return Response(known.body, known.status, headers)
