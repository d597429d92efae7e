"""Our agent against servers that share no code with ours: every point of a shipped profile, by the CLI."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from edge_agent.commission.init_cli import init
from edge_agent.commission.read_cli import read
from edge_agent.drivers import make_drivers
from protocols.device import ModbusTcp
from protocols.profile import Profile
from runtime.children import free_port
from runtime.site import devices_file, load_devices
from runtime.yaml_config import load_config
from simulator.profile_device import ProfileDevice
from simulator.profile_values import told_values
from simulator.pty_pair import pty_pair
from tests.foreign import foreign_servers as foreign

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(60)]
ROOT = Path(__file__).parents[2]
app = typer.Typer()
app.command()(read)
app.command()(init)


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A configuration folder with the shipped profiles."""
    (tmp_path / "devices").symlink_to(ROOT / "configs" / "devices")
    return tmp_path


def _device(name: str) -> ProfileDevice:
    profile = load_config(ROOT / "configs" / "devices" / f"{name}.yaml", Profile)
    anywhere = ModbusTcp(host="127.0.0.1")
    return ProfileDevice(profile, anywhere, lambda: 0.0)


def _check(configs: Path, device: ProfileDevice, where: str) -> None:
    """Read all points through a site file that `ems edge init` writes, and write where one may."""
    place = ["--site", "plant", "--config", str(configs)]
    made = CliRunner().invoke(app, ["init", *place, "--device", f"dev={device.id}@{where}"])
    assert made.exception is None, made.exception
    done = CliRunner().invoke(app, ["read", "dev", *place, "--json", "--state", str(configs / "state")])
    assert done.exception is None, done.exception
    rows: list[dict[str, Any]] = json.loads(done.output)
    told = told_values(device)
    assert {row["point"]: row["value"] for row in rows} == pytest.approx(told, rel=1e-6)
    assert {row["quality"] for row in rows} == {"good"}
    asyncio.run(_write(configs, device))


async def _write(configs: Path, device: ProfileDevice) -> None:
    site = load_devices(configs, devices_file(configs, "plant", "edge1"))
    driver = make_drivers(site, configs / "state")["dev"]
    await driver.open()
    try:
        for spec in device.profile.points:
            if spec.kind != "setpoint":
                continue
            wanted = 1.0 if spec.low is None else spec.low
            await driver.write(spec, wanted)
            assert await driver.read_back(spec) == pytest.approx(wanted)
    finally:
        await driver.close()


@pytest.mark.parametrize("name", ["eastron_sdm630", "aeris_vs160"])
def test_libmodbus_over_tcp(configs: Path, name: str) -> None:
    device, port = _device(name), free_port()
    command = foreign.libmodbus(configs, "tcp", port)
    with foreign.running(command, foreign.as_lines(foreign.registers(device)), configs):
        _check(configs, device, f"127.0.0.1:{port}#1")


@contextmanager
def _cable() -> Iterator[tuple[str, str]]:
    """A pair of pseudo-terminals whose loop runs in a thread of its own."""
    ends: list[tuple[str, str]] = []
    ready, done = threading.Event(), threading.Event()

    async def hold() -> None:
        with pty_pair() as pair:
            ends.append(pair)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    ready.wait(5.0)
    try:
        yield ends[0]
    finally:
        done.set()
        thread.join()


def test_libmodbus_over_a_serial_line(configs: Path) -> None:
    device = _device("aeris_vs160")
    with _cable() as (ours, theirs):
        command = foreign.libmodbus(configs, "rtu", ours, 19200, "N", 7)
        with foreign.running(command, foreign.as_lines(foreign.registers(device)), configs):
            _check(configs, device, f"{theirs},19200#7")


def test_modbus_serial_of_node(configs: Path) -> None:
    device, port = _device("aeris_vs160"), free_port()
    command = foreign.node("modbus_serial_server.js", port, 3)
    with foreign.running(command, json.dumps(foreign.registers(device)), configs):
        _check(configs, device, f"127.0.0.1:{port}#3")


@pytest.mark.parametrize("name", ["voltis_bess500", "thermax_chp250"])
@pytest.mark.parametrize("server", ["node_opcua_server.js", "open62541_server.py"])
def test_opc_ua_of_others(configs: Path, server: str, name: str) -> None:
    device, port = _device(name), free_port()
    command = (foreign.node if server.endswith("js") else foreign.python)(server, port)
    with foreign.running(command, foreign.variables(device), configs):
        _check(configs, device, f"opc.tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("server", ["node_bacnet_server.js", "rusty_bacnet_server.py"])
def test_bacnet_of_others(configs: Path, server: str) -> None:
    device, port = _device("frigor_wc600"), free_port(socket.SOCK_DGRAM)
    command = (foreign.node if server.endswith("js") else foreign.python)(server, port, 3001)
    with foreign.running(command, foreign.objects(device), configs):
        _check(configs, device, f"127.0.0.1:{port}#3001")


@pytest.mark.parametrize("broker", ["mosquitto", "aedes"])
@pytest.mark.parametrize("name", ["solara_pv500", "meteo_ws3"])
def test_mqtt_of_others(configs: Path, broker: str, name: str) -> None:
    device, port = _device(name), free_port()
    with foreign.broker(configs, broker, port):
        command = foreign.node("mqtt_device.js", port)
        with foreign.running(command, foreign.messages(device, "plant/dev"), configs):
            _check(configs, device, f"127.0.0.1:{port}/plant/dev")
