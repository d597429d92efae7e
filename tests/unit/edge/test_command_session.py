"""The command session keeps state and store together, whoever is cancelled."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.commands import CommandPorts, CommandService, CommandSettings
from edge_agent.drivers import make_drivers
from edge_agent.gate.events import LocalMode, MessageReceived, PointRead, RenewalReceived
from edge_agent.gate.store import ControlStore
from edge_agent.image import Image
from edge_agent.journal import Journal, JournalPlace
from edge_agent.lines import Lines
from protocols.command import Command, CommandKind, Echo, Level, Renewal, lease_list_hash
from runtime.clock import SystemClock
from runtime.site import devices_file, load_devices
from tests.unit.gate.gate_world import CAP, HUB, HUB_ID, POINT, rules_of


@pytest.fixture
async def session(tmp_path: Path, configs: Path) -> AsyncIterator[CommandService]:
    """A session whose point has been read and whose machine is remote; it carries nothing out."""
    clock, site = SystemClock(), load_devices(configs, devices_file(configs, "demo", "edge1"))
    async with (
        Lines(site, make_drivers(site), clock) as lines,
        Journal(JournalPlace(tmp_path / "journal.db", "edge1"), clock, lambda _: None) as journal,
    ):
        settings = CommandSettings(rules_of(), {}, tmp_path / "control.db")
        session = CommandService(settings, CommandPorts(lines, Image(), journal, clock))
        now_ns = clock.now().mono_ns
        await session.feed(LocalMode("battery1", local=False, at_ns=now_ns))
        await session.feed(PointRead(POINT, 0.0, good=True, at_ns=now_ns))
        yield session
        session.close()


def _order(seq: int) -> bytes:
    clock = SystemClock()
    return Command(
        v=1, id=seq.to_bytes(16, "big"), issuer="hub", key_id=HUB_ID, site="demo", edge="edge1",
        agent_epoch=1, point=POINT, kind=CommandKind.SET, value=10.0, unit="kW", level=Level.OPTIMISER,
        start_in_s=0.0, lease_s=9.0, echo=Echo(clock.boot, int(clock.mono_s() * 1000)), epoch=1, seq=seq,
        revision=1, expect=None, cap_hash=CAP, reason="test", actor="test",
    ).sealed(HUB)  # fmt: skip


async def test_an_order_whose_carrier_is_cancelled_in_the_commit_is_known_on_both_sides(
    session: CommandService, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "control.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # the commit has to wait
        async with asyncio.TaskGroup() as tasks:
            carrier = tasks.create_task(session.feed(MessageReceived(_order(1))))
            for _ in range(5):
                await asyncio.sleep(0.01)
            assert not session.leases()
            carrier.cancel()
            await asyncio.sleep(0.01)
            other.execute("COMMIT")
    assert session.leases() == [(1).to_bytes(16, "big").hex()]
    await session.feed(MessageReceived(_order(2)))  # nothing is left over that a next one would trip over
    assert session.leases() == [(2).to_bytes(16, "big").hex()]
    with closing(ControlStore(tmp_path / "control.db")) as store:
        assert [saved.lease.id.hex() for saved in store.load().leases] == session.leases()


def _renewal(seq: int, ident: int, valid_for_s: float) -> bytes:
    clock = SystemClock()
    return Renewal(
        v=1, issuer="hub", key_id=HUB_ID, site="demo", edge="edge1", agent_epoch=1,
        list_hash=lease_list_hash([ident.to_bytes(16, "big")]), valid_for_s=valid_for_s,
        echo=Echo(clock.boot, int(clock.mono_s() * 1000)), epoch=1, seq=seq,
    ).sealed(HUB)  # fmt: skip


async def test_a_renewed_lease_is_handed_over_with_its_present_end(
    session: CommandService, tmp_path: Path
) -> None:
    await session.feed(MessageReceived(_order(1)))
    with closing(ControlStore(tmp_path / "control.db")) as store:
        granted_ns = store.load().leases[0].lease.until_ns
        await session.feed(RenewalReceived(_renewal(2, 1, 9.9)))
        assert store.load().leases[0].lease.until_ns == granted_ns  # not each renewal costs a write
        await session.hand_over()
        (saved,) = store.load().leases
    assert saved.lease.until_ns > granted_ns
    assert [saved.lease.id.hex()] == session.leases()


async def test_messages_that_come_together_are_judged_in_order_and_kept_together(
    session: CommandService, tmp_path: Path
) -> None:
    storm = [MessageReceived(_order(seq)) for seq in (1, 2, 2, 1, 3)]
    await session.feed(*storm)
    assert session.leases() == [(3).to_bytes(16, "big").hex()]
    with closing(ControlStore(tmp_path / "control.db")) as store:
        kept = store.load()
    assert [saved.lease.id.hex() for saved in kept.leases] == session.leases()
    assert [ident for ident, _ in kept.answers] == [seq.to_bytes(16, "big") for seq in (1, 2, 3)]
    assert kept.fences["hub"].seq == 3


async def test_of_messages_that_could_not_be_kept_none_counts(
    session: CommandService, tmp_path: Path
) -> None:
    await session.feed(MessageReceived(_order(1)))
    with closing(sqlite3.connect(tmp_path / "control.db")) as other:
        other.execute("ALTER TABLE answer RENAME TO gone")
    await session.feed(MessageReceived(_order(2)), MessageReceived(_order(3)))
    assert session.leases() == []
    assert session.fence() == 1
    with closing(sqlite3.connect(tmp_path / "control.db")) as other:
        assert other.execute("SELECT seq FROM fence").fetchone() == (1,)
