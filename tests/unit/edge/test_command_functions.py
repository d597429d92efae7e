"""A signed order goes through the gate to a register by functions 22 and 23, at another implementation."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from edge_agent.commands import CommandPorts, CommandService, CommandSettings
from edge_agent.drivers import make_drivers
from edge_agent.gate.events import LocalMode, MessageReceived, PointRead
from edge_agent.image import Image
from edge_agent.journal import Journal, JournalPlace
from edge_agent.lines import Lines
from protocols.command import Command, CommandKind, Echo, Level
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.site import SiteDevices, devices_file, load_devices
from tests.unit.gate.gate_world import CAP, HUB, HUB_ID, POINT, rules_of

pytestmark = pytest.mark.net
TEXT = {"en": "x", "zh": "x"}


@asynccontextmanager
async def unit_of(words: list[int]) -> AsyncIterator[int]:
    port = free_port()
    unit = SimDevice(id=1, simdata=[SimData(0, values=words, datatype=SimType.REGISTERS)])
    server = ModbusTcpServer(unit, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


def site_with(folder: Path, port: int, **address: object) -> SiteDevices:
    """A battery whose set-point lies in register 3, and a neighbour that shows all of register 3."""
    point = {
        "name": "power_set_kw", "label": TEXT, "unit": "kW", "kind": "setpoint",
        "address": {"kind": "modbus", "address": 3, **address},
    }  # fmt: skip
    profile = {"id": "test", "label": TEXT, "protocol": "modbus", "equipment": "battery", "points": [point]}
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    device = {"id": "battery1", "label": TEXT, "profile": "test", "connection": at}
    (folder / "devices").mkdir(parents=True)
    (folder / "sites" / "demo").mkdir(parents=True)
    (folder / "devices" / "test.yaml").write_text(json.dumps(profile))
    file = devices_file(folder, "demo", "edge1")
    file.write_text(json.dumps({"site": "demo", "edge": "edge1", "devices": [device]}))
    return load_devices(folder, file)


def order(value: float) -> bytes:
    clock = SystemClock()
    return Command(
        v=1, id=bytes(16), issuer="hub", key_id=HUB_ID, site="demo", edge="edge1",
        agent_epoch=1, point=POINT, kind=CommandKind.SET, value=value, unit="kW", level=Level.OPTIMISER,
        start_in_s=0.0, lease_s=9.0, echo=Echo(clock.boot, int(clock.mono_s() * 1000)), epoch=1, seq=1,
        revision=1, expect=None, cap_hash=CAP, reason="test", actor="test",
    ).sealed(HUB)  # fmt: skip


def verified(control: Path) -> bool:
    """Whether the one lease was read back by a request of its own."""
    with closing(sqlite3.connect(f"file:{control}?mode=ro", uri=True)) as store:
        return store.execute("select verified from lease").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ({"bit": 4, "bits": 6, "write": "mask"}, [0, 0, 0, 0xFC0F | 10 << 4, 0]),
        ({"write": "read_write"}, [0, 0, 0, 10, 0]),
    ],
)
async def test_an_order_is_written_and_verified(
    tmp_path: Path, address: dict[str, object], words: list[int]
) -> None:
    clock, control = SystemClock(), tmp_path / "control.db"
    async with unit_of([0, 0, 0, 0xFC0F if "bit" in address else 0, 0]) as port:
        site = site_with(tmp_path / "config", port, **address)
        async with (
            Lines(site, make_drivers(site), clock) as lines,
            Journal(JournalPlace(tmp_path / "journal.db", "edge1"), clock, lambda _: None) as journal,
            asyncio.TaskGroup() as tasks,
        ):
            settings = CommandSettings(rules_of(), {}, control)
            service = CommandService(settings, CommandPorts(lines, Image(), journal, clock))
            running = tasks.create_task(service.run())
            now_ns = clock.now().mono_ns
            await service.feed(LocalMode("battery1", local=False, at_ns=now_ns))
            await service.feed(PointRead(POINT, 0.0, good=True, at_ns=now_ns))
            await service.feed(MessageReceived(order(10.0)))
            async with asyncio.timeout(10):
                while not await asyncio.to_thread(verified, control):
                    await asyncio.sleep(0.02)
            raw = await lines.read_raw("battery1", "holding", 0, 5)
            running.cancel()
        service.close()
    assert [int.from_bytes(raw[at : at + 2], "big") for at in range(0, 10, 2)] == words
