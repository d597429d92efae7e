"""Orders of people all the way, on real processes: database, dispatcher, bus, gate, device, and back."""

from __future__ import annotations

import asyncio
import json
import signal
import struct
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.edge_orders import DEVICE, FALLBACK, point, prove, write_set_points
from benchmarks.edge_rig import Rig, farm, rig, until, write_site
from benchmarks.setpoint_server import SetPointServer, set_points
from hub.auth.tables import UserRow
from hub.database import Sessions, create_engine, embedded_url, sessions_of
from hub.ledger import audit, book, orders
from hub.ledger.order_tables import OrderRow
from hub.ledger.tables import CommandRow
from protocols import subjects
from protocols.command import CommandKind
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.holder import Holder, decode_holders
from tests.flow.order_hub import PLAN_C, PLANNED, prepared, role

pytestmark = [
    pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module"),
]  # fmt: skip
POINTS = 4
STEPPED = 3
"""The set-point that takes two steps."""
LOCAL = 4
"""The register of the local switch, after the set-points."""
BUSY_S = 20.0
"""Patience on a machine that has other things to do."""
START_S = 60.0
NS = 1_000_000_000
NOBODYS = "-"
"""No hash of any password."""


@dataclass
class Plant:
    """A device, an edge, a hub of two roles, and what is seen of them."""

    made: Rig
    device: SetPointServer
    bus: Client
    sessions: Sessions
    dispatcher: subprocess.Popen[bytes] | None = None
    holders: dict[str, Holder] = field(default_factory=dict)
    beat: Heartbeat | None = None

    async def ask(self, kind: CommandKind, target: str, value: float | None = None, **more: Any) -> str:  # noqa: ANN401  fields of an order
        """Place an order as the API does; gives its id."""
        for_s = more.pop("for_s", 60.0 if kind in {CommandKind.SET, CommandKind.SELECT} else None)
        unit = None if value is None else "°C"
        now_ns = time.time_ns()
        order = orders.Order("demo", kind, target, value, unit, None, f"{kind.value} it", "anna")
        until_ns = None if for_s is None else now_ns + round(for_s * NS)
        order = replace(order, until_ns=until_ns, **more)
        placed = await orders.place(self.sessions, order, orders.Origin("operator", "test"), now_ns)
        await self.bus.publish(subjects.event("demo", "order"), b"")
        return placed.id

    async def row(self, ident: str) -> OrderRow:
        found = await orders.find(self.sessions, "demo", ident)
        assert found is not None
        return found

    async def commands(self, ident: str) -> list[CommandRow]:
        return await book.of_orders(self.sessions, [ident])

    async def is_over(self, ident: str, code: str, state: str = orders.ENDED) -> None:
        async with asyncio.timeout(BUSY_S):
            while (row := await self.row(ident)).state in orders.OPEN:
                await asyncio.sleep(0.02)
        assert (row.state, row.code) == (state, code)

    async def is_verified(self, ident: str) -> None:
        async with asyncio.timeout(BUSY_S):
            while [row.verdict for row in await self.commands(ident)][-1:] != ["verified"]:
                assert (await self.row(ident)).state in orders.OPEN, vars(await self.row(ident))
                await asyncio.sleep(0.02)

    async def is_renewed(self, ident: str) -> None:
        """Its one command gets another end from now on: a renewal was sent."""
        (before,) = await self.commands(ident)
        async with asyncio.timeout(BUSY_S):
            while True:
                (row,) = await self.commands(ident)
                if row.lease_until_ns != before.lease_until_ns:
                    return
                await asyncio.sleep(0.02)

    async def audit_holds(self) -> None:
        assert await audit.broken_at(self.sessions, "demo") is None

    async def held_by(self, number: int, rung: str, actor: str | None = None) -> Holder:
        def is_so() -> bool:
            one = self.holders.get(point(number))
            return one is not None and one.rung == rung and actor in {None, one.actor}

        await until(is_so, BUSY_S, f"{point(number)} held by {rung}, {self.holders.get(point(number))}")
        return self.holders[point(number)]

    async def shows(self, number: int, value: float, most_s: float = BUSY_S) -> None:
        await until(lambda: self.device.value(number) == value, most_s, f"s{number} at {value}")

    async def on_win(self, message: Msg) -> None:
        self.holders.update((one.point, one) for one in decode_holders(message.data).holders)

    async def on_beat(self, message: Msg) -> None:
        self.beat = decode_heartbeat(message.data)


async def hand(device: SetPointServer, number: int, value: float) -> None:
    """Somebody at the panel writes a register."""
    reader, writer = await asyncio.open_connection("127.0.0.1", device.port)
    body = struct.pack(">BBHHB", 1, 16, 2 * number, 2, 4) + struct.pack(">f", value)
    writer.write(struct.pack(">HHH", 1, 0, len(body)) + body)
    await reader.readexactly(12)
    writer.close()
    await writer.wait_closed()


