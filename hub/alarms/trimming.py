"""Lets go of what the alarm journal has kept for long enough, some rows at a time.

Lines older than `keep_days` of the site's `alarms.yaml` go, with them acts that are done and messages that
are no longer due. States stay: what stands, stands, however long.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from sqlalchemy import CursorResult, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from hub.alarms.tables import AlarmActRow, AlarmLineRow, AlarmNoticeRow
from hub.alarms.watch import Watch
from hub.database import Sessions
from protocols.clock import Clock

_log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
"""How often it is looked whether something is old enough. [s]"""

PORTION: Final = 2000
"""Rows of one transaction: the watch commits beside it and waits for no more than these."""

_DAY_NS: Final = 86_400 * 1_000_000_000


class Trimmer:
    """Of the process that watches."""

    def __init__(self, place: tuple[Sessions, str], watch: Watch, clock: Clock) -> None:
        self._sessions, self._site = place
        self._watch = watch
        self._clock = clock

    async def run(self) -> None:
        """Trim once an hour until cancelled.

        Raises:
            SQLAlchemyError: The database cannot be asked; nothing is half done.
        """
        async for _ in self._clock.ticks(EVERY_S):
            if self._watch.watching:
                await self.turn()

    async def turn(self) -> int:
        """Let go of all that is old enough now; how many lines of the journal that were.

        Raises:
            SQLAlchemyError: As `run`.
        """
        before_ns = self._clock.now().wall_ns - self._watch.keep_days * _DAY_NS
        lines = await self._trim(AlarmLineRow.number, AlarmLineRow.time_ns, before_ns)
        await self._trim(AlarmNoticeRow.number, AlarmNoticeRow.done_ns, before_ns)
        await self._trim(AlarmActRow.number, AlarmActRow.done_ns, before_ns)
        if lines:
            _log.info(
                "%d lines of the alarm journal were kept for %d days and go", lines, self._watch.keep_days
            )
        return lines

    async def _trim(
        self,
        number: InstrumentedAttribute[int],
        when_ns: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
        before_ns: int,
    ) -> int:
        """Rows of a table whose time lies before; what has no time yet stays."""
        table: Any = number.class_
        old = select(number).where(table.site == self._site, when_ns < before_ns).limit(PORTION)
        gone = 0
        while True:
            async with self._sessions.begin() as session:
                found = list((await session.execute(old)).scalars())
                if found:
                    result = await session.execute(delete(table).where(number.in_(found)))
                    gone += result.rowcount if isinstance(result, CursorResult) else 0
            if len(found) < PORTION:
                return gone
