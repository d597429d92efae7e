"""Sign in, go on, sign out; with `health_routes` the only routes without a token."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Cookie, Request, Response

from hub.api.deps import ApiDeps, Deps, problems
from hub.api.models import LoginRequest, Session
from hub.auth.sessions import REFRESH_LIFE_S, SignedIn
from hub.auth.tokens import LIFE_S
from hub.ledger import audit
from protocols.errors import NotSignedInError

COOKIE: Final = "ems_refresh"
_PATH: Final = "/api/v1/auth"

router = APIRouter()
RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)]


@router.post("/auth/login", operation_id="login", responses=problems(401, 422, 429))
async def login(body: LoginRequest, request: Request, response: Response, deps: Deps) -> Session:
    """Sign in; sets the refresh cookie."""
    address = request.client.host if request.client else ""
    try:
        given = await deps.auth.login(body.username, body.password, address)
    except NotSignedInError:
        await _note(deps, body.username, "", address, "refused: password")
        raise
    await _note(deps, given.name, given.role, address, "signed in")
    return _session(given, request, response)


@router.post("/auth/refresh", operation_id="refresh", responses=problems(401, 422))
async def refresh(request: Request, response: Response, deps: Deps, token: RefreshCookie = None) -> Session:
    """New access token from the refresh cookie."""
    if token is None:
        raise NotSignedInError("no session; sign in")
    return _session(await deps.auth.refresh(token), request, response)


@router.post(
    "/auth/logout", operation_id="logout", status_code=204, response_class=Response, responses=problems(422)
)
async def logout(deps: Deps, token: RefreshCookie = None) -> Response:
    """End the session."""
    if token is not None:
        await deps.auth.logout(token)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict")
    return response


async def _note(deps: ApiDeps, name: str, role: str, address: str, result: str) -> None:
    """Sign-ins are in the audit; guesses too, which the brake keeps few."""
    site, now_ns = deps.registry.site.id, deps.clock.now().wall_ns
    entry = audit.Entry(now_ns, name, role, address, "sign_in", "login", name, "", "", "", result)
    async with deps.sessions.begin() as session:
        await audit.add(session, site, [entry])


def _session(given: SignedIn, request: Request, response: Response) -> Session:
    response.set_cookie(
        COOKIE, given.refresh, max_age=REFRESH_LIFE_S, path=_PATH, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return Session(
        access_token=given.access, expires_in_s=float(LIFE_S), username=given.name, role=given.role
    )
