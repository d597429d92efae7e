"""The API in this process over a real store and a real business database, for tests of its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.auth.passwords import hash_password
from hub.auth.quick_standing import quick_standing
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import create_engine, sessions_of
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received
from hub.values.load import known_points, load_values
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from runtime.clock import VirtualClock

S = 1_000_000_000
NOW_S = 1_750_000_000
CONFIGS = Path(__file__).parents[3] / "configs"
COMP = Catalogue("demo", "comp1", ("power_kw", "flow_m3_min"), ("kW", "m³/min"), ("measurement",) * 2)
PASSWORD = "right-horse"  # noqa: S105  of a test
STORED = hash_password(PASSWORD)
WITHIN = ("/document", "/history", "/samples", "/series", "/consumption", "/download", "/balance", "/why")
OPEN = {f"/api/v1/auth/{way}" for way in ("login", "refresh", "logout", "oidc", "oidc/callback")}
OPEN.add("/api/v1/health")


@dataclass
class Running:
    client: httpx.AsyncClient
    deps: ApiDeps
    clock: VirtualClock
    key: Ed25519PrivateKey

    async def login(self, password: str = PASSWORD) -> httpx.Response:
        body = {"username": "admin", "password": password}
        return await self.client.post("/api/v1/auth/login", json=body)

    async def token(self) -> str:
        return str((await self.login()).json()["access_token"])

    async def get(self, path: str, token: str | None = None, **query: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or await self.token()}"}
        return await self.client.get(f"/api/v1{path}", headers=headers, params=query)  # type: ignore[arg-type]  # texts and numbers


@asynccontextmanager
async def running_api(url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """The API over an empty business database and a store with one frame of comp1."""
    clock = VirtualClock(wall_ns=NOW_S * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    store.add_catalogue(COMP)
    bad = Frame(
        COMP.hash(), Instant("b", 1, (NOW_S - 2) * S), np.array([12.5, np.nan]), np.array([0, 129], np.uint8)
    )
    store.append([Received("edge1", "j", 1, (bad,))])
    engine = create_engine(url)
    sessions = sessions_of(engine)
    async with sessions() as session, session.begin():
        session.add(UserRow(name="admin", role="admin", password=STORED, changed_ns=NOW_S * S))
    registry = load_registry(CONFIGS, "demo")
    key = Ed25519PrivateKey.generate()
    edges = EdgeWatch(registry.site.edges, clock)
    auth = Auth(sessions, Tokens(key, clock), clock, "demo")
    auth.quick = quick_standing(engine)
    static = tmp_path / "static"
    control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
    values = load_values(CONFIGS, "demo", known_points(registry))
    deps = ApiDeps(registry, store, sessions, auth, edges, clock, control, static, values=values)
    transport = httpx.ASGITransport(create_app(deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield Running(client, deps, clock, key)
    if auth.quick is not None:
        auth.quick.close()
    await engine.dispose()
    store.close()
