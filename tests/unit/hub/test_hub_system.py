"""What the page of the system is told: flow from the edges, sealing, sizes, backup, processes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps, require_caller
from hub.api.edges import EdgeWatch
from hub.auth.sessions import Auth
from hub.auth.tokens import Caller, Tokens
from hub.backup.manifest import JournalRanges
from hub.backup.marks import set_marks
from hub.database import Base, create_engine, sessions_of
from hub.health.meter import Meter
from hub.health.report import Report
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore, StoreReader
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from runtime.clock import VirtualClock

S = 1_000_000_000
NOW = 1_790_000_100 * S
CONFIGS = Path(__file__).parents[3] / "configs"
METER = Catalogue("demo", "comp1", ("power_kw",), ("kW",), ("measurement",))


def taken_in() -> bytes:
    """A report of the role that takes in."""
    meter = Meter()
    meter.put("consumer_pending", "x", 5, consumer="a")
    meter.put("consumer_pending", "x", 7, consumer="b")
    meter.put("consumer_unacknowledged", "x", 1, consumer="a")
    meter.put("stream_bytes", "x", 1e6)
    meter.put("store_bytes", "x", 10, part="series.db")
    meter.put("store_bytes", "x", 5, part="series.db-wal")
    meter.put("store_bytes", "x", 30, part="series")
    meter.put("disk_free_bytes", "x", 4e9)
    meter.put("disk_bytes", "x", 10e9)
    meter.put("resident_bytes", "x", 1e8)
    meter.put("cpu_seconds", "x", 12.0)
    return Report("ingest", "box:7", {}, tuple(meter.families())).encode()


@dataclass
class System:
    """An API with its store."""

    client: httpx.AsyncClient
    deps: ApiDeps
    store: SeriesStore
    reader: StoreReader

    async def ask(self) -> Any:  # noqa: ANN401  JSON
        return (await self.client.get("/api/v1/sites/demo/system")).json()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    clock = VirtualClock(wall_ns=NOW)
    registry = load_registry(CONFIGS, "demo")
    place = StorePlace(tmp_path / "series.db")
    store = open_store(place, clock)
    reader = open_reader(place)
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path / 'business.db'}")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = sessions_of(engine)
    edges = EdgeWatch(registry.site.edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
    control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
    deps = ApiDeps(registry, reader, sessions, auth, edges, clock, control, tmp_path)
    app = create_app(deps)
    app.dependency_overrides[require_caller] = lambda: Caller("v", "s", 0, "viewer")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield System(client, deps, store, reader)
    await engine.dispose()
    reader.close()
    store.close()


async def test_what_nobody_told_of_is_none_and_no_number(system: System) -> None:
    found = await system.ask()
    (edge,) = found["edges"]
    assert (edge["link"], edge["newest"], edge["lag_s"]) == ("down", None, None)
    assert (edge["backlog_rows"], edge["hold_s"], edge["clock_ahead_s"]) == (None, None, None)
    assert found["sealing"] == {"waits_since": None, "waits_s": None, "damaged_files": 0}
    assert (found["waiting_messages"], found["bus_bytes"], found["stores"]) == (None, None, [])
    assert (found["disk_free_bytes"], found["disk_bytes"], found["backup"]) == (None, None, None)
    assert [one["role"] for one in found["processes"]] == ["api"]


async def test_the_way_into_the_store_sizes_backup_and_processes_are_told(system: System) -> None:
    system.store.add_catalogue(METER)
    poll = Frame(METER.hash(), Instant("b", 0, NOW - 3 * S), np.array([5.0]), np.zeros(1, np.uint8))
    system.store.append([Received("edge1", "j", 1, (poll,))])
    system.deps.roles.hear(taken_in())
    beat = Heartbeat("edge1", "demo", 1, "b", 1, NOW // 1_000_000 + 4000, 0)
    system.deps.edges.hear(replace(beat, pending=17, hold_s=7200.0).encode())
    ranges = [JournalRanges(edge="edge1", journal="j", ranges=((1, 1),))]
    await set_marks(system.deps.sessions, "demo", ranges, NOW - 60 * S)
    found = await system.ask()
    (edge,) = found["edges"]
    assert (edge["link"], edge["lag_s"], edge["backlog_rows"], edge["clock_ahead_s"]) == ("up", 3.0, 17, 4.0)
    assert edge["hold_s"] == 7200.0
    assert found["sealing"]["waits_s"] == 3.0
    assert (found["waiting_messages"], found["bus_bytes"]) == (13, 1e6)
    assert [(one["part"], one["size_bytes"]) for one in found["stores"]] == [
        ("series", 30),
        ("series.db", 15),
    ]
    assert datetime.fromisoformat(found["time"]) - datetime.fromisoformat(found["backup"]) == timedelta(
        minutes=1
    )
    assert [one["role"] for one in found["processes"]] == ["api", "ingest"]


async def test_while_the_store_cannot_be_read_the_rest_is_told(system: System) -> None:
    system.deps.roles.hear(taken_in())
    system.reader.close()
    found = await system.ask()
    assert found["sealing"] is None
    assert [one["lag_s"] for one in found["edges"]] == [None]
    assert found["disk_bytes"] == 10e9
