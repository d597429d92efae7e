"""Fault row H2: the database of the series is away, a real server that is killed and started again.

The backlog is that of seconds, not of ten minutes; everything else is as in a plant.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.edge_orders import FALLBACK, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.auth.passwords import hash_password
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import create_engine, sessions_of
from hub.registry.site import load_registry
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_reader, open_store, remember
from hub.store.port import Received, Span, StoreReader
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.influx_server import InfluxServerProcess
from tests.flow.order_hub import PLAN_C, PLANNED, SHORT_LEASE_S, prepared, role
from tests.influx import new_place

pytestmark = pytest.mark.net
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
PASSWORD = "correct horse battery"  # noqa: S105  of a test
COMP = Catalogue("demo", "comp1", ("power_kw",), ("kW",), ("measurement",))
AWAY_S = 1.5 * SHORT_LEASE_S
"""Longer than a lease: what is not renewed does not outlive it. [s]"""

CAUGHT_UP_S = 120.0
"""What the row allows. [s]"""


@pytest.fixture
def own(influx: InfluxServerProcess, tmp_path: Path) -> Iterator[InfluxServerProcess]:
    """A server that this test may kill."""
    server = InfluxServerProcess(influx.executable, tmp_path / "server", free_port(), "token-of-tests")
    server.start()
    yield server
    server.stop()


@dataclass
class Plant:
    """A device, an edge, ingest and a dispatcher whose plan comes from the store."""

    made: Rig
    device: SetPointServer
    reader: StoreReader
    business: Path

    def journals(self) -> list[str]:
        with sqlite3.connect(self.business) as connection:
            return [one for (one,) in connection.execute("SELECT journal FROM series_source")]

    def covered(self) -> int:
        spans = [span for one in self.journals() for span in self.reader.ranges("edge1", one)]
        return sum(last - first + 1 for first, last in spans)

    def stored(self) -> int:
        return sum(self.reader.counts(Span("edge1", one, 0, 2**39)).stored for one in self.journals())

    def lease_end_ns(self) -> int:
        """When the newest lease of the plan is over; 0 before the first receipt is in the ledger."""
        with sqlite3.connect(self.business) as connection:
            (end_ns,) = connection.execute("SELECT max(lease_until_ns) FROM command").fetchone()
        return int(end_ns or 0)


@asynccontextmanager
async def at_work(own: InfluxServerProcess, folder: Path) -> AsyncIterator[Plant]:
    with farm(1, 1) as port, set_points(PLANNED + 1, FALLBACK) as device:
        write_site(folder / "config", port, devices=1, floats=1)
        write_set_points(folder / "config", device.port, PLANNED + 1)
        text = {"en": "x", "zh": "x"}
        site = {
            "id": "demo", "label": text, "time_zone": "Europe/Berlin", "currency": "EUR",
            "latitude": 48.0, "longitude": 11.0, "mode": "auto", "edges": ["edge1"],
        }  # fmt: skip
        (folder / "config" / "sites" / "demo" / "site.yaml").write_text(json.dumps(site))
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(rig(folder, counting=False))
            await prove(made)
            url = f"nats://127.0.0.1:{made.config.port}"
            options = prepared(folder, url)
            place = await asyncio.to_thread(new_place, own, options.state, options.business_url)
            remember(options.state, place.influx)
            stack.enter_context(role("ingest", folder, url))
            stack.enter_context(role("reading-dispatch", folder, url))
            made.start_agent()
            await until(lambda: device.value(PLANNED) == PLAN_C, 60, "the plan's set-point")
            reader = await asyncio.to_thread(open_reader, place)
            stack.callback(reader.close)
            yield Plant(made, device, reader, options.state / "business.db")
            if made.agent is not None:
                await made.end_agent(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(150)
async def test_leases_are_renewed_and_no_sample_is_lost_or_doubled_while_the_database_is_away(
    own: InfluxServerProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await _be_away(own, tmp_path, record_property, AWAY_S)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
async def test_leases_are_renewed_and_no_sample_is_lost_or_doubled_in_ten_minutes_without_the_database(
    own: InfluxServerProcess, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await _be_away(own, tmp_path, record_property, 600.0)


async def _be_away(
    own: InfluxServerProcess, tmp_path: Path, record_property: Callable[[str, object], None], away_s: float
) -> None:
    async with at_work(own, tmp_path) as plant:
        await until(lambda: plant.lease_end_ns() > 0, 10, "the receipt of the first lease")
        own.kill()
        await asyncio.sleep(0.05)
        covered, lease_end_ns = plant.covered(), plant.lease_end_ns()
        begun_s = time.monotonic()
        while time.monotonic() < begun_s + away_s:
            assert plant.device.value(PLANNED) == PLAN_C
            await asyncio.sleep(0.05)
        assert plant.lease_end_ns() > lease_end_ns + away_s / 2 * 1e9, "renewed all the time"
        rows, _ = plant.made.journalled()
        assert rows - plant.covered() > away_s / 2, "nothing with samples is acknowledged meanwhile"
        assert plant.covered() <= covered + rows / 2
        await asyncio.to_thread(own.start)
        back_s = time.monotonic()
        await plant.made.end_agent(signal.SIGTERM)
        await until(lambda: plant.covered() == plant.made.journalled()[0], CAUGHT_UP_S, "the backlog")
        record_property("figure", f"caught up {time.monotonic() - back_s:.1f} s after {away_s:g} s away")
        assert plant.stored() == plant.made.journalled()[1]


def _tell(place: StorePlace) -> None:
    store = open_store(place, SystemClock())
    store.add_catalogue(COMP)
    at = Instant("b", 1, SystemClock().now().wall_ns)
    store.append([Received("edge1", "j", 1, (Frame(COMP.hash(), at, np.ones(1), np.zeros(1, np.uint8)),))])
    store.close()


@asynccontextmanager
async def signed_in(place: StorePlace, reader: StoreReader, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The API with one person."""
    engine, clock, registry = create_engine(place.business_url), SystemClock(), load_registry(CONFIGS, "demo")
    sessions = sessions_of(engine)
    async with sessions.begin() as session:
        row = UserRow(name="admin", role="admin", password=hash_password(PASSWORD), changed_ns=0)
        session.add(row)
    edges = EdgeWatch(registry.site.edges, clock)
    control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
    deps = ApiDeps(registry, reader, sessions, auth, edges, clock, control, folder)
    transport = httpx.ASGITransport(create_app(deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub/api/v1") as client:
        login = await client.post("/auth/login", json={"username": "admin", "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        yield client
    await engine.dispose()


async def test_the_api_shows_what_was_known_last_as_stale_and_refuses_history(
    own: InfluxServerProcess, tmp_path: Path
) -> None:
    place = await asyncio.to_thread(new_place, own, tmp_path)
    await asyncio.to_thread(_tell, place)
    reader, end_s = open_reader(place), time.time_ns() / 1e9
    async with signed_in(place, reader, tmp_path) as client:
        (fresh,) = (await client.get("/sites/demo/values")).json()
        assert (fresh["value"], fresh["quality_class"]) == (1.0, "good")
        own.kill()
        (known,) = (await client.get("/sites/demo/values")).json()
        assert (known["value"], known["quality"]) == (1.0, Quality.UNCERTAIN_STALE)
        assert known["time"] == fresh["time"]
        span = f"from={_utc(end_s - 60)}&to={_utc(end_s)}&window_s=60"
        asked = f"/sites/demo/history?point=demo/comp1/power_kw&{span}"
        history = await client.get(asked)
        assert (history.status_code, history.headers["content-type"]) == (503, "application/problem+json")
        await asyncio.to_thread(own.start)
        (again,) = (await client.get("/sites/demo/values")).json()
        assert again["quality_class"] == "good"
        assert (await client.get(asked)).status_code == 200
    reader.close()


def _utc(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))
