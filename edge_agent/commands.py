"""The command session: messages, polls and time go into the gate; its decisions are kept, then done.

    bus, image, clock → feed → decide → control.db → hands (one a device) → lines
                                            └ outbox → journal

Nothing of a decision is carried out before its changes are on disk; a store that fails ends all leases.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from edge_agent.apply import Hand, HandPorts, WriteLines
from edge_agent.gate import core, standing
from edge_agent.gate.draft import Decision, Draft
from edge_agent.gate.events import (
    Change,
    Dropped,
    Effect,
    Emit,
    Event,
    MessageReceived,
    Notice,
    Persist,
    ReadBackRequest,
    ReleaseAll,
    RenewalReceived,
    SaveAnswer,
    SaveIntent,
    SaveLease,
    Tick,
    Write,
)
from edge_agent.gate.rules import Rules
from edge_agent.gate.start import restored
from edge_agent.gate.store import ControlStore
from edge_agent.gate_inputs import GateInputs, ImagePort
from edge_agent.holders import HolderNews
from edge_agent.journal_disk import is_full
from protocols import subjects
from protocols.clock import Clock
from protocols.errors import StoreError
from protocols.receipt import encode_receipt
from runtime.one_thread import OneThread
from runtime.supervise import heeding, supervise

_log = logging.getLogger(__name__)

TICK_S: Final = 0.25
"""Period of the gate's tick; a lease ends at most so much late, plus the write."""

_FETCH_S: Final = 5.0
_MOST_AT_ONCE: Final = 64
"""Commands fetched and judged together; acknowledged when what they lead to is durable. [-]"""
_RETRY_S: Final = 0.5
_END_S: Final = 6.0
_LOOSE_RECEIPTS: Final = 1000
_NEEDS_THE_STORE: Final = (SaveIntent, SaveLease, SaveAnswer)


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What the session goes by.

    Attributes:
        rules: Rules of the gate.
        local_points: Device to the point that tells its local mode; absent: it has none.
        store: Path of `control.db`.
        safety_points: Device to the point that tells that its hardwired safety acts; absent: it has none.
    """

    rules: Rules
    local_points: Mapping[str, str]
    store: Path
    safety_points: Mapping[str, str] = field(default_factory=dict)


class JournalPort(Protocol):
    """Where receipts go."""

    async def append_receipts(self, bodies: list[bytes]) -> list[int]:
        """Journal receipts durably; raises StoreError."""
        ...

    async def make_room(self) -> bool:
        """Give a full disk its reserve back; False when that was done before."""
        ...


@dataclass(frozen=True, slots=True)
class CommandPorts:
    """What the session touches."""

    lines: WriteLines
    image: ImagePort
    journal: JournalPort
    clock: Clock
    admitted: Callable[[], bool] = lambda: True
    """Whether this run is the edge's one agent: nothing is taken over, heard or written before."""
    lost: Callable[[], bool] = lambda: False
    """Whether another agent has taken its place: what is held is that one's to end."""


