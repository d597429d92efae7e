"""The uplink: journal rows to the bus until the hub's database has them; live rows first.

Three lanes share the connection, each in the order of seq: receipts and events, live telemetry, and the
backlog beside them, which yields to the others on a slow link and is capped on a fast one. A live row older
than `LIVE_S` falls to the backlog, so that what the hub sees as now is now.

A row is forgotten by the journal when the hub reports its own number as committed, never because the bus took
it. A row not covered `RESEND_S` after it was sent is sent again with the same message id, as long as the hub
is heard (else only every `RESEND_UNHEARD_S`); the hub's ranges make that harmless.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from edge_agent.journal import BUNDLE_S, Journal
from edge_agent.journal_rows import Entry, Kind
from edge_agent.lane import Lane
from protocols import subjects
from protocols.clock import Clock
from protocols.coverage import Coverage, decode_coverage, decode_mark, is_mark
from protocols.errors import BusError, StoreError
from protocols.frame import Catalogue
from protocols.trouble import Trouble, TroubleCode
from runtime.bus import publish_row
from runtime.supervise import Backoff, guarded_decode, supervise

_log = logging.getLogger(__name__)

RESEND_S: Final = 10.0
"""A row that is not covered this long after it was sent is sent again, when the hub reports other rows."""

RESEND_UNHEARD_S: Final = 300.0
"""The same while the hub is silent: the stream holds the rows then, and copies would only fill it."""

LIVE_S: Final = 3.0
"""A row that waited longer for its turn is no longer live. [s]"""

BACKLOG_ROWS_PER_S: Final = 400
"""Most rows of the backlog in a second, so that the hub's database keeps room for live ones."""

SLOW_ANSWER_S: Final = 1.0
"""A bus that takes longer to answer hangs on a slow link: bundles are then closed half as often. [s]"""

_MOST_LIVE: Final = 64
_READ_BYTES: Final = 256_000
_PACE_ROWS: Final = 20
_ROUND_S: Final = 0.5
_PUBLISH_S: Final = 5.0
_RETRY_S: Final = 0.5
_MOST_WAIT_S: Final = 8.0
_REFUSED_S: Final = 20.0
_DRAIN_RESEND_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Fresh:
    entry: Entry
    since_s: float


