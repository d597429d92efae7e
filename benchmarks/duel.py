"""Two hubs at once: the one that commands is stopped in mid-work, the other takes over, the first goes on.

Orders of a person come in all the time, each with a value of its own, so every write at the device tells
which command it was, and every command tells its epoch. What counts is what the edge accepted (`received`)
and what the device was given, after the first command of the new epoch was accepted.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from nats.aio.msg import Msg

from benchmarks.edge_orders import point
from benchmarks.edge_rig import until
from benchmarks.hub_rig import HubRig, hub_rig
from hub.database import FILE
from protocols.command import Command, decode_command
from protocols.errors import BusError, ContractError
from protocols.receipt import Received, decode_receipt
from protocols.signing import open_envelope
from protocols.subjects import STREAM_COMMAND, command

POINTS: Final = 4
AWAKE_S: Final = 2.0
"""How much longer than the lease the leader is stopped, and how long both are watched afterwards. [s]"""

_EVERY_S: Final = 0.15
_LOWEST_C: Final = 30.0
_STEP_C: Final = 0.02
_STEPS: Final = 3399
"""No multiple of a divisor of `POINTS`: a value comes back at the same point after 13,596 orders only. [-]"""
_NEWER_S: Final = 30.0
_LOCK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Fight:
    """What one duel brought.

    Attributes:
        epochs: Of the stopped hub, and of the one that took over.
        failover_s: From the stop to the first write of the other at the device. [s]
        free: Whether the stopped hub left the database to the other.
        late_messages: Commands of the old epoch that came to the bus after the first of the new one.
        accepted: Commands of the old epoch that the edge accepted after the first of the new one.
        written: Values of the old epoch given to the device after that, which were not accepted before it, or
            although the point had been given one of the new epoch. A write that was on its way goes on.
    """

    epochs: tuple[int, int]
    failover_s: float
    free: bool
    late_messages: int
    accepted: int
    written: int


@dataclass(slots=True)
class Ring:
    """A rig with two hubs, and everything that was said.

    Attributes:
        rig: The rig.
        hubs: Both dispatch processes by pid.
        commands: Commands in the order of the bus.
        received: When the edge accepted a command for the first time, by its id. [s, boot clock]
    """

    rig: HubRig
    hubs: dict[int, subprocess.Popen[bytes]]
    chance: Random
    commands: list[Command] = field(default_factory=list)
    received: dict[bytes, float] = field(default_factory=dict)
    _count: int = 0

    async def fight(self, lease_s: float, *, anywhere: bool = False) -> Fight:
        """Stop the leader for its lease and `AWAKE_S`, and watch until it has been awake for as long.

        Stopped anywhere it often holds the lock of the embedded database, and the other can take office only
        when it goes on; so mostly it is stopped elsewhere, and the other works before it goes on.

        Raises:
            BusError: Nobody takes over, or writes nothing.
        """
        clock = self.rig.clock
        claim = await self.rig.leader()
        await self._written_by(claim.epoch)
        await asyncio.sleep(self.chance.uniform(0.0, 1.0))
        begun_s = clock.mono_s()
        os.kill(claim.holder.pid, signal.SIGSTOP)
        try:
            if anywhere:
                free = await self._database_is_free()
            else:
                begun_s, free = await self._stopped_elsewhere(claim.holder.pid), True
            await asyncio.sleep(max(0.0, begun_s + lease_s + AWAKE_S - clock.mono_s()))
        finally:
            os.kill(claim.holder.pid, signal.SIGCONT)
        taken = await self.rig.leader(claim.epoch)
        written_s = await self._written_by(taken.epoch)
        await asyncio.sleep(AWAKE_S)
        return self._judge((claim.epoch, taken.epoch), written_s - begun_s, free=free)

    async def _stopped_elsewhere(self, pid: int) -> float:
        """Let it go on and stop it again until it holds no lock; when it was. [s, boot clock]."""
        while True:
            begun_s = self.rig.clock.mono_s()
            if await self._database_is_free():
                return begun_s
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(self.chance.uniform(0.005, 0.05))
            os.kill(pid, signal.SIGSTOP)

    async def _database_is_free(self) -> bool:
        return await asyncio.to_thread(_can_be_written, self.rig.options.state / FILE)

    async def order(self) -> None:
        """Ask for one value after the other until cancelled."""
        while True:
            self._count += 1
            value = _LOWEST_C + _STEP_C * (self._count % _STEPS)
            await self.rig.place(self._count % POINTS, round(value, 2))
            await asyncio.sleep(self.chance.uniform(0.0, 2 * _EVERY_S))

    async def on_command(self, message: Msg) -> None:
        """Note a command as the bus keeps it."""
        self.commands.append(decode_command(open_envelope(message.data)[0]))

    async def on_receipt(self, message: Msg) -> None:
        """Note what was accepted; telemetry events are none."""
        try:
            receipt = decode_receipt(message.data)
        except ContractError:
            return
        if isinstance(receipt, Received):
            self.received.setdefault(receipt.id, receipt.at.mono_ns / 1e9)

    async def _written_by(self, epoch: int) -> float:
        """When the device was given the first value of an epoch; waits for it. [s, boot clock]."""
        await until(lambda: self._first_write(epoch) is not None, _NEWER_S, f"a write of epoch {epoch}")
        return self._first_write(epoch) or 0.0

    def _first_write(self, epoch: int) -> float | None:
        values = {(c.point, c.value) for c in self.commands if c.epoch >= epoch}
        times = [
            one.at_s for one in self.rig.device.written if (point(one.number), round(one.value, 2)) in values
        ]
        return min(times, default=None)

    def _judge(self, epochs: tuple[int, int], failover_s: float, *, free: bool) -> Fight:
        newest: dict[bytes, int] = defaultdict(int)
        for one in self.commands:
            newest[one.id] = max(newest[one.id], one.epoch)
        first = next((at for at, one in enumerate(self.commands) if one.epoch >= epochs[1]), None)
        times = [at_s for ident, at_s in self.received.items() if newest[ident] >= epochs[1]]
        if first is None or not times:
            raise BusError(f"nothing of epoch {epochs[1]} was accepted; the duel shows nothing")
        new_s = min(times)
        old = {one.id: one for one in self.commands if newest[one.id] < epochs[1]}
        return Fight(
            epochs,
            failover_s,
            free,
            late_messages=sum(one.epoch < epochs[1] for one in self.commands[first:]),
            accepted=sum(self.received.get(ident, 0.0) > new_s for ident in old),
            written=self._late_writes(old, new_s, epochs[1]),
        )

    def _late_writes(self, old: Mapping[bytes, Command], new_s: float, epoch: int) -> int:
        before = {(c.point, c.value) for c in old.values() if self.received.get(c.id, math.inf) <= new_s}
        values = {(c.point, c.value) for c in old.values()}
        newer = {(c.point, c.value) for c in self.commands if c.epoch >= epoch}
        moved, late = set[str](), 0
        for one in self.rig.device.written:
            at, value = point(one.number), round(one.value, 2)
            if (at, value) in values and one.at_s > new_s:
                late += at in moved or (at, value) not in before
            elif (at, value) in newer:
                moved.add(at)
        return late


def _can_be_written(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=_LOCK_S, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        return True


@asynccontextmanager
async def ring(folder: Path, lease_s: float, seed: int = 1) -> AsyncIterator[Ring]:
    """Two hubs on one database and one bus, orders coming in; one of them leads.

    Raises:
        BusError: Something does not start.
    """
    async with hub_rig(folder, POINTS, lease_s=lease_s) as made:
        hubs = [made.start("dispatch") for _ in range(2)]
        made_ring = Ring(made, {hub.pid: hub for hub in hubs}, Random(seed))  # noqa: S311  the same duels each time
        await made.leader()
        await made.bus.subscribe("rcpt.edge1.*", cb=made_ring.on_receipt)
        await made.bus.jetstream().subscribe(
            command("edge1"), stream=STREAM_COMMAND, ordered_consumer=True, cb=made_ring.on_command
        )
        async with asyncio.TaskGroup() as tasks:
            ordering = tasks.create_task(made_ring.order())
            try:
                yield made_ring
            finally:
                ordering.cancel()
