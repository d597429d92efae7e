"""Tells the edges how far the newest backup reaches, and what the hub has: what it lost comes again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from nats.aio.client import Client

from hub.backup.marks import marks
from hub.database import Sessions
from protocols.clock import Clock
from protocols.coverage import Mark
from protocols.heartbeat import decode_heartbeat
from protocols.subjects import coverage
from runtime.supervise import guarded_decode

EVERY_S: Final = 30.0
"""How often the edges are told; one that was restored asks for what it lost after two times. [s]"""


class Beat(Protocol):
    """The newest heartbeat of an edge as the store keeps it."""

    @property
    def body(self) -> bytes:
        """As it came."""
        ...


class RangeSource(Protocol):
    """Where committed ranges are read; called in a thread."""

    def ranges(self, edge: str, journal: str) -> list[tuple[int, int]]:
        """Rows of a journal that are in the store."""
        ...

    def heartbeats(self) -> Sequence[Beat]:
        """The newest heartbeat of each edge."""
        ...


class Telling:
    """Of all edges of a site."""

    def __init__(self, bus: Client, sessions: Sessions, source: RangeSource, site: str, clock: Clock) -> None:
        self._bus = bus
        self._sessions = sessions
        self._source = source
        self._site = site
        self._clock = clock

    async def run(self) -> None:
        """Tell until cancelled; raises when the bus or a database fails, and can be run again."""
        async for _ in self._clock.ticks(EVERY_S):
            await self.tell()

    async def tell(self) -> None:
        """Tell each edge of each journal that is in a backup or in use.

        Raises:
            StoreError: The series store cannot be read now.
        """
        known = {(one.edge, one.journal): one.ranges for one in await marks(self._sessions, self._site)}
        wanted = {**dict.fromkeys(await self._in_use()), **known}
        for (edge, journal), marked in wanted.items():
            covered = await asyncio.to_thread(self._source.ranges, edge, journal)
            message = Mark(edge, journal, tuple(covered), marked)
            await self._bus.publish(coverage(edge), message.encode())

    async def _in_use(self) -> list[tuple[str, str]]:
        rows = await asyncio.to_thread(self._source.heartbeats)
        beats = [guarded_decode(decode_heartbeat, row.body, "heartbeat") for row in rows]
        return [
            (one.edge, one.journal)
            for one in beats
            if one is not None and one.journal and one.site == self._site
        ]
