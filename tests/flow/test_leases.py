"""A set-point on its whole way: signed, over a real bus, the gate, to a real Modbus server and back."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from nats.aio.client import Client
from nats.js.api import ConsumerConfig

from edge_agent.commands import CommandPorts, CommandService, CommandSettings
from edge_agent.drivers import make_drivers
from edge_agent.gate.book import load_blocks, point_rules, proof_file
from edge_agent.gate.rules import Issuer, Rules
from edge_agent.image import Image
from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_rows import Entry
from edge_agent.lines import Lines
from edge_agent.poll import Poller, poll_groups
from edge_agent.prove import ProveJob, prove, sign_blocks
from protocols import subjects
from protocols.command import Command, CommandKind, Echo, Level, Renewal, lease_list_hash
from protocols.device import ModbusTcp
from protocols.errors import ConfigError, ContractError
from protocols.receipt import FallbackDone, Receipt, Verified, decode_receipt, kind_of
from protocols.signing import key_id
from protocols.write_block import FallbackProof, WriteBlock
from runtime.bus import connect, ensure_streams
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import running_bus
from runtime.site import SiteDevices, load_devices
from simulator.device import Fault, FieldDevice
from simulator.servers.modbus import modbus_server

pytestmark = pytest.mark.net

WATCHDOG_S = 2.0
LATE_S = 1.5
ROLE = "demo/comp1/role_set_code"


@dataclass
class Rig:
    """Two compressors, an edge without its service, and a hub that is a key and a connection."""

    site: SiteDevices
    state: Path
    devices: dict[str, FieldDevice]
    lines: Lines
    clock: SystemClock
    blocks: dict[str, WriteBlock]
    commissioning: Ed25519PublicKey
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    receipts: list[Receipt] = field(default_factory=list)
    seq: int = 0

    def note(self, entry: Entry) -> None:
        try:
            self.receipts.append(decode_receipt(entry.body))
        except ContractError:
            return  # a bundle of frames

    async def prove(self, *, again: bool = False) -> dict[str, FallbackProof | str]:
        job = ProveJob(self.site, self.blocks, self.state, "test", again)
        return await prove(job, self.lines, self.clock)

    def command(self, point: str, value: float, lease_s: float) -> Command:
        self.seq += 1
        return Command(
            v=1, id=secrets.token_bytes(16), issuer="hub", key_id=key_id(self.key.public_key()), site="demo",
            edge="edge1", agent_epoch=1, point=point, kind=CommandKind.SET, value=value, unit="code",
            level=Level.OPTIMISER, start_in_s=0.0, lease_s=lease_s, echo=self.echo(), epoch=1, seq=self.seq,
            revision=1, expect=None, cap_hash=self.blocks[point.split("/")[1]].cap_hash(), reason="test",
            actor="test",
        )  # fmt: skip

    def renewal(self, ids: list[bytes], valid_for_s: float) -> Renewal:
        self.seq += 1
        return Renewal(
            v=1, issuer="hub", key_id=key_id(self.key.public_key()), site="demo", edge="edge1", agent_epoch=1,
            list_hash=lease_list_hash(ids), valid_for_s=valid_for_s, echo=self.echo(), epoch=1, seq=self.seq,
        )  # fmt: skip

    def echo(self) -> Echo:
        return Echo(self.clock.boot, int(self.clock.mono_s() * 1000))

    async def receipt(self, ident: bytes, kind: str, most_s: float = 5.0) -> Receipt:
        async with asyncio.timeout(most_s):
            while True:
                for receipt in self.receipts:
                    if receipt.id == ident and kind_of(receipt) == kind:
                        return receipt
                await asyncio.sleep(0.02)


@pytest.fixture
async def rig(tmp_path: Path, configs: Path) -> AsyncIterator[Rig]:
    clock, commissioning = SystemClock(), Ed25519PrivateKey.generate()
    whole = load_devices(configs, configs / "sites" / "demo" / "edge1.yaml")
    here = tuple(
        device.model_copy(
            update={"connection": ModbusTcp(host="127.0.0.1", port=free_port(), unit=1, timeout_s=0.3)}
        )
        for device in whole.edge.devices
        if device.id in {"comp1", "comp2"}
    )
    profile = whole.profiles[here[0].profile].model_copy(update={"watchdog_s": WATCHDOG_S})
    site = SiteDevices(whole.edge.model_copy(update={"devices": here}), {profile.id: profile})
    sign_blocks(configs, "demo", "edge1", tmp_path / "state", commissioning)
    blocks = load_blocks(tmp_path / "state", site, commissioning.public_key())
    devices = {device.id: FieldDevice(device, profile, clock.mono_s) for device in here}
    async with AsyncExitStack() as stack:
        for device in devices.values():
            await stack.enter_async_context(modbus_server([device]))
        lines = await stack.enter_async_context(Lines(site, make_drivers(site), clock))
        yield Rig(site, tmp_path / "state", devices, lines, clock, blocks, commissioning.public_key())


@asynccontextmanager
async def _running(rig: Rig, folder: Path) -> AsyncIterator[tuple[Client, CommandService]]:
    """Edge and bus at work; gives the hub's connection."""
    image = Image()
    public = rig.key.public_key()
    issuer = Issuer({key_id(public): public}, frozenset({Level.OPTIMISER}))
    rules = Rules("demo", "edge1", 1, {"hub": issuer}, point_rules(rig.state, rig.site, rig.blocks))
    settings = CommandSettings(rules, dict.fromkeys(rig.blocks, "local_mode_code"), rig.state / "control.db")
    with running_bus(folder) as bus:
        hub = await connect(bus.login("hub"))
        edge = await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        consumer = ConsumerConfig(durable_name="CMD_edge1", filter_subject=subjects.command("edge1"))
        await hub.jetstream().add_consumer(subjects.STREAM_COMMAND, consumer)
        async with Journal(JournalPlace(folder / "journal.db", "edge1"), rig.clock, rig.note) as journal:
            service = CommandService(settings, CommandPorts(rig.lines, image, journal, rig.clock))
            poller = Poller(poll_groups(rig.site), rig.lines, image, journal.put, rig.clock)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(w) for w in (poller.run(), service.run(), service.listen(edge))]
                await _until(lambda: service.ready_points() == set(rules.points))
                try:
                    yield hub, service
                finally:
                    for task in tasks:
                        task.cancel()
            service.close()
        await edge.close()
        await hub.close()