class CommandService:
    """Owns the gate's state; `run` once, `listen` once per bus connection."""

    def __init__(self, settings: CommandSettings, ports: CommandPorts) -> None:
        """Open the store.

        Raises:
            StoreError: It cannot be opened or read.
        """
        self._rules = settings.rules
        self._inputs = GateInputs(self._rules, settings.local_points, settings.safety_points, ports.image)
        self._ports = ports
        self._store = ControlStore(settings.store)
        self._thread = OneThread("commands")
        self._saved = self._store.load()
        self._state = restored(self._saved, ports.clock.now())
        self.holders = HolderNews(self._rules, lambda: self._state, ports.clock)
        self._turn = asyncio.Lock()
        hand = HandPorts(ports.lines, ports.admitted, self._wanted, self.feed, ports.clock.sleep)
        self._hands = {device: Hand(hand) for device in self._rules.points_of}
        self._outbox: deque[tuple[int, bytes]] = deque(self._store.outbox())
        self._loose: deque[bytes] = deque(maxlen=_LOOSE_RECEIPTS)
        self._mail = asyncio.Event()
        self._sent = 0
        self._unsaved: list[Change] = []
        self._ready = asyncio.Event()
        self.ticked_s = -math.inf

    def leases(self) -> list[str]:
        """Ids of the live leases, hex."""
        now_ns = self._ports.clock.now().mono_ns
        return [
            held.id.hex()
            for point in self._state.points.values()
            for held in point.leases
            if held.lives(now_ns)
        ]

    def fence(self) -> int:
        """Highest leader epoch seen."""
        return self._state.fence

    def ready_points(self) -> set[str]:
        """Points that are proven, readable and not in local mode: a command for them would be taken."""
        draft = Draft(self._rules, self._state, self._ports.clock.now())
        return {
            name
            for name, point in self._state.points.items()
            if point.seen is not None
            and point.seen.good
            and draft.rule(name).proven
            and standing.above(draft, name) is None
        }

    async def run(self) -> None:
        """Take over what an earlier run left, then tick and carry out until cancelled.

        Not before this run is admitted; until then it only shows that it lives.
        """
        while not self._ports.admitted():
            self.ticked_s = self._ports.clock.mono_s()
            await self._ports.clock.sleep(TICK_S)
        await self.feed(self._saved.event())
        self._mail.set()
        self._ready.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise("gate tick", self._tick))
            tasks.create_task(supervise("receipts", self._deliver))
            for device, hand in self._hands.items():
                tasks.create_task(supervise(f"commands of {device}", hand.run))

    async def listen(self, client: Client) -> None:
        """Take commands and renewals from the bus until cancelled."""
        await self._ready.wait()
        await client.subscribe(subjects.renewal(self._rules.edge), cb=self._on_renewal)
        await supervise("commands from the bus", partial(self._pull, client))

    async def release_all(self) -> None:
        """End all leases and wait until every point is read back on its fallback, at most some seconds.

        A run that was never admitted, or lost its place to another agent, holds nothing and writes nothing.
        """
        if not self._ready.is_set() or self._ports.lost():
            return
        await self.feed(ReleaseAll())
        try:
            async with asyncio.timeout(_END_S):
                while not core.settled(self._state) or self._outbox:
                    await self._ports.clock.sleep(_RETRY_S / 10)
        except TimeoutError:
            _log.warning(
                "not every set-point could be read back on its fallback; the next start goes on with it"
            )

    async def hand_over(self) -> None:
        """Make the present ends of all leases durable, because another run goes on with them at once.

        Otherwise the grant's own end would count there, as after a crash, and renewed leases would end.
        """
        async with self._turn:
            boot, points = self._ports.clock.boot, self._state.points
            held = [SaveLease(name, boot, lease) for name, point in points.items() for lease in point.leases]
            try:
                await self._committed(partial(self._store.commit, [*self._unsaved, *held], [], self._sent))
            except StoreError as error:
                _log.error("%s; renewed leases end at the change of the configuration", error)
            else:
                self._unsaved.clear()

    def close(self) -> None:
        """Let the store go; `run` must have ended."""
        self._thread.close(self._store.close)

    async def feed(self, *events: Event) -> None:
        """Let the gate judge events, one after the other, and begin to carry out what it decided.

        What they lead to is durable in one transaction, all or none: a storm costs a flush for many messages.
        A caller that is cancelled never tears commit, state and writes apart: `OneThread` sees to it.
        """
        async with self._turn:
            decision = self._judged(events)
            if not await self._kept(decision):
                decision = core.decide(self._rules, self._state, ReleaseAll(), self._ports.clock.now())
                self._keep_in_memory(decision)
            self._state = decision.state
        for effect in decision.effects:
            if isinstance(effect, Write | ReadBackRequest):
                self._hands[self._rules.points[effect.point].device].put(effect)
            elif isinstance(effect, Dropped):
                _log.warning("a message was dropped: %s: %s", effect.code.value, effect.detail)
            elif isinstance(effect, Notice):
                _log.warning("%s: %s: %s", effect.point, effect.code.value, effect.detail)

    def _judged(self, events: Iterable[Event]) -> Decision:
        state, effects = self._state, list[Effect]()
        for event in events:
            one = core.decide(self._rules, state, event, self._ports.clock.now())
            state = one.state
            effects += one.effects
        return Decision(state, tuple(effects))

    async def _kept(self, decision: Decision) -> bool:
        """Whether what must be durable is; ends of leases are carried out all the same."""
        changes = [effect.change for effect in decision.effects if isinstance(effect, Persist)]
        receipts = [e.receipt for e in decision.effects if isinstance(e, Emit) and e.durable]
        if changes or receipts:
            try:
                commit = partial(self._store.commit, [*self._unsaved, *changes], receipts, self._sent)
                numbers = await self._committed(commit)
            except StoreError as error:
                _log.error("%s; leases end", error)
                if any(isinstance(change, _NEEDS_THE_STORE) for change in changes):
                    return False
                self._keep_in_memory(decision)
                return True
            self._unsaved.clear()
            self._outbox.extend(zip(numbers, map(encode_receipt, receipts), strict=True))
        self._loose.extend(
            encode_receipt(e.receipt) for e in decision.effects if isinstance(e, Emit) and not e.durable
        )
        if self._outbox or self._loose:
            self._mail.set()
        return True

    async def _committed(self, commit: Callable[[], list[int]]) -> list[int]:
        """Commit; a full disk costs the journal's reserve before anything is given up."""
        try:
            return await self._thread.call(commit)
        except StoreError as error:
            if not (is_full(error.__cause__) and await self._ports.journal.make_room()):
                raise
        return await self._thread.call(commit)

    def _keep_in_memory(self, decision: Decision) -> None:
        self._unsaved += [effect.change for effect in decision.effects if isinstance(effect, Persist)]
        self._loose.extend(encode_receipt(e.receipt) for e in decision.effects if isinstance(e, Emit))
        self._mail.set()

    def _wanted(self, write: Write) -> bool:
        return core.wanted(self._rules, self._state, write, self._ports.clock.now())

    async def _tick(self) -> None:
        async for _ in self._ports.clock.ticks(TICK_S):
            self.ticked_s = self._ports.clock.mono_s()
            for event in self._inputs.fresh():
                await self.feed(event)
            await self.feed(Tick())

    async def _deliver(self) -> None:
        while True:
            await self._mail.wait()
            self._mail.clear()
            while self._outbox or self._loose:
                await self._deliver_once()

    async def _deliver_once(self) -> None:
        loose, numbered = list(self._loose), list(self._outbox)
        self._loose.clear()  # it is bounded: what comes meanwhile must not push out what is on its way
        try:
            await self._ports.journal.append_receipts([*loose, *(body for _, body in numbered)])
        except StoreError as error:
            _log.warning("receipts wait for the journal: %s", error)
            self._loose.extendleft(reversed(loose))
            await self._ports.clock.sleep(_RETRY_S)
            return
        for number, _ in numbered:
            self._outbox.popleft()
            self._sent = max(self._sent, number)

    async def _on_renewal(self, message: Msg) -> None:
        await self.feed(RenewalReceived(message.data))

    async def _pull(self, client: Client) -> None:
        edge = self._rules.edge
        pull = await client.jetstream().pull_subscribe_bind(
            subjects.command_consumer(edge), subjects.STREAM_COMMAND
        )
        try:
            while True:
                await self._pull_once(pull)
        finally:
            await pull.unsubscribe()

    async def _pull_once(self, pull: JetStreamContext.PullSubscription) -> None:
        try:
            messages = await heeding(pull.fetch(1, timeout=_FETCH_S))
            waiting = min(messages[0].metadata.num_pending, _MOST_AT_ONCE - 1)
            if waiting:  # a storm, with what a person asks for behind it
                with contextlib.suppress(TimeoutError):
                    messages += await heeding(pull.fetch(waiting, timeout=_RETRY_S))
        except TimeoutError:
            return
        except (NatsError, APIError) as error:
            _log.debug("no commands can be fetched yet: %s", error)
            await self._ports.clock.sleep(_RETRY_S)
            return
        await self.feed(*(MessageReceived(message.data) for message in messages))
        for message in messages:
            await message.ack()
