"""What feeds the live sockets: samples and heartbeats from the bus, plans and set-points from the ledger."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgpack
from nats.aio.msg import Msg

from hub.api.deps import ApiDeps
from hub.api.live import LiveHub
from hub.api.models import Command, value_of
from hub.api.site_routes import commands_of
from hub.ledger.queries import latest_plan
from hub.store.port import LastValue
from protocols.subjects import event
from runtime.bus import BusLogin, LinkState, connect
from runtime.supervise import guarded_decode

_LOOK_S: Final = 2.0
_COMMANDS: Final = 100


class Feed:
    """Events only nudge: what is told about plans and set-points is read from the ledger."""

    def __init__(self, deps: ApiDeps, live: LiveHub) -> None:
        self._deps = deps
        self._live = live
        self._site = deps.registry.site.id
        self._nudged = asyncio.Event()
        self._commands: dict[str, Command] = {}
        self._plan: str | None = None

    async def follow_bus(self, login: BusLogin) -> None:
        """Hand on what the other roles tell, until cancelled; waits for the bus as long as it takes."""
        bus = await connect(login, self._bus_is)
        try:
            subscription = await bus.subscribe(event(self._site, "*"), pending_msgs_limit=1000)
            async for message in subscription.messages:
                self._hear(message)
        finally:
            await bus.close()

    async def follow_ledger(self) -> None:
        """Look for new plans and set-points at each nudge, and every 2 s without one."""
        while True:
            if self._live.listeners:
                await self._look()
            self._nudged.clear()
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._nudged.wait()
            except TimeoutError:
                continue

    def _bus_is(self, state: LinkState) -> None:
        self._deps.edges.bus = state

    def _hear(self, message: Msg) -> None:
        kind = message.subject.rpartition(".")[2]
        if kind == "heartbeat":
            self._deps.edges.hear(message.data)
        elif kind == "values":
            rows = guarded_decode(_rows, message.data, "values") or []
            now_ns = self._deps.clock.now().wall_ns
            self._live.tell_values([value_of(point, last, now_ns) for point, last in rows])
        elif kind in {"command", "plan"}:
            self._nudged.set()

    async def _look(self) -> None:
        found = {command.id: command for command in await commands_of(self._deps, self._site, _COMMANDS)}
        for ident, command in found.items():
            if self._commands.get(ident) != command:
                self._live.tell_command(command)
        self._commands = found
        async with self._deps.sessions() as session:
            plan = await latest_plan(session, self._site)
        if plan is not None and plan["id"] != self._plan:
            self._plan = str(plan["id"])
            self._live.tell_plan(self._plan)


def _rows(data: bytes) -> list[tuple[str, LastValue]]:
    rows: list[list[Any]] = msgpack.unpackb(data)
    return [
        (
            str(point),
            LastValue(float("nan" if value is None else value), int(quality), int(time_ns), int(told)),
        )
        for point, value, quality, time_ns, told in rows
    ]
