"""Orders of people at the dispatcher: taken or refused, kept alive to their end, ended by what the edges say.

An override lives by renewals until its end and then is released. One that the plant took away ends, and never
comes back by itself. Acts go to each edge in their scope. Pure: what goes out goes through the desks, what is
to be written down waits in `changes`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from hub.auth.roles import COMMAND
from hub.command.desk import ECHO_MAX_S, Desk
from hub.command.policy import Known, beyond, edges_of, refusal
from hub.command.work import UNHEARD_S, Work, end_s, errand_of, may_be_asked_anew, wish_of
from hub.ledger.moves import ISSUED, NO_ANSWER, OVER, REFUSED, VERIFIED, of_one_copy
from hub.ledger.orders import ENDED, Change, Order
from hub.ledger.orders import REFUSED as ORDER_REFUSED
from hub.ledger.tables import CommandRow
from hub.registry.writable import Writables
from protocols.command import ACTS, CommandKind, Level, decode_command
from protocols.receipt import TERMINAL, Mismatch, Receipt, Released, Verified, kind_of
from protocols.refusal import Refusal

_MISSING_S: Final = 3.0
"""A lease that no heartbeat lists for so long is gone, whatever ended it. [s]"""
_STALE_S: Final = 30.0
"""What was asked longer ago and never went out is not carried out any more. [s]"""
_UNDOES: Final[Mapping[CommandKind, CommandKind]] = {
    CommandKind.RESUME: CommandKind.STOP,
    CommandKind.LIFT: CommandKind.LOCK_OUT,
    CommandKind.OPT_IN: CommandKind.OPT_OUT,
}


class People:
    """The open orders of a site."""

    def __init__(self, writables: Writables, desks: Mapping[str, Desk]) -> None:
        self._writables = writables
        self._desks = desks
        self._open: dict[str, Work] = {}
        self._short: Mapping[CommandKind, Callable[[Work, int], None]] = {
            CommandKind.SET: self._take_set,
            CommandKind.RELEASE: self._take_release,
            CommandKind.OPERATE: self._take_operate,
        }
        self.changes: list[Change] = []

    @property
    def open(self) -> set[str]:
        """Ids of the orders it works on."""
        return set(self._open)

    def take_limits(self, writables: Writables) -> None:
        """Go by other limits: what they do not allow any more ends, and is given back."""
        self._writables = writables
        for work in list(self._open.values()):
            code = None if work.order.kind in ACTS else beyond(work.order, writables)
            if code is not None:
                self._end(work, code)

    def forget(self) -> None:
        """Begin anew, with a new term; the database knows all of it."""
        self._open.clear()
        self.changes.clear()

    def take(self, order: Order, asked_ns: int, known: Known, now_s: float) -> None:
        """Look at a new order: refuse it, or let it go out with the next turn."""
        work = Work(order, asked_ns, now_s, self._edges(order), end_s=end_s(order, known.now_ns, now_s))
        code = refusal(order, asked_ns, known)
        if code is None and _is_stale(work, known.now_ns):
            code = NO_ANSWER
        if code is None and not work.waiting:
            code = Refusal.NOT_ALLOWED.value
        if code is not None:
            self.changes.append(Change(order.id, ORDER_REFUSED, code))
            return
        self._open[order.id] = work
        self._short.get(order.kind, self._ask)(work, known.now_ns)

    def adopt(self, work: Work, rows: Sequence[CommandRow], now_ns: int) -> None:
        """Go on with an order of the last term, by the commands that were written down for it."""
        work.begun, work.waiting = True, self._edges(work.order)
        work.end_s = end_s(work.order, now_ns, work.since_s)
        self._open[work.order.id] = work
        if work.order.kind is CommandKind.RELEASE:
            self._leave(work.order.target)
        newest = {row.edge: row for row in rows}
        if work.holds:
            for row in newest.values():
                self._adopt_holding(work, row)
            return
        for edge in sorted(work.waiting):
            self._adopt_errand(work, edge, newest.get(edge), now_ns)
        self._end_if_answered(work)

    def answered(self, order_id: str, command_hex: str, receipt: Receipt, now_s: float) -> None:
        """Take in what an edge says of a command of an order."""
        work = self._open.get(order_id)
        desk = self._desks.get(receipt.edge)
        if work is None or desk is None or (of_one_copy(receipt) and desk.accepted(receipt.id)):
            return
        if work.holds and desk.carrier(order_id) not in {None, receipt.id}:
            return  # of a command that a newer one of the same order has taken the place of
        work.begun = work.heard = True
        if may_be_asked_anew(work, receipt, now_s):
            return
        if work.holds:
            self._holding_answered(work, command_hex, receipt)
        elif isinstance(receipt, TERMINAL):
            self._note_answer(work, receipt)
            work.waiting.discard(receipt.edge)
            self._end_if_answered(work)

    def dismiss(self, roles: Mapping[str, str]) -> None:
        """End what people hold who may no longer command; what they have taken away stays taken away."""
        for work in list(self._open.values()):
            if work.holds and roles.get(work.order.actor) not in COMMAND:
                self._end(work, Refusal.PERSON.value)

    def look(self, now_ns: int, now_s: float) -> None:
        """What time brings: ends, orders that reached nobody, leases that are gone; then tell the desks."""
        for work in list(self._open.values()):
            if work.is_over(now_ns, now_s):
                self._end(work, "expired")
            else:
                self._go_on(work, now_ns, now_s)
        wishes: dict[str, list[Work]] = {edge: [] for edge in self._desks}
        for work in self._open.values():
            if work.holds and not work.leaving:
                wishes.setdefault(self._writables[work.order.target].edge, []).append(work)
        for edge, desk in self._desks.items():
            asked = [wish_of(work, self._writables[work.order.target], now_s) for work in wishes[edge]]
            desk.want(asked, Level.OPERATOR)

    def _take_set(self, work: Work, _now_ns: int) -> None:
        """An older order on the point that never went out gives way; one that lives is superseded there."""
        for older in self._on(work.order.target, {CommandKind.SET}):
            if older is not work and not older.begun and not self._knows(older):
                self._end(older, "superseded")

    def _take_release(self, work: Work, now_ns: int) -> None:
        self._leave(work.order.target)
        self._ask(work, now_ns)

    def _leave(self, target: str) -> None:
        """What a release takes away is wanted no more, also by the next term while nobody has answered it."""
        for held in self._on(target, {CommandKind.SET}):
            held.leaving = True
            if not held.begun and not self._knows(held):
                self._end(held, "released")
        for held in self._on(target, {CommandKind.SELECT}):
            held.leaving = any(self._desks[edge].holds(held.order.id) for edge in held.waiting)

    def _take_operate(self, work: Work, now_ns: int) -> None:
        chosen = self._open.get(work.order.of or "")
        fits = chosen is not None and chosen.order.kind is CommandKind.SELECT and chosen.begun
        if chosen is None or not fits or chosen.order.target != work.order.target:
            del self._open[work.order.id]
            self.changes.append(Change(work.order.id, ORDER_REFUSED, Refusal.SELECTION.value))
            return
        self._ask(work, now_ns)

    def _ask(self, work: Work, now_ns: int) -> None:
        for edge in work.waiting:
            self._ask_edge(work, edge, now_ns)

    def _ask_edge(self, work: Work, edge: str, now_ns: int) -> None:
        chosen = self._open.get(work.order.of or "")
        one = self._writables.get(work.order.target) if work.order.kind not in ACTS else None
        errand = errand_of(work.order, one, now_ns, None if chosen is None else chosen.order)
        self._desks[edge].ask(replace(errand, end_s=work.end_s) if work.runs_out else errand)

    def _adopt_holding(self, work: Work, row: CommandRow) -> None:
        """A lease is adopted with the heartbeat that lists it; a selection may still wait for its operate."""
        if row.verdict == VERIFIED:
            self._note_verified(work, row.id.hex())
        work.heard = row.state != ISSUED
        if row.state in OVER and row.code != NO_ANSWER:
            self._end(work, "refused" if row.state == REFUSED else row.state, row.id.hex())
        elif row.kind == CommandKind.SELECT.value and not self._knows(work):
            self._adopt_at_desk(work, row)

    def _adopt_errand(self, work: Work, edge: str, row: CommandRow | None, now_ns: int) -> None:
        """What was answered is done; what was not is sent again with its id, unless it has become too old."""
        if row is not None and row.state in OVER and row.code != NO_ANSWER:
            work.refused |= row.state == REFUSED
            work.done |= row.state == "released"
            work.waiting.discard(edge)
        elif row is not None and not _is_stale(work, now_ns) and not work.runs_out:
            self._adopt_at_desk(work, row)
        elif work.lasting:
            self._ask_edge(work, edge, now_ns)

    def _adopt_at_desk(self, work: Work, row: CommandRow) -> None:
        desk, command = self._desks[row.edge], decode_command(row.body)
        desk.adopt(command, work.since_s, accepted=False, order_id=work.order.id, lasting=work.lasting)

    def _holding_answered(self, work: Work, command_hex: str, receipt: Receipt) -> None:
        if isinstance(receipt, Verified) and not work.verified:
            self._note_verified(work, command_hex)
        elif isinstance(receipt, (Mismatch, *TERMINAL)):
            self._end(work, kind_of(receipt), command_hex)

    def _note_verified(self, work: Work, command_hex: str) -> None:
        """The audit takes it once, also when the term before died in between."""
        work.verified = True
        self.changes.append(Change(work.order.id, "", VERIFIED, command_hex))

    def _note_answer(self, work: Work, receipt: Receipt) -> None:
        """What an edge has carried out takes back the act it undoes; what it refused takes back nothing."""
        if not isinstance(receipt, Released):
            work.refused = True
            return
        work.done = True
        undone = None if work.arms else _UNDOES.get(work.order.kind)
        for other in itertools.takewhile(lambda other: other is not work, list(self._open.values())):
            if (other.order.kind, other.order.target) == (undone, work.order.target):
                self._end(other, "superseded")

    def _end_if_answered(self, work: Work) -> None:
        if not work.waiting:
            self._end(work, work.verdict)

    def _go_on(self, work: Work, now_ns: int, now_s: float) -> None:
        """Ask anew what is due, see what became of the rest; what nobody answers ends before long."""
        while work.again and now_s >= work.again_s:
            self._ask_edge(work, work.again.pop(), now_ns)
        if work.lasting:
            for edge in work.waiting - work.again:
                if not self._desks[edge].knows(work.order.id):
                    self._ask_edge(work, edge, now_ns)
        elif not work.begun:
            self._see_whether_sent(work, now_s)
        elif not work.holds and now_s - work.since_s > _STALE_S:
            self._end(work, NO_ANSWER)  # an edge that is back by then must not begin with it
        else:
            self._seek(work, now_s)

    def _see_whether_sent(self, work: Work, now_s: float) -> None:
        """One whose edge is not heard is refused before long; if a copy went out, it may have been taken."""
        work.begun = any(self._desks[edge].sent(work.order.id) for edge in work.waiting)
        if work.begun or now_s - work.since_s <= UNHEARD_S:
            return
        if work.heard:
            self._end(work, NO_ANSWER)
            return
        self._withdraw(work)
        del self._open[work.order.id]
        self.changes.append(Change(work.order.id, ORDER_REFUSED, NO_ANSWER))

    def _seek(self, work: Work, now_s: float) -> None:
        """End what no desk knows of any more, although its edge is heard."""
        place = (work.order.target, Level.OPERATOR)
        desks = [self._desks[edge] for edge in work.waiting]
        silent = any(now_s - desk.beat_s > ECHO_MAX_S or desk.beat is None for desk in desks)
        if silent or work.again or self._knows(work) or any(desk.under_way(place) for desk in desks):
            work.missing_s = None
        elif work.missing_s is None:
            work.missing_s = now_s
        elif now_s - work.missing_s > _MISSING_S:
            self._end(work, "expired" if work.holds and work.heard else NO_ANSWER)

    def _edges(self, order: Order) -> set[str]:
        return set(edges_of(self._writables, order)) & set(self._desks)

    def _on(self, target: str, kinds: set[CommandKind]) -> list[Work]:
        return [
            work for work in self._open.values() if work.order.target == target and work.order.kind in kinds
        ]

    def _knows(self, work: Work) -> bool:
        return any(desk.knows(work.order.id) for desk in self._desks.values())

    def _withdraw(self, work: Work) -> None:
        for desk in self._desks.values():
            desk.withdraw(work.order.id)

    def _end(self, work: Work, code: str, command_hex: str = "") -> None:
        self._withdraw(work)
        self._open.pop(work.order.id, None)
        self.changes.append(Change(work.order.id, ENDED, code, command_hex))


def _is_stale(work: Work, now_ns: int) -> bool:
    """Whether nobody expects any more that it is carried out; what only takes away stays due."""
    return now_ns - work.asked_ns > _STALE_S * 1e9 and not work.lasting
