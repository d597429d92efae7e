"""Who wins a point: the lowest rung that is live and asks for a value; nobody means fallback.

A grid limit asks for no value: it bounds the rungs below it. Bounds intersect, values compete.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge_agent.gate.rules import PointRules
from edge_agent.gate.state import Lease
from protocols.command import CommandKind, Level

RUNGS: Final = (Level.OPERATOR, Level.GRID_LIMIT, Level.SCHEDULE, Level.OPTIMISER, Level.CONTROLLER)
"""Highest first."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has the point, and what is to be written.

    Attributes:
        lease: The winner.
        value: Its value at the instant, within the bounds. [unit of the point]
    """

    lease: Lease
    value: float


@dataclass(frozen=True, slots=True)
class Room:
    """What the bounds leave; empty where `low` is above `high`."""

    low: float
    high: float

    @property
    def empty(self) -> bool:
        """Whether no value is left."""
        return self.low > self.high


def rank(level: Level) -> int:
    """Place of a rung on the ladder; lower wins."""
    return RUNGS.index(level)


def placed(leases: Iterable[Lease], new: Lease) -> tuple[Lease, ...]:
    """The leases with `new` on its rung, in the place of whatever held it."""
    others = [lease for lease in leases if not same_place(lease, new)]
    return tuple(sorted([*others, new], key=lambda lease: rank(lease.level)))


def same_place(one: Lease, other: Lease) -> bool:
    """Whether two leases exclude each other: same rung, and of bounds the same kind."""
    return one.level is other.level and one.bound is other.bound


def begun(leases: Iterable[Lease], at_ns: int) -> list[Lease]:
    """Those that act at an instant."""
    return [lease for lease in leases if lease.start_ns <= at_ns < lease.until_ns]


def room(rules: PointRules, leases: Iterable[Lease], at_ns: int) -> Room:
    """The commissioned limits, narrowed by every bound that acts."""
    acting = begun(leases, at_ns)
    lows = [lease.value for lease in acting if lease.bound is CommandKind.AT_LEAST]
    highs = [lease.value for lease in acting if lease.bound is CommandKind.AT_MOST]
    return Room(max([rules.limits.low, *lows]), min([rules.limits.high, *highs]))


def winner(rules: PointRules, leases: Iterable[Lease], at_ns: int) -> Claim | None:
    """Who decides at an instant, and for which value."""
    acting = [lease for lease in begun(leases, at_ns) if lease.bound is None]
    first = min(acting, key=lambda lease: rank(lease.level), default=None)
    if first is None:
        return None
    value = first.value_at(at_ns)
    if rank(first.level) < rank(Level.GRID_LIMIT):
        return Claim(first, value)
    left = room(rules, leases, at_ns)
    return None if left.empty else Claim(first, min(max(value, left.low), left.high))


def shut_out(rules: PointRules, leases: Iterable[Lease], at_ns: int) -> bool:
    """Whether somebody asks for a value and the bounds leave none."""
    asks = any(lease.bound is None for lease in begun(leases, at_ns))
    return asks and winner(rules, leases, at_ns) is None
