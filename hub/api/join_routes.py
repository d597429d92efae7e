"""How a new box comes in: with a token instead of a sign-in, few tries, and only its public key.

Not part of the page's API document: boxes alone use it, by `ems edge join`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hub.api.deps import Deps
from hub.api.refusals import refused
from hub.registry.join import bus_folder_of, redeem
from protocols.errors import JoinRefusedError, TooManyGuessesError
from runtime.bus_register import PUBLIC_KEY, BusKeeper

router = APIRouter(include_in_schema=False)

_WHAT: Final = "join"


class JoinRequest(BaseModel):
    """What a box sends."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    secret: Annotated[str, Field(pattern=r"^[0-9a-f]{48}$")]
    public_key: Annotated[str, Field(pattern=PUBLIC_KEY)]


class Joined(BaseModel):
    """What a box keeps."""

    site: str
    edge: str
    bus: str
    ca_pem: str


@router.get("/join/{ident}/ca")
async def certificate(ident: str, deps: Deps) -> Response:
    """The certificate of the installation's CA, which the box compares with the pin of its token."""
    folder = await bus_folder_of(deps.sessions, ident)
    pem = "" if folder is None else await asyncio.to_thread(_ca_pem, folder)
    if not pem:
        raise refused("join")
    return Response(pem, media_type="application/x-pem-file")


@router.post("/join")
async def join(body: JoinRequest, request: Request, deps: Deps) -> Joined:
    """Let a box in: the token is used up in the database first, then the bus takes the box's key."""
    address = request.client.host if request.client else ""
    throttle = deps.auth.throttle
    account = f"{_WHAT} {address}"
    wait_s = throttle.wait_s(account, address)
    if wait_s > 0:
        raise TooManyGuessesError("too many wrong join tokens from this address", wait_s=round(wait_s))
    box = (body.public_key, address)
    now_ns = deps.clock.now().wall_ns
    try:
        joining = await redeem(deps.sessions, body.id, bytes.fromhex(body.secret), box, now_ns)
    except JoinRefusedError:
        throttle.failed(account, address)
        raise
    keeper = BusKeeper(joining.bus_folder)
    await asyncio.to_thread(keeper.admit, joining.edge, body.public_key)
    register = await asyncio.to_thread(keeper.known)
    pem = await asyncio.to_thread(_ca_pem, joining.bus_folder)
    return Joined(site=joining.site, edge=joining.edge, bus=register.address, ca_pem=pem)


def _ca_pem(folder: Path) -> str:
    register = BusKeeper(folder).known()
    return "" if register.tls_ca is None else register.tls_ca.read_text(encoding="ascii")
