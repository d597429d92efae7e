"""The desk's hands: write the row down, sign, publish; take receipts and heartbeats in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.client import Client
from nats.js import JetStreamContext
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.command.desk import Desk
from hub.command.orders import Again, Fresh, Issuer, Wish
from hub.ledger import book
from hub.ledger.moves import OVER
from protocols import subjects
from protocols.clock import Clock
from protocols.command import Command, CommandKind, Renewal, decode_command
from protocols.errors import BusError
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.signing import key_id
from runtime.bus import publish_row
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)
_PUBLISH_S: Final = 2.0
_FAREWELL_S: Final = 3.0
_TICK_S: Final = 0.25
_FIRST_BEAT_S: Final = 3.0
"""Wait for the fences of the edges before the first term begins. [s]"""


class CommandIssuer:
    """Holds the leases of a site; the only place that has the signing key.

    Nothing is published before its row is committed, and nothing at all before `begin_term` has returned.
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
        self._made_s = clock.mono_s()
        self._unknown: set[bytes] = set()
        self._key: Ed25519PrivateKey | None = None
        self._bus: Client | None = None
        self._js: JetStreamContext | None = None

    def arm(self, key: Ed25519PrivateKey, bus: Client) -> None:
        """Give it the key and the bus."""
        self._key, self._bus, self._js = key, bus, bus.jetstream()
        who = Issuer("hub", key_id(key.public_key()), self._site, self._lease_s)
        self._desks = {edge: Desk(who, edge) for edge in self._edges}

    @property
    def epoch(self) -> int:
        """Term of office; 0 before the first."""
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
        """Leased value by point, those accepted or under way."""
        return {
            point: held.command.value
            for desk in self._desks.values()
            for point, held in desk.held.items()
            if held.command.value is not None
        }

    async def begin_term(self) -> int:
        """Take office above every fence seen, then take over what the last term left open."""
        now = self._clock.now()
        fence = max((beat.fence for beat in self.beats.values()), default=0)
        self._epoch = await book.take_office(self._sessions, self._site, fence, now.wall_ns)
        for desk in self._desks.values():
            desk.begin_term(self._epoch)
        await self._adopt_live()
        await self._adopt_unsent(now.wall_ns)
        _log.info("commands of %s are issued with epoch %d", self._site, self._epoch)
        return self._epoch

    def heard(self, data: bytes) -> None:
        """Take a heartbeat of any edge in."""
        beat = guarded_decode(decode_heartbeat, data, "heartbeat")
        desk = self._desks.get(beat.edge) if beat is not None and beat.site == self._site else None
        if beat is not None and desk is not None:
            self._unknown |= set(desk.heard(beat, self._clock.mono_s()))

    def want(self, wishes: Mapping[str, Sequence[Wish]]) -> None:
        """Replace the wishes of all edges, by edge; an edge without an entry is released."""
        for edge, desk in self._desks.items():
            desk.want(wishes.get(edge, ()))

    def answered(self, moves: Iterable[book.Moved]) -> None:
        """Take the receipts in that the ledger has just moved by."""
        for move in moves:
            for desk in self._desks.values():
                desk.answered(move.receipt, self._clock.mono_s())

    async def act(self) -> None:
        """One turn: rows, then the bus; the first one begins the term.

        A bus that is away loses nothing, the order is sent again.
        """
        if self._epoch == 0:
            if not self.beats and self._clock.mono_s() - self._made_s < _FIRST_BEAT_S:
                return
            await self.begin_term()
        if any(beat.fence > self._epoch for beat in self.beats.values()):
            await self.begin_term()
        await self._adopt_live()
        for desk in self._desks.values():
            outs = desk.next(self._clock.mono_s())
            await self._write_down([out for out in outs if isinstance(out, Fresh)])
            for out in outs:
                await self._send(desk.edge, out)

    async def farewell(self) -> bool:
        """Release everything and wait, at most 3 s, until the edges have answered; tells whether all did."""
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
        for plan_id in sorted({order.plan_id or "" for order in orders}):
            mine = [order.command for order in orders if (order.plan_id or "") == plan_id]
            await book.enter(self._sessions, mine, now_ns, plan_id or None)

    async def _send(self, edge: str, out: Fresh | Again | Renewal) -> None:
        if self._key is None or self._js is None or self._bus is None:
            return
        try:
            if isinstance(out, Renewal):
                await self._bus.publish(subjects.renewal(edge), out.sealed(self._key))
                until_ns = self._clock.now().wall_ns + round(out.valid_for_s * 1e9)
                await book.prolong(self._sessions, self._desks[edge].renewed, until_ns)
                return
            if isinstance(out, Again) and not await book.reissue(self._sessions, out.command):
                await self._write_down(
                    [Fresh(out.command, None)]
                )  # its row could not be written the first time
            command = out.command
            message_id = f"{command.id.hex()}:{command.epoch}:{command.seq}"
            await publish_row(
                self._js, subjects.command(edge), command.sealed(self._key), message_id, _PUBLISH_S
            )
        except BusError as error:
            _log.warning("an order to %s waits for the bus: %s", edge, error)

    async def _adopt_unsent(self, now_ns: int) -> None:
        for row in await book.open_orders(self._sessions, self._site):
            alive = row.issued_ns + round(row.lease_s * 1e9) > now_ns
            desk = self._desks.get(row.edge)
            if alive and desk is not None and row.point not in desk.held:
                desk.adopt(decode_command(row.body), self._clock.mono_s(), accepted=False)

    async def _adopt_live(self) -> None:
        if not self._unknown:
            return
        rows = await book.find(self._sessions, sorted(self._unknown))
        for row in rows:
            desk = self._desks.get(row.edge)
            command: Command = decode_command(row.body)
            newer = desk is not None and row.point in desk.held
            if desk is not None and not newer and command.kind is CommandKind.SET and row.state not in OVER:
                desk.adopt(command, self._clock.mono_s(), accepted=True)
        known = {row.id for row in rows}
        for desk in self._desks.values():
            desk.leave_alone(self._unknown - known)
        self._unknown.clear()
