"""The desk of one edge: what is wanted against what is held, and so what is to be sent. Pure, no I/O.

A set-point is a lease: it is renewed while it is wanted, superseded when another value is wanted, released
when nothing is. There is one at each place, a point and a rung; what a plan wants anew waits while something
above holds the point. A command is sent again (same id, new seq, new echo) until the edge surely has it.
A renewal names exactly the leases the newest heartbeat lists, and waits while a command is under way, so that
it never overtakes one; when it has waited long enough, new set-points wait for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from hub.command.drafting import Drafter
from hub.command.errands import RESEND_S, UNDERWAY_S, Errands, is_given_up
from hub.command.renewals import Renewals
from hub.command.standing import Pace, Standing
from hub.command.wishes import PLANNER, Again, Errand, Fresh, Held, Issuer, Out, Place, Wish, pause_s
from hub.ledger.moves import of_one_copy
from protocols.command import Command, CommandKind, Level, Renewal
from protocols.heartbeat import Heartbeat
from protocols.holder import Holders
from protocols.point import parse_point
from protocols.receipt import TERMINAL, Mismatch, Receipt, Received, Refused, Verified, Written
from protocols.refusal import Refusal

ECHO_MAX_S: Final = 5.0
"""Heartbeats older than this are not echoed; the edge itself refuses from 10 s on. [s]"""
_LOST_PAUSE_S: Final = 5.0
_UNTOLD_S: Final = 3.0
"""So long into a term what was taken over stays although nobody has said yet that it is wanted. [s]"""
_GOING_ON: Final = (Received, Written, Verified, Mismatch)


class Desk:
    """All commands to one edge."""

    def __init__(
        self, issuer: Issuer, edge: str, new_id: Callable[[], bytes] = lambda: os.urandom(16)
    ) -> None:
        self._edge = edge
        self._renewals = Renewals(issuer.lease_s)
        self._drafter = Drafter(issuer, edge, new_id)
        self._errands = Errands(self._drafter)
        self._standing = Standing()
        self._pace = Pace()
        self._beat: Heartbeat | None = None
        self._beat_s = 0.0
        self._term_s: float | None = None
        self._wishes: dict[Level, list[Wish]] = {}
        self._held: dict[Place, Held] = {}
        self._paused_until_s: dict[Place, float] = {}
        self._foreign: set[bytes] = set()

    @property
    def edge(self) -> str:
        """The edge it speaks to."""
        return self._edge

    @property
    def beat(self) -> Heartbeat | None:
        """Newest heartbeat, None before the first."""
        return self._beat

    @property
    def beat_s(self) -> float:
        """When it was heard, on the boot clock. [s]."""
        return self._beat_s

    @property
    def held(self) -> dict[Place, Held]:
        """Leases by place, those under way included."""
        return dict(self._held)

    @property
    def renewed(self) -> frozenset[bytes]:
        """Ids the newest renewal names."""
        return self._renewals.named

    @property
    def idle(self) -> bool:
        """Whether the plan holds nothing and no release of it is under way."""
        return self._errands.idle and not any(level is not Level.OPERATOR for _, level in self._held)

    def may_set(self, now_s: float) -> bool:
        """Whether one more set-point of a plan stays below the edge's quota."""
        return self._pace.may_set(Level.OPTIMISER, now_s)

    def holds(self, order_id: str) -> bool:
        """Whether a lease of an order lives here, as far as is known, or is under way."""
        return any(held.order_id == order_id for held in self._held.values())

    def knows(self, order_id: str) -> bool:
        """Whether anything of an order is held, waits or is on its way."""
        return self.holds(order_id) or self._errands.knows(order_id)

    def sent(self, order_id: str) -> bool:
        """Whether a command of an order was sent and is not over."""
        return self.holds(order_id) or self._errands.sent(order_id)

    def accepted(self, ident: bytes) -> bool:
        """Whether the edge has taken a command that is not over."""
        held = any(h.command.id == ident and (h.seen or h.answered) for h in self._held.values())
        return held or self._errands.accepted(ident)

    def carrier(self, order_id: str) -> bytes | None:
        """Id of the command that carries an order now; None when there is none."""
        held = next((h.command.id for h in self._held.values() if h.order_id == order_id), None)
        return held or self._errands.carrier(order_id)

    def under_way(self, place: Place) -> bool:
        """Whether a command for a place is on its way, so that the lease before it may yet come back."""
        held = self._held.get(place)
        return held is not None and not held.answered and not held.seen

    def begin_term(self, epoch: int) -> None:
        """Speak with a new epoch from now on; what is held is to be adopted, what people want said anew."""
        self._drafter.begin_term(epoch)
        self._errands = Errands(self._drafter)
        self._held.clear()
        self._foreign.clear()
        self._wishes.pop(Level.OPERATOR, None)
        self._term_s = None

    def unplan(self) -> None:
        """Nothing is known of what the plan wants; what is held waits some seconds to be wanted again."""
        self._wishes.pop(Level.OPTIMISER, None)

    def want(self, wishes: Iterable[Wish], level: Level = Level.OPTIMISER) -> None:
        """Replace all wishes of a rung; a place without a wish is released."""
        self._wishes[level] = sorted(wishes, key=lambda wish: wish.point)

    def ask(self, errand: Errand) -> None:
        """Send something once, with the next turn."""
        if errand.kind is CommandKind.OPT_IN:
            self._standing.takes_plans()
        self._errands.ask(errand)

    def withdraw(self, order_id: str) -> None:
        """Send an order's errands no more."""
        self._errands.withdraw(order_id)

    def told(self, holders: Holders, now_s: float) -> None:
        """Take in who holds the points."""
        self._standing.told(holders, now_s)

    def above(self, now_s: float) -> dict[str, float | None]:
        """Points that somebody above a plan holds, with the value wanted there; orders under way included."""
        people = {
            point: held.command.value
            for (point, level), held in self._held.items()
            if level is Level.OPERATOR
        }
        return self._standing.above(now_s) | people

    def adopt(
        self,
        command: Command,
        now_s: float,
        *,
        accepted: bool,
        order_id: str | None = None,
        lasting: bool = False,
    ) -> None:
        """Take over a command of the term before: a live lease, or a row that perhaps was never sent."""
        held = Held(
            command, sent_s=now_s - RESEND_S, first_sent_s=now_s, sends=0, seen=accepted, answered=accepted,
            order_id=order_id, lasting=lasting,
        )  # fmt: skip
        if command.kind is CommandKind.SET or accepted:
            self._held[held.place] = held
        else:
            self._errands.adopt(held)

    def heard(self, beat: Heartbeat, now_s: float) -> list[bytes]:
        """Take a heartbeat in; gives the ids of leases that live there and are not known here."""
        self._beat, self._beat_s = beat, now_s
        live = {bytes.fromhex(ident) for ident in beat.leases}
        for place, held in list(self._held.items()):
            if held.command.id in live:
                self._held[place] = replace(held, seen=True)
            elif held.seen:
                del self._held[place]
                self._pause(place, now_s + _LOST_PAUSE_S)
        for begun in self._errands.heard(live, set(self._held), now_s):
            self._held[begun.place] = replace(begun, seen=True, answered=True)
        self._foreign &= live
        return sorted(live - self._foreign - {held.command.id for held in self._held.values()})

    def leave_alone(self, ids: Iterable[bytes]) -> None:
        """Leases of somebody else, another rung: renewals leave them out."""
        self._foreign |= set(ids)

    def answered(self, receipt: Receipt, now_s: float) -> None:
        """Take a receipt in."""
        pause_until_s = now_s + pause_s(receipt, told=self._standing.knows(receipt.point, now_s))
        if isinstance(receipt, Refused) and receipt.code is Refusal.OPTED_OUT:
            self._standing.declined(receipt.point, now_s)
        errand = self._errands.answered(receipt)
        if errand is not None and errand.command.kind is CommandKind.RELEASE:
            self._given_back(errand)
            self._pause(errand.place, pause_until_s)
        for place, held in list(self._held.items()):
            if held.command.id != receipt.id:
                continue
            if of_one_copy(receipt) and (held.seen or held.answered):
                continue
            if isinstance(receipt, TERMINAL):
                del self._held[place]
                self._pause(place, pause_until_s)
            elif isinstance(receipt, _GOING_ON):
                self._held[place] = replace(held, answered=True)

    def _given_back(self, release: Held) -> None:
        """A release that was answered has ended what was held then; what was asked for since goes on."""
        held = self._held.get(release.place)
        if held is not None and held.first_sent_s <= release.first_sent_s:
            del self._held[release.place]

    def next(self, now_s: float) -> list[Out]:
        """What is to be written down and sent now, in this order."""
        beat = self._beat
        if beat is None or now_s - self._beat_s > ECHO_MAX_S:
            return []
        self._term_s = now_s if self._term_s is None else self._term_s
        self._drop(now_s)
        outs = [*self._errands.next(beat, now_s), *self._sets(beat, now_s)]
        renewal = self._renewal(beat, now_s) if not outs else None
        return [*outs, *([renewal] if renewal is not None else [])]

    def _sets(self, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        late = self._renewals.late(self._to_renew(now_s), now_s)
        for wish in (*self._wishes.get(Level.OPERATOR, ()), *self._wishes.get(Level.OPTIMISER, ())):
            if not self._reachable(wish, beat):
                continue
            if not self._pace.may_set(wish.level, now_s):
                return  # the rest waits for the next turn, four a second
            held = self._held.get(wish.place)
            if held is not None and held.carries(wish):
                yield from self._again(held, beat, now_s)
            elif not late and self._may_order(wish, held, now_s):
                command = self._drafter.set(wish, beat)
                self._held[wish.place] = Held(command, now_s, now_s, order_id=wish.order_id)
                self._pace.sent(now_s)
                yield Fresh(command, wish.plan_id, wish.order_id)

    @staticmethod
    def _reachable(wish: Wish, beat: Heartbeat) -> bool:
        """Whether it makes sense to ask; a person gets the edge's own answer."""
        device = parse_point(wish.point).device
        return wish.level is Level.OPERATOR or (beat.links.get(device) == "up" and device in beat.cap_hashes)

    def _may_order(self, wish: Wish, held: Held | None, now_s: float) -> bool:
        if not wish.fresh or self._errands.releases(wish.place):
            return False
        if wish.level is not Level.OPERATOR and not self._free(wish, now_s):
            return False
        return held is None or held.answered or now_s - held.first_sent_s > UNDERWAY_S

    def _free(self, wish: Wish, now_s: float) -> bool:
        """Whether nothing above a plan holds the point, and it is not to be left alone."""
        if now_s < self._paused_until_s.get(wish.place, 0.0):
            return False
        return (wish.point, Level.OPERATOR) not in self._held and self._standing.free(wish.point, now_s)

    def _drop(self, now_s: float) -> None:
        """Give back what nobody wants any more."""
        for place, held in sorted(self._held.items()):
            if self._is_wanted(held, now_s) or self._errands.releases(place):
                continue
            if not held.seen and not held.answered and held.sends == 0:
                del self._held[place]  # adopted, never accepted, no longer wanted: nobody has it
                continue
            point, level = place
            person = level is Level.OPERATOR
            reason = "the order is over" if person else "the plan no longer asks for it"
            self._errands.ask(Errand(CommandKind.RELEASE, point, reason, PLANNER, None, level=level))

    def _is_wanted(self, held: Held, now_s: float) -> bool:
        point, level = held.place
        if level not in self._wishes:
            return self._term_s is None or now_s - self._term_s < _UNTOLD_S
        wishes = self._wishes[level]
        if level is Level.OPERATOR:
            return any(wish.order_id == held.order_id for wish in wishes)
        return any(wish.point == point for wish in wishes)

    def _again(self, held: Held, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        if held.seen or held.answered or now_s - held.sent_s < RESEND_S:
            return
        if is_given_up(held, now_s):
            del self._held[held.place]
            self._pause(held.place, now_s + _LOST_PAUSE_S)
            return
        command = self._drafter.again(held.command, beat)
        self._held[held.place] = replace(held, command=command, sent_s=now_s, sends=held.sends + 1)
        self._pace.sent(now_s)
        yield Again(command, held.order_id)

    def _renewal(self, beat: Heartbeat, now_s: float) -> Renewal | None:
        mine = {held.command.id for held in self._to_renew(now_s)}
        if not mine or not self._renewals.due(now_s, self._beat_s) or self._errands.under_way(now_s):
            return None
        if any(not held.seen and now_s - held.first_sent_s < UNDERWAY_S for held in self._held.values()):
            return None
        if {bytes.fromhex(ident) for ident in beat.leases} - self._foreign != mine:
            return None  # a release or an unknown lease is still there; its end makes the lists equal
        self._renewals.made(mine, now_s)
        return self._drafter.renewal(mine, beat)

    def _to_renew(self, now_s: float) -> list[Held]:
        return [held for held in self._held.values() if held.seen and self._is_wanted(held, now_s)]

    def _pause(self, place: Place, until_s: float) -> None:
        self._paused_until_s[place] = max(until_s, self._paused_until_s.get(place, 0.0))
