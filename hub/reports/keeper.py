"""Asks for what is due, and has one report after the other made: of every hub of a site, none twice."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from hub.database import Sessions
from hub.reports import book
from hub.reports.schedule import due, every_of
from hub.reports.settings import load_settings
from hub.reports.tables import ReportRow
from hub.reports.worker import make_apart
from protocols.clock import Clock
from protocols.config import Text
from protocols.errors import StoreError

_log = logging.getLogger(__name__)

LOOK_S: Final = 15.0
"""How often it is looked what is due. [s]"""

WORK_S: Final = 1.0
"""How often it is looked whether somebody asked. [s]"""

TRIM_S: Final = 3600.0
"""How often old reports are let go. [s]"""

_BEAT_S: Final = 15.0
_DAY_NS: Final = 86_400 * 1_000_000_000
_BALLOT_BYTES: Final = 8


class Keeper:
    """Of one process; any number may be."""

    def __init__(
        self, sessions: Sessions, place: tuple[Path, str], zone: Callable[[], ZoneInfo], clock: Clock
    ) -> None:
        self.ballot = secrets.token_hex(_BALLOT_BYTES)
        self._sessions = sessions
        self._state, self._site = place
        self._zone = zone
        self._clock = clock

    async def ask(self) -> None:
        """Ask for what is due until cancelled.

        Raises:
            SQLAlchemyError: The database cannot be asked; what is due stays due.
        """
        async for _ in self._clock.ticks(LOOK_S):
            await self.look()

    async def look(self) -> int:
        """Ask for what is due now; how many reports are new.

        Raises:
            SQLAlchemyError: As `ask`.
        """
        new, now_ns = 0, self._clock.now().wall_ns
        for row in await book.schedules(self._sessions, self._site):
            if not row.active:
                continue
            found = due(every_of(row.every), row.at_min, (row.looked_ns, now_ns), self._zone())
            if found:
                new += await book.put_due(self._sessions, row, found, now_ns)
        return new

    async def make(self) -> None:
        """Have reports made, one after the other, until cancelled.

        Raises:
            SQLAlchemyError: The database cannot be asked; what was begun is begun again.
            ConfigError: The settings of the reports have faults.
        """
        async for _ in self._clock.ticks(WORK_S):
            while await self.turn():
                pass

    async def turn(self) -> bool:
        """Have one report made; False where none waits.

        Raises:
            SQLAlchemyError: As `make`.
            ConfigError: As `make`.
        """
        row = await book.claim(self._sessions, self._site, self.ballot, self._clock.now().wall_ns)
        if row is None:
            return False
        _log.info("report %s: %s of %s, begun", row.id, row.kind, row.period)
        try:
            await self._made(row)
        except StoreError as error:
            _log.warning("report %s broke off, %d of %d: %s", row.id, row.tries, book.MOST_TRIES, error)
            en, zh = "the report could not be made: {0}", "报告生成中断：{0}"
            why = Text(en=en.format(error.args[0]), zh=zh.format(error.args[0]))
            await book.broke_off(self._sessions, row, why, self._clock.now().wall_ns)
        return True

    async def _made(self, row: ReportRow) -> None:
        """Watch over the process that makes it; it holds the report as long as it lives."""
        if row.tries > book.MOST_TRIES:
            raise StoreError("every process that made it died over it")
        settings = await asyncio.to_thread(load_settings, self._state)
        async with asyncio.TaskGroup() as group:
            beat = group.create_task(self._hold(row), name=f"hold:{row.id}")
            try:
                await make_apart(self._state, self._site, row, settings.limit_s)
            except StoreError as error:
                broken: StoreError | None = error
            else:
                broken = None
            beat.cancel()
        if broken is not None:
            raise broken

    async def _hold(self, row: ReportRow) -> None:
        async for _ in self._clock.ticks(_BEAT_S):
            await book.prolong(self._sessions, row.id, row.holder, self._clock.now().wall_ns)

    async def trim(self) -> None:
        """Let old reports go, once an hour, until cancelled.

        Raises:
            SQLAlchemyError: The database cannot be asked.
            ConfigError: The settings of the reports have faults.
        """
        async for _ in self._clock.ticks(TRIM_S):
            settings = await asyncio.to_thread(load_settings, self._state)
            before_ns = self._clock.now().wall_ns - settings.keep_days * _DAY_NS
            gone = await book.trim(self._sessions, self._site, before_ns)
            if gone:
                _log.info("%d reports were kept for %d days and go", gone, settings.keep_days)
