"""Brings wanted configurations to the edges and takes in what became of them; holds no key.

A version is sent again until its edge reports, so nothing on the way need keep it: every few seconds, or as
seldom as leaves a slow link room for set-points; at once to an agent that has just been started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from nats.aio.client import Client

from hub.database import Sessions
from hub.registry import desired
from protocols.clock import Clock
from protocols.configuration import decode_configuration_report
from protocols.heartbeat import Heartbeat, decode_heartbeat
from protocols.subjects import configuration
from runtime.supervise import guarded_decode

EVERY_S: Final = 2.0
"""How often wishes are looked at and reports are looked for. [s]"""

MOST_BYTE_S: Final = 2_000.0
"""Bytes a second that copies of one version take at most: a quarter of 64 kbit/s. [B/s]"""


class ReportRow(Protocol):
    """A report as the store keeps it."""

    @property
    def rowid(self) -> int:
        """Counts up in order of arrival."""
        ...

    @property
    def body(self) -> bytes:
        """As it came."""
        ...


class BeatRow(Protocol):
    """The newest heartbeat of an edge as the store keeps it."""

    @property
    def received_ns(self) -> int:
        """Wall clock of the hub. [ns]."""
        ...

    @property
    def body(self) -> bytes:
        """As it came."""
        ...


class ReportSource(Protocol):
    """Where reports and heartbeats are read; called in a thread."""

    def configured(self, after_rowid: int) -> Sequence[ReportRow]:
        """Reports after a row id, in order."""
        ...

    def heartbeats(self) -> Sequence[BeatRow]:
        """The newest heartbeat of each edge."""
        ...


class Delivery:
    """Of all edges of a site."""

    def __init__(
        self, bus: Client, sessions: Sessions, source: ReportSource, site: str, clock: Clock
    ) -> None:
        self._bus = bus
        self._sessions = sessions
        self._source = source
        self._site = site
        self._clock = clock
        self._known: dict[str, tuple[object, ...]] = {}
        self._sent: dict[str, tuple[bytes, float]] = {}

    async def run(self) -> None:
        """Send and take in until cancelled; raises when the bus or a database fails, and can be run again."""
        async for _ in self._clock.ticks(EVERY_S):
            await self.take_in()
            for edge, envelope in await desired.wanted(self._sessions, self._site):
                if self._is_due(edge, envelope):
                    await self._bus.publish(configuration(edge), envelope)
                    self._sent[edge] = envelope, self._clock.mono_s()

    def _is_due(self, edge: str, envelope: bytes) -> bool:
        sent, at_s = self._sent.get(edge, (b"", 0.0))
        return envelope != sent or self._clock.mono_s() - at_s >= len(envelope) / MOST_BYTE_S

    async def take_in(self) -> None:
        """Take in what came since the last time.

        Raises:
            StoreError: The series store cannot be read now.
        """
        after = await desired.cursor(self._sessions, self._site)
        rows = await asyncio.to_thread(self._source.configured, after)
        if rows:
            reports = [
                (row.rowid, guarded_decode(decode_configuration_report, row.body, "configuration report"))
                for row in rows
            ]
            await desired.take_reports(self._sessions, self._site, reports)
        await self._take_beats()

    async def _take_beats(self) -> None:
        changed: list[tuple[int, Heartbeat]] = []
        for row in await asyncio.to_thread(self._source.heartbeats):
            beat = guarded_decode(decode_heartbeat, row.body, "heartbeat")
            if beat is None or beat.site != self._site:
                continue
            versions = (beat.config_version, beat.config_trial, beat.config_seen)
            now = (beat.agent_epoch, *versions, beat.config_digest, *beat.config_edited)
            known = self._known.get(beat.edge)
            if known != now:
                if known is None or known[0] != beat.agent_epoch:
                    self._sent.pop(beat.edge, None)
                self._known[beat.edge] = now
                changed.append((row.received_ns, beat))
        if changed:
            await desired.note_reported(self._sessions, self._site, changed)
