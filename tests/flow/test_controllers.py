"""A rule that acts, the whole way: image → law in its process → gate → device, and back to the fallback."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice
from typer.testing import CliRunner

from edge_agent.cli import app
from edge_agent.rules_file import Trial, save_tried
from protocols.rules import RuleBook
from runtime.children import free_port
from runtime.keys import create_signing_key
from runtime.nats_server import BusConfig, write_config
from runtime.yaml_config import load_config

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120)]
TEXT = {"en": "x", "zh": "x"}
RULES = {
    "rules": [
        {
            "id": "high",
            "label": TEXT,
            "mode": "active",
            "when": {"kind": "above", "point": "tank/level_kw", "limit": 5, "unit": "kW"},
            "then": [{"point": "tank/pump_set_kw", "value": 7000, "unit": "W"}],
        }
    ]
}


def write_configs(folder: Path, port: int) -> None:
    names = (("level_kw", "measurement"), ("pump_set_kw", "setpoint"))
    points = [
        {"name": name, "label": TEXT, "unit": "kW", "kind": kind, "every_s": 0.25, "low": 0, "high": 100,
         "address": {"kind": "modbus", "address": at}}
        for at, (name, kind) in enumerate(names)
    ]  # fmt: skip
    profile = {"id": "tank", "label": TEXT, "protocol": "modbus", "equipment": "tank", "points": points}
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    device = {"id": "tank", "label": TEXT, "profile": "tank", "connection": at}
    limits = {
        "point": "pump_set_kw", "unit": "kW", "low": 0, "high": 20, "max_lease_s": 10, "settle_s": 0,
        "fallback": {"kind": "release", "value": 0}, "duty": {"writer": "high"},
    }  # fmt: skip
    block = {"site": "demo", "edge": "edge1", "device": "tank", "revision": 1, "points": [limits]}
    files = {
        "devices/tank.yaml": profile,
        "sites/demo/edge1.yaml": {"site": "demo", "edge": "edge1", "devices": [device]},
        "sites/demo/write/tank.yaml": block,
        "sites/demo/edge1.rules.yaml": RULES,
    }
    for name, document in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document))


@asynccontextmanager
async def tank(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    """A device of two registers, and a hand on it."""
    unit = SimDevice(id=1, simdata=[SimData(0, values=[1, 0], datatype=SimType.REGISTERS)])
    server = ModbusTcpServer(unit, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        yield client
    finally:
        client.close()
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


async def register(client: AsyncModbusTcpClient, value: int, most_s: float = 30.0) -> None:
    """Wait until the pump's register shows it."""
    async with asyncio.timeout(most_s):
        while (await client.read_holding_registers(1, count=1)).registers != [value]:
            await asyncio.sleep(0.05)


def said_by(state: Path) -> str:
    port = int((state / "metrics.port").read_text())
    with urlopen(f"http://127.0.0.1:{port}/controllers") as answer:
        return str(answer.read().decode())


def ems(folder: Path, *args: str) -> str:
    where = [f"--config={folder / 'config'}", f"--state={folder / 'edge'}", f"--keys={folder / 'keys'}"]
    result = CliRunner().invoke(app, [*args, *where])
    assert result.exit_code == 0, f"{result.output} {result.exception}"
    return result.output


@contextmanager
def agent(folder: Path, bus_port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ems.main", "edge", "run", f"--config={folder / 'config'}",
         f"--state={folder / 'edge'}", f"--keys={folder / 'keys'}", f"--bus=nats://127.0.0.1:{bus_port}"],
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def commissioned(folder: Path) -> None:
    """Limits signed and proven on the wire; the rule acts once it was tried, not before."""
    shown = await asyncio.to_thread(
        CliRunner().invoke, app,
        ["commission", "tank", "--person=test", "--shown=pump_set_kw=0",
         f"--config={folder / 'config'}", f"--state={folder / 'edge'}"],
    )  # fmt: skip
    assert shown.exit_code == 0, shown.output
    await asyncio.to_thread(ems, folder, "prove", "--person=test", "--sign")
    checked = await asyncio.to_thread(ems, folder, "check")
    assert "rules (advises)" in checked
    assert "rule high only advises: it was not tried as it is now" in checked
    book = load_config(folder / "config/sites/demo/edge1.rules.yaml", RuleBook)
    trial = Trial("high", "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z", 3, 60.0, 0.0)
    save_tried(folder / "edge", {book.rules[0].digest(): trial})
    assert "rules (acts)" in await asyncio.to_thread(ems, folder, "check")


async def test_an_active_rule_writes_through_the_gate_and_its_point_goes_back(tmp_path: Path) -> None:
    for name in ("commissioning", "hub_sign"):
        create_signing_key(tmp_path / "keys" / f"{name}.key")
    bus = BusConfig(tmp_path / "bus", tmp_path / "keys", free_port(), ("edge1",))
    write_config(bus)
    port = free_port()
    write_configs(tmp_path / "config", port)
    async with tank(port) as client:
        await commissioned(tmp_path)
        with agent(tmp_path, bus.port) as process:
            for level, pump in ((9, 7), (1, 0), (9, 7)):
                await client.write_register(0, level)
                await register(client, pump)
            (law,) = laws_of(process.pid)
            law.suspend()
            await register(client, 0)  # the output ran out, nobody had to act
            said = await asyncio.to_thread(said_by, tmp_path / "edge")
            assert "controller rules is isolated: it gave no answer within 2 s" in said
        async with asyncio.timeout(10):
            while law.is_running() and law.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.02)  # nothing outlives the agent


def laws_of(agent_pid: int) -> list[psutil.Process]:
    """The processes of laws: grandchildren, forked by the agent's fork server."""
    return [law for server in psutil.Process(agent_pid).children() for law in server.children()]
