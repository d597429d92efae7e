"""A compressor station whose sequencer acts: configuration, device, agent and a hub's side, for tests."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice
from typer.testing import CliRunner

from edge_agent.cli import app
from protocols import subjects
from protocols.command import Command, CommandKind, Echo, Level
from protocols.errors import ContractError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.holder import Holder, decode_holders
from protocols.receipt import Receipt, decode_receipt
from protocols.signing import key_id
from runtime.bus import BusLogin, connect, ensure_command_consumers, ensure_streams, publish_row
from runtime.children import free_port
from runtime.keys import create_signing_key, load_signing_key
from runtime.nats_server import BusConfig, NatsServer, seed_file

TEXT: Final = {"en": "x", "zh": "x"}
TARGET: Final = "demo/air/pressure_target_bar_g"
HEADER, STATE, FLOW, PERMIT, SET, _OTHER, LOCAL = range(7)
"""Registers of the hall: pressure, then state, flow, permit and pressure set-point of the second machine."""
FREE: Final = 65
"""What the machine holds by itself, in tenths of a bar."""


def point(name: str, unit: str, at: int, kind: str = "measurement", scale: float = 1.0) -> dict[str, Any]:
    address = {"kind": "modbus", "address": at}
    spec = {"name": name, "label": TEXT, "unit": unit, "kind": kind, "every_s": 0.25, "address": address}
    return {**spec, "scale": scale}


def write_configs(folder: Path, port: int) -> None:
    points = [
        point("header_bar_g", "bar(g)", HEADER, scale=0.1),
        point("state_code", "code", STATE, "state"),
        point("flow_m3_min", "m³/min", FLOW),
        point("permit_set_code", "code", PERMIT, "setpoint"),
        point("pressure_set_bar_g", "bar(g)", SET, "setpoint", 0.1),
        point("other_set_code", "code", 5, "setpoint"),
        point("local_mode_code", "code", LOCAL, "state"),
    ]
    profile = {"id": "hall", "label": TEXT, "protocol": "modbus", "equipment": "compressor", "points": points}
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    device = {"id": "hall", "label": TEXT, "profile": "hall", "connection": at}
    codes = [
        {"point": name, "unit": "code", "low": 0, "high": 2, "max_lease_s": 10, "settle_s": 0,
         "fallback": {"kind": "release", "value": 2}, "duty": {"writer": "air"}}
        for name in ("permit_set_code", "other_set_code")
    ]  # fmt: skip
    pressure = {
        "point": "pressure_set_bar_g", "unit": "bar(g)", "low": 5, "high": 8, "max_lease_s": 10,
        "settle_s": 0, "fallback": {"kind": "release", "value": FREE / 10}, "duty": {"writer": "air"},
    }  # fmt: skip
    target = {
        "point": "pressure_target_bar_g", "unit": "bar(g)", "low": 6, "high": 7, "max_lease_s": 10,
        "settle_s": 0, "fallback": {"kind": "value", "value": 6.7},
    }  # fmt: skip
    place = {"site": "demo", "edge": "edge1", "revision": 1}
    machines = [
        {"machine": {"id": "comp1", "flow_max_m3_min": 20}, "state": "hall/state_code",
         "permit_set": "hall/other_set_code"},
        {"machine": {"id": "comp4", "flow_max_m3_min": 25, "flow_min_m3_min": 8}, "state": "hall/state_code",
         "flow": "hall/flow_m3_min", "permit_set": "hall/permit_set_code",
         "target_set": "hall/pressure_set_bar_g"},
    ]  # fmt: skip
    air = {
        "kind": "sequencer", "id": "air", "label": TEXT, "mode": "active", "header": "hall/header_bar_g",
        "settings": {"target_bar_g": 6.7, "volume_m3": 10, "wake_bar": 0.1}, "machines": machines,
    }  # fmt: skip
    files = {
        "devices/hall.yaml": profile,
        "sites/demo/edge1.yaml": {"site": "demo", "edge": "edge1", "devices": [device]},
        "sites/demo/edge1.controllers.yaml": {"controllers": [air]},
        "sites/demo/write/hall.yaml": {
            **place,
            "device": "hall",
            "local_mode_point": "local_mode_code",
            "points": [*codes, pressure],
        },
        "sites/demo/write/air.yaml": {**place, "device": "air", "points": [target]},
    }
    for name, document in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document))


@dataclass
class Hub:
    """The hub's side: a signing key, a connection, and what it heard."""

    client: Client
    keys: Path
    beats: list[Heartbeat] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    holders: dict[str, Holder] = field(default_factory=dict)
    seq: int = 0

    async def listen(self) -> None:
        await self.client.subscribe("hb.edge1", cb=self._beat)
        await self.client.subscribe("rcpt.edge1.*", cb=self._receipt)
        await self.client.subscribe("win.edge1", cb=self._holders)

    async def _beat(self, message: Msg) -> None:
        self.beats.append(decode_heartbeat(message.data))

    async def _receipt(self, message: Msg) -> None:
        try:
            self.receipts.append(decode_receipt(message.data))
        except ContractError:
            return  # an event of another kind

    async def _holders(self, message: Msg) -> None:
        self.holders |= {one.point: one for one in decode_holders(message.data).holders}

    async def send(self, where: str, kind: CommandKind, value: float | None = None) -> bytes:
        beat, key = self.beats[-1], load_signing_key(self.keys / "hub_sign.key")
        self.seq += 1
        sets = kind is CommandKind.SET
        command = Command(
            v=1, id=secrets.token_bytes(16), issuer="hub", key_id=key_id(key.public_key()), site="demo",
            edge="edge1", agent_epoch=beat.agent_epoch, point=where, kind=kind, value=value,
            unit="bar(g)" if sets else "", level=Level.OPTIMISER if sets else Level.OPERATOR,
            start_in_s=0.0, lease_s=3.0 if sets else 0.0, echo=Echo(beat.boot, beat.reading_ms), epoch=1,
            seq=self.seq, revision=1, expect=None,
            cap_hash=bytes.fromhex(beat.cap_hashes["air"]) if sets else b"", reason="test", actor="ada",
        )  # fmt: skip
        await publish_row(
            self.client.jetstream(), subjects.command("edge1"), command.sealed(key), command.id.hex()
        )
        return command.id

    async def receipt(self, ident: bytes, kind: type[Receipt]) -> Receipt:
        await until(lambda: any(one.id == ident and isinstance(one, kind) for one in self.receipts))
        return next(one for one in self.receipts if one.id == ident and isinstance(one, kind))