async def test_every_point_is_proven_by_its_own_watchdog_and_a_proof_is_not_made_twice(rig: Rig) -> None:
    outcomes = await rig.prove()
    for outcome in outcomes.values():
        assert isinstance(outcome, FallbackProof), outcome
        assert {reading.by for reading in outcome.readings} == {"device_watchdog"}
        assert [reading.after for reading in outcome.readings] == [3.0, 2.0]
        assert all(reading.fallback_s <= WATCHDOG_S + 2 for reading in outcome.readings)
    stamp = proof_file(rig.state, "comp1").stat().st_mtime_ns
    async with asyncio.timeout(0.5):
        assert await rig.prove() == outcomes
    assert proof_file(rig.state, "comp1").stat().st_mtime_ns == stamp


async def test_a_device_without_the_watchdog_it_claims_gets_no_proof_and_is_given_back(rig: Rig) -> None:
    stubborn = rig.devices["comp2"]
    stubborn.profile = stubborn.profile.model_copy(update={"watchdog_s": None})
    rig.devices["comp1"].fault = Fault.LOCAL
    outcomes = await rig.prove()
    assert isinstance(outcomes["comp2"], str)
    assert "did not come back" in outcomes["comp2"]
    assert "local mode" in str(outcomes["comp1"])
    assert not proof_file(rig.state, "comp2").exists()
    assert stubborn.value("role_set_code") == 3.0
    assert not any(rules.proven for rules in point_rules(rig.state, rig.site, rig.blocks).values())


