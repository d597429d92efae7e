"""One order of a person on its way through the dispatcher, and the messages it becomes. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from hub.command.errands import MOST_SENDS
from hub.command.policy import HOLDING, LASTING
from hub.command.wishes import Errand, Wish, is_passing
from hub.ledger.orders import Order
from hub.registry.writable import Writable
from protocols.command import CommandKind, Level
from protocols.receipt import Receipt

UNHEARD_S: Final = 5.0
"""So long an order waits for the edge to be heard before it is refused. [s]"""
_ANEW_S: Final = 0.5
_LEASE_S: Final = 10.0
"""What a selection keeps for its lease after the operate, until the first renewal. [s]"""
_NO_WORDS: Final = {
    CommandKind.TEST: "a test without writing",
    CommandKind.RELEASE: "given back",
    CommandKind.CANCEL: "cancelled",
}


@dataclass(slots=True)
class Work:
    """An open order.

    Attributes:
        order: What is asked.
        asked_ns: When. [ns]
        since_s: When it came here, on the boot clock. [s]
        waiting: Edges that have not given their last answer.
        begun: Whether a command of it was sent.
        heard: Whether an edge has answered it.
        leaving: Whether it is being given back.
        refused: Whether an edge has refused it.
        done: Whether an edge has carried it out.
        verified: Whether it was read back.
        tries: How often it was asked anew after a refusal that says nothing of it.
        again: Edges that are to be asked anew.
        again_s: From when on. [s]
        missing_s: Since when no desk knows of it. [s]
        end_s: When it is over on the boot clock, whatever happens to the wall clock meanwhile. [s]
    """

    order: Order
    asked_ns: int
    since_s: float
    waiting: set[str] = field(default_factory=set)
    begun: bool = False
    heard: bool = False
    leaving: bool = False
    refused: bool = False
    done: bool = False
    verified: bool = False
    tries: int = 0
    again: set[str] = field(default_factory=set)
    again_s: float = float("-inf")
    missing_s: float | None = None
    end_s: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether it keeps its point until its end."""
        return self.order.kind in HOLDING

    @property
    def lasting(self) -> bool:
        """Whether it is sent however long it takes."""
        return self.order.kind in LASTING

    @property
    def runs_out(self) -> bool:
        """Whether it is an opt-out with an end: what comes late is shorter."""
        return self.order.kind is CommandKind.OPT_OUT and self.order.until_ns is not None

    @property
    def arms(self) -> bool:
        """Whether it is the first step of the release of a stop."""
        return self.order.kind is CommandKind.RESUME and self.order.confirm is None

    @property
    def verdict(self) -> str:
        """How it ended once all have answered; a release is armed where one edge had a stop to release."""
        return "refused" if self.refused and not (self.arms and self.done) else "done"

    def is_over(self, now_ns: int, now_s: float) -> bool:
        """Whether its end has come, by the wall clock or by the boot clock: one of them may have been set."""
        until_ns = self.order.until_ns
        if until_ns is None or not (self.holds or self.runs_out):
            return False
        return until_ns <= now_ns or self.end_s <= now_s


def end_s(order: Order, now_ns: int, now_s: float) -> float:
    """The end of an order on the boot clock. [s]."""
    return math.inf if order.until_ns is None else now_s + (order.until_ns - now_ns) / 1e9


def wish_of(work: Work, one: Writable, now_s: float) -> Wish:
    """The lease an order is kept alive with."""
    order = work.order
    fresh = order.kind is CommandKind.SET and not work.begun and now_s >= work.again_s
    return Wish(
        order.target, order.value, order.unit, order.reason, 0, None, level=Level.OPERATOR, actor=order.actor,
        expect=order.expect, order_id=order.id, cap_hash=bytes.fromhex(one.cap_hash_hex), fresh=fresh,
    )  # fmt: skip


def errand_of(order: Order, one: Writable | None, now_ns: int, chosen: Order | None = None) -> Errand:
    """What is asked of an edge once; `one` is None for an act, `chosen` the selection of an operate."""
    reason = order.reason or _NO_WORDS.get(order.kind, chosen.reason if chosen is not None else "")
    asked = chosen or order
    return Errand(
        order.kind, order.target, reason, order.actor, order.id, asked.value, asked.unit,
        order.expect, order.confirm, _lease_s(order, one, now_ns),
        None if one is None else bytes.fromhex(one.cap_hash_hex), order.kind in LASTING,
    )  # fmt: skip


def _lease_s(order: Order, one: Writable | None, now_ns: int) -> float | None:
    if order.kind is CommandKind.OPT_OUT:
        return 0.0 if order.until_ns is None else max((order.until_ns - now_ns) / 1e9, 1.0)
    if order.kind is CommandKind.SELECT and one is not None:
        return min(one.limits.max_lease_s, one.duty.select_s + _LEASE_S)
    return None


def may_be_asked_anew(work: Work, receipt: Receipt, now_s: float) -> bool:
    """Whether a refusal says nothing of the order; it is then sent anew a little later, as a new command."""
    often = work.tries >= MOST_SENDS
    if not is_passing(receipt) or work.order.kind is CommandKind.OPERATE or (often and not work.lasting):
        return False
    work.tries += 1
    work.begun, work.since_s, work.again_s = False, now_s, now_s + (UNHEARD_S if often else _ANEW_S)
    if work.order.kind is not CommandKind.SET:
        work.again.add(receipt.edge)
    return True
