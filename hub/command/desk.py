"""The desk of one edge: what is wanted against what is held, and so what is to be sent. Pure, no I/O.

A set-point is a lease: it is renewed while it is wanted, superseded when another value is wanted, released
when nothing is. An order is sent again (same id, new seq, new echo) until the edge is known to have it. A
renewal names exactly the leases the newest heartbeat lists, and waits while an order is under way, so that it
never overtakes one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from hub.command.orders import Again, Fresh, Held, Issuer, Out, Wish, pause_s
from protocols.command import VERSION, Command, CommandKind, Echo, Level, Renewal, lease_list_hash
from protocols.heartbeat import Heartbeat
from protocols.point import parse_point
from protocols.receipt import TERMINAL, Mismatch, Receipt, Received, Verified, Written

ECHO_MAX_S: Final = 5.0
"""Heartbeats older than this are not echoed; the edge itself refuses from 10 s on. [s]"""
RESEND_S: Final = 2.0
MOST_SENDS: Final = 5
RENEW_S: Final = 3.0
_RENEW_EARLY_S: Final = 0.6
"""Renewals follow a heartbeat, one a second; the one next to the grid of 3 s is taken. [s]"""
_UNDERWAY_S: Final = 3.0
_LOST_PAUSE_S: Final = 5.0
_ANSWERED_S: Final = 0.5
"""A heartbeat this long after a release that lists no lease on its point is its answer. [s]"""
_REFRESH_S: Final = 1.5
"""A heartbeat this young still mirrors the edge's list of leases. [s]"""
_MOST_SETS: Final = 8
"""Most set-points sent within `_PACE_S`: below the quota of an edge, 10 in a second, however they bunch."""
_PACE_S: Final = 1.25


