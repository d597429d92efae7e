"""The way of one kind of rows to the bus, over one connection: fresh rows ahead of those that wait for long.

Each of its two lanes sends in the order of seq. A fresh row that waited `LIVE_S` for its turn falls to the
other lane, so that what the hub sees as now is now. What was not answered goes there too, and the lane starts
again below it; it is capped, and yields to the fresh ones on a slow link.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nats.aio.client import Client

from edge_agent.journal import Journal
from edge_agent.journal_rows import Entry, Kind
from edge_agent.journal_store import MOST_WAITING
from edge_agent.lane import Lane
from protocols.clock import Clock
from protocols.errors import BusError
from runtime.supervise import Backoff, supervise

_log = logging.getLogger(__name__)

RESEND_S: Final = 10.0
"""A row that is not covered this long after it was sent is sent again, when the hub reports other rows."""

RESEND_UNHEARD_S: Final = 300.0
"""The same while the hub is silent: the stream holds the rows then, and copies would only fill it."""

LIVE_S: Final = 3.0
"""A row that waited longer for its turn is no longer fresh. [s]"""

BACKLOG_ROWS_PER_S: Final = 400
"""Most rows of a backlog in a second, so that the hub's database keeps room for live ones."""

_MOST_FRESH: Final = 64
_READ_BYTES: Final = 256_000
_PACE_ROWS: Final = 20
_ROUND_S: Final = 0.5
_RETRY_S: Final = 0.5
_MOST_WAIT_S: Final = 8.0

LANES: Final = {Kind.TELEMETRY: ("live", "backlog"), Kind.RECEIPT: ("receipt", "owed")}
"""Names of the lanes of fresh rows and of the others."""


@dataclass(frozen=True, slots=True)
class _Fresh:
    entry: Entry
    since_s: float


class Way:
    """Rows of one kind; `run` once per connection object."""

    def __init__(self, kind: Kind, edge: str, clock: Clock, heard_s: Callable[[], float]) -> None:
        """Send nothing yet.

        Args:
            kind: What it carries.
            edge: Id of the edge.
            clock: Of the agent.
            heard_s: When the hub was heard last, on the boot clock. [s]
        """
        self._kind = kind
        self._clock = clock
        self._heard_s = heard_s
        self._queue: deque[_Fresh] = deque()
        self._sent_s: dict[int, float] = {}
        self._after = 0
        self._changes = 1
        self._looked = 0
        self._scanned_s = -math.inf
        self._news = asyncio.Event()
        self.fresh, self.older = (Lane(name, edge, clock, self.fall_back) for name in LANES[kind])

    def announce(self, entry: Entry) -> None:
        """A row was just committed: send it ahead of those that wait. Never waits."""
        now_s = self._clock.mono_s()
        self._changes += 1
        self._queue.append(_Fresh(entry, now_s))
        self._sent_s[entry.seq] = now_s
        while len(self._queue) > _MOST_FRESH or now_s - self._queue[0].since_s > LIVE_S:
            self.fall_back([self._queue.popleft().entry.seq])
        self._news.set()

    def fall_back(self, seqs: Sequence[int]) -> None:
        """These rows are not on their way (any more): they wait."""
        for seq in seqs:
            self._sent_s.pop(seq, None)
            self._after = min(self._after, seq - 1)
            self._changes += 1

    def fall_back_older(self, than_s: float) -> None:
        """The same for what was sent before an instant of the boot clock and is not covered."""
        self.fall_back([seq for seq, sent_s in self._sent_s.items() if sent_s < than_s])

    def forget(self, seqs: Iterable[int]) -> None:
        """These rows are at the hub."""
        for seq in seqs:
            self._sent_s.pop(seq, None)

    def give_up(self) -> None:
        """The connection came or went: nothing is on its way."""
        self.fresh.give_up()
        self.older.give_up()

    async def run(self, client: Client, journal: Journal) -> None:
        """Send until cancelled."""
        await self.fresh.open(client)
        await self.older.open(client)
        name = f"uplink {self.fresh.name}"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise(name, partial(self._send_fresh, client)))
            tasks.create_task(supervise(f"uplink {self.older.name}", partial(self._send, client, journal)))

    async def _send_fresh(self, client: Client) -> None:
        while True:
            if self._queue or self.fresh.on_their_way or not client.is_connected:
                await set_within(self._news, _RETRY_S)
            else:
                await self._news.wait()
            self._news.clear()
            try:
                self.fresh.check()
                while self._queue and client.is_connected:
                    await self._send_first()
            except BusError as error:
                _log.debug("fresh rows stay in the journal for now: %s", error)

    async def _send_first(self) -> None:
        row = self._queue.popleft()
        if self._clock.mono_s() - row.since_s > LIVE_S:
            self.fall_back([row.entry.seq])
            return
        await self._put(self.fresh, row.entry)

    async def _put(self, lane: Lane, entry: Entry) -> None:
        self._sent_s[entry.seq] = self._clock.mono_s()
        try:
            await lane.put(entry)
        except BusError:
            self.fall_back([entry.seq])
            raise

    async def _send(self, client: Client, journal: Journal) -> None:
        backoff, failures = Backoff(_ROUND_S, _MOST_WAIT_S), 0
        while True:
            try:
                if client.is_connected:
                    await self._send_round(journal)
                failures = 0
            except BusError as error:
                failures += 1
                _log.debug("older rows stay in the journal for now: %s", error)
            await asyncio.sleep(backoff.delay_s(max(failures, 1)))

    async def _send_round(self, journal: Journal) -> None:
        """Send what is due above the place reached; from the start again when copies may be due.

        The journal is asked where rows came or fell back since it was: each question wakes its thread.
        """
        now_s = self._clock.mono_s()
        if now_s - self._scanned_s >= (RESEND_S if self._hub_is_heard() else RESEND_UNHEARD_S) / 2:
            self._after, self._scanned_s, self._looked = 0, now_s, 0
            first = next(iter(await journal.waiting(0, self._kind)), None)  # below: covered or given up
            self._sent_s = {seq: at for seq, at in self._sent_s.items() if first is not None and seq >= first}
        while self._looked != (changes := self._changes):
            reached = self._after
            seqs = await journal.waiting(reached, self._kind)
            if seqs and self._after == reached:  # else rows fell back meanwhile, and it starts below them
                self._after = seqs[-1]
            await self._send_due(journal, [seq for seq in seqs if self._due(seq)])
            if len(seqs) < MOST_WAITING:
                self._looked = changes
        await self.older.settled()

    async def _send_due(self, journal: Journal, due: list[int]) -> None:
        while due:
            entries = await journal.entries(due[:_PACE_ROWS], _READ_BYTES)
            for entry in entries:
                await self._put(self.older, entry)
            last = entries[-1].seq if entries else due[:_PACE_ROWS][-1]
            due = [seq for seq in due if seq > last]
            await asyncio.sleep(len(entries) / BACKLOG_ROWS_PER_S)

    def _hub_is_heard(self) -> bool:
        return self._clock.mono_s() - self._heard_s() < RESEND_S

    def _due(self, seq: int) -> bool:
        sent_s = self._sent_s.get(seq)
        if sent_s is None:
            return True
        heard = self._heard_s() > sent_s + RESEND_S / 2
        return self._clock.mono_s() - sent_s >= (RESEND_S if heard else RESEND_UNHEARD_S)


async def set_within(event: asyncio.Event, most_s: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        return
