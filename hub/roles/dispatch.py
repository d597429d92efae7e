"""The role that plans and commands: the only process that opens the signing key (`hub_sign.key`)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.receipts import ReceiptIntake
from hub.database import create_engine, sessions_of
from hub.dispatch.pilot import Pilot
from hub.dispatch.site import load_site
from hub.dispatch.view import PlantView
from hub.ledger import book
from hub.roles.options import RoleOptions
from hub.store.reader import EmbeddedReader
from protocols.subjects import event, heartbeat
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.keys import load_signing_key
from runtime.supervise import Backoff, supervise

SIGNING_KEY: Final = "hub_sign.key"
LEASE_S: Final = 10.0
"""Length of each lease; the write blocks of the demo grant no more. [s]"""
_ACT_S: Final = 0.25
_DECIDE_S: Final = 1.0


async def run(options: RoleOptions) -> None:
    """Plan and command until cancelled; then release everything, at most 3 s.

    Raises:
        ConfigError: The site cannot be read.
        KeyFileError: The signing key cannot be used.
        StoreError: A database cannot be opened.
    """
    clock = SystemClock()
    site = load_site(options.config, options.site)
    key = load_signing_key(options.keys / SIGNING_KEY)
    engine = create_engine(options.business_url)
    sessions = sessions_of(engine)
    reader, history = EmbeddedReader(options.series_path), EmbeddedReader(options.series_path)
    try:
        lane = CommandLane(sorted(set(site.edges.values())))
        bus = await connect(options.login, lane.on_bus)
        issuer = CommandIssuer(site.id, lane.edges, sessions, clock, LEASE_S)
        issuer.arm(key, bus)
        intake = ReceiptIntake(site.id, sessions, reader, clock)
        pilot = Pilot(site, PlantView(site, history), sessions, clock)
        role = _Role(options.site, bus, lane, issuer, intake, pilot, clock)
        try:
            await role.work()
        finally:
            await role.farewell()
            await book.close_all(sessions, site.id, clock.now().wall_ns)
            await bus.close()
    finally:
        await engine.dispose()
        reader.close()
        history.close()


@dataclass(slots=True)
class _Role:
    """The loops of the role and what they share."""

    site: str
    bus: Client
    lane: CommandLane
    issuer: CommandIssuer
    intake: ReceiptIntake
    pilot: Pilot
    clock: SystemClock

    async def work(self) -> None:
        """Run all loops until cancelled."""
        backoff = Backoff(first_s=0.5, most_s=5.0)
        async with asyncio.TaskGroup() as group:
            for loop in (
                self._open_lane,
                self._beats,
                self._nudges,
                self._receipts,
                self._solve,
                self._decide,
                self._act,
            ):
                name = f"dispatch:{loop.__name__.strip('_')}"
                group.create_task(supervise(name, loop, backoff), name=name)

    async def farewell(self) -> None:
        """Release everything; heartbeats and receipts are still listened to meanwhile."""
        async with asyncio.TaskGroup() as group:
            listening = [group.create_task(self._beats()), group.create_task(self._receipts())]
            await self.issuer.farewell()
            for task in listening:
                task.cancel()

    async def _open_lane(self) -> None:
        await self.lane.keep(self.bus.jetstream())

    async def _beats(self) -> None:
        subscription = await self.bus.subscribe(heartbeat("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            self.issuer.heard(message.data)

    async def _nudges(self) -> None:
        subscription = await self.bus.subscribe(event(self.site, "receipt"), pending_msgs_limit=1000)
        async for _ in subscription.messages:
            self.intake.nudge()

    async def _receipts(self) -> None:
        while True:
            moves = await self.intake.take()
            self.issuer.answered(moves)
            if moves:
                await self.bus.publish(event(self.site, "command"), b"")
            await self.intake.pause()

    async def _solve(self) -> None:
        while True:
            await self.pilot.plan_when_asked()
            await self.bus.publish(event(self.site, "plan"), b"")

    async def _decide(self) -> None:
        async for _ in self.clock.ticks(_DECIDE_S):
            if self.issuer.epoch:
                self.issuer.want(await self.pilot.decide(self.issuer.heard_beats))

    async def _act(self) -> None:
        async for _ in self.clock.ticks(_ACT_S):
            await self.issuer.act()