@pytest.mark.timeout(40)
async def test_a_set_point_is_verified_kept_by_renewals_and_falls_back_without_them(
    rig: Rig, tmp_path: Path
) -> None:
    await rig.prove()
    async with _running(rig, tmp_path) as (hub, service):
        command = rig.command(ROLE, 1.0, 3.0)
        await hub.jetstream().publish(subjects.command("edge1"), command.sealed(rig.key))
        assert isinstance(await rig.receipt(command.id, "verified"), Verified)
        assert rig.devices["comp1"].value("role_set_code") == 1.0
        assert service.leases() == [command.id.hex()]
        assert service.fence() == 1
        for _ in range(2):  # longer than the lease and the watchdog
            await _pass(rig.clock, 2.0)
            await hub.publish(subjects.renewal("edge1"), rig.renewal([command.id], 3.0).sealed(rig.key))
            assert rig.devices["comp1"].value("role_set_code") == 1.0
        done = await rig.receipt(command.id, "fallbackdone", most_s=8.0)
        assert isinstance(done, FallbackDone)
        assert 0 <= done.late_s <= LATE_S
        assert rig.devices["comp1"].value("role_set_code") == 3.0
        kinds = [kind_of(r) for r in rig.receipts if r.id == command.id]
        assert kinds == ["received", "written", "verified", "expired", "fallbackdone"]
        assert service.leases() == []


@pytest.mark.timeout(40)
async def test_a_silent_device_does_not_delay_the_end_of_another_ones_lease(rig: Rig, tmp_path: Path) -> None:
    await rig.prove()
    async with _running(rig, tmp_path) as (hub, service):
        dead, living = rig.command("demo/comp2/role_set_code", 1.0, 2.0), rig.command(ROLE, 1.0, 2.0)
        for command in (dead, living):
            await hub.jetstream().publish(subjects.command("edge1"), command.sealed(rig.key))
        await rig.receipt(dead.id, "verified")
        await rig.receipt(living.id, "verified")
        rig.devices["comp2"].fault = Fault.SILENT
        done = await rig.receipt(living.id, "fallbackdone")
        assert isinstance(done, FallbackDone)
        assert done.late_s <= LATE_S
        assert not any(r.id == dead.id and kind_of(r) == "fallbackdone" for r in rig.receipts)
        rig.devices["comp2"].fault = Fault.NONE
        await rig.receipt(dead.id, "fallbackdone", most_s=10.0)
        await service.release_all()


@pytest.mark.timeout(40)
async def test_at_the_end_all_leases_are_released_and_read_back(rig: Rig, tmp_path: Path) -> None:
    await rig.prove()
    async with _running(rig, tmp_path) as (hub, service):
        commands = [rig.command(f"demo/{device}/permit_set_code", 1.0, 9.0) for device in rig.devices]
        for command in commands:
            await hub.jetstream().publish(subjects.command("edge1"), command.sealed(rig.key))
        for command in commands:
            await rig.receipt(command.id, "verified")
        await service.release_all()
        for command in commands:
            kinds = [kind_of(r) for r in rig.receipts if r.id == command.id]
            assert kinds[-2:] == ["released", "fallbackdone"]
        assert {device.value("permit_set_code") for device in rig.devices.values()} == {2.0}


async def test_a_block_changed_after_it_was_signed_is_not_accepted(rig: Rig) -> None:
    path = rig.state / "write" / "comp1.json"
    assert load_blocks(rig.state, rig.site, rig.commissioning).keys() == {"comp1", "comp2"}
    block = json.loads(path.read_text())
    block["block"]["points"][0]["max_lease_s"] = 28800
    path.write_text(json.dumps(block))
    with pytest.raises(ConfigError, match="not signed by the commissioning key"):
        load_blocks(rig.state, rig.site, rig.commissioning)


async def test_a_block_signed_for_another_unit_than_the_profile_has_now_is_not_accepted(rig: Rig) -> None:
    (profile,) = rig.site.profiles.values()
    points = [
        spec.model_copy(update={"unit": "s"}) if spec.name == "role_set_code" else spec
        for spec in profile.points
    ]
    changed = profile.model_copy(update={"points": tuple(points)})
    site = SiteDevices(rig.site.edge, {profile.id: changed})
    with pytest.raises(ConfigError, match=r"'role_set_code' has the unit 's', the limits say 'code'"):
        load_blocks(rig.state, site, rig.commissioning)


async def _pass(clock: SystemClock, seconds: float) -> None:
    end_s = clock.mono_s() + seconds
    await _until(lambda: clock.mono_s() > end_s)


async def _until(condition: Callable[[], bool], most_s: float = 5.0) -> None:
    async with asyncio.timeout(most_s):
        while not condition():
            await asyncio.sleep(0.02)
