"""The role that watches, as real processes over a real bus, killed again and again: nothing lost or twice."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from sqlalchemy import select

from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmOfficeRow, AlarmStateRow
from hub.database import Sessions, create_engine, sessions_of
from hub.roles.options import RoleOptions
from protocols.heartbeat import Heartbeat
from protocols.subjects import event, heartbeat
from runtime.bus import BusLogin, connect
from runtime.clock import SystemClock
from runtime.nats_server import running_bus, seed_file
from tests.conftest import ROOT
from tests.flow.order_hub import prepared

pytestmark = [pytest.mark.net, pytest.mark.nightly, pytest.mark.timeout(180)]
POINT = "demo/comp4/header_bar_g"
RULE = """
alarms:
  - id: low
    label: {en: Low, zh: 低}
    when: {kind: limit, point: comp4/header_bar_g, below: 6.0}
    priority: 1
    on_delay_s: 1
    off_delay_s: 1
    cause: {en: c, zh: c}
    consequence: {en: c, zh: c}
    action: {en: c, zh: c}
"""


class Plant:
    """Tells one value and one heartbeat five times a second."""

    def __init__(self, options: RoleOptions) -> None:
        self.value = 7.0
        self._options = options
        self._clock = SystemClock()

    async def run(self) -> None:
        options = self._options
        hub = await connect(options.login)
        edge = await connect(BusLogin(options.bus, "edge1", seed_file(options.keys, "edge1")))
        try:
            async for now in self._clock.ticks(0.2):
                beat = Heartbeat("edge1", "demo", 1, now.boot, now.mono_ns // 10**6, now.wall_ns // 10**6, 0)
                await edge.publish(heartbeat("edge1"), beat.encode())
                rows = [[POINT, self.value, 0, now.wall_ns, 0]]
                await hub.publish(event("demo", "values"), msgpack.packb(rows))
        finally:
            await hub.close()
            await edge.close()


@contextmanager
def watching(options: RoleOptions) -> Iterator[subprocess.Popen[bytes]]:
    """The role as `ems hub run` starts it; killed at the end if it lives."""
    command = [sys.executable, "-m", "hub.cli", "role", "alarms", *options.arguments()]
    with (options.state / "alarms.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


async def until(so: Callable[[], Awaitable[bool]], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not await so():
            await asyncio.sleep(0.05)


async def lines(sessions: Sessions) -> list[str]:
    wanted = select(AlarmLineRow).where(AlarmLineRow.alarm == "low").order_by(AlarmLineRow.number)
    async with sessions() as session:
        return [row.kind for row in (await session.execute(wanted)).scalars()]


async def phase(sessions: Sessions) -> str:
    async with sessions() as session:
        row = await session.get(AlarmStateRow, ("demo", "low"))
    return "normal" if row is None else row.phase


async def commits(sessions: Sessions) -> int:
    async with sessions() as session:
        office = await session.get(AlarmOfficeRow, "demo")
    return 0 if office is None else office.watched_ns


async def test_killed_again_and_again_it_loses_nothing_and_tells_nothing_twice(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "config")
    (tmp_path / "config/sites/demo/alarms.yaml").write_text(RULE, encoding="utf-8")
    with running_bus(tmp_path) as bus:
        options = replace(prepared(tmp_path, bus.url), port=8080)  # it opens none
        engine = create_engine(options.business_url)
        sessions = sessions_of(engine)
        plant = Plant(options)
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(plant.run())
                await _story(plant, options, sessions)
                telling.cancel()
        finally:
            await engine.dispose()


async def _story(plant: Plant, options: RoleOptions, sessions: Sessions) -> None:
    await _life(options, sessions)
    plant.value = 5.0
    with watching(options):
        await until(lambda: _is(sessions, "unack"), 40)
    await _life(options, sessions)
    assert await lines(sessions) == ["raised"]
    async with sessions.begin() as session:
        session.add(
            AlarmActRow(
                id="a1", site="demo", kind="ack", alarm="low", actor="anna", reason="", until_ns=0,
                occurrence=1, asked_ns=1, done_ns=None, refused="",
            )
        )  # fmt: skip
    with watching(options):
        await until(lambda: _is(sessions, "ack"), 40)
    await _life(options, sessions)
    plant.value = 7.0
    with watching(options):
        await until(lambda: _is(sessions, "normal"), 40)
    await _life(options, sessions)
    assert await lines(sessions) == ["raised", "acknowledged", "cleared"]


async def _life(options: RoleOptions, sessions: Sessions) -> None:
    """One that is killed a moment after it began to watch."""
    before_ns = await commits(sessions)

    async def watched() -> bool:
        return await commits(sessions) > before_ns

    with watching(options):
        await until(watched, 40)


async def _is(sessions: Sessions, wanted: str) -> bool:
    return await phase(sessions) == wanted
