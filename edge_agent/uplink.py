"""The uplink: journal rows to the bus until the hub's database has them; live rows first.

A row is forgotten by the journal when the hub reports its own number as committed, never because the bus took
it. A row not covered `RESEND_S` after it was sent is sent again with the same message id, as long as the hub
is heard (else only every `RESEND_UNHEARD_S`); the hub's ranges make that harmless. When live rows pile up the
newest goes first; a pile above `MAX_LIVE` falls to the backlog.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from edge_agent.journal import Journal
from edge_agent.journal_rows import Entry, Kind
from protocols import subjects
from protocols.clock import Clock
from protocols.coverage import Coverage, decode_coverage
from protocols.errors import BusError, StoreError
from protocols.frame import Catalogue
from runtime.bus import publish_row
from runtime.supervise import guarded_decode, supervise

_log = logging.getLogger(__name__)

RESEND_S: Final = 10.0
"""A row that is not covered this long after it was sent is sent again, when the hub reports other rows."""

RESEND_UNHEARD_S: Final = 300.0
"""The same while the hub is silent: the stream holds the rows then, and copies would only fill it."""

MAX_LIVE: Final = 256
"""Fresh rows that may wait for the bus; older ones fall to the backlog, none is lost."""

_BACKLOG_ROWS_PER_S: Final = 100
_BACKLOG_ROUND_S: Final = 1.0
_PUBLISH_S: Final = 5.0
_RETRY_S: Final = 0.5


class Uplink:
    """Publishes rows; born before the bus is there, `run` once per connection object."""

    def __init__(self, edge: str, catalogues: Sequence[Catalogue], clock: Clock) -> None:
        self._edge = edge
        self._catalogues = tuple(catalogues)
        self._clock = clock
        self._live: deque[Entry] = deque(maxlen=MAX_LIVE)
        self._sent_s: dict[int, float] = {}
        self._fresh = asyncio.Event()
        self._connected = asyncio.Event()
        self._covered = asyncio.Event()
        self._heard_s = -math.inf

    def announce(self, entry: Entry) -> None:
        """A row was just committed: send it ahead of the backlog. Never waits."""
        self._live.append(entry)
        self._sent_s[entry.seq] = self._clock.mono_s()
        self._fresh.set()

    def on_bus(self, state: str) -> None:
        """The connection came (`up`) or went (`down`)."""
        if state == "up":
            self._connected.set()

    async def run(self, client: Client, journal: Journal) -> None:
        """Send until cancelled."""
        js = client.jetstream()
        await client.subscribe(subjects.coverage(self._edge), cb=partial(self._on_coverage, journal))
        self._connected.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise("catalogues", partial(self._send_catalogues, js)))
            tasks.create_task(supervise("uplink live", partial(self._send_live, client)))
            tasks.create_task(supervise("uplink backlog", partial(self._send_backlog, client, journal)))

    async def drained(self, journal: Journal, most_s: float) -> bool:
        """Wait until the hub has every row; False when `most_s` passed before."""
        try:
            async with asyncio.timeout(most_s):
                while await journal.pending():
                    self._covered.clear()
                    self._sent_s = {
                        seq: at for seq, at in self._sent_s.items() if at + 2.0 > self._clock.mono_s()
                    }
                    await self._covered_or(0.5)
        except TimeoutError:
            return False
        return True

    async def _covered_or(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._covered.wait()
        except TimeoutError:
            return

    async def _on_coverage(self, journal: Journal, message: Msg) -> None:
        coverage = guarded_decode(decode_coverage, message.data, "coverage")
        if coverage is None or coverage.edge != self._edge:
            return
        await self.cover(journal, coverage)

    async def cover(self, journal: Journal, coverage: Coverage) -> None:
        """Let the journal forget what is in the hub's database."""
        try:
            gone = await journal.cover(coverage)
        except StoreError as error:
            _log.warning("covered rows stay for now: %s", error)
            return
        for seq in gone:
            self._sent_s.pop(seq, None)
        self._heard_s = self._clock.mono_s()
        self._covered.set()

    async def _send_catalogues(self, js: JetStreamContext) -> None:
        while True:
            await self._connected.wait()
            self._connected.clear()
            for catalogue in self._catalogues:
                body, name = catalogue.encode(), catalogue.hash().hex()
                await self._publish_surely(js, subjects.catalogue(self._edge, name), body, f"cat:{name}")

    async def _publish_surely(self, js: JetStreamContext, subject: str, body: bytes, ident: str) -> None:
        # the id changes with each connection, else a stream that was emptied would not take it again
        ident = f"{ident}:{self._clock.mono_s():.0f}"
        while True:
            try:
                await publish_row(js, subject, body, ident, _PUBLISH_S)
            except BusError as error:
                _log.debug("again: %s", error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _send_live(self, client: Client) -> None:
        js = client.jetstream()
        while True:
            await self._fresh.wait()
            while self._live:
                if not client.is_connected:
                    await asyncio.sleep(_RETRY_S)
                    continue
                entry = self._live.pop()
                if not await self._send(js, entry):
                    await asyncio.sleep(_RETRY_S)
            self._fresh.clear()

    async def _send(self, js: JetStreamContext, entry: Entry) -> bool:
        subject = subjects.telemetry if entry.kind is Kind.TELEMETRY else subjects.receipts
        self._sent_s[entry.seq] = self._clock.mono_s()
        try:
            await publish_row(
                js,
                subject(self._edge, entry.journal),
                entry.body,
                subjects.message_id(entry.journal, entry.seq),
                _PUBLISH_S,
            )
        except BusError as error:
            _log.debug("row %d stays in the journal: %s", entry.seq, error)
            self._sent_s.pop(entry.seq, None)
            return False
        return True

    async def _send_backlog(self, client: Client, journal: Journal) -> None:
        while True:
            if client.is_connected:
                await self._send_round(client.jetstream(), journal)
            await asyncio.sleep(_BACKLOG_ROUND_S)

    async def _send_round(self, js: JetStreamContext, journal: Journal) -> None:
        after = 0
        while seqs := await journal.waiting(after):
            after = seqs[-1]
            for seq in seqs:
                entry = await journal.entry(seq) if self._due(seq) else None
                if entry is None:
                    continue
                if not await self._send(js, entry):
                    return
                await asyncio.sleep(1.0 / _BACKLOG_ROWS_PER_S)

    def _due(self, seq: int) -> bool:
        sent_s = self._sent_s.get(seq)
        if sent_s is None:
            return True
        heard = self._heard_s > sent_s + RESEND_S / 2
        return self._clock.mono_s() - sent_s >= (RESEND_S if heard else RESEND_UNHEARD_S)
