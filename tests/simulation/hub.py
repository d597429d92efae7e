"""A hub: the real issuer, desks, ledger and leader; its loops and wires are the simulation's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, cast

from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from sqlalchemy import Engine, select

from hub.command.issuer import CommandIssuer
from hub.command.leader import Company, Leader
from hub.command.order_service import OrderService
from hub.command.wishes import Wish
from hub.ledger import book
from hub.ledger.tables import CommandRow
from hub.registry.writable import Writables
from protocols.clock import Clock, Instant
from protocols.command import Command, decode_command, decode_renewal
from protocols.errors import BusError
from protocols.signing import open_envelope
from runtime.bus_seat import Seat, SeatRecord
from runtime.process import ProcessName
from tests.simulation.bus import Bus, Store
from tests.simulation.database import sessions_of
from tests.simulation.judge import Judge
from tests.simulation.plant import HUB_KEY, SITE
from tests.simulation.timeline import NS, Process, pause

LEADER_S: Final = 4.0
"""Lease of the leader, short so that there are many changes of office. [s]"""

_ACT_S: Final = 0.25
_TAKE_S: Final = 0.4
_DECIDE_S: Final = 1.0
_PUBLISH_S: Final = 2.0
_WALL_NS: Final = 1_700_000_000 * NS

Wishes = Callable[[], Mapping[str, Sequence[Wish]]]


class HubClock:
    """Time as a hub has it."""

    def __init__(self, owner: Process, ahead_s: float) -> None:
        self._owner = owner
        self._ahead_s = ahead_s
        self.wall_shift_s = 0.0

    @property
    def boot(self) -> str:
        return f"{self._owner.name}boot"

    def mono_s(self) -> float:
        return self._owner.timeline.now_ns / NS + self._ahead_s

    def now(self) -> Instant:
        wall_ns = _WALL_NS + self._owner.timeline.now_ns + round(self.wall_shift_s * NS)
        return Instant(self.boot, round(self.mono_s() * NS), wall_ns)

    async def sleep(self, seconds: float) -> None:
        await pause(seconds)


@dataclass
class Installation:
    """What the hubs of a site share."""

    bus: Bus
    engine: Engine
    store: Store
    judge: Judge
    edges: tuple[str, ...]
    wishes: Wishes
    writables: Writables
    lease_s: float


class _Js:
    """The publishing half of a bus connection."""

    def __init__(self, hub: SimHub) -> None:
        self._hub = hub

    def jetstream(self, **_options: object) -> _Js:
        return self

    async def publish(self, subject: str, payload: bytes, **_options: object) -> None:
        kind, name, *_ = subject.split(".")
        if kind == "cmd":
            await self._hub.command(name, payload)
        elif kind == "ren":
            await self._hub.renewal(name, payload)


class _Bucket:
    """The record that elects, as `runtime/bus_seat.py` gives it."""

    def __init__(self, hub: SimHub) -> None:
        self._hub = hub

    async def read(self) -> SeatRecord | None:
        await pause(self._hub.wait_s())
        reached, kept = self._hub.shared.bus.look(self._hub.name)
        if not reached:
            await pause(LEADER_S / 5)
            raise BusError("the record of the leader cannot be read")
        return None if kept is None else SeatRecord(kept.revision, kept.value)

    async def write(self, body: bytes, last: int) -> int | None:
        await pause(self._hub.wait_s())
        bus, name = self._hub.shared.bus, self._hub.name
        revision = bus.put(name, body, last)
        lost = not bus.reaches(name) or self._hub.chance.random() < bus.noise.drop
        if lost:
            await pause(LEADER_S / 5)
            raise BusError("the record of the leader gives no answer")
        return revision


class SimHub(Process):
    """One hub; killed and started again it knows what the database knows."""

    def __init__(self, name: str, shared: Installation, seed: str) -> None:
        chance = Random(f"{seed}/{name}")  # noqa: S311  a seed replays
        super().__init__(name, shared.judge.story.timeline, shared.judge.story, chance)
        self.shared = shared
        self.clock = HubClock(self, chance.uniform(10.0, 1000.0))
        self.slow_until_ns = 0
        self._ids = 0
        self._bus = cast(Client, _Js(self))
        shared.bus.hubs[name] = lambda data: self._hear(lambda: self.issuer.heard(data))
        shared.bus.readers[name] = lambda data: self._hear(lambda: self.issuer.told(data))

    def start(self) -> None:
        """The dispatch role begins."""
        self.begin()
        self.story.tell(self.name, "starts")
        shared, clock = self.shared, cast(Clock, self.clock)
        self.sessions = sessions_of(shared.engine, self, self.wait_s)
        self.issuer = CommandIssuer(SITE, shared.edges, self.sessions, clock, shared.lease_s)
        company = Company(SITE, self._bus, self.sessions)
        self.leader = Leader(company, clock, self.issuer.fence, LEADER_S)
        self.leader._seat = cast(Seat, _Bucket(self))
        self.leader._election._holder = ProcessName(self.name, self._life, 0)
        self.issuer.arm(HUB_KEY, self._bus, self.leader)
        self.people = OrderService(SITE, self.sessions, self.issuer, shared.writables, clock)
        for desk in self.issuer.desks.values():
            desk._drafter._new_id = self._new_id
        self._taken = 0
        self._closed_s = clock.mono_s()
        self.spawn(self.leader.run())
        self.spawn(self._again(_ACT_S, self._act))
        self.spawn(self._again(_TAKE_S, self._receipts))
        self.every(_DECIDE_S, self._decide, 0.1)

    def is_over(self, name: ProcessName) -> bool:
        """Whether a life of this hub has ended, as a process of the same host sees at once."""
        return name.host == self.name and (name.pid != self._life or not self.alive)

    def wait_s(self) -> float:
        """How long a round to database or bus takes now."""
        if self.timeline.now_ns < self.slow_until_ns:
            return self.chance.choice([0.01, 0.5, 6.0])
        return self.chance.uniform(0.0005, 0.01)

    # -- the wires -----------------------------------------------------------------------------

    async def command(self, edge: str, data: bytes) -> None:
        """Publish a command and wait for the bus."""
        self._sign(data, is_renewal=False)
        await pause(self.wait_s())
        self.step("before publishing")
        taken = self.shared.bus.command(self.name, edge, data)
        self.step("after publishing")
        await pause(self.wait_s() if taken else _PUBLISH_S)
        if not taken:
            raise NatsTimeoutError

    async def renewal(self, edge: str, data: bytes) -> None:
        """Publish a renewal; nobody answers."""
        self._sign(data, is_renewal=True)
        await pause(self.wait_s())
        self.shared.bus.renewal(self.name, edge, data)

    def _sign(self, data: bytes, *, is_renewal: bool) -> None:
        body, _ = open_envelope(data)
        message = decode_renewal(body) if is_renewal else decode_command(body)
        self.shared.judge.signs(data, message, f"{self.name}, life {self._life}")
        what = "renewal"
        if isinstance(message, Command):
            self._must_have_its_row(message)
            what = f"{message.kind.value} {message.point} {message.value} {message.id.hex()[:8]}"
        self.story.tell(self.name, f"signs {message.epoch}:{message.seq} for {message.edge}: {what}")

    def _must_have_its_row(self, command: Command) -> None:
        with self.shared.engine.connect() as connection:
            rows = connection.execute(select(CommandRow.number).where(CommandRow.id == command.id)).all()
        if not rows:
            self.shared.judge.find("ledger", f"{command.id.hex()} is sent before its row is committed")

    def _hear(self, take: Callable[[], None]) -> None:
        if self.alive:
            self.later(0.0, take)

    def _new_id(self) -> bytes:
        self._ids += 1
        return hashlib.sha256(f"{self.name}/{self._life}/{self._ids}".encode()).digest()[:16]

    # -- the loops -----------------------------------------------------------------------------

    async def _again(self, seconds: float, turn: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await turn()
            await pause(seconds)

    async def _act(self) -> None:
        await self.people.step()
        await self.issuer.act()

    def _decide(self) -> None:
        if self.issuer.epoch:
            self.issuer.want(self.shared.wishes())

    async def _receipts(self) -> None:
        kept, now = self.shared.store.rows, self.clock
        if not self.issuer.may_speak():
            return
        if len(kept) > self._taken:
            rows = list(enumerate(kept, start=1))
            after = await book.cursor(self.sessions, SITE)
            moves = await book.take_receipts(self.sessions, SITE, rows[after:])
            self._taken = len(rows)
            self.issuer.answered(moves)
            self.people.answered(moves)
        elif now.mono_s() - self._closed_s > 5.0:
            self._closed_s = now.mono_s()
            await book.close_unanswered(self.sessions, SITE, now.now().wall_ns)
