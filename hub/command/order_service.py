"""The hands of `people.py`: open orders from the database, what became of them back into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from hub.auth.roles import roles_at
from hub.command.issuer import CommandIssuer
from hub.command.people import People
from hub.command.policy import Known
from hub.command.work import Work
from hub.ledger import book, orders
from hub.ledger.order_tables import OrderRow
from hub.registry.writable import Writables
from protocols.clock import Clock

_LOOK_S: Final = 1.0
"""How often the database is read without a nudge: one that got lost costs no more. [s]"""


class OrderService:
    """Carries out the orders of people while this hub leads; `step` before each turn of the issuer."""

    def __init__(
        self, site: str, sessions: book.Sessions, issuer: CommandIssuer, writables: Writables, clock: Clock
    ) -> None:
        """Begin with nothing; the issuer is armed already."""
        self._site = site
        self._sessions = sessions
        self._issuer = issuer
        self._writables = writables
        self._clock = clock
        self._people = People(writables, issuer.desks)
        self._epoch = 0
        self._looked_s = float("-inf")
        self._nudged = False

    def take(self, writables: Writables) -> None:
        """Judge by other limits from now on; what is held beyond them is given back."""
        self._writables = writables
        self._people.take_limits(writables)

    def nudge(self) -> None:
        """There is a new order."""
        self._nudged = True

    def answered(self, moves: Iterable[book.Moved]) -> None:
        """Take the receipts in that the ledger has just moved by."""
        now_s = self._clock.mono_s()
        for move in moves:
            if move.order_id is not None:
                self._people.answered(move.order_id, move.id.hex(), move.receipt, now_s)

    async def step(self) -> bool:
        """Look at new orders and at the time, tell the desks; True when an order was refused or ended."""
        if self._issuer.epoch != self._epoch:
            self._epoch = self._issuer.epoch
            self._people.forget()
            self._nudged = True
        if not self._issuer.may_speak():
            return False
        changed = await self._write_down()
        now_s = self._clock.mono_s()
        if self._nudged or now_s - self._looked_s >= _LOOK_S:
            self._nudged, self._looked_s = False, now_s
            await self._read()
        self._people.look(self._clock.now().wall_ns, self._clock.mono_s())
        return await self._write_down() or changed

    async def _read(self) -> None:
        found = await orders.open_orders(self._sessions, self._site)
        roles = await self._roles(found) if found else {}
        self._people.dismiss(roles)
        rows = [row for row in found if row.id not in self._people.open]
        if not rows:
            return
        now_ns, now_s = self._clock.now().wall_ns, self._clock.mono_s()
        known = Known(self._writables, roles, now_ns)
        taken = [row.id for row in rows if row.state == orders.TAKEN]
        commands = await book.of_orders(self._sessions, taken) if taken else []
        for row in rows:
            order = orders.order_of(row)
            if row.state == orders.ASKED:
                self._people.take(order, row.asked_ns, known, now_s)
            else:
                mine = [command for command in commands if command.order_id == row.id]
                self._people.adopt(Work(order, row.asked_ns, now_s), mine, now_ns)

    async def _roles(self, rows: Sequence[OrderRow]) -> dict[str, str]:
        names = {row.actor for row in rows} | {row.confirm for row in rows if row.confirm}
        async with self._sessions() as session:
            return await roles_at(session, self._site, names)

    async def _write_down(self) -> bool:
        changes = list(self._people.changes)
        if not changes:
            return False
        await orders.move_all(self._sessions, self._site, changes, self._clock.now().wall_ns)
        del self._people.changes[: len(changes)]
        return True
