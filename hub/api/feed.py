"""What feeds the live sockets: values, heartbeats, holders from the bus; plans, orders from the ledger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from hub.api.alarm_views import changed_since
from hub.api.deps import ApiDeps
from hub.api.live import LiveHub
from hub.api.models import Command, value_of
from hub.api.order_models import Order
from hub.api.order_views import newest_orders
from hub.api.site_routes import commands_of
from hub.health.report import KIND
from hub.ingest.news import decode_values
from hub.ledger.orders import open_orders
from hub.ledger.queries import latest_plan
from hub.store.port import LastValue
from hub.values.live import LiveVirtual
from protocols.ask import Question, decode_answer
from protocols.errors import StoreError
from protocols.holder import Holder, decode_holders, read_holders
from protocols.subjects import ask, edge_of, event, holders
from runtime.bus import BusLogin, LinkState, connect
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0
_COMMANDS: Final = 100
_ORDERS: Final = 50
_ASK_S: Final = 2.0


class Feed:
    """Events only nudge: what is told about plans and set-points is read from the ledger."""

    def __init__(self, deps: ApiDeps, live: LiveHub) -> None:
        self._deps = deps
        self._live = live
        self._site = deps.registry.site.id
        self._nudged = asyncio.Event()
        self._commands: dict[str, Command] = {}
        self._orders: dict[str, Order] = {}
        self._old: set[str] = set()
        self._plan: str | None = None
        self._alarms = 0
        self._virtual = LiveVirtual(deps.values)
        self._shown = frozenset(map(str, deps.units))

    def renew(self) -> None:
        """Calculate by the configuration that is in use now; what inputs said last stands."""
        fresh = LiveVirtual(self._deps.values)
        fresh.go_on(self._virtual)
        self._virtual, self._shown = fresh, frozenset(map(str, self._deps.units))
        self._live.tell_configuration(self._deps.config_version)

    async def follow_bus(self, login: BusLogin) -> None:
        """Hand on what the other roles tell, until cancelled; waits for the bus as long as it takes."""
        await self._seed()
        bus = await connect(login, self._bus_is)
        self._deps.control.nudge.bus = bus
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._events(bus))
                group.create_task(self._holders(bus))
                for edge in self._deps.registry.site.edges:
                    group.create_task(self._ask(bus, edge))
        finally:
            self._deps.control.nudge.bus = None
            await bus.close()

    async def _seed(self) -> None:
        """What an input said last stands until it speaks again, which may be long by exception."""
        try:
            known = await asyncio.to_thread(self._deps.newest.read)
            await asyncio.to_thread(self._virtual.learn, self._deps.series, known)
        except StoreError as error:
            _log.warning("virtual points wait for their inputs: %s", error)

    async def _events(self, bus: Client) -> None:
        subscription = await bus.subscribe(event(self._site, "*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            self._hear(message)
            await asyncio.sleep(0)  # a burst of messages lets questions in between

    async def _holders(self, bus: Client) -> None:
        subscription = await bus.subscribe(holders("*"), pending_msgs_limit=1000)
        async for message in subscription.messages:
            told = guarded_decode(decode_holders, message.data, "holders")
            if told is not None and told.edge == edge_of(message.subject):
                self._held(told.edge, told.holders)

    async def _ask(self, bus: Client, edge: str) -> None:
        """Ask for all holders once; an edge that does not answer tells them by itself within 10 s."""
        try:
            reply = await bus.request(ask(edge), Question("holders").encode(), timeout=_ASK_S)
        except (NatsError, TimeoutError):
            return
        self._held(edge, guarded_decode(_answered, reply.data, "holders") or ())

    def _held(self, edge: str, told: Iterable[Holder]) -> None:
        self._live.tell_holders(self._deps.control.holders.hear(edge, told))

    async def follow_ledger(self) -> None:
        """Look for new plans and set-points at each nudge, and every 2 s without one."""
        while True:
            if self._live.followed:
                await self._look()
            self._nudged.clear()
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._nudged.wait()
            except TimeoutError:
                continue

    def _bus_is(self, state: LinkState) -> None:
        self._deps.edges.bus = "up" if state == "up" else "down"

    def _hear(self, message: Msg) -> None:
        kind = message.subject.rpartition(".")[2]
        if kind == KIND:
            self._deps.roles.hear(message.data)
        elif kind == "heartbeat":
            self._deps.edges.hear(message.data)
        elif kind == "values":
            wanted = self._shown if self._live.followed else self._virtual.heard
            decode = partial(decode_values, wanted=wanted)  # nobody has a place for the others
            found = guarded_decode(decode, message.data, "values") if wanted else None
            rows = self._virtual.judge(found or [])
            rows += self._virtual.hear(rows)
            if self._live.followed:
                self._tell_values(rows)
        elif kind in {"command", "plan", "order", "alarm"}:
            if kind == "plan" and message.data:
                self._deps.planning.hear(message.data)
            self._nudged.set()

    def _tell_values(self, rows: Iterable[tuple[str, LastValue]]) -> None:
        now_ns = self._deps.clock.now().wall_ns
        self._live.tell_values([value_of(point, last, now_ns) for point, last in rows])

    async def _look(self) -> None:
        found = {command.id: command for command in await commands_of(self._deps, self._site, _COMMANDS)}
        for ident, command in found.items():
            if self._commands.get(ident) != command:
                self._live.tell_command(command)
        self._commands = found
        await self._look_at_orders()
        await self._look_at_alarms()
        self._look_at_holders()
        async with self._deps.sessions() as session:
            plan = await latest_plan(session, self._site)
        if plan is not None and plan["id"] != self._plan:
            self._plan = str(plan["id"])
            self._live.tell_plan(self._plan)

    async def _look_at_orders(self) -> None:
        found = {one.id: one for one in await newest_orders(self._deps.sessions, self._site, _ORDERS)}
        self._deps.control.holders.know_ends(await open_orders(self._deps.sessions, self._site))
        for ident, order in found.items():
            if self._orders.get(ident) != order:
                self._live.tell_order(order)
        self._orders = found

    async def _look_at_alarms(self) -> None:
        found, self._alarms, watched_ns = await changed_since(self._deps, self._alarms)
        self._live.tell_alarms(found, watched_ns)

    def _look_at_holders(self) -> None:
        """What became old or fresh again without a word of its edge."""
        shown = self._deps.control.holders.all()
        old = {one.point for one in shown if one.old}
        self._live.tell_holders([one for one in shown if (one.point in old) != (one.point in self._old)])
        self._old = old


def _answered(data: bytes) -> tuple[Holder, ...]:
    """Holders of an answer; none of an edge that writes nothing, which says so with an error."""
    answer = decode_answer(data)
    return () if answer.error else read_holders(answer.body)
