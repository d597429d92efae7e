"""Rounds: polls that are due at one instant are begun by one task, in one go.

To wake the process costs several times what one poll costs once it is awake (ADR 0017). So the grids of the
groups begin on few instants that are spread over the period, and each such instant is one round.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Final

from protocols.clock import Clock, Instant
from protocols.units import Seconds
from runtime.clock import ROUND_S

SPREAD_S: Final = 2.5
"""Grids begin within this time, or the period where that is shorter: not all ask at one instant. [s]"""

MOST_POINTS: Final = 4000
"""Points of one round, about; where there are more, rounds follow each other more closely."""

_LEAST_STEP_S: Final = ROUND_S / 16
_LEAST_ROUNDS: Final = 4
_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
"""Steps of this part of a circle, taken round and round, lie evenly whatever their number."""


def step_s(points_s: float) -> Seconds:
    """Time between two rounds at so many points a second.

    Example:
        >>> step_s(10_000), step_s(100_000)
        (0.25, 0.03125)
    """
    step = ROUND_S
    while step > _LEAST_STEP_S and points_s * step > MOST_POINTS:
        step /= 2
    return step


def phase_s(order: int, every_s: Seconds, step: Seconds) -> Seconds:
    """Start of the grid of the group with this number; neighbours stand far apart.

    Args:
        order: Number of the group.
        every_s: Its period. [s]
        step: Time between two rounds; a short period has at least four. [s]

    Example:
        >>> [phase_s(order, 1.0, 0.25) for order in range(5)]
        [0.0, 0.5, 0.0, 0.75, 0.25]
    """
    step = min(step, every_s / _LEAST_ROUNDS)
    return order * _GOLDEN % 1.0 * min(every_s, SPREAD_S) // step * step


class Member:
    """One that is called each round; what it misses while it is busy is owed once, not as often as missed.

    Its work is done by the task that waits for `called`, unless `begin` can begin it without.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._owed = False
        self._begun = False
        self._call: asyncio.Future[Instant] | None = None

    def begin(self, at: Instant) -> bool:
        """Begin the work of this round without the task, or say that it is for the task."""
        del at
        return False

    def call(self, at: Instant) -> None:
        """It is time."""
        if self._begun or self._call is None or self._call.done():
            self._owed = True
        elif self.begin(at):
            self._begun = True
        else:
            self._call.set_result(at)

    def ended(self) -> None:
        """What was begun is done; the task does what is owed."""
        self._begun = False
        if self._owed:
            self._owed = False
            self.wake(self._clock.now())

    def wake(self, at: Instant) -> None:
        """What was begun, or is to be, is for the task."""
        self._begun = False
        if self._call is not None and not self._call.done():
            self._call.set_result(at)

    async def called(self) -> Instant:
        """Wait for the next call; at once where one is owed."""
        if self._owed:
            self._owed = False
            return self._clock.now()
        self._call = asyncio.get_running_loop().create_future()
        return await self._call


async def call_all(members: Iterable[Member], clock: Clock, every_s: Seconds, phase: Seconds) -> None:
    """Call all of them on one grid until cancelled."""
    members = tuple(members)
    async for at in clock.ticks(every_s, phase_s=phase):
        for member in members:
            member.call(at)