def _configure(folder: Path, port: int, device_port: int) -> None:
    """A local switch, and one set-point in two steps with two persons."""
    config = folder / "config"
    write_site(config, port, devices=1, floats=1)
    write_set_points(config, device_port, POINTS)
    text = {"en": "x", "zh": "x"}
    site = {"id": "demo", "label": text, "time_zone": "Europe/Berlin", "currency": "EUR", "latitude": 48.0,
            "longitude": 11.0, "mode": "auto", "edges": ["edge1"]}  # fmt: skip
    (config / "sites" / "demo" / "site.yaml").write_text(json.dumps(site))
    path = config / "devices" / f"{DEVICE}.yaml"
    profile = json.loads(path.read_text())
    for spec in profile["points"]:
        spec["every_s"] = 0.5
    switch = {"name": "local_code", "label": text, "unit": "code", "kind": "state", "every_s": 0.2,
              "address": {"kind": "modbus", "address": 2 * LOCAL, "type": "f32"}}  # fmt: skip
    profile["points"].append(switch)
    path.write_text(json.dumps(profile))
    path = config / "sites" / "demo" / "write" / f"{DEVICE}.yaml"
    block = json.loads(path.read_text())
    block["local_mode_point"] = "local_code"
    block["points"][STEPPED]["duty"] = {"two_step": True, "two_persons": True, "select_s": 20}
    path.write_text(json.dumps(block))


