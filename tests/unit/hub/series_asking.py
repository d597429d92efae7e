"""The routes of history over a real store in virtual time, asked without a sign-in, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps, require_caller
from hub.api.edges import EdgeWatch
from hub.auth.sessions import Auth
from hub.auth.tokens import Caller, Tokens
from hub.database import create_engine, sessions_of
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore
from hub.values.cleaning import RuleMarker
from hub.values.load import known_points, load_values
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.quality import Quality
from runtime.clock import VirtualClock

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
BERLIN = ZoneInfo("Europe/Berlin")
START = int(datetime(2026, 10, 25, tzinfo=BERLIN).timestamp()) * S
"""Midnight before the day with 25 hours."""
NOW = START + 26 * HOUR
CONFIGS = Path(__file__).parents[3] / "configs"


@dataclass
class Asker:
    client: httpx.AsyncClient
    store: SeriesStore
    clock: VirtualClock
    deps: ApiDeps
    app: FastAPI
    seq: int = 0

    async def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401  JSON
        answer = await self.client.get(f"/api/v1/sites/demo/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refusal(self, path: str, **query: Any) -> str:  # noqa: ANN401  texts, numbers and lists
        answer = await self.client.get(f"/api/v1/sites/demo/{path}", params=query)
        assert answer.status_code in {404, 422}, answer.text
        return str(answer.json()["detail"])

    def put(
        self, device: str, columns: dict[str, list[float]], every_s: int = 60, start: int = START
    ) -> None:
        catalogue = Catalogue(
            "demo", device, tuple(columns), ("",) * len(columns), ("measurement",) * len(columns)
        )
        self.store.add_catalogue(catalogue)
        frames = []
        for at, row in enumerate(zip(*columns.values(), strict=True)):
            values = np.array(row)
            quality = np.where(np.isnan(values), Quality.BAD_UNREACHABLE, 0).astype(np.uint8)
            time_ns = start + at * every_s * S
            frames.append(Frame(catalogue.hash(), Instant("b", time_ns, time_ns), values, quality))
        self.seq += 1
        self.store.append([Received("edge1", "j", self.seq, tuple(frames))])


@asynccontextmanager
async def asker_of(tmp_path: Path) -> AsyncIterator[Asker]:
    """The API of the demo site with an empty store."""
    clock = VirtualClock(wall_ns=NOW)
    registry = load_registry(CONFIGS, "demo")
    values = load_values(CONFIGS, "demo", known_points(registry))
    store = open_store(StorePlace(tmp_path / "series.db"), clock, RuleMarker(values.cleaning))
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path / 'business.db'}")
    sessions = sessions_of(engine)
    edges = EdgeWatch(registry.site.edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
    control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
    deps = ApiDeps(registry, store, sessions, auth, edges, clock, control, tmp_path, values=values)
    app = create_app(deps)
    app.dependency_overrides[require_caller] = lambda: Caller("v", "s", 0, "viewer")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield Asker(client, store, clock, deps, app)
    await engine.dispose()
    store.close()
