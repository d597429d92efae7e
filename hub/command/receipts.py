"""Receipts from the series store into the ledger: by row id, each once, cursor and move in one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from hub.ledger import book
from hub.ledger.book import Moved
from protocols.clock import Clock

_LOOK_S: Final = 1.0
_CLOSE_S: Final = 5.0


class ReceiptRow(Protocol):
    """A receipt as the store keeps it."""

    @property
    def rowid(self) -> int:
        """Counts up in order of arrival."""
        ...

    @property
    def body(self) -> bytes:
        """As it came."""
        ...


class ReceiptSource(Protocol):
    """Where receipts are read."""

    def receipts(self, after_rowid: int, limit: int = 1000) -> Sequence[ReceiptRow]:
        """Receipts after a row id, in order."""
        ...


class ReceiptIntake:
    """Moves the ledger; a crash between reading and committing reads the same rows again."""

    def __init__(self, site: str, sessions: book.Sessions, source: ReceiptSource, clock: Clock) -> None:
        self._site = site
        self._sessions = sessions
        self._source = source
        self._clock = clock
        self._closed_s = clock.mono_s()
        self._nudged = asyncio.Event()
        self._after: int | None = None

    async def take(self) -> list[Moved]:
        """Take in what is new, and close what nobody answered.

        Raises:
            StoreError: The series store cannot be read now.
        """
        if self._after is None:
            self._after = await book.cursor(self._sessions, self._site)
        rows = await asyncio.to_thread(self._source.receipts, self._after)
        moves: list[Moved] = []
        if rows:
            moves = await book.take_receipts(
                self._sessions, self._site, [(row.rowid, row.body) for row in rows]
            )
            self._after = rows[-1].rowid  # where another hub went further, its cursor passes over the rest
        elif self._clock.mono_s() - self._closed_s > _CLOSE_S:
            self._closed_s = self._clock.mono_s()
            await book.close_unanswered(self._sessions, self._site, self._clock.now().wall_ns)
        return moves

    def nudge(self) -> None:
        """Something may be there."""
        self._nudged.set()

    async def pause(self) -> None:
        """Wait for a nudge, at most a second."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._nudged.wait()
        except TimeoutError:
            return
        self._nudged.clear()