class Uplink:
    """Publishes rows; born before the bus is there, `run` once per connection object."""

    def __init__(self, edge: str, catalogues: Sequence[Catalogue], clock: Clock) -> None:
        self._edge = edge
        self._catalogues = tuple(catalogues)
        self._clock = clock
        self._live: deque[_Fresh] = deque()
        self._receipts: deque[_Fresh] = deque()
        self._sent_s: dict[int, float] = {}
        self._after = 0
        self._scanned_s = -math.inf
        self._fresh = {Kind.TELEMETRY: asyncio.Event(), Kind.RECEIPT: asyncio.Event()}
        self._connected = asyncio.Event()
        self._covered = asyncio.Event()
        self._heard_s = -math.inf
        names = ("receipt", "live", "backlog")
        self.lanes = {name: Lane(name, edge, clock, self._fall_back) for name in names}

    def announce(self, entry: Entry) -> None:
        """A row was just committed: send it ahead of the backlog. Never waits."""
        lane = self._live if entry.kind is Kind.TELEMETRY else self._receipts
        now_s = self._clock.mono_s()
        lane.append(_Fresh(entry, now_s))
        self._sent_s[entry.seq] = now_s
        while len(lane) > _MOST_LIVE or now_s - lane[0].since_s > LIVE_S:
            self._fall_back([lane.popleft().entry.seq])
        self._fresh[entry.kind].set()

    @property
    def slow(self) -> bool:
        """Whether the link is a slow one, by how long the bus takes to answer."""
        return self.lanes["live"].took_s > SLOW_ANSWER_S

    @property
    def troubles(self) -> list[Trouble]:
        """The bus refused a row lately: its stream is full or gone; it is asked again every 8 s at least."""
        words, at_s = max((lane.refused for lane in self.lanes.values()), key=lambda refused: refused[1])
        if self._clock.mono_s() - at_s > _REFUSED_S:
            return []
        told = f"the bus takes no samples ({words}); they stay in the journal"
        return [Trouble(TroubleCode.BUS_REFUSES, told)]

    def on_bus(self, state: str) -> None:
        """The connection came (`up`) or went (`down`)."""
        for lane in self.lanes.values():
            lane.give_up()
        if state == "up":
            self._connected.set()

    async def run(self, client: Client, journal: Journal) -> None:
        """Send until cancelled."""
        js = client.jetstream()
        await client.subscribe(subjects.coverage(self._edge), cb=partial(self._on_coverage, journal))
        for lane in self.lanes.values():
            await lane.open(client)
        self._connected.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise("catalogues", partial(self._send_catalogues, js)))
            tasks.create_task(supervise("uplink receipts", partial(self._send_fresh, client, Kind.RECEIPT)))
            tasks.create_task(supervise("uplink live", partial(self._send_fresh, client, Kind.TELEMETRY)))
            tasks.create_task(supervise("uplink backlog", partial(self._send_backlog, client, journal)))

    def _fall_back(self, seqs: Sequence[int]) -> None:
        """These rows are not on their way (any more): the backlog takes them."""
        for seq in seqs:
            self._sent_s.pop(seq, None)
            self._after = min(self._after, seq - 1)

    async def drained(self, journal: Journal, most_s: float) -> bool:
        """Wait until the hub has every row; False when `most_s` passed before."""
        try:
            async with asyncio.timeout(most_s):
                while await journal.pending():
                    self._covered.clear()
                    old_s = self._clock.mono_s() - _DRAIN_RESEND_S
                    self._fall_back([seq for seq, sent_s in self._sent_s.items() if sent_s < old_s])
                    await self._covered_or(0.5)
        except TimeoutError:
            return False
        return True

    async def _covered_or(self, most_s: float) -> None:
        await _set_within(self._covered, most_s)

    async def _on_coverage(self, journal: Journal, message: Msg) -> None:
        if is_mark(message.data):
            await self._on_mark(journal, message)
            return
        coverage = guarded_decode(decode_coverage, message.data, "coverage")
        if coverage is None or coverage.edge != self._edge:
            return
        await self.cover(journal, coverage)

    async def _on_mark(self, journal: Journal, message: Msg) -> None:
        mark = guarded_decode(decode_mark, message.data, "mark")
        if mark is None or mark.edge != self._edge:
            return
        try:
            lost = await journal.mark(mark)
        except StoreError as error:
            _log.warning("a mark of the hub is not taken for now: %s", error)
            return
        self._fall_back(lost)
        self._heard_s = self._clock.mono_s()

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

    async def _send_fresh(self, client: Client, kind: Kind) -> None:
        lane = self.lanes["live" if kind is Kind.TELEMETRY else "receipt"]
        queue = self._live if kind is Kind.TELEMETRY else self._receipts
        fresh = self._fresh[kind]
        while True:
            if queue or lane.on_their_way or not client.is_connected:
                await _set_within(fresh, _RETRY_S)
            else:
                await fresh.wait()
            fresh.clear()
            try:
                lane.check()
                while queue and client.is_connected:
                    await self._send_first(lane, queue)
            except BusError as error:
                _log.debug("fresh rows stay in the journal for now: %s", error)

    async def _send_first(self, lane: Lane, queue: deque[_Fresh]) -> None:
        row = queue.popleft()
        if self._clock.mono_s() - row.since_s > LIVE_S:
            self._fall_back([row.entry.seq])
            return
        await self._put(lane, row.entry)

    async def _put(self, lane: Lane, entry: Entry) -> None:
        self._sent_s[entry.seq] = self._clock.mono_s()
        try:
            await lane.put(entry)
        except BusError:
            self._fall_back([entry.seq])
            raise

    async def _send_backlog(self, client: Client, journal: Journal) -> None:
        backoff, failures = Backoff(_ROUND_S, _MOST_WAIT_S), 0
        while True:
            try:
                if client.is_connected:
                    await self._send_round(journal)
                failures = 0
            except BusError as error:
                failures += 1
                _log.debug("the backlog stays in the journal for now: %s", error)
            journal.bundle_s = 2 * BUNDLE_S if self.slow else BUNDLE_S
            await asyncio.sleep(backoff.delay_s(max(failures, 1)))

    async def _send_round(self, journal: Journal) -> None:
        """Send what is due above the place reached; from the start again when copies may be due."""
        now_s = self._clock.mono_s()
        if now_s - self._scanned_s >= (RESEND_S if self._hub_is_heard() else RESEND_UNHEARD_S) / 2:
            self._after, self._scanned_s = 0, now_s
            first = next(iter(await journal.waiting(0)), None)  # what is below was covered or given up
            self._sent_s = {seq: at for seq, at in self._sent_s.items() if first is not None and seq >= first}
        reached = self._after
        while seqs := await journal.waiting(reached):
            if self._after == reached:  # else rows fell back meanwhile, and it starts below them
                self._after = seqs[-1]
            await self._send_due(journal, [seq for seq in seqs if self._due(seq)])
            reached = self._after
        await self.lanes["backlog"].settled()

    async def _send_due(self, journal: Journal, due: list[int]) -> None:
        while due:
            entries = await journal.entries(due[:_PACE_ROWS], _READ_BYTES)
            for entry in entries:
                await self._put(self.lanes["backlog"], entry)
            last = entries[-1].seq if entries else due[:_PACE_ROWS][-1]
            due = [seq for seq in due if seq > last]
            await asyncio.sleep(len(entries) / BACKLOG_ROWS_PER_S)

    def _hub_is_heard(self) -> bool:
        return self._clock.mono_s() - self._heard_s < RESEND_S

    def _due(self, seq: int) -> bool:
        sent_s = self._sent_s.get(seq)
        if sent_s is None:
            return True
        heard = self._heard_s > sent_s + RESEND_S / 2
        return self._clock.mono_s() - sent_s >= (RESEND_S if heard else RESEND_UNHEARD_S)


async def _set_within(event: asyncio.Event, most_s: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(most_s):
            await event.wait()
    except TimeoutError:
        return
