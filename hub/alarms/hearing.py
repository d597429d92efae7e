"""What the watch hears on the bus, and what it says there: that something was committed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from hub.alarms.links import Links
from hub.alarms.watch import Watch
from hub.health.meter import Meter
from hub.health.report import KIND, Reporter
from hub.ingest.news import decode_values
from protocols.clock import Clock
from protocols.holder import decode_holders
from protocols.subjects import edge_of, event, heartbeat, holders
from runtime.bus import BusLogin, connect
from runtime.supervise import guarded_decode

ACT: Final = "alarm_act"
"""Last part of the subject that says that a person asked for something."""

NEWS: Final = "alarm"
"""Last part of the subject that says that alarms changed."""


class Hearing:
    """Of one process; while it has no bus the watch knows that."""

    def __init__(self, place: tuple[BusLogin, str], watch: Watch, links: Links, clock: Clock) -> None:
        self._login, self._site = place
        self._watch = watch
        self._links = links
        self._clock = clock

    async def run(self) -> None:
        """Hear and tell until cancelled; waits for the bus as long as it takes."""
        self._links.bus_is("down")
        bus = await connect(self._login, self._links.bus_is)
        reporter = Reporter("alarms", (bus, self._site), self._clock, self._watch.meter, _nothing_more)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beats(bus))
                group.create_task(self._events(bus))
                group.create_task(self._holders(bus))
                group.create_task(self._tell(bus))
                group.create_task(reporter.run())
        finally:
            self._links.bus_is("down")
            await bus.close()

    async def _beats(self, bus: Client) -> None:
        subscription = await bus.subscribe(heartbeat("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            self._links.hear(message.data)

    async def _events(self, bus: Client) -> None:
        subscription = await bus.subscribe(event(self._site, "*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            kind = message.subject.rpartition(".")[2]
            if kind == "values":
                self._watch.hear(guarded_decode(decode_values, message.data, "values") or [])
            elif kind == KIND:
                self._links.roles.hear(message.data)
            elif kind == ACT:
                self._watch.nudge()

    async def _holders(self, bus: Client) -> None:
        """Who holds the points of a box, of which only it may speak."""
        subscription = await bus.subscribe(holders("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            told = guarded_decode(decode_holders, message.data, "holders")
            if told is None or told.edge != edge_of(message.subject):
                continue
            names = {one.point.partition("/")[2]: one.rung for one in told.holders}
            self._watch.held(
                {
                    point: rung
                    for point, rung in names.items()
                    if self._links.owns(told.edge, point.partition("/")[0])
                }
            )

    async def _tell(self, bus: Client) -> None:
        """Say that there is something new to read, after it was committed."""
        while True:
            await self._watch.fresh.wait()
            self._watch.fresh.clear()
            with contextlib.suppress(NatsError):
                await bus.publish(event(self._site, NEWS), b"")


async def _nothing_more(_meter: Meter) -> None:
    """Its figures are put by the watch itself."""