async def _people(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        for name, what in (("anna", "operator"), ("bert", "admin"), ("carl", "viewer")):
            session.add(UserRow(name=name, role=what, password=NOBODYS, changed_ns=0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Plant]:
    """Everything at work, also the plan."""
    folder = tmp_path_factory.mktemp("orders")
    with farm(1, 1) as port, set_points(POINTS + 1, FALLBACK) as device:
        _configure(folder, port, device.port)
        async with AsyncExitStack() as stack:
            made = await stack.enter_async_context(rig(folder, counting=False))
            await hand(device, LOCAL, 0.0)
            await prove(made)
            url = f"nats://127.0.0.1:{made.config.port}"
            options = prepared(folder, url)
            stack.enter_context(role("ingest", folder, url))
            made.start_agent()
            engine = create_engine(embedded_url(options.state))
            stack.push_async_callback(engine.dispose)
            plant = Plant(made, device, await made.connect(), sessions_of(engine))
            stack.push_async_callback(plant.bus.close)
            await _people(plant.sessions)
            await plant.bus.subscribe("win.edge1", cb=plant.on_win)
            await plant.bus.subscribe("hb.edge1", cb=plant.on_beat)
            with _dispatch(plant) as plant.dispatcher:
                await plant.shows(PLANNED, PLAN_C, START_S)
                yield plant
            await made.end_agent(signal.SIGTERM)


def _dispatch(plant: Plant) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return role("dispatch", plant.made.folder, f"nats://127.0.0.1:{plant.made.config.port}")


async def _planned(plant: Plant) -> None:
    """The plan holds its point, so everything is at work."""
    await plant.shows(PLANNED, PLAN_C)
    await plant.held_by(PLANNED, "optimiser")


async def test_an_override_is_verified_held_by_name_superseded_and_given_back(plant: Plant) -> None:
    await _planned(plant)
    first = await plant.ask(CommandKind.SET, point(PLANNED), 55.0)
    await plant.is_verified(first)
    assert plant.device.value(PLANNED) == 55.0
    holder = await plant.held_by(PLANNED, "operator", "anna")
    assert (holder.value, holder.why) == (55.0, "set it")
    second = await plant.ask(CommandKind.SET, point(PLANNED), 44.0, actor="bert")
    await plant.is_verified(second)
    await plant.is_over(first, "superseded")
    await plant.held_by(PLANNED, "operator", "bert")
    back = await plant.ask(CommandKind.RELEASE, point(PLANNED))
    await plant.is_over(second, "released")
    await plant.is_over(back, "done")
    await plant.shows(PLANNED, PLAN_C)  # the plan's lease was kept alive meanwhile
    entries = [one.entry async for one in audit.every(plant.sessions, "demo")]
    results = [entry.result for entry in entries if entry.order == first]
    assert results == ["asked", "issued", "verified", "ended: superseded"]
    await plant.audit_holds()


async def test_an_override_ends_by_its_time_a_test_writes_nothing_and_what_is_wrong_never_goes_out(
    plant: Plant,
) -> None:
    await _planned(plant)
    short = await plant.ask(CommandKind.SET, point(0), 60.0, for_s=2.0)
    await plant.is_verified(short)
    tried = await plant.ask(CommandKind.TEST, point(1), 40.0)
    await plant.is_over(tried, "done")
    assert plant.device.value(1) == FALLBACK
    for order, code in (
        (plant.ask(CommandKind.SET, point(0), 101.0), "limits"),
        (plant.ask(CommandKind.SET, point(0), 50.0, actor="carl"), "person"),
        (plant.ask(CommandKind.SET, point(0), 50.0, actor="nobody"), "person"),
        (plant.ask(CommandKind.SET, point(STEPPED), 50.0), "selection"),
        (plant.ask(CommandKind.SET, point(0), 50.0, for_s=9 * 3600.0), "lease"),
    ):
        ident = await order
        await plant.is_over(ident, code, orders.REFUSED)
        assert await plant.commands(ident) == []
    await plant.is_over(short, "expired")
    await plant.shows(0, FALLBACK)
    await plant.audit_holds()


async def test_a_stop_ends_all_leases_and_two_steps_lift_it(plant: Plant) -> None:
    await _planned(plant)
    held = await plant.ask(CommandKind.SET, point(0), 70.0)
    await plant.is_verified(held)
    stop = await plant.ask(CommandKind.STOP, "all")
    await plant.is_over(stop, "done")
    await plant.is_over(held, "overridden")
    for number in range(POINTS):
        await plant.held_by(number, "stopped", "anna")
        await plant.shows(number, FALLBACK)
    await until(lambda: plant.beat is not None and not plant.beat.leases, BUSY_S, "no lease at all")
    refused = await plant.ask(CommandKind.SET, point(0), 71.0)
    await plant.is_over(refused, "refused")
    assert [row.code for row in await plant.commands(refused)] == ["stopped"]
    await plant.is_over(await plant.ask(CommandKind.RESUME, "all"), "done")
    await plant.held_by(0, "stopped")
    await plant.is_over(await plant.ask(CommandKind.RESUME, "all", confirm="anna"), "done")
    await _planned(plant)
    assert plant.device.value(0) == FALLBACK
    await plant.audit_holds()


async def test_a_discrete_act_takes_a_selection_and_a_second_person(plant: Plant) -> None:
    await _planned(plant)
    chosen = await plant.ask(CommandKind.SELECT, point(STEPPED), 33.0)
    await _has(plant, chosen, "received")
    operate = {"of": chosen, "reason": ""}
    alone = await plant.ask(CommandKind.OPERATE, point(STEPPED), 33.0, **operate)
    await plant.is_over(alone, "refused")
    assert plant.device.value(STEPPED) == FALLBACK
    both = await plant.ask(CommandKind.OPERATE, point(STEPPED), 33.0, confirm="bert", **operate)
    await plant.is_over(both, "done")
    await plant.is_verified(chosen)
    await plant.held_by(STEPPED, "operator", "anna")
    await plant.is_renewed(chosen)
    await plant.is_over(await plant.ask(CommandKind.RELEASE, point(STEPPED)), "done")
    await plant.is_over(chosen, "released")


async def test_a_local_hand_ends_an_override_for_good(plant: Plant) -> None:
    await _planned(plant)
    held = await plant.ask(CommandKind.SET, point(0), 66.0)
    await plant.is_verified(held)
    await hand(plant.device, LOCAL, 1.0)
    await plant.is_over(held, "overridden")
    await plant.held_by(0, "local")
    plant.device.written.clear()
    await hand(plant.device, LOCAL, 0.0)
    await _planned(plant)
    assert 66.0 not in [one.value for one in plant.device.written if one.number == 0]
    assert plant.holders[point(0)].rung == "fallback"


async def test_an_override_lives_on_when_the_dispatcher_is_killed_and_a_stop_asked_meanwhile_is_sent(
    plant: Plant,
) -> None:
    await _planned(plant)
    held = await plant.ask(CommandKind.SET, point(1), 77.0)
    await plant.is_verified(held)
    assert plant.dispatcher is not None
    plant.dispatcher.kill()
    plant.dispatcher.wait()
    plant.device.written.clear()
    with _dispatch(plant) as process:
        await plant.is_renewed(held)
        assert {one.value for one in plant.device.written if one.number == 1} <= {77.0}
        assert plant.device.value(1) == 77.0
        assert (await plant.row(held)).state == orders.TAKEN
        assert len(await plant.commands(held)) == 1
        process.kill()
        process.wait()
    stop = await plant.ask(CommandKind.STOP, "site:demo")
    with _dispatch(plant):
        await plant.is_over(stop, "done")
        await plant.is_over(held, "overridden")
        await plant.shows(1, FALLBACK)
        await plant.is_over(await plant.ask(CommandKind.RESUME, "site:demo"), "done")
        await plant.is_over(await plant.ask(CommandKind.RESUME, "site:demo", confirm="anna"), "done")
        await plant.audit_holds()


async def _has(plant: Plant, ident: str, state: str) -> None:
    async with asyncio.timeout(BUSY_S):
        while [row.state for row in await plant.commands(ident)] != [state]:
            await asyncio.sleep(0.02)
