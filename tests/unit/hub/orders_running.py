"""The API with orders of people in this process, for tests of what it takes and refuses."""

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
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import create_engine, sessions_of
from hub.ledger import audit
from hub.registry.site import load_registry
from hub.registry.writable import Writable, load_writables
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.point import PointId
from protocols.write_block import Duty, FallbackHold, WriteLimits
from runtime.clock import VirtualClock

S = 1_000_000_000
NOW_S = 1_750_000_000
CONFIGS = Path(__file__).parents[3] / "configs"
PASSWORD = "right-horse"  # noqa: S105  of a test
STORED = hash_password(PASSWORD)
PEOPLE = {"admin": "admin", "olga": "operator", "victor": "viewer"}
POINT = "demo/chiller1/supply_set_c"
GATE = "demo/chiller1/permit_set_code"
"""Made a discrete point of two persons for these tests."""


@dataclass
class Running:
    client: httpx.AsyncClient
    deps: ApiDeps
    clock: VirtualClock

    async def token(self, name: str = "admin") -> str:
        body = {"username": name, "password": PASSWORD}
        answer = await self.client.post("/api/v1/auth/login", json=body)
        return str(answer.json()["access_token"])

    async def get(self, path: str, token: str, **query: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.get(f"/api/v1/sites/demo{path}", headers=headers, params=query)  # type: ignore[arg-type]  # texts and numbers

    async def order(self, token: str, **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.post("/api/v1/sites/demo/orders", headers=headers, json=body)

    async def entries(self) -> list[audit.Entry]:
        return [
            one.entry
            async for one in audit.every(self.deps.sessions, "demo")
            if one.entry.category == "command"
        ]

    def beat(self, **change: dict[str, str]) -> None:
        known = self.deps.control.writables.values()
        hashes = {one.point.device: one.cap_hash_hex for one in known}
        links = dict.fromkeys(hashes, "up")
        links, hashes = links | change.get("links", {}), hashes | change.get("cap_hashes", {})
        beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links=links, cap_hashes=hashes)
        self.deps.edges.hear(beat.encode())


def _two_persons(known: dict[str, Writable]) -> dict[str, Writable]:
    site, device, name = GATE.split("/")
    limits = WriteLimits(
        point=name, unit="code", low=0, high=2, fallback=FallbackHold(),
        duty=Duty(two_step=True, two_persons=True),
    )  # fmt: skip
    gate = Writable(PointId(site, device, name), "edge1", "cooling", known[GATE].cap_hash_hex, limits)
    return known | {GATE: gate}


@asynccontextmanager
async def running_orders(url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """The API with people of each role, over an empty business database."""
    clock = VirtualClock(wall_ns=NOW_S * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    catalogue = Catalogue("demo", "chiller1", ("supply_set_c",), ("°C",), ("setpoint",))
    store.add_catalogue(catalogue)
    frame = Frame(
        catalogue.hash(), Instant("b", 1, (NOW_S - 2) * S), np.array([7.0]), np.array([0], np.uint8)
    )
    store.append([Received("edge1", "j", 1, (frame,))])
    engine = create_engine(url)
    sessions = sessions_of(engine)
    async with sessions.begin() as session:
        session.add_all(
            UserRow(name=name, role=role, password=STORED, changed_ns=NOW_S * S)
            for name, role in PEOPLE.items()
        )
    registry = load_registry(CONFIGS, "demo")
    edges = EdgeWatch(registry.site.edges, clock)
    control = control_of("demo", _two_persons(load_writables(CONFIGS, registry)), edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
    deps = ApiDeps(registry, store, sessions, auth, edges, clock, control, tmp_path / "static")
    transport = httpx.ASGITransport(create_app(deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        running = Running(client, deps, clock)
        running.beat()
        yield running
    await engine.dispose()
    store.close()


def set_(**change: object) -> dict[str, object]:
    return {
        "kind": "set",
        "target": POINT,
        "value": 7.5,
        "unit": "°C",
        "for_s": 900,
        "reason": "test",
    } | change
