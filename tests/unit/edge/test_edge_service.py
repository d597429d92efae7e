"""The agent as a process: polls without a bus, survives kill -9, ends in order and counts what it polled."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from protocols import subjects
from protocols.coverage import Coverage
from protocols.frame import decode_bundle
from protocols.heartbeat import Heartbeat, decode_heartbeat
from runtime.bus import BusLogin, connect, ensure_streams
from runtime.children import free_port
from runtime.keys import create_signing_key
from runtime.nats_server import BusConfig, NatsServer, seed_file, write_config

pytestmark = pytest.mark.net
TEXT = {"en": "x", "zh": "x"}


@asynccontextmanager
async def meter() -> AsyncIterator[int]:
    port = free_port()
    unit = SimDevice(id=1, simdata=[SimData(0, values=[1, 2], datatype=SimType.REGISTERS)])
    server = ModbusTcpServer(unit, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


def write_configs(folder: Path, port: int) -> None:
    points = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "every_s": 0.1,
         "address": {"kind": "modbus", "address": at}}
        for at in range(2)
    ]  # fmt: skip
    profile = {"id": "test", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    device = {"id": "meter", "label": TEXT, "profile": "test", "connection": at}
    (folder / "devices").mkdir(parents=True)
    (folder / "sites" / "demo").mkdir(parents=True)
    (folder / "devices" / "test.yaml").write_text(json.dumps(profile))
    edge = {"site": "demo", "edge": "edge1", "devices": [device]}
    (folder / "sites" / "demo" / "edge1.yaml").write_text(json.dumps(edge))


@contextmanager
def agent(folder: Path, bus_port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ems.main", "edge", "run", f"--config={folder / 'config'}",
         f"--state={folder / 'edge'}",
         f"--keys={folder / 'keys'}", f"--bus=nats://127.0.0.1:{bus_port}"],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


class Hub:
    """Stores rows by number, and reports them covered at once."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.rows: dict[int, int] = {}
        self.beats: list[Heartbeat] = []

    async def listen(self) -> None:
        await self.client.subscribe("tel.>", cb=self._on_row)
        await self.client.subscribe("rcpt.>", cb=self._on_receipt)
        await self.client.subscribe("hb.*", cb=self._on_beat)

    async def _on_row(self, message: object) -> None:
        bundle = decode_bundle(message.data)  # type: ignore[attr-defined]  # a nats message
        await self._keep(bundle.journal, bundle.seq, bundle.samples)

    async def _on_receipt(self, message: object) -> None:
        journal, _, seq = message.headers["Nats-Msg-Id"].partition(":")  # type: ignore[attr-defined]  # a nats message
        await self._keep(journal, int(seq), 0)

    async def _keep(self, journal: str, seq: int, samples: int) -> None:
        self.rows[seq] = samples
        covered = Coverage("edge1", journal, ((seq, seq),)).encode()
        await self.client.publish(subjects.coverage("edge1"), covered)

    async def _on_beat(self, message: object) -> None:
        self.beats.append(decode_heartbeat(message.data))  # type: ignore[attr-defined]  # a nats message


async def wait_for_end(process: subprocess.Popen[str], most_s: float = 12.0) -> int:
    async with asyncio.timeout(most_s):
        while process.poll() is None:
            await asyncio.sleep(0.02)
    return process.returncode


async def test_the_way_of_a_sample_from_the_wire_to_the_hub(tmp_path: Path) -> None:
    for name in ("commissioning", "hub_sign"):
        create_signing_key(tmp_path / "keys" / f"{name}.key")
    config = BusConfig(tmp_path / "bus", tmp_path / "keys", free_port(), ("edge1",))
    write_config(config)
    async with meter() as port:
        write_configs(tmp_path / "config", port)
        with agent(tmp_path, config.port) as first:  # no bus is there
            await _journalled(tmp_path / "edge" / "journal.db", 3)
            first.send_signal(signal.SIGKILL)
        server = NatsServer(config)
        server.start()
        try:
            await _second_run(tmp_path, config)
        finally:
            server.stop()


async def _second_run(folder: Path, config: BusConfig) -> None:
    login_file = seed_file(config.keys, "hub")
    client = await connect(BusLogin(f"nats://127.0.0.1:{config.port}", "hub", login_file), None)
    await ensure_streams(client.jetstream())
    hub = Hub(client)
    await hub.listen()
    with agent(folder, config.port) as second:
        async with asyncio.timeout(10):
            while len(hub.rows) < 6 or not hub.beats:
                await asyncio.sleep(0.02)
        second.send_signal(signal.SIGTERM)
        assert await wait_for_end(second) == 0
    summary = json.loads((folder / "edge" / "summary.json").read_text())
    await client.close()
    this, earlier = summary["runs"], summary["earlier"]
    assert hub.beats[0].agent_epoch == 2
    assert (hub.beats[0].links, hub.beats[0].edge) == ({"meter": "up"}, "edge1")
    seqs = range(1, this[0]["last_seq"] + 1)
    assert set(hub.rows) == set(seqs)
    assert sum(hub.rows.values()) == sum(run["samples"] for run in this + earlier)
    assert (
        sum(hub.rows[seq] for seq in range(this[0]["first_seq"], this[0]["last_seq"] + 1))
        == summary["samples"]
    )
    assert summary["by_protocol"]["modbus"] == summary["samples"]


async def _journalled(path: Path, rows: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                    (count,) = db.execute("SELECT count(*) FROM entry").fetchone()
                db.close()
            except sqlite3.Error:
                count = 0
            if count >= rows:
                return
            await asyncio.sleep(0.05)


async def test_a_second_agent_on_one_state_folder_is_refused_with_one_sentence(tmp_path: Path) -> None:
    for name in ("commissioning", "hub_sign"):
        create_signing_key(tmp_path / "keys" / f"{name}.key")
    config = BusConfig(tmp_path / "bus", tmp_path / "keys", free_port(), ("edge1",))
    write_config(config)
    write_configs(tmp_path / "config", free_port())
    with agent(tmp_path, config.port):
        await _journalled(tmp_path / "edge" / "journal.db", 1)
        with agent(tmp_path, config.port) as second:
            assert await wait_for_end(second) == 2
            assert second.stderr is not None
            assert "is in use by process" in second.stderr.read()
