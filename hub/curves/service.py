"""Curves learnt once a day while a hub commands; what is found is only offered, a person accepts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hub.curves.tables import newest
from hub.curves.worker import learn_apart
from hub.database import Sessions
from protocols.clock import Clock

FIRST_S: Final = 3600.0
"""Wait after a start: it belongs to what moves machines. [s]"""

EVERY_S: Final = 86_400.0
_LOOK_S: Final = 60.0
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CurveLearner:
    """Has curves learnt when the newest fit is a day old.

    Attributes:
        place: The hub's own folder, and the site.
        sessions: Business database.
        clock: Time.
    """

    place: tuple[Path, str]
    sessions: Sessions
    clock: Clock

    async def run(self, may_speak: Callable[[], bool], first_s: float = FIRST_S) -> None:
        """Learn every day until cancelled, where this hub may speak.

        Args:
            may_speak: Whether this hub commands.
            first_s: Wait before the first look. [s]

        Raises:
            StoreError: It could not be done; asked again by whoever runs this.
        """
        await self.clock.sleep(first_s)
        while True:
            if may_speak() and await self.due():
                await learn_apart(*self.place)
            await self.clock.sleep(_LOOK_S)

    async def due(self) -> bool:
        """Whether no fit is younger than a day; a machine learnt by hand counts."""
        fits = await newest(self.sessions, self.place[1])
        youngest_ns = max((row.made_ns for row in fits), default=0)
        return self.clock.now().wall_ns - youngest_ns >= EVERY_S * _NS
