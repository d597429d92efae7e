"""What is asked of one edge once, sent again (same id, new seq, new echo) until the edge has it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from hub.command.drafting import Drafter
from hub.command.wishes import Again, Errand, Fresh, Held, Out, Place
from hub.ledger.moves import of_one_copy
from protocols.command import Command, CommandKind, Level
from protocols.heartbeat import Heartbeat
from protocols.receipt import TERMINAL, Receipt

RESEND_S: Final = 2.0
MOST_SENDS: Final = 5
GIVEN_UP_S: Final = 30.0
"""What a person asked for and nobody answered is not sent again after that, although its edge is back. [s]"""
UNDERWAY_S: Final = 3.0
"""So long a command may still be on its way. [s]"""
_ANSWERED_S: Final = 0.5
"""A heartbeat this long after a release that lists no lease on its place is its answer. [s]"""


def is_given_up(held: Held, now_s: float) -> bool:
    """Whether what nobody answered is not sent again."""
    late = held.order_id is not None and now_s - held.first_sent_s > GIVEN_UP_S
    return not held.lasting and (held.sends >= MOST_SENDS or late)


class Errands:
    """Asked, sent, and answered at last."""

    def __init__(self, drafter: Drafter) -> None:
        self._drafter = drafter
        self._asked: list[Errand] = []
        self._sent: dict[bytes, Held] = {}

    @property
    def idle(self) -> bool:
        """Whether the plan has nothing under way here."""
        return not any(held.command.level is not Level.OPERATOR for held in self._sent.values())

    def under_way(self, now_s: float) -> bool:
        """Whether something was sent and may not have arrived yet: a renewal would overtake it."""
        return any(not h.answered and now_s - h.first_sent_s < UNDERWAY_S for h in self._sent.values())

    def ask(self, errand: Errand) -> None:
        """Send it with the next turn."""
        self._asked.append(errand)

    def adopt(self, held: Held) -> None:
        """Take over what was sent before."""
        self._sent[held.command.id] = held

    def withdraw(self, order_id: str) -> None:
        """Send it no more."""
        self._asked = [errand for errand in self._asked if errand.order_id != order_id]
        self._sent = {ident: held for ident, held in self._sent.items() if held.order_id != order_id}

    def knows(self, order_id: str) -> bool:
        """Whether something of an order waits, or is on its way."""
        return self.sent(order_id) or any(errand.order_id == order_id for errand in self._asked)

    def sent(self, order_id: str) -> bool:
        """Whether something of an order is on its way."""
        return any(held.order_id == order_id for held in self._sent.values())

    def accepted(self, ident: bytes) -> bool:
        """Whether the edge has taken a command that is not over."""
        return ident in self._sent and self._sent[ident].answered

    def carrier(self, order_id: str) -> bytes | None:
        """Id of the newest command of an order that is on its way."""
        return next((i for i, held in reversed(self._sent.items()) if held.order_id == order_id), None)

    def releases(self, place: Place) -> bool:
        """Whether a place is being given back, as far as is known."""
        ends = [held for held in self._sent.values() if held.command.kind is CommandKind.RELEASE]
        asked = any(
            (errand.target, errand.level) == place and errand.kind is CommandKind.RELEASE
            for errand in self._asked
        )
        return asked or any(held.place == place and not held.seen for held in ends)

    def answered(self, receipt: Receipt) -> Held | None:
        """Take a receipt in; gives what it answers. A release is over with any answer."""
        held = self._sent.get(receipt.id)
        if held is None or (held.answered and of_one_copy(receipt)):
            return None
        if isinstance(receipt, TERMINAL) or held.command.kind is CommandKind.RELEASE:
            del self._sent[receipt.id]
        else:
            self._sent[receipt.id] = replace(held, answered=True)
        return held

    def heard(self, live: set[bytes], places: set[Place], now_s: float) -> list[Held]:
        """Take a heartbeat in; gives selections that have become leases.

        `live`: ids of the leases there; `places`: those of them that are held.
        """
        begun = [held for ident, held in self._sent.items() if ident in live]
        for held in begun:
            del self._sent[held.command.id]
        for ident, held in list(self._sent.items()):
            release = held.command.kind is CommandKind.RELEASE and held.place not in places
            if not release or now_s - held.sent_s <= _ANSWERED_S:
                continue
            if held.order_id is None:
                del self._sent[ident]
            else:
                self._sent[ident] = replace(held, seen=True)  # its receipt is still to come
        return begun

    def next(self, beat: Heartbeat, now_s: float) -> Iterator[Out]:
        """What is to be written down and sent now: what is new, then what nobody answered."""
        asked, self._asked = self._asked, []
        for errand in asked:
            command = self._drafter.errand(errand.left(now_s), beat)
            self._sent[command.id] = Held(
                command, now_s, now_s, order_id=errand.order_id, lasting=errand.lasting
            )
            yield Fresh(command, None, errand.order_id)
        for held in list(self._sent.values()):
            again = self._again(held, beat, now_s)
            if again is not None:
                yield Again(again, held.order_id)

    def _again(self, held: Held, beat: Heartbeat, now_s: float) -> Command | None:
        if held.answered or now_s - held.sent_s < RESEND_S:
            return None
        if is_given_up(held, now_s):
            del self._sent[held.command.id]
            return None
        command = self._drafter.again(held.command, beat)
        if command.kind is CommandKind.OPT_OUT and command.lease_s > 0:  # 0: without an end
            command = replace(command, lease_s=max(command.lease_s - (now_s - held.sent_s), 1.0))
        self._sent[command.id] = replace(held, command=command, sent_s=now_s, sends=held.sends + 1)
        return command
