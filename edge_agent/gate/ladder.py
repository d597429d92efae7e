"""Who wins a point: the lowest rung that is live; nobody means fallback.

One lease a rung; bounds (grid limit) and the rung of a timetable come with the command issue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edge_agent.gate.state import Lease
from protocols.command import Level

RUNGS: Final = (Level.OPERATOR, Level.OPTIMISER)
"""Highest first."""


def placed(leases: Iterable[Lease], new: Lease) -> tuple[Lease, ...]:
    """The leases with `new` on its rung, in the place of whatever held it."""
    others = [lease for lease in leases if lease.level is not new.level]
    return tuple(sorted([*others, new], key=lambda lease: RUNGS.index(lease.level)))


def winner(leases: Iterable[Lease], at_ns: int) -> Lease | None:
    """The lease that decides at an instant."""
    begun = [lease for lease in leases if lease.start_ns <= at_ns < lease.until_ns]
    return min(begun, key=lambda lease: RUNGS.index(lease.level), default=None)
