"""What a desk is asked for, what it holds and what it sends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from protocols.command import Command, CommandKind, Level, Renewal
from protocols.receipt import Mismatch, Overridden, Receipt, Refused, Released
from protocols.refusal import ASKED_ANEW, Refusal

_SOON_S: Final = 2.0
_LATER_S: Final = 60.0
_OVERRIDDEN_S: Final = 900.0
"""Whoever took the point over is left alone this long. [s]"""
_ENDING_S: Final = 10.0
"""An edge that releases by itself is about to end; when it is back its heartbeats say so. [s]"""


Place = tuple[str, Level]
"""Point and rung."""
PLANNER: Final = "dispatch"
"""Actor of what the plan asks for."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs.

    Attributes:
        name: Name on every message.
        key_id: Key that signs.
        site: Site of the edges.
        lease_s: Length of each lease and of each renewal. [s]
    """

    name: str
    key_id: str
    site: str
    lease_s: float


@dataclass(frozen=True, slots=True)
class Wish:
    """A set-point somebody wants held.

    Attributes:
        point: `site/device/point`.
        value: In `unit`.
        unit: Symbol.
        reason: Why, in plain words.
        revision: Revision of the plan.
        plan_id: Plan it follows from.
        level: Rung.
        actor: Person or job.
        expect: Value the person saw; None: whatever it is.
        order_id: Order of a person it carries out.
        cap_hash: Limits it was checked against; None: those of the newest heartbeat.
        fresh: Whether it may be ordered; otherwise what is held for it stays, and nothing new goes out.
    """

    point: str
    value: float | None
    unit: str | None
    reason: str
    revision: int
    plan_id: str | None
    level: Level = Level.OPTIMISER
    actor: str = PLANNER
    expect: float | None = None
    order_id: str | None = None
    cap_hash: bytes | None = None
    fresh: bool = True

    @property
    def place(self) -> Place:
        """Point and rung: there is one lease at each."""
        return self.point, self.level


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of an edge once: a release, a selection and what completes it, a test, an act.

    Attributes:
        kind: What.
        target: Point, or scope of an act.
        reason: Why.
        actor: Person or job.
        order_id: Order of a person it carries out; None: the desk's own.
        value: For a selection, its operate and a test; else None. [unit]
        unit: Symbol, with `value`.
        expect: Value the person saw.
        confirm: Who confirms the second step.
        lease_s: Lease of a selection, length of an opt-out. [s]
        cap_hash: Limits it was checked against; None: those of the newest heartbeat.
        lasting: Whether it is sent until it is answered, however long that takes.
        level: Rung.
        end_s: When an opt-out is over, on the boot clock; None: it has no end, or is no opt-out. [s]
    """

    kind: CommandKind
    target: str
    reason: str
    actor: str
    order_id: str | None
    value: float | None = None
    unit: str | None = None
    expect: float | None = None
    confirm: str | None = None
    lease_s: float | None = None
    cap_hash: bytes | None = None
    lasting: bool = False
    level: Level = Level.OPERATOR
    end_s: float | None = None

    def left(self, now_s: float) -> Errand:
        """The same as it is asked now: of a length what is left of it."""
        return self if self.end_s is None else replace(self, lease_s=max(self.end_s - now_s, 1.0))


@dataclass(frozen=True, slots=True)
class Held:
    """A command that was sent.

    Attributes:
        command: As last sent.
        sent_s: Boot clock of the last send. [s]
        first_sent_s: Boot clock of the first send. [s]
        sends: How often it was sent.
        seen: Whether a heartbeat has listed the lease.
        answered: Whether a receipt says the edge has it.
        order_id: Order of a person it carries out.
        lasting: Whether it is sent until it is answered, however long that takes.
    """

    command: Command
    sent_s: float
    first_sent_s: float
    sends: int = 1
    seen: bool = False
    answered: bool = False
    order_id: str | None = None
    lasting: bool = False

    @property
    def place(self) -> Place:
        """Point and rung."""
        return self.command.point, self.command.level

    def carries(self, wish: Wish) -> bool:
        """Whether it is what is wished: for a person the very order, for a plan the value."""
        if wish.level is Level.OPERATOR:
            return self.order_id == wish.order_id
        return self.command.value == wish.value


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new command: a row first, then the bus."""

    command: Command
    plan_id: str | None
    order_id: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The same command once more: same id, new seq and echo."""

    command: Command
    order_id: str | None = None


Out = Fresh | Again | Renewal


def is_passing(receipt: Receipt) -> bool:
    """Whether a refusal says nothing of the order, so that a new one may be taken a moment later."""
    return isinstance(receipt, Refused) and receipt.code in ASKED_ANEW


def pause_s(receipt: Receipt, *, told: bool = False) -> float:
    """How long a plan leaves a point alone after its lease there ended. [s].

    `told`: the edge tells who holds the point, so there is no need to guess when it is free again.
    """
    if isinstance(receipt, Overridden):
        return _SOON_S if told else _OVERRIDDEN_S
    if isinstance(receipt, Refused):
        return _SOON_S if receipt.code in ASKED_ANEW | {Refusal.BAD_INPUT} else _LATER_S
    if isinstance(receipt, Released):
        return _ENDING_S
    return _LATER_S if isinstance(receipt, Mismatch) else 0.0
