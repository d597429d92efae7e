"""A version accepted over REST is in use in all roles of a real hub, none of which starts again."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from hub.roles.options import ROLES
from protocols import subjects
from protocols.frame import Bundle, Catalogue, Frame, encode_bundle
from protocols.heartbeat import Heartbeat
from runtime.bus import connect, publish_row
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]
ROOT = Path(__file__).parents[2]
BASE = "/api/v1/sites/demo/configuration"
EDGE = "sites/demo/edge1.yaml"
NEW_EDGE = """
site: demo
edge: edge2
devices:
  - id: meter_new
    label: {en: New meter, zh: 新电表}
    profile: hexa_pm4
    connection: {kind: modbus, host: 127.0.0.1, port: 15999, unit: 1, timeout_s: 1}
"""
METER = Catalogue("demo", "meter_new", ("power_kw",), ("kW",), ("measurement",))
EMS = [sys.executable, "-m", "ems.main", "hub"]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def until(done: Callable[[], Any], most_s: float = 60.0) -> Any:  # noqa: ANN401  whatever was waited for
    end_s = time.monotonic() + most_s
    while not (found := done()):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return found


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RunningBus]:
    """A bus with accounts for two boxes."""
    with running_bus(tmp_path, ("edge1", "edge2")) as made:
        yield made


@pytest.fixture
def hub(bus: RunningBus, tmp_path: Path) -> Iterator[httpx.Client]:
    """An admin at a hub with all roles."""
    port = free_port()
    options = [f"--config={ROOT / 'configs'}", f"--state={tmp_path / 'hub'}", f"--keys={bus.config.keys}"]
    made = subprocess.run([*EMS, "init", *options], check=True, capture_output=True, text=True, cwd=ROOT)
    password = re.search(r"password: (\S+)", made.stdout)
    assert password is not None, made.stdout
    command = [*EMS, "run", *options, f"--bus={bus.url}", f"--port={port}"]
    transport = httpx.HTTPTransport(retries=8)
    address = f"http://127.0.0.1:{port}"
    with (
        running(command, tmp_path / "hub.log"),
        httpx.Client(base_url=address, transport=transport, timeout=60) as client,
    ):
        body = {"username": "admin", "password": password[1]}
        token = client.post("/api/v1/auth/login", json=body).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def all_at(hub: httpx.Client, version: int) -> dict[str, str] | None:
    """Role to process, once all of them go by a version."""
    told = hub.get(f"{BASE}/state").json()["roles"]
    at = {one["role"]: one["instance"] for one in told if one["version"] == version}
    return at if len(at) == len(ROLES) else None


async def _speak(bus: RunningBus, value: float) -> None:
    """What the box of edge2 does: a heartbeat, and a poll of its new meter."""
    client, now = await connect(bus.login("edge2")), SystemClock().now()
    try:
        await client.jetstream().publish(
            subjects.catalogue("edge2", METER.hash().hex()), METER.encode(), timeout=10
        )
        frame = Frame(METER.hash(), now, np.array([value]), np.zeros(1, np.uint8))
        bundle = encode_bundle(Bundle("edge2", "aa22", 1, now.wall_ns // 1_000_000, (frame,)))
        subject = subjects.telemetry("edge2", "aa22")
        await publish_row(client.jetstream(), subject, bundle, subjects.message_id("aa22", 1))
        beat = Heartbeat(
            "edge2", "demo", 1, now.boot, now.mono_ns // 1_000_000, now.wall_ns // 1_000_000, 0, [],
            {"meter_new": "up"}, 1, 0, {}, "aa22",
        )  # fmt: skip
        await client.publish(subjects.heartbeat("edge2"), beat.encode())
        await client.flush()
    finally:
        await client.close()


def test_a_new_edge_is_heard_by_a_hub_that_runs(hub: httpx.Client, bus: RunningBus, tmp_path: Path) -> None:
    before = until(lambda: all_at(hub, 1))
    site = hub.get(f"{BASE}/1/document", params={"file": "sites/demo/site.yaml"}).json()["text"]
    files = [
        {"path": "sites/demo/site.yaml", "text": site.replace("edges: [edge1]", "edges: [edge1, edge2]")},
        {"path": "sites/demo/edge2.yaml", "text": NEW_EDGE},
    ]
    answer = hub.post(BASE, json={"files": files, "reason": "a new box"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 201, answer.text
    assert until(lambda: all_at(hub, 2)) == before
    assert [one["id"] for one in hub.get("/api/v1/sites/demo/edges").json()] == ["edge1", "edge2"]
    asyncio.run(_speak(bus, 41.5))

    def shown() -> bool:
        values = {one["point"]: one["value"] for one in hub.get("/api/v1/sites/demo/values").json()}
        links = {one["id"]: one["link"] for one in hub.get("/api/v1/sites/demo/edges").json()}
        return values.get("demo/meter_new/power_kw") == 41.5 and links["edge2"] == "up"

    until(shown)
    assert (tmp_path / "hub.log").read_text().count(" up, pid ") == len(ROLES), "none started again"


def test_a_version_is_in_use_in_every_role_and_none_starts_again(hub: httpx.Client, tmp_path: Path) -> None:
    before = until(lambda: all_at(hub, 1))
    text = hub.get(f"{BASE}/1/document", params={"file": EDGE}).json()["text"]
    files = [{"path": EDGE, "text": text.replace("Main meter", "Incoming meter")}]
    answer = hub.post(BASE, json={"files": files, "reason": "a name"}, headers={"If-Match": '"1"'})
    assert answer.status_code == 201, answer.text
    labels = {one["label"]["en"] for one in hub.get("/api/v1/sites/demo/devices").json()}
    assert "Incoming meter" in labels
    assert until(lambda: all_at(hub, 2)) == before
    parts = hub.get("/api/v1/health").json()["parts"]
    assert "configuration" not in {one["name"] for one in parts if one["status"] != "ok"}
    # The command line goes through the same database.
    back = ["config", "rollback", "1", "--actor=A. Smith", f"--state={tmp_path / 'hub'}"]
    subprocess.run([*EMS, *back], check=True, capture_output=True, cwd=ROOT)
    assert until(lambda: all_at(hub, 3)) == before
    assert (tmp_path / "hub.log").read_text().count(" up, pid ") == len(ROLES)
