"""Sign in here or at a provider of identities, go on, sign out; these and health need no token."""

from __future__ import annotations

import logging
from typing import Annotated, Final

from fastapi import APIRouter, Cookie, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from hub.api.deps import ApiDeps, Deps, address_of, problems, slowly
from hub.api.models import LoginRequest, Session
from hub.api.refusals import refused
from hub.auth.elsewhere import person_of
from hub.auth.people import Act, find
from hub.auth.provider import TRY_S, Provider
from hub.auth.roles import rights_of
from hub.auth.sessions import SignedIn
from hub.auth.signed_in import REFRESH_LIFE_S, Origin
from hub.auth.tokens import LIFE_S
from hub.ledger import audit
from protocols.errors import NotSignedInError, ProviderError, SecondFactorError

_log = logging.getLogger(__name__)

COOKIE: Final = "ems_refresh"
TRY_COOKIE: Final = "ems_provider"
UNKNOWN: Final = "unknown name"
"""What the audit says of who tried to sign in and is not known here."""
_PATH: Final = "/api/v1/auth"
_TRY_PATH: Final = "/api/v1/auth/oidc"

router = APIRouter(dependencies=[Depends(slowly)])
RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE, include_in_schema=False)]
TryCookie = Annotated[str | None, Cookie(alias=TRY_COOKIE, include_in_schema=False)]


@router.post("/auth/login", operation_id="login", responses=problems(401, 422, 429, 503))
async def login(body: LoginRequest, request: Request, response: Response, deps: Deps) -> Session:
    """Sign in; sets the refresh cookie. A person with a second factor sends its code too."""
    origin = origin_of(request)
    try:
        given = await deps.auth.login(body.username, body.password, origin, body.code)
    except SecondFactorError:
        told = "refused: second factor" if body.code else "password right, code wanted"
        await _note(deps, body.username, origin.address, told)
        raise
    except NotSignedInError:
        await _note(deps, await _told(deps, body.username), origin.address, "refused: password")
        raise
    await _note(deps, given.name, origin.address, "signed in", role=given.role)
    return _session(given, request, response)


@router.post("/auth/refresh", operation_id="refresh", responses=problems(401, 422, 429, 503))
async def refresh(request: Request, response: Response, deps: Deps, token: RefreshCookie = None) -> Session:
    """New access token from the refresh cookie."""
    if token is None:
        raise NotSignedInError("no session; sign in")
    return _session(await deps.auth.refresh(token, address_of(request)), request, response)


@router.post(
    "/auth/logout",
    operation_id="logout",
    status_code=204,
    response_class=Response,
    responses=problems(401, 422, 429, 503),
)
async def logout(request: Request, deps: Deps, token: RefreshCookie = None) -> Response:
    """End the session of the refresh cookie."""
    if token is None:
        raise NotSignedInError("no session; there is nothing to end")
    name = await deps.auth.logout(token)
    if name is not None:
        await _note(deps, name, address_of(request), "signed out", way="logout")
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict")
    return response


@router.get(
    "/auth/oidc",
    operation_id="oidcStart",
    status_code=303,
    response_class=RedirectResponse,
    responses=problems(404, 422, 429, 503),
)
async def oidc_start(request: Request, deps: Deps) -> Response:
    """Send the browser to the provider of identities."""
    address, cookie = await _provider(deps).start()
    response = RedirectResponse(address, 303)
    response.set_cookie(
        TRY_COOKIE, cookie, max_age=TRY_S, path=_TRY_PATH, httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.get(
    "/auth/oidc/callback",
    operation_id="oidcCallback",
    status_code=303,
    response_class=RedirectResponse,
    responses=problems(404, 422, 429, 503),
)
async def oidc_callback(
    request: Request,
    deps: Deps,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    attempt: TryCookie = None,
) -> Response:
    """Where the provider sends the browser back to: signs in, or says on the sign-in page why not."""
    provider = _provider(deps)
    try:
        given = await _admitted(deps, provider, request, (state, code, attempt or ""))
    except (NotSignedInError, ProviderError) as error:
        if not error.context.get("quiet"):
            _log.warning("nobody came in by the provider of identities: %s", error)
        why = "away" if isinstance(error, ProviderError) else _why(error)
        response: Response = RedirectResponse(f"/login?provider={why}", 303)
    else:
        response = RedirectResponse("/", 303)
        _set_refresh(given, request, response)
    response.delete_cookie(TRY_COOKIE, path=_TRY_PATH, httponly=True, samesite="lax")
    return response


async def _admitted(
    deps: ApiDeps, provider: Provider, request: Request, came: tuple[str, str, str]
) -> SignedIn:
    state, code, attempt = came
    origin = origin_of(request, "provider")
    who = ""
    try:
        identity = await provider.finish(state, code, attempt)
        who = identity.name
        now_ns, site = deps.clock.now().wall_ns, deps.registry.site.id
        act = Act(site, "provider of identities", now_ns, "", origin.address, everywhere=False)
        owner, who = await person_of(deps.sessions, identity, act)
        given = await deps.auth.admit(owner, origin)
    except NotSignedInError as error:
        if not who and not deps.auth.throttle.stranger(origin.address):
            error.context["quiet"] = True
        elif not error.context.get("stranger"):
            await _note(deps, who, origin.address, "refused: provider", way="provider")
        raise
    await _note(deps, given.name, origin.address, "signed in", role=given.role, way="provider")
    return given


def origin_of(request: Request, way: str = "password") -> Origin:
    """Where a sign-in comes from."""
    return Origin(address_of(request), request.headers.get("user-agent", ""), way)


def _why(error: NotSignedInError) -> str:
    if "blocked" in error.context:
        return "blocked"
    return "role" if "who" in error.context else "refused"


def _provider(deps: ApiDeps) -> Provider:
    if deps.provider is None:
        raise refused("provider")
    return deps.provider


async def _told(deps: ApiDeps, name: str) -> str:
    """A name for the audit: people type their password into the field of the name."""
    async with deps.sessions() as session:
        return UNKNOWN if await find(session, name) is None else name


async def _note(  # noqa: PLR0913  what an entry is made of
    deps: ApiDeps, name: str, address: str, result: str, *, role: str = "", way: str = "login"
) -> None:
    """Sign-ins are in the audit; guesses too, which the brake keeps few."""
    site, now_ns = deps.registry.site.id, deps.clock.now().wall_ns
    entry = audit.Entry(now_ns, name, role, address, "sign_in", way, name, "", "", "", result)
    async with deps.sessions.begin() as session:
        await audit.add(session, site, [entry])


def _session(given: SignedIn, request: Request, response: Response) -> Session:
    _set_refresh(given, request, response)
    return Session(
        access_token=given.access, expires_in_s=float(LIFE_S), username=given.name, role=given.role,
        rights=rights_of(given.role),
    )  # fmt: skip


def _set_refresh(given: SignedIn, request: Request, response: Response) -> None:
    response.set_cookie(
        COOKIE, given.refresh, max_age=REFRESH_LIFE_S, path=_PATH, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
