"""The desk's hands: write the row down, sign, publish; take receipts and heartbeats in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.command.desk import Desk
from hub.command.leader import Leader
from hub.command.wishes import Again, Fresh, Issuer, Out, Wish
from hub.ledger import book, orders
from hub.ledger.moves import NO_ANSWER, OVER
from protocols import subjects
from protocols.clock import Clock
from protocols.command import ACTS, CommandKind, Level, Renewal, decode_command
from protocols.errors import BusError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.holder import decode_holders
from protocols.signing import key_id
from runtime.bus import publish_row
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)
_PUBLISH_S: Final = 2.0
_FAREWELL_S: Final = 3.0
_TICK_S: Final = 0.25
_FIRST_BEAT_S: Final = 3.0
"""Wait for the fences of the edges before the first term begins. [s]"""


WISHES_S: Final = 60.0
"""What a plan asked for so long ago is wanted no more: nobody has looked at the plant since. [s]"""
LOWER_EPOCH_S: Final = 15.0
"""A run of an agent is not believed while one of a higher epoch was heard so lately. [s]"""

_LEASES: Final = frozenset({CommandKind.SET, CommandKind.SELECT})
"""Kinds that a lease carries the id of; of a selection once it was operated."""


class CommandIssuer:
    """Holds the leases of a site; the only place that has the signing key.

    Nothing is published before its row is committed, and nothing at all while another hub leads.
    """

    def __init__(
        self,
        site: str,
        edges: Iterable[str],
        sessions: async_sessionmaker[AsyncSession],
        clock: Clock,
        lease_s: float,
    ) -> None:
        self._site = site
        self._sessions = sessions
        self._clock = clock
        self._lease_s = lease_s
        self._edges = tuple(edges)
        self._desks: dict[str, Desk] = {}
        self._epoch = 0
        self._made_s = self._wanted_s = clock.mono_s()
        self._unknown: set[bytes] = set()
        self._key: Ed25519PrivateKey | None = None
        self._office: Leader | None = None
        self._bus: Client | None = None
        self._js: JetStreamContext | None = None

    def arm(self, key: Ed25519PrivateKey, bus: Client, office: Leader) -> None:
        """Give it the key, the bus, and who says whether this hub may speak."""
        self._key, self._bus, self._js, self._office = key, bus, bus.jetstream(), office
        who = Issuer("hub", key_id(key.public_key()), self._site, self._lease_s)
        self._desks = {edge: Desk(who, edge) for edge in self._edges}

    def add_edges(self, edges: Iterable[str]) -> None:
        """Have a desk for these too; of an edge that is none any more nothing is wanted, its desk stays."""
        if self._key is None:
            return
        who = Issuer("hub", key_id(self._key.public_key()), self._site, self._lease_s)
        for edge in edges:
            if edge not in self._desks:
                self._desks[edge] = Desk(who, edge)
                self._desks[edge].begin_term(self._epoch)

    def fence(self) -> int | None:
        """Highest fence of any heartbeat; None while the first one is waited for, at most 3 s."""
        if not self.beats and self._clock.mono_s() - self._made_s < _FIRST_BEAT_S:
            return None
        return max((beat.fence for beat in self.beats.values()), default=0)

    @property
    def epoch(self) -> int:
        """Term of office whose orders it holds; 0 while it stands by."""
        return self._epoch

    @property
    def beats(self) -> dict[str, Heartbeat]:
        """Newest heartbeat of each edge that was heard."""
        return {edge: desk.beat for edge, desk in self._desks.items() if desk.beat is not None}

    @property
    def heard_beats(self) -> dict[str, tuple[Heartbeat, float]]:
        """Newest heartbeat of each edge that was heard, with its age. [s]."""
        now_s = self._clock.mono_s()
        return {
            edge: (desk.beat, now_s - desk.beat_s)
            for edge, desk in self._desks.items()
            if desk.beat is not None
        }

    @property
    def live(self) -> dict[str, float]:
        """Value by point that the plan leases, those accepted or under way."""
        return {
            point: held.command.value
            for desk in self._desks.values()
            for (point, level), held in desk.held.items()
            if held.command.value is not None and level is Level.OPTIMISER
        }

    @property
    def above(self) -> dict[str, float | None]:
        """Point that somebody above the plan holds, to the value wanted there, as far as is known."""
        now_s = self._clock.mono_s()
        return {point: value for desk in self._desks.values() for point, value in desk.above(now_s).items()}

    @property
    def desks(self) -> Mapping[str, Desk]:
        """The desk of each edge."""
        return self._desks

    async def _change_term(self, epoch: int) -> None:
        """Forget the orders of the last term; in office take over what it, or another hub's, left open.

        What the plan wanted in a term that this hub was in is over with it: somebody has to want it anew.
        """
        left, self._epoch = self._epoch, 0
        for desk in self._desks.values():
            desk.begin_term(epoch)
            if left:
                desk.unplan()
        if epoch:
            self._unknown = {bytes.fromhex(ident) for beat in self.beats.values() for ident in beat.leases}
            await self._adopt_live()
            await self._adopt_unsent(self._clock.now().wall_ns)
        self._epoch = epoch  # last, so that a database that fails is asked again

    def heard(self, data: bytes) -> None:
        """Take a heartbeat of any edge in."""
        beat = guarded_decode(decode_heartbeat, data, "heartbeat")
        desk = self._desks.get(beat.edge) if beat is not None and beat.site == self._site else None
        if beat is None or desk is None or self._not_the_edge(beat, desk):
            return
        unknown = desk.heard(beat, self._clock.mono_s())
        if self._epoch:
            self._unknown |= set(unknown)
        if self._office is not None:
            self._office.outdone(beat.fence)

    def _not_the_edge(self, beat: Heartbeat, desk: Desk) -> bool:
        """Late, of an agent that only reads, or of a lower epoch than one that is heard (fault E16)."""
        newest, now_s = desk.beat, self._clock.mono_s()
        lower = newest is not None and beat.agent_epoch < newest.agent_epoch
        return beat.read_only or _is_late(beat, newest) or (lower and now_s - desk.beat_s < LOWER_EPOCH_S)

    def told(self, data: bytes) -> None:
        """Take in who holds the points of an edge."""
        news = guarded_decode(decode_holders, data, "message of holders")
        desk = self._desks.get(news.edge) if news is not None else None
        if news is not None and desk is not None:
            desk.told(news, self._clock.mono_s())

    def want(self, wishes: Mapping[str, Sequence[Wish]]) -> None:
        """Replace the plan's wishes of all edges, by edge; an edge without an entry is released.

        Say it again within `WISHES_S`, this or `want_still`, or all are released.
        """
        self.want_still()
        for edge, desk in self._desks.items():
            desk.want(wishes.get(edge, ()))

    def want_still(self) -> None:
        """What is wanted stays wanted: somebody looks at the plant, and has nothing new to say."""
        self._wanted_s = self._clock.mono_s()

    def _let_wishes_go(self) -> None:
        _log.error(
            "nobody has decided for %.0f s; the plan's set-points are given back, machines run by themselves",
            WISHES_S,
        )
        self.want({})

    def answered(self, moves: Iterable[book.Moved]) -> None:
        """Take the receipts in that the ledger has just moved by."""
        for move in moves:
            for desk in self._desks.values():
                desk.answered(move.receipt, self._clock.mono_s())

    async def act(self) -> None:
        """One turn: rows, then the bus; nothing while another hub leads, or may by now.

        A bus that is away loses nothing, the order is sent again.
        """
        if self._office is None:
            return
        if self._office.epoch != self._epoch:
            await self._change_term(self._office.epoch)
            self._wanted_s = self._clock.mono_s()
        if not self.may_speak():
            return
        if self._clock.mono_s() - self._wanted_s > WISHES_S:
            self._let_wishes_go()
        await self._adopt_live()
        turns = [(desk.edge, desk.next(self._clock.mono_s())) for desk in self._desks.values()]
        await self._write_down([out for _, outs in turns for out in outs if isinstance(out, Fresh)])
        for edge, out in acts_first(turns):
            await self._send(edge, out)

    def may_speak(self) -> bool:
        """Asked right before each publish: a process that was stopped must not go on as before."""
        office = self._office
        return office is not None and office.epoch == self._epoch and office.may_speak()

    async def farewell(self) -> bool:
        """Release everything and wait, at most 3 s, until the edges have answered; tells whether all did.

        A hub that stands by has nothing to release.
        """
        if not self._epoch:
            return True
        self.want({})
        until_s = self._clock.mono_s() + _FAREWELL_S
        while self._clock.mono_s() < until_s:
            await self.act()
            if all(desk.idle for desk in self._desks.values()):
                return True
            await self._clock.sleep(_TICK_S)
        return all(desk.idle for desk in self._desks.values())

    async def _write_down(self, orders: Sequence[Fresh]) -> None:
        now_ns = self._clock.now().wall_ns
        for why in dict.fromkeys((order.plan_id, order.order_id) for order in orders):
            mine = [order.command for order in orders if (order.plan_id, order.order_id) == why]
            await book.enter(self._sessions, mine, now_ns, *why)

    async def _send(self, edge: str, out: Fresh | Again | Renewal) -> None:
        if self._key is None or self._js is None or self._bus is None:
            return
        try:
            if isinstance(out, Renewal):
                if not self.may_speak():
                    return
                await self._bus.publish(subjects.renewal(edge), out.sealed(self._key))
                until_ns = self._clock.now().wall_ns + round(out.valid_for_s * 1e9)
                await book.prolong(self._sessions, self._desks[edge].renewed, until_ns)
                return
            if isinstance(out, Again) and not await book.reissue(self._sessions, out.command):
                # its row could not be written the first time
                await self._write_down([Fresh(out.command, None, out.order_id)])
            command = out.command
            if not self.may_speak():
                return  # its row stays; whoever leads adopts it
            message_id = f"{command.id.hex()}:{command.epoch}:{command.seq}"
            await publish_row(
                self._js, subjects.command(edge), command.sealed(self._key), message_id, _PUBLISH_S
            )
        except BusError as error:
            _log.warning("an order to %s waits for the bus: %s", edge, error)

    async def _adopt_unsent(self, now_ns: int) -> None:
        """Take over rows that perhaps never went out; not of an order that has ended since."""
        open_orders = await orders.open_orders(self._sessions, self._site)
        going_on = {None, *(order.id for order in open_orders)}
        for row in await book.open_commands(self._sessions, self._site):
            alive = row.issued_ns + round(row.lease_s * 1e9) > now_ns and row.order_id in going_on
            desk = self._desks.get(row.edge)
            command = decode_command(row.body)
            if alive and desk is not None and (command.point, command.level) not in desk.held:
                desk.adopt(command, self._clock.mono_s(), accepted=False, order_id=row.order_id)

    async def _adopt_live(self) -> None:
        if not self._unknown:
            return
        rows = await book.find(self._sessions, sorted(self._unknown))
        for row in rows:
            desk = self._desks.get(row.edge)
            command = decode_command(row.body)
            newer = desk is not None and (command.point, command.level) in desk.held
            lives = row.state not in OVER or row.code == NO_ANSWER  # the heartbeat is the answer
            if desk is not None and not newer and command.kind in _LEASES and lives:
                desk.adopt(command, self._clock.mono_s(), accepted=True, order_id=row.order_id)
        known = {row.id for row in rows}
        for desk in self._desks.values():
            desk.leave_alone(self._unknown - known)
        self._unknown.clear()


def acts_first(turns: Sequence[tuple[str, Sequence[Out]]]) -> Iterator[tuple[str, Out]]:
    """Acts of people, to every edge, then the rest: a stop waits for no set-point of another edge.

    What goes to one edge keeps its order, so what stands before an act there goes with it.
    """
    ends = [max((at for at, out in enumerate(outs, 1) if _is_act(out)), default=0) for _, outs in turns]
    for (edge, outs), end in zip(turns, ends, strict=True):
        yield from ((edge, out) for out in outs[:end])
    for (edge, outs), end in zip(turns, ends, strict=True):
        yield from ((edge, out) for out in outs[end:])


def _is_act(out: Out) -> bool:
    return not isinstance(out, Renewal) and out.command.kind in ACTS


def _is_late(beat: Heartbeat, newest: Heartbeat | None) -> bool:
    """Whether it is older than one that was heard: it lay in a server of the bus that stood still."""
    if newest is None or (beat.boot, beat.agent_epoch) != (newest.boot, newest.agent_epoch):
        return False
    return beat.reading_ms < newest.reading_ms
