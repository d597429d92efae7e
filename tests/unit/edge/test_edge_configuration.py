"""A configuration from the hub on real parts: tried and accepted, refused, rolled back, void after a kill."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.aio.msg import Msg
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from protocols import subjects
from protocols.configuration import (
    Configuration,
    ConfigurationReport,
    Outcome,
    Why,
    decode_configuration_report,
    is_configuration_report,
)
from protocols.coverage import Coverage
from protocols.frame import decode_bundle
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.signing import key_id
from runtime.bus import connect, ensure_streams
from runtime.children import free_port
from runtime.keys import create_signing_key
from runtime.nats_server import RunningBus, running_bus

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]
TEXT = {"en": "x", "zh": "x"}
DEVICES, PROFILE = "sites/demo/edge1.yaml", "devices/test.yaml"
TRIAL_S = 4


@asynccontextmanager
async def meter() -> AsyncIterator[int]:
    port = free_port()
    unit = SimDevice(id=1, simdata=[SimData(0, values=[1, 2, 3, 4], datatype=SimType.REGISTERS)])
    server = ModbusTcpServer(unit, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


def profile(addresses: tuple[int, ...]) -> bytes:
    points = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "every_s": 0.1,
         "address": {"kind": "modbus", "address": at}}
        for at in addresses
    ]  # fmt: skip
    return json.dumps(
        {"id": "test", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    ).encode()


def devices(*ports: int) -> bytes:
    listed = [
        {"id": f"meter{at}", "label": TEXT, "profile": "test",
         "connection": {"kind": "modbus", "host": "127.0.0.1", "port": port, "timeout_s": 2}}
        for at, port in enumerate(ports)
    ]  # fmt: skip
    return json.dumps({"site": "demo", "edge": "edge1", "devices": listed}).encode()


@dataclass
class Hub:
    """Covers every row, and keeps what it hears."""

    client: Client
    key: Ed25519PrivateKey
    reports: list[ConfigurationReport] = field(default_factory=list)
    beats: list[Heartbeat] = field(default_factory=list)
    polls: list[tuple[int, bytes]] = field(default_factory=list)

    async def listen(self) -> None:
        await self.client.subscribe("tel.>", cb=self._on_row)
        await self.client.subscribe("rcpt.>", cb=self._on_receipt)
        await self.client.subscribe("hb.*", cb=self._on_beat)

    async def _on_row(self, message: Msg) -> None:
        bundle = decode_bundle(message.data)
        self.polls += [(frame.at.mono_ns, frame.catalogue) for frame in bundle.frames]
        await self._cover(bundle.journal, bundle.seq)

    async def _on_receipt(self, message: Msg) -> None:
        journal, _, seq = (message.headers or {})["Nats-Msg-Id"].partition(":")
        if is_configuration_report(message.data):
            self.reports.append(decode_configuration_report(message.data))
        await self._cover(journal, int(seq))

    async def _cover(self, journal: str, seq: int) -> None:
        await self.client.publish(
            subjects.coverage("edge1"), Coverage("edge1", journal, ((seq, seq),)).encode()
        )

    async def _on_beat(self, message: Msg) -> None:
        self.beats.append(decode_heartbeat(message.data))

    async def send(self, version: int, files: dict[str, bytes], key: Ed25519PrivateKey | None = None) -> None:
        """Send as the hub does, again and again, until a report of the version comes."""
        made = Configuration(version, "demo", "edge1", key_id(self.key.public_key()), 1, "test", "", files)
        envelope, before = made.sealed(key or self.key), len(self.reports)
        async with asyncio.timeout(15):
            while len(self.reports) == before:
                await self.client.publish(subjects.configuration("edge1"), envelope)
                await asyncio.sleep(0.05)

    async def until(self, fits: Callable[[], bool], most_s: float = 15.0) -> None:
        async with asyncio.timeout(most_s):
            while not fits():
                await asyncio.sleep(0.03)

    def last(self) -> tuple[int, Outcome, Why]:
        report = self.reports[-1]
        return report.version, report.outcome, report.why


@dataclass
class Box:
    """A gateway box with its agent, beside a bus and a meter."""

    folder: Path
    bus: RunningBus
    port: int
    hub: Hub
    process: asyncio.subprocess.Process | None = None

    @property
    def state(self) -> Path:
        return self.folder / "edge"

    async def start(self, trial_s: float = TRIAL_S) -> None:
        self.hub.beats.clear()
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ems.main", "edge", "run", f"--config={self.folder / 'config'}",
            f"--state={self.state}", f"--keys={self.folder / 'keys'}",
            f"--bus={self.bus.url}", f"--trial-s={trial_s}",
        )  # fmt: skip
        await self.hub.until(lambda: bool(self.hub.beats) and self.hub.beats[-1].links.get("meter0") == "up")

    async def end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(how)
            await self.process.wait()
        self.process = None

    def book(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.state / "configuration" / "book.json").read_text())
        return read


@asynccontextmanager
async def box_of(folder: Path) -> AsyncIterator[Box]:
    for name in ("commissioning", "hub_sign"):
        create_signing_key(folder / "keys" / f"{name}.key")
    key = create_signing_key(folder / "keys" / "config_sign.key")
    with running_bus(folder) as bus:
        async with meter() as port:
            for path, content in {DEVICES: devices(port), PROFILE: profile((0, 1))}.items():
                (folder / "config" / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / "config" / path).write_bytes(content)
            client = await connect(bus.login("hub"), None)
            await ensure_streams(client.jetstream())
            hub = Hub(client, key)
            await hub.listen()
            box = Box(folder, bus, port, hub)
            try:
                await box.start()
                yield box
            finally:
                await box.end(signal.SIGKILL)
                await client.close()


async def test_a_better_configuration_is_tried_accepted_and_in_force_after_a_restart(tmp_path: Path) -> None:
    async with box_of(tmp_path) as box:
        files = {DEVICES: devices(box.port), PROFILE: profile((0, 1, 2))}
        await box.hub.send(1, files)
        assert box.hub.last() == (1, Outcome.TRYING, Why.NONE)
        await box.hub.until(lambda: box.hub.last() == (1, Outcome.ACCEPTED, Why.NONE))
        await box.hub.until(lambda: box.hub.beats[-1].config_version == 1)
        assert box.hub.beats[-1].config_digest == box.hub.reports[-1].digest
        times = sorted(at for at, _ in box.hub.polls)
        assert max(b - a for a, b in itertools.pairwise(times)) < 5e9  # E14: the poll gap
        assert len({name for _, name in box.hub.polls}) == 2
        await box.end(signal.SIGKILL)
        await box.start()
        assert (box.hub.beats[-1].config_version, box.hub.beats[-1].config_edited) == (1, [])
        await _edits_are_seen(box)


async def _edits_are_seen(box: Box) -> None:
    file = box.state / "configuration" / "1" / PROFILE
    file.write_bytes(profile((0, 1, 3)))
    (box.folder / "config" / DEVICES).write_bytes(devices(box.port, 1))
    await box.end(signal.SIGKILL)
    await box.start()
    await box.hub.until(lambda: box.hub.beats[-1].config_edited == [PROFILE, f"given:{DEVICES}"])


async def test_what_the_hub_key_did_not_sign_and_what_is_old_is_refused(tmp_path: Path) -> None:
    async with box_of(tmp_path) as box:
        files = {DEVICES: devices(box.port), PROFILE: profile((0, 1, 2))}
        await box.hub.send(7, files, key=Ed25519PrivateKey.generate())
        assert box.hub.last() == (0, Outcome.REFUSED, Why.SIGNATURE)
        await box.hub.send(3, {DEVICES: devices(box.port), PROFILE: b"points: no"})
        assert box.hub.last() == (3, Outcome.REFUSED, Why.NOT_VALID)
        assert "devices/test.yaml:1" in box.hub.reports[-1].detail
        await box.hub.send(2, files)
        assert box.hub.last() == (2, Outcome.REFUSED, Why.OLD_VERSION)
        await box.hub.send(4, {**files, "sites/demo/write/meter0.yaml": b"{}"})
        assert box.hub.last() == (4, Outcome.REFUSED, Why.WRITE_BLOCK)
        assert (box.hub.beats[-1].config_version, box.book()["seen"]) == (0, 4)


async def test_worse_polling_is_rolled_back_by_itself_and_the_hub_is_told_why(tmp_path: Path) -> None:
    async with box_of(tmp_path) as box:
        dead, given = free_port(), box.folder / "config" / DEVICES
        await box.hub.send(1, {DEVICES: devices(box.port, dead), PROFILE: profile((0, 1))})
        assert box.hub.last() == (1, Outcome.TRYING, Why.NONE)
        given.write_bytes(b"spoiled: ")  # at the box, at the worst moment
        await box.hub.until(lambda: box.hub.last() == (1, Outcome.ROLLED_BACK, Why.WORSE))
        assert "meter1" in box.hub.reports[-1].detail
        box.hub.beats.clear()
        await box.hub.until(lambda: any(set(beat.links) == {"meter0"} for beat in box.hub.beats))
        assert box.hub.beats[-1].config_version == 0
        await box.hub.send(2, {DEVICES: devices(box.port), PROFILE: profile((0, 1, 99))})  # no such register
        await box.hub.until(lambda: box.hub.last() == (2, Outcome.ROLLED_BACK, Why.WORSE))
        assert "meter0/p99_kw" in box.hub.reports[-1].detail


async def test_a_kill_in_the_middle_of_a_trial_leaves_the_configuration_before(tmp_path: Path) -> None:
    async with box_of(tmp_path) as box:
        await box.end(signal.SIGTERM)
        await box.start(trial_s=10)
        epoch = box.hub.beats[-1].agent_epoch
        await box.hub.send(1, {DEVICES: devices(box.port), PROFILE: profile((0, 1, 2))})
        await box.hub.until(lambda: box.hub.beats[-1].config_trial == 1)
        assert box.hub.beats[-1].agent_epoch == epoch + 1
        await box.end(signal.SIGKILL)
        assert (box.book()["trial"], box.book()["accepted"]) == (1, 0)
        await box.start()
        await box.hub.until(lambda: box.hub.last() == (1, Outcome.ROLLED_BACK, Why.INTERRUPTED))
        assert (box.hub.beats[-1].config_version, box.hub.beats[-1].config_trial) == (0, 0)
        assert box.hub.beats[-1].config_seen == 1
