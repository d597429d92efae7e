"""The whole agent with an outlet: kill -9 is a death at the host, an absent broker costs no row."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiomqtt
import pytest
from typer.testing import CliRunner

from benchmarks.edge_rig import farm, rig, until, write_site
from edge_agent.cli import app
from edge_agent.doctor import check_outlet
from edge_agent.settings import Accepted, Place, load_accepted
from edge_agent.top import one, read_metrics
from protocols.drivers.mqtt.sparkplug import decode_payload
from runtime.children import free_port
from runtime.nats_server import server_binary, wait_listening

pytestmark = pytest.mark.net


@contextmanager
def broker(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    (folder / "broker.conf").write_text(
        f'server_name: f\nlisten: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/js" }}\n'
        f"mqtt {{ host: 127.0.0.1, port: {port} }}\n"
    )
    process = subprocess.Popen([server_binary(), "-c", folder / "broker.conf", "-l", folder / "log"])
    try:
        wait_listening("127.0.0.1", port, process)
        yield
    finally:
        process.kill()
        process.wait(10)


def add_outlet(config: Path, outlet: dict[str, object]) -> None:
    file = config / "sites" / "demo" / "edge1.yaml"
    file.write_text(json.dumps({**json.loads(file.read_text()), "outlet": outlet}))


def accepted(folder: Path) -> Accepted:
    return load_accepted(Place(folder / "config", "demo", "edge1", folder / "edge", folder / "keys", ""))


async def hear(client: aiomqtt.Client, kinds: list[str], bodies: list[bytes]) -> None:
    async for message in client.messages:
        kinds.append(message.topic.value.split("/")[2])
        bodies.append(bytes(message.payload))


async def test_the_host_sees_the_agent_born_telling_and_killed(tmp_path: Path) -> None:
    port, kinds, bodies = free_port(), [], []  # type: int, list[str], list[bytes]
    with farm(2, 5) as device_port, broker(tmp_path / "broker", port):
        write_site(tmp_path / "config", device_port, devices=2, floats=5, every_s=0.2)
        outlet = {"host": "127.0.0.1", "port": port, "shape": {"kind": "sparkplug", "group": "plant"}}
        add_outlet(tmp_path / "config", {**outlet, "points": ["meter1/*", "meter2/p0_kw"]})
        async with (
            aiomqtt.Client("127.0.0.1", port) as client,
            rig(tmp_path) as bench,
            asyncio.TaskGroup() as tasks,
        ):
            await client.subscribe("spBv1.0/plant/#", qos=1)
            listening = tasks.create_task(hear(client, kinds, bodies))
            bench.start_agent()
            await until(lambda: kinds.count("DDATA") >= 4, 15, "data at the host")
            figures = await asyncio.to_thread(read_metrics, tmp_path / "edge")
            await bench.end_agent(signal.SIGKILL)
            await until(lambda: "NDEATH" in kinds, 15, "the death")
            listening.cancel()
    assert kinds[0] == "NBIRTH"
    assert kinds.count("DBIRTH") == 2
    births = [decode_payload(body) for kind, body in zip(kinds, bodies, strict=True) if kind == "DBIRTH"]
    assert sorted(len(birth.metrics) for birth in births) == [1, 5]
    assert one(figures, "outlet_connected") == 1.0
    assert one(figures, "outlet_sent_total") > 0
    assert one(figures, "outlet_dropped_total") == 0


async def test_a_broker_that_is_not_there_costs_neither_polls_nor_rows(tmp_path: Path) -> None:
    with farm(1, 5) as device_port:
        write_site(tmp_path / "config", device_port, devices=1, floats=5, every_s=0.1)
        add_outlet(tmp_path / "config", {"host": "127.0.0.1", "port": free_port(), "queue": 3})
        async with rig(tmp_path) as bench:
            bench.start_agent()
            await until(lambda: len(bench.hub.samples) >= 3, 15, "first rows")
            await bench.journals(3)
            figures = await asyncio.to_thread(read_metrics, tmp_path / "edge")
    assert one(figures, "outlet_connected") == 0.0
    assert one(figures, "outlet_waiting") == 3.0
    assert one(figures, "outlet_dropped_total") > 0
    assert one(figures, "polls_failed_total") == 0


def test_the_command_shows_the_topics_and_why_a_broker_is_not_reached(tmp_path: Path) -> None:
    write_site(tmp_path / "config", 1, devices=2, floats=2)
    asked = ["outlet", "--config", str(tmp_path / "config"), "--state", str(tmp_path / "edge")]
    bare = CliRunner().invoke(app, asked)
    assert "names no outlet" in str(bare.exception)
    add_outlet(tmp_path / "config", {"host": "127.0.0.1", "port": free_port(), "points": ["*/p1_kw"]})
    shown = CliRunner().invoke(app, [*asked, "--connect"])
    assert "ems/demo/meter2/p1_kw" in shown.output
    assert "does not take us" in str(shown.exception)
    assert "p0_kw" not in CliRunner().invoke(app, [*asked, "--json"]).output
    port = free_port()
    shape = {"kind": "sparkplug", "group": "plant"}
    add_outlet(tmp_path / "config", {"host": "127.0.0.1", "port": port, "shape": shape})
    with broker(tmp_path / "broker", port):
        shown = CliRunner().invoke(app, [*asked, "--connect"])
        taken = asyncio.run(check_outlet(accepted(tmp_path), running=False))
    (gone,) = asyncio.run(check_outlet(accepted(tmp_path), running=False))
    assert [finding.verdict for finding in (*taken, gone)] == ["ok", "bad"]
    assert "ems edge outlet --connect" in gone.do
    assert "spBv1.0/plant/DDATA/demo_edge1/meter1  p0_kw, p1_kw" in shown.output
    assert "the broker takes us" in shown.output
