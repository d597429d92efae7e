"""The small values the desk works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.command import Command, Renewal
from protocols.receipt import Mismatch, Overridden, Receipt, Refused, Released
from protocols.refusal import Refusal

_SOON_S: Final = 2.0
_LATER_S: Final = 60.0
_OVERRIDDEN_S: Final = 900.0
"""Whoever took the point over is left alone this long. [s]"""
_ENDING_S: Final = 10.0
"""An edge that releases by itself is about to end; when it is back its heartbeats say so. [s]"""
_PASSING: Final = frozenset(
    {
        Refusal.STALE_ECHO,
        Refusal.OUT_OF_ORDER,
        Refusal.ADDRESSEE,
        Refusal.FENCED,
        Refusal.BAD_INPUT,
        Refusal.QUOTA,
    }
)


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
        value: In `unit`; None for a release.
        unit: Symbol; None for a release.
        reason: Why, in plain words.
        revision: Revision of the plan.
        plan_id: Plan it follows from.
    """

    point: str
    value: float | None
    unit: str | None
    reason: str
    revision: int
    plan_id: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """An order that was sent.

    Attributes:
        command: As last sent.
        sent_s: Boot clock of the last send. [s]
        first_sent_s: Boot clock of the first send. [s]
        sends: How often it was sent.
        seen: Whether a heartbeat has listed the lease.
        answered: Whether a receipt says the edge has it.
    """

    command: Command
    sent_s: float
    first_sent_s: float
    sends: int = 1
    seen: bool = False
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Fresh:
    """A new order: a row first, then the bus."""

    command: Command
    plan_id: str | None


@dataclass(frozen=True, slots=True)
class Again:
    """The same order once more: same id, new seq and echo."""

    command: Command


Out = Fresh | Again | Renewal


def pause_s(receipt: Receipt) -> float:
    """How long a point is left alone after an order on it ended. [s]."""
    if isinstance(receipt, Overridden):
        return _OVERRIDDEN_S
    if isinstance(receipt, Refused):
        return _SOON_S if receipt.code in _PASSING else _LATER_S
    if isinstance(receipt, Released):
        return _ENDING_S
    return _LATER_S if isinstance(receipt, Mismatch) else 0.0
