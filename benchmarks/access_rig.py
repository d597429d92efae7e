"""Everybody who may come to a hub of `demo`: people of each role here and elsewhere, and their programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from hub.accounts.site import SiteAccounts
from hub.auth import api_tokens
from hub.auth.provider import Provider, ProviderConfig
from hub.auth.roles import ROLES
from hub.auth.signed_in import Origin
from hub.auth.tables import SiteRoleRow, UserRow
from hub.database import embedded_url, upgrade
from hub.outside.way_out import WayOut
from hub.registry.view import load_view
from protocols.clock import Clock
from tests.unit.hub.api_running import CONFIGS, NOW_S, Running, S, running_api

SITE: Final = "demo"
ELSEWHERE: Final = "plant2"
SCOPES: Final = ("viewer", "operator", "engineer", "manager")


@dataclass
class Access:
    """A running API and the tokens of whoever comes.

    Attributes:
        api: The API in this process.
        tokens: Access token by caller: a role, `elsewhere ROLE`, `program SCOPE of ROLE`.
        roles: Role here by the same names; empty: none.
        scopes: Scope by the same names, of programs.
    """

    api: Running
    tokens: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    scopes: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def running_access(folder: Path) -> AsyncIterator[Access]:
    """The API with everybody signed in; nobody has gone through a password, which takes long."""
    url = embedded_url(folder)
    await asyncio.to_thread(upgrade, url)
    accounts = await asyncio.to_thread(_accounts)
    async with running_api(url, folder) as api, _provider(api.clock) as provider:
        api.deps.accounts, api.deps.provider = accounts, provider
        access = Access(api)
        for role in ROLES:
            await _person(
                access, role, UserRow(name=f"{role}_here", role="", password="", changed_ns=0), SITE
            )
            there = UserRow(name=f"{role}_there", role="", password="", changed_ns=0)
            await _person(access, f"elsewhere {role}", there, ELSEWHERE)
        yield access


@cache
def _accounts() -> SiteAccounts | None:
    """By the book of the demo, which takes a moment to read."""
    return load_view(CONFIGS, SITE).accounts


@asynccontextmanager
async def _provider(clock: Clock) -> AsyncIterator[Provider]:
    """A provider of identities that publishes itself and knows nobody."""
    issuer = ""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        told = {"issuer": issuer, **{name: f"{issuer}/{name}" for name in names}}
        key = {"kty": "oct", "k": "c2VjcmV0", "kid": "1"}
        body = json.dumps({**told, "keys": [key]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    config = ProviderConfig(
        issuer=issuer, client_id="ems", redirect_url=f"{issuer}/api/v1/auth/oidc/callback",
        roles={"operators": "operator"},
    )  # fmt: skip
    async with server:
        yield Provider(config, bytes(32), clock, lambda: WayOut(("127.0.0.1",)))


async def _person(access: Access, caller: str, row: UserRow, site: str) -> None:
    role, sessions = caller.rpartition(" ")[2], access.api.deps.sessions
    async with sessions.begin() as session:
        session.add(row)
        await session.flush()
        session.add(SiteRoleRow(user_id=row.id, site=site, role=role))
        owner = row.id
    given = await access.api.deps.auth.admit(owner, Origin("127.0.0.1", "rig"))
    access.tokens[caller], access.roles[caller] = given.access, given.role
    for scope in SCOPES if site == SITE else ():
        wanted = api_tokens.Wanted(site, "rig", scope, 1)
        async with sessions.begin() as session:
            made = await api_tokens.make(session, owner, wanted, NOW_S * S)
        name = f"program {scope} of {role}"
        access.tokens[name] = "" if made is None else made[1]
        access.roles[name], access.scopes[name] = role, scope