async def until(holds: Callable[[], bool], most_s: float = 20.0) -> None:
    async with asyncio.timeout(most_s):
        while not holds():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def hall(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    """Two machines of seven registers, and a hand on them."""
    unit = SimDevice(
        id=1, simdata=[SimData(0, values=[67, 2, 12, 2, FREE, 2, 0], datatype=SimType.REGISTERS)]
    )
    server = ModbusTcpServer(unit, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    try:
        yield client
    finally:
        client.close()
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


async def shows(client: AsyncModbusTcpClient, tenths: int, most_s: float) -> None:
    """Wait until the set-point register of the trim machine shows it."""
    async with asyncio.timeout(most_s):
        while (await client.read_holding_registers(SET, count=1)).registers != [tenths]:
            await asyncio.sleep(0.02)


def ems(folder: Path, *args: str) -> str:
    where = [f"--config={folder / 'config'}", f"--state={folder / 'edge'}"]
    keys = [] if args[0] == "commission" else [f"--keys={folder / 'keys'}"]
    result = CliRunner().invoke(app, [*args, *where, *keys])
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


@dataclass
class Station:
    """All of it at work."""

    hub: Hub
    machine: AsyncModbusTcpClient
    process: subprocess.Popen[bytes]
    bus_port: int


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[Station]:
    """Plant, bus, agent with its limits proven, and a hub."""
    for name in ("commissioning", "hub_sign"):
        create_signing_key(folder / "keys" / f"{name}.key")
    port, bus_port = free_port(), free_port()
    write_configs(folder / "config", port)
    bus = NatsServer(BusConfig(folder / "bus", folder / "keys", bus_port, ("edge1",)))
    bus.start()
    try:
        async with hall(port) as client:
            shown = ("permit_set_code=2", "other_set_code=2", f"pressure_set_bar_g={FREE / 10}")
            await asyncio.to_thread(
                ems, folder, "commission", "hall", "--person=t", *(f"--shown={one}" for one in shown)
            )
            assert "2 of 2 devices are proven" in await asyncio.to_thread(
                ems, folder, "prove", "--person=t", "--sign"
            )
            checked = await asyncio.to_thread(ems, folder, "check")
            assert "controllers: air (acts)" in checked
            login = BusLogin(f"nats://127.0.0.1:{bus_port}", "hub", seed_file(folder / "keys", "hub"))
            hub = Hub(await connect(login), folder / "keys")
            await ensure_streams(hub.client.jetstream())
            await ensure_command_consumers(hub.client.jetstream(), ["edge1"])
            await hub.listen()
            with agent(folder, bus_port) as process:
                await until(lambda: bool(hub.beats) and hub.beats[-1].links.get("air") == "up")
                yield Station(hub, client, process, bus_port)
            await hub.client.close()
    finally:
        bus.stop()
