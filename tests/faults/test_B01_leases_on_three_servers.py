"""B1, of set-points on a bus of three servers: held while one is away, on their fallback while two are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.bus_cluster_rig import SERVERS, BusServers
from benchmarks.edge_orders import FALLBACK, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from hub.command.election import LEASE_S as LEADER_LEASE_S
from hub.command.election import SPEAK_FRAC
from tests.flow.order_hub import LEASE_S, PLAN_C, PLANNED, prepared, role

AWAY_S = 12.0
"""Longer than a hub that is cut off may lead, shorter than a lease. [s]"""

LEADER_S = LEADER_LEASE_S * SPEAK_FRAC
"""So long a hub may speak after the last renewal of its office that the bus confirmed. [s]"""

SLACK_S = 10.0
"""The tick of the gate, the write, and other work of the machine of the tests. [s]"""

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.nightly]


@dataclass
class Plant:
    """A device, its agent, and the bus."""

    made: Rig
    device: SetPointServer
    servers: BusServers

    async def holds(self, for_s: float) -> None:
        """Look all the time that the device has the plan's value."""
        until_s = time.monotonic() + for_s
        while time.monotonic() < until_s:
            assert self.device.value(PLANNED) == PLAN_C, f"{until_s - time.monotonic():.1f} s before the end"
            await asyncio.sleep(0.02)

    async def whole(self) -> None:
        await asyncio.to_thread(self.servers.wait_whole)


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[Plant]:
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
            servers = BusServers(folder / "cluster", ("edge1",), folder / "keys")
            stack.callback(servers.stop)
            await asyncio.to_thread(servers.start)
            made.bus_url = servers.url
            prepared(folder, servers.url)
            stack.enter_context(role("ingest", folder, servers.url))
            stack.enter_context(role("dispatch", folder, servers.url))
            made.start_agent()
            await until(lambda: device.value(PLANNED) == PLAN_C, 90, "the plan's set-point")
            plant = Plant(made, device, servers)
            await plant.whole()
            yield plant
            await made.end_agent()


@pytest.mark.timeout(400)
async def test_set_points_are_held_while_any_one_server_is_away(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with at_work(tmp_path) as plant:
        for at in range(SERVERS):
            plant.servers.servers[at].kill()
            await plant.holds(AWAY_S)
            await asyncio.to_thread(plant.servers.servers[at].start)
            await plant.whole()
            plant.servers.freeze(at)
            await plant.holds(AWAY_S)
            plant.servers.thaw(at)
            await plant.whole()
            await plant.holds(2.0)
    record_property("figures", f"held {2 * SERVERS} times for {AWAY_S:g} s without one server")


@pytest.mark.timeout(300)
async def test_set_points_fall_back_while_two_servers_are_away_and_come_back_with_them(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    async with at_work(tmp_path) as plant:
        for at in range(SERVERS):  # each has lost its place once: connections and copies are elsewhere now
            plant.servers.freeze(at)
            await plant.holds(AWAY_S)
            plant.servers.thaw(at)
            await plant.whole()
        for at in (0, 1):
            plant.servers.servers[at].kill()
        gone_s = time.monotonic()
        await until(lambda: plant.device.value(PLANNED) == FALLBACK, LEASE_S + LEADER_S + 60, "the fallback")
        fell_s = time.monotonic() - gone_s
        record_property("figures", f"fallback {fell_s:.1f} s after two servers were lost")
        for at in (0, 1):
            await asyncio.to_thread(plant.servers.servers[at].start)
        await until(lambda: plant.device.value(PLANNED) == PLAN_C, 60, "the plan's set-point again")
    assert fell_s < LEASE_S + LEADER_S + SLACK_S
