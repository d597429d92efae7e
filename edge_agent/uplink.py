"""The uplink: journal rows to the bus until the hub's database has them; receipts and live rows first.

Telemetry goes over the connection of the samples, receipts and events over that of the commands (ADR 0039):
no sample stands before the answer to a set-point. Each has a way of its own (`uplink_way.py`): fresh rows,
and beside them those that wait.

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
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from edge_agent.journal import BUNDLE_S, Journal
from edge_agent.journal_rows import Entry, Kind
from edge_agent.lane import NO_STREAM
from edge_agent.uplink_way import Way, set_within
from protocols import subjects
from protocols.clock import Clock
from protocols.coverage import Coverage, decode_coverage, decode_mark, is_mark
from protocols.errors import BusError, StoreError
from protocols.frame import Catalogue
from protocols.trouble import BUS_REFUSES, Trouble, TroubleCode
from runtime.bus import publish_row
from runtime.supervise import guarded_decode, supervise

_log = logging.getLogger(__name__)

SLOW_ANSWER_S: Final = 1.0
"""A bus that takes longer to answer hangs on a slow link: bundles are then closed half as often. [s]"""

_CATALOGUES_AT_ONCE: Final = 4
_NAMED_S: Final = 1.0
"""Rows wait so long for the first catalogues: the hub puts off those it cannot name yet. [s]"""

_LOOK_S: Final = 0.5
_PUBLISH_S: Final = 5.0
_RETRY_S: Final = 0.5
_REFUSED_S: Final = 20.0
_LASTING_S: Final = 5.0
_UNMADE_S: Final = 30.0
_DRAIN_RESEND_S: Final = 2.0


class Uplink:
    """Publishes rows; born before the bus is there, `run` and `run_receipts` once per connection object."""

    def __init__(self, edge: str, catalogues: Sequence[Catalogue], clock: Clock) -> None:
        self._edge = edge
        self._catalogues = tuple(catalogues)
        self._clock = clock
        self._connected = asyncio.Event()
        self._named = asyncio.Event()
        self._covered = asyncio.Event()
        self._heard_s = -math.inf
        self._ways = {kind: Way(kind, edge, clock, lambda: self._heard_s) for kind in Kind}
        ways = (self._ways[Kind.RECEIPT], self._ways[Kind.TELEMETRY])
        self.lanes = {lane.name: lane for way in ways for lane in (way.fresh, way.older)}

    async def name_rows(self, journal: Journal) -> None:
        """Keep the catalogues beside the rows; those of earlier starts whose rows wait are sent as well.

        Raises:
            StoreError: The disk refused.
        """
        self._catalogues = (*self._catalogues, *await journal.name_rows(self._catalogues))

    def announce(self, entry: Entry) -> None:
        """A row was just committed: send it ahead of those that wait. Never waits."""
        self._ways[entry.kind].announce(entry)

    @property
    def slow(self) -> bool:
        """Whether the link is a slow one, by how long the bus takes to answer."""
        return self.lanes["live"].took_s > SLOW_ANSWER_S

    @property
    def troubles(self) -> list[Trouble]:
        """The bus refuses rows for some seconds and took none since: its stream is full or gone.

        A stream that is just being made, at the first start of a hub, is nobody's trouble.
        """
        now_s, refused = self._clock.mono_s(), [lane.refused for lane in self.lanes.values()]
        lasting = [
            one
            for one in refused
            if now_s - one.since_s >= (_UNMADE_S if one.words == NO_STREAM else _LASTING_S)
            and now_s - one.at_s <= _REFUSED_S
        ]
        if not lasting:
            return []
        words = max(lasting, key=lambda one: one.at_s).words
        return [Trouble(TroubleCode.BUS_REFUSES, BUS_REFUSES.say(why=words))]

    def on_bus(self, state: str) -> None:
        """The connection of the samples came (`up`) or went (`down`)."""
        self._ways[Kind.TELEMETRY].give_up()
        if state == "up":
            self._connected.set()

    def on_command_bus(self, _state: str) -> None:
        """The connection of the commands came or went."""
        self._ways[Kind.RECEIPT].give_up()

    async def run(self, client: Client, journal: Journal) -> None:
        """Send catalogues and telemetry, and hear what the hub has, until cancelled."""
        js = client.jetstream()
        await client.subscribe(subjects.coverage(self._edge), cb=partial(self._on_coverage, journal))
        self._connected.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(supervise("catalogues", partial(self._send_catalogues, js)))
            await set_within(self._named, _NAMED_S)
            tasks.create_task(self._ways[Kind.TELEMETRY].run(client, journal))
            tasks.create_task(self._pace(journal))

    async def run_receipts(self, client: Client, journal: Journal) -> None:
        """Send receipts and events until cancelled."""
        await self._ways[Kind.RECEIPT].run(client, journal)

    async def _pace(self, journal: Journal) -> None:
        async for _ in self._clock.ticks(_LOOK_S):
            journal.bundle_s = 2 * BUNDLE_S if self.slow else BUNDLE_S

    async def drained(self, journal: Journal, most_s: float) -> bool:
        """Wait until the hub has every row; False when `most_s` passed before."""
        try:
            async with asyncio.timeout(most_s):
                while await journal.pending():
                    self._covered.clear()
                    for way in self._ways.values():
                        way.fall_back_older(self._clock.mono_s() - _DRAIN_RESEND_S)
                    await set_within(self._covered, _LOOK_S)
        except TimeoutError:
            return False
        return True

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
        for way in self._ways.values():
            way.fall_back(lost)
        self._heard_s = self._clock.mono_s()

    async def cover(self, journal: Journal, coverage: Coverage) -> None:
        """Let the journal forget what is in the hub's database."""
        try:
            gone = await journal.cover(coverage)
        except StoreError as error:
            _log.warning("covered rows stay for now: %s", error)
            return
        for way in self._ways.values():
            way.forget(gone)
        self._heard_s = self._clock.mono_s()
        self._covered.set()

    async def _send_catalogues(self, js: JetStreamContext) -> None:
        while True:
            await self._connected.wait()
            self._connected.clear()
            waiting = deque(self._catalogues)
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_CATALOGUES_AT_ONCE):
                    tasks.create_task(self._send_waiting(js, waiting))
            self._named.set()

    async def _send_waiting(self, js: JetStreamContext, waiting: deque[Catalogue]) -> None:
        while waiting:
            catalogue = waiting.popleft()
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
