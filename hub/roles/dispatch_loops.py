"""The loops of the dispatch role: office, lane, heartbeats, receipts, plans, decisions, orders.

A hub that stands by, or may be overtaken by now, listens only: it takes in no receipts (the leader's desk
waits for them), plans nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from nats.aio.client import Client

from hub.command.issuer import CommandIssuer
from hub.command.lane import CommandLane
from hub.command.leader import Leader
from hub.command.order_service import OrderService
from hub.command.receipts import ReceiptIntake
from hub.command.wishes import Wish
from hub.dispatch.standing import TELL_S, PlanStanding
from hub.health.meter import Meter
from hub.health.report import Reporter
from protocols.errors import StoreError
from protocols.heartbeat import Heartbeat
from protocols.subjects import event, heartbeat, holders
from runtime.clock import SystemClock
from runtime.supervise import Backoff, supervise

_log = logging.getLogger(__name__)
_ACT_S: Final = 0.25
_DECIDE_S: Final = 1.0
_FORECAST_AGAIN: Final = Backoff(first_s=60.0, most_s=900.0)


class Planner(Protocol):
    """Whoever says what shall be held."""

    def in_term(self, epoch: int) -> None:
        """Decide for this term of office, 0 for none; what was planned in another one is over."""
        ...

    async def decide(self, beats: Mapping[str, tuple[Heartbeat, float]]) -> dict[str, list[Wish]]:
        """What shall be held now, by edge; raises StoreError, and what is held stays held."""
        ...

    async def plan_when_asked(self) -> None:
        """Wait until a new plan is wanted, and make it."""
        ...


@dataclass(slots=True)
class DispatchLoops:
    """The loops of the role and what they share."""

    site: str
    bus: Client
    lane: CommandLane
    leader: Leader
    issuer: CommandIssuer
    people: OrderService
    intake: ReceiptIntake
    planner: Planner
    clock: SystemClock
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Something came that asks for a turn at once."""

    meter: Meter = field(default_factory=Meter)
    """What the steps took, and whether this hub commands."""

    follow: Callable[[], Awaitable[None]] | None = None
    """Takes newer configurations, until cancelled; None: nothing is followed."""

    foresee: Callable[[Callable[[], bool]], Awaitable[None]] | None = None
    """Makes forecasts while this hub may speak, until cancelled; None: nothing is foreseen."""

    learn: Callable[[Callable[[], bool]], Awaitable[None]] | None = None
    """Has curves of machines learnt while this hub may speak, until cancelled; None: nothing is learnt."""

    standing: Callable[[], PlanStanding | None] | None = None
    """How planning stands; None: there is nobody who plans."""

    async def work(self) -> None:
        """Run all loops until cancelled."""
        backoff = Backoff(first_s=0.5, most_s=5.0)
        async with asyncio.TaskGroup() as group:
            for loop in (
                self._lead,
                self._open_lane,
                self._beats,
                self._holders,
                self._nudges,
                self._orders,
                self._receipts,
                self._solve,
                self._decide,
                self._act,
                self._report,
                self._tell,
            ):
                name = f"dispatch:{loop.__name__.strip('_')}"
                group.create_task(supervise(name, loop, backoff), name=name)
            if self.follow is not None:
                name = "dispatch:configuration"
                group.create_task(supervise(name, self.follow, backoff), name=name)
            if self.foresee is not None:
                name, work = "dispatch:forecast", partial(self.foresee, self.issuer.may_speak)
                group.create_task(supervise(name, work, _FORECAST_AGAIN), name=name)
            if self.learn is not None:
                name, work = "dispatch:curves", partial(self.learn, self.issuer.may_speak)
                group.create_task(supervise(name, work, _FORECAST_AGAIN), name=name)

    async def _report(self) -> None:
        reporter = Reporter("dispatch", (self.bus, self.site), self.clock, self.meter, self._collect)
        await reporter.run()

    async def _collect(self, meter: Meter) -> None:
        meter.put("commands", "1 for the hub that commands.", float(self.issuer.may_speak()))

    async def farewell(self) -> None:
        """Release everything and leave the office; what belongs to it is still listened to meanwhile."""
        async with asyncio.TaskGroup() as group:
            going_on = [group.create_task(loop()) for loop in (self._beats, self._receipts, self._lead)]
            await self.issuer.farewell()
            for task in going_on:
                task.cancel()

    async def _lead(self) -> None:
        await self.leader.run()

    async def _open_lane(self) -> None:
        await self.lane.keep(self.bus.jetstream())

    async def _beats(self) -> None:
        subscription = await self.bus.subscribe(heartbeat("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            self.issuer.heard(message.data)
            self.hurry.set()  # a renewal finds the edge's list as it is right after a heartbeat

    async def _holders(self) -> None:
        subscription = await self.bus.subscribe(holders("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            self.issuer.told(message.data)

    async def _orders(self) -> None:
        subscription = await self.bus.subscribe(event(self.site, "order"), pending_msgs_limit=1000)
        async for _ in subscription.messages:
            self.people.nudge()
            self.hurry.set()

    async def _nudges(self) -> None:
        subscription = await self.bus.subscribe(event(self.site, "receipt"), pending_msgs_limit=1000)
        async for _ in subscription.messages:
            self.intake.nudge()

    async def _receipts(self) -> None:
        while True:
            moves = await self.intake.take() if self.issuer.may_speak() else []
            self.issuer.answered(moves)
            self.people.answered(moves)
            if moves:
                await self.bus.publish(event(self.site, "command"), b"")
                self.hurry.set()
            await self.intake.pause()

    async def _solve(self) -> None:
        while True:
            await self.planner.plan_when_asked()
            await self._tell_standing()

    async def _tell(self) -> None:
        """Who begins to listen soon knows how planning stands; a hub that stands by says nothing."""
        async for _ in self.clock.ticks(TELL_S):
            if self.issuer.may_speak():
                await self._tell_standing()

    async def _tell_standing(self) -> None:
        found = None if self.standing is None else self.standing()
        await self.bus.publish(event(self.site, "plan"), b"" if found is None else found.encode())

    async def _decide(self) -> None:
        away = False
        async for _ in self.clock.ticks(_DECIDE_S):
            epoch = self.issuer.epoch
            self.planner.in_term(epoch)
            if not epoch:
                continue
            try:
                with self.meter.timing(
                    "dispatch_step_seconds", "Time of a step of the dispatch.", step="decide"
                ):
                    self.issuer.want(await self.planner.decide(self.issuer.heard_beats))
                away = False
            except StoreError as error:  # H2: without the store what is held stays held
                if not away:
                    _log.warning("nothing new is decided, what is held stays held: %s", error)
                away = True
                self.issuer.want_still()

    async def _act(self) -> None:
        while True:
            self.hurry.clear()
            with self.meter.timing("dispatch_step_seconds", "Time of a step of the dispatch.", step="act"):
                if await self.people.step():
                    await self.bus.publish(event(self.site, "command"), b"")
                await self.issuer.act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ACT_S):
                    await self.hurry.wait()
