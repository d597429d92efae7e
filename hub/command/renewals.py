"""When the leases of an edge are to be renewed, and when everything else waits for that. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hub.command.wishes import Held

RENEW_S: Final = 3.0
_EARLY_S: Final = 0.6
"""Renewals follow a heartbeat, one a second; the one next to the grid of 3 s is taken. [s]"""
_LATE: Final = 0.5
"""When so much of a lease has passed without a renewal, new set-points wait for the next one. [-]"""
_REFRESH_S: Final = 1.5
"""A heartbeat this young still mirrors the edge's list of leases. [s]"""


class Renewals:
    """The newest renewal of an edge, and the next."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._made_s = float("-inf")
        self.named: frozenset[bytes] = frozenset()
        """Ids the newest one names."""

    def due(self, now_s: float, beat_s: float) -> bool:
        """Whether it is time, and the heartbeat young enough."""
        return now_s - self._made_s >= RENEW_S - _EARLY_S and now_s - beat_s <= _REFRESH_S

    def late(self, leases: Iterable[Held], now_s: float) -> bool:
        """Whether the oldest of these leases has waited so long that nothing may come in between."""
        since_s = min((held.first_sent_s for held in leases), default=now_s)
        return now_s - max(since_s, self._made_s) > _LATE * self._lease_s

    def made(self, ids: Iterable[bytes], now_s: float) -> None:
        """One goes out."""
        self._made_s, self.named = now_s, frozenset(ids)