class Desk:
    """All orders to one edge."""

    def __init__(
        self, issuer: Issuer, edge: str, new_id: Callable[[], bytes] = lambda: os.urandom(16)
    ) -> None:
        self._issuer = issuer
        self._edge = edge
        self._new_id = new_id
        self._epoch = 0
        self._seq = 0
        self._beat: Heartbeat | None = None
        self._beat_s = 0.0
        self._wishes: Mapping[str, Wish] = {}
        self._held: dict[str, Held] = {}
        self._releases: dict[str, Held] = {}
        self._paused_until_s: dict[str, float] = {}
        self._renewed_s = float("-inf")
        self._renewed: frozenset[bytes] = frozenset()
        self._foreign: set[bytes] = set()
        self._sets_sent_s: deque[float] = deque(maxlen=_MOST_SETS)

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
    def held(self) -> dict[str, Held]:
        """Leases by point, those under way included."""
        return dict(self._held)

    @property
    def renewed(self) -> frozenset[bytes]:
        """Ids the newest renewal names."""
        return self._renewed

    @property
    def idle(self) -> bool:
        """Whether nothing is held and no release is under way."""
        return not self._held and not self._releases

    def may_set(self, now_s: float) -> bool:
        """Whether one more set-point stays below the edge's quota."""
        sent_s = self._sets_sent_s
        return len(sent_s) < _MOST_SETS or now_s - sent_s[0] >= _PACE_S

    def begin_term(self, epoch: int) -> None:
        """Speak with a new epoch from now on; the sequence begins anew."""
        self._epoch, self._seq = epoch, 0

    def want(self, wishes: Iterable[Wish]) -> None:
        """Replace all wishes; a point without a wish is released."""
        self._wishes = {wish.point: wish for wish in wishes}

    def adopt(self, command: Command, now_s: float, *, accepted: bool) -> None:
        """Take over an order of the term before: a live lease, or a row that perhaps was never sent."""
        held = Held(
            command, sent_s=now_s - RESEND_S, first_sent_s=now_s, sends=0, seen=accepted, answered=accepted
        )
        (self._releases if command.kind is CommandKind.RELEASE else self._held)[command.point] = held

    def heard(self, beat: Heartbeat, now_s: float) -> list[bytes]:
        """Take a heartbeat in; gives the ids of leases that live there and are not known here."""
        self._beat, self._beat_s = beat, now_s
        live = {bytes.fromhex(ident) for ident in beat.leases}
        for point, held in list(self._held.items()):
            if held.command.id in live:
                self._held[point] = replace(held, seen=True)
            elif held.seen:
                del self._held[point]
                self._pause(point, now_s + _LOST_PAUSE_S)
        for point, held in list(self._releases.items()):
            if point not in self._held and now_s - held.sent_s > _ANSWERED_S:
                del self._releases[point]
        self._foreign &= live
        return sorted(live - self._foreign - {held.command.id for held in self._held.values()})

    def leave_alone(self, ids: Iterable[bytes]) -> None:
        """Leases of somebody else, another rung: renewals leave them out."""
        self._foreign |= set(ids)

    def answered(self, receipt: Receipt, now_s: float) -> None:
        """Take a receipt in."""
        for orders in (self._held, self._releases):
            held = orders.get(receipt.point)
            if held is None or held.command.id != receipt.id:
                continue
            if isinstance(receipt, TERMINAL) or orders is self._releases:
                del orders[receipt.point]
                self._pause(receipt.point, now_s + pause_s(receipt))
            elif isinstance(receipt, Received | Written | Verified | Mismatch):
                orders[receipt.point] = replace(held, answered=True)

    def next(self, now_s: float) -> list[Out]:
        """What is to be written down and sent now, in this order."""
        beat = self._beat
        if beat is None or now_s - self._beat_s > ECHO_MAX_S:
            return []
        orders = [*self._sets(beat, now_s), *self._drops(beat, now_s)]
        renewal = self._renewal(beat, now_s) if not orders else None
        return [*orders, *([renewal] if renewal is not None else [])]

    def _sets(self, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        for point, wish in sorted(self._wishes.items()):
            device = parse_point(point).device
            if beat.links.get(device) != "up" or device not in beat.cap_hashes:
                continue
            if not self.may_set(now_s):
                return  # the rest waits for the next turn, four a second
            held = self._held.get(point)
            if held is not None and held.command.value == wish.value:
                yield from self._again(self._held, held, beat, now_s)
            elif self._may_order(point, held, now_s):
                command = self._command(CommandKind.SET, wish, beat)
                self._held[point] = Held(command, sent_s=now_s, first_sent_s=now_s)
                self._sets_sent_s.append(now_s)
                yield Fresh(command, wish.plan_id)

    def _may_order(self, point: str, held: Held | None, now_s: float) -> bool:
        if now_s < self._paused_until_s.get(point, 0.0) or point in self._releases:
            return False
        return held is None or held.answered or now_s - held.first_sent_s > _UNDERWAY_S

    def _drops(self, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        for held in list(self._releases.values()):
            yield from self._again(self._releases, held, beat, now_s)
        for point, held in sorted(self._held.items()):
            if point in self._wishes or point in self._releases:
                continue
            if not held.seen and not held.answered and held.sends == 0:
                del self._held[point]  # adopted, never accepted, no longer wanted: nobody has it
                continue
            wish = Wish(point, None, None, "the plan no longer asks for it", held.command.revision, None)
            command = self._command(CommandKind.RELEASE, wish, beat)
            self._releases[point] = Held(command, sent_s=now_s, first_sent_s=now_s)
            yield Fresh(command, None)

    def _again(self, orders: dict[str, Held], held: Held, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        point = held.command.point
        if held.seen or held.answered or now_s - held.sent_s < RESEND_S:
            return
        if held.sends >= MOST_SENDS:
            del orders[point]
            self._pause(point, now_s + _LOST_PAUSE_S)
            return
        command = replace(
            held.command, agent_epoch=beat.agent_epoch, echo=_echo(beat), epoch=self._epoch,
            seq=self._next_seq(), cap_hash=_cap_hash(beat, point),
        )  # fmt: skip
        orders[point] = replace(held, command=command, sent_s=now_s, sends=held.sends + 1)
        self._sets_sent_s.append(now_s)
        yield Again(command)

    def _renewal(self, beat: Heartbeat, now_s: float) -> Renewal | None:
        due = now_s - self._renewed_s >= RENEW_S - _RENEW_EARLY_S and now_s - self._beat_s <= _REFRESH_S
        mine = {h.command.id for point, h in self._held.items() if h.seen and point in self._wishes}
        if not due or not mine or any(self._under_way(held, now_s) for held in self._held.values()):
            return None
        if {bytes.fromhex(ident) for ident in beat.leases} - self._foreign != mine:
            return None  # a release or an unknown lease is still there; its end makes the lists equal
        self._renewed_s, self._renewed = now_s, frozenset(mine)
        who = self._issuer
        return Renewal(
            VERSION, who.name, who.key_id, who.site, self._edge, beat.agent_epoch,
            lease_list_hash(sorted(mine)), who.lease_s, _echo(beat), self._epoch, self._next_seq(),
        )  # fmt: skip

    @staticmethod
    def _under_way(held: Held, now_s: float) -> bool:
        return not held.seen and now_s - held.first_sent_s < _UNDERWAY_S

    def _command(self, kind: CommandKind, wish: Wish, beat: Heartbeat) -> Command:
        who = self._issuer
        return Command(
            v=VERSION, id=self._new_id(), issuer=who.name, key_id=who.key_id, site=who.site, edge=self._edge,
            agent_epoch=beat.agent_epoch, point=wish.point, kind=kind, value=wish.value, unit=wish.unit,
            level=Level.OPTIMISER, start_in_s=0.0, lease_s=who.lease_s, echo=_echo(beat), epoch=self._epoch,
            seq=self._next_seq(), revision=wish.revision, expect=None, cap_hash=_cap_hash(beat, wish.point),
            reason=wish.reason, actor="dispatch",
        )  # fmt: skip

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _pause(self, point: str, until_s: float) -> None:
        self._paused_until_s[point] = max(until_s, self._paused_until_s.get(point, 0.0))


def _echo(beat: Heartbeat) -> Echo:
    return Echo(beat.boot, beat.reading_ms)


def _cap_hash(beat: Heartbeat, point: str) -> bytes:
    return bytes.fromhex(beat.cap_hashes.get(parse_point(point).device, ""))
