"""The way of a bundle from the bus into the store: pull by partition, decode, commit, acknowledge, tell.

A message is acknowledged only after its commit, so a kill at any moment loses nothing; what comes again is
known by the committed ranges, so nothing is doubled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from hub.ingest.clocks import Clocks
from hub.ingest.decode import Origin, fits, origin_of, rejected, row_of
from hub.ingest.news import News
from hub.ingest.shift import Place
from hub.store.port import Received, SeriesStore
from protocols.frame import Catalogue, decode_catalogue
from protocols.subjects import STREAM_CATALOGUE, STREAM_SUBJECTS, STREAM_TELEMETRY, as_sent, partition
from protocols.subjects import catalogue as catalogue_subject
from runtime.bus import ensure_streams
from runtime.supervise import guarded_decode, heeding, stand_to_cancellation

_log = logging.getLogger(__name__)

_OLD_CONSUMER: Final = "ingest"
"""Consumer of the version that had no partitions."""

_BATCH: Final = 512
_FETCH_BYTES: Final = 200_000
_WAITING: Final = 2
"""Groups that wait for the commit before them; with `_FETCH_BYTES` a bound of what is in memory."""

_GROUP_S: Final = 0.03
_RECEIPT_GROUP_S: Final = 0.002
"""Receipts are waited for by people: they only take along what is there already. [s]"""
_IDLE_S: Final = 1.0
_ACK_WAIT_S: Final = 5.0
_MISSING_WAIT_S: Final = 1.0
_MOST_TRIES: Final = 120


class Intake:
    """Takes telemetry and receipts of the edges in the partitions it is given."""

    def __init__(self, place: Place, store: SeriesStore, news: News, clocks: Clocks) -> None:
        self._js: JetStreamContext = place.bus.jetstream()
        self._replicas = place.replicas
        self._store = store
        self._site = place.site
        self._news = news
        self._clocks = clocks
        self._groups: asyncio.Queue[list[Msg]] = asyncio.Queue(_WAITING)
        self._opening = asyncio.Lock()
        self._streams_there = False

    async def take_in(self, part: int) -> None:
        """Fetch the rows of a part until cancelled; raises when the bus fails, and can be run again."""
        try:
            async with self._opening:  # one after the other: the streams are looked at once for all parts
                if not self._streams_there:
                    await ensure_streams(self._js, self._replicas)
                    await self._forget_old_consumer()
                    self._streams_there = True
                consumer = await self._consumer(part)
            for note in await self._news.with_store(self._store.clock_notes):
                self._clocks.learn(note)  # another worker may have heard it
            await self._fetch(consumer)
        finally:
            self._streams_there = False  # a bus may come back without them

    async def _fetch(self, consumer: str) -> None:
        """Hand groups of messages to the commit until cancelled."""
        pull = await self._js.pull_subscribe_bind(consumer=consumer, stream=STREAM_TELEMETRY)
        most = _BATCH
        try:
            while True:
                messages = await _next_group(pull, most)
                stand_to_cancellation()
                if messages:
                    size = sum(len(message.data) for message in messages) // len(messages)
                    most = min(max(_FETCH_BYTES // max(size, 1), 8), _BATCH)
                    await self._groups.put(messages)
        finally:
            await pull.unsubscribe()

    async def commit(self) -> None:
        """Commit what was fetched until cancelled; raises when the store fails, and can be run again.

        Groups of several parts that wait already go into one commit; what a failed commit held comes again.
        """
        while True:
            messages = await self._groups.get()
            while not self._groups.empty() and len(messages) < _BATCH:
                messages = messages + self._groups.get_nowait()
            await self._take(messages)
            stand_to_cancellation()

    async def _forget_old_consumer(self) -> None:
        """Take the consumer of all away: a row belongs to one consumer of this stream."""
        with contextlib.suppress(NotFoundError):
            await self._js.delete_consumer(STREAM_TELEMETRY, _OLD_CONSUMER)

    async def _consumer(self, part: int) -> str:
        name = f"ingest_{part}"
        filters = [partition(part - 1)] if part else list(STREAM_SUBJECTS[STREAM_TELEMETRY])
        config = ConsumerConfig(
            durable_name=name, filter_subjects=filters, ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_WAIT_S,
            max_ack_pending=4 * _BATCH,
        )  # fmt: skip
        await self._js.add_consumer(STREAM_TELEMETRY, config)
        return name

    async def _take(self, messages: Sequence[Msg]) -> None:
        rows: list[Received] = []
        ready: list[Msg] = []
        for message in messages:
            origin = origin_of(message.subject, (message.headers or {}).get("Nats-Msg-Id"))
            if origin is None:
                _log.warning("a message on %s without a journal id; dropped", message.subject)
                await message.term()
                continue
            row = await self._row(origin, message)
            if row is None:
                await message.nak(delay=_MISSING_WAIT_S)
                continue
            rows.append(row)
            ready.append(message)
        if not rows:
            return
        coverage = await self._news.with_store(lambda: self._store.append(rows))
        for message in ready:
            await message.ack()
        await self._news.tell(rows, coverage)

    async def _row(self, origin: Origin, message: Msg) -> Received | None:
        """The row of a message; None while a catalogue it names has not arrived."""
        row = row_of(origin, message.data)
        if row.note is not None:
            self._clocks.learn(row.note)
        for frame in row.frames:
            catalogue = await self._catalogue(origin.edge, frame.catalogue)
            if catalogue is None:
                if message.metadata.num_delivered < _MOST_TRIES:
                    return None
                _log.error(
                    "catalogue %s of %s never came; the row is kept apart", frame.catalogue.hex(), origin
                )
                return rejected(origin, message.data)
            if not fits(frame, catalogue):
                _log.error("a frame of %s does not fit its catalogue; the row is kept apart", origin)
                return rejected(origin, message.data)
        return replace(row, frames=self._clocks.put_right(origin.edge, row.frames)) if row.frames else row

    async def _catalogue(self, edge: str, name: bytes) -> Catalogue | None:
        if self._store.knows(name):
            return self._store.catalogue(name)
        try:
            message = await self._js.get_last_msg(STREAM_CATALOGUE, catalogue_subject(edge, name.hex()))
        except JetStreamError:
            return None
        found = guarded_decode(decode_catalogue, message.data or b"", "catalogue")
        if found is None or found.hash() != name or found.site != self._site:
            _log.warning("a catalogue of %s has another content than its name says; not used", edge)
            return None
        await self._news.with_store(lambda: self._store.add_catalogue(found))
        return found


async def _next_group(pull: JetStreamContext.PullSubscription, most: int) -> list[Msg]:
    """Wait for one message, then gather up to `most` within the group time; empty when none came."""
    try:
        messages = await heeding(pull.fetch(1, timeout=_IDLE_S))
    except TimeoutError:
        return []
    awaited = as_sent(messages[0].subject).startswith("rcpt.")
    with contextlib.suppress(TimeoutError):
        messages += await heeding(pull.fetch(most, timeout=_RECEIPT_GROUP_S if awaited else _GROUP_S))
    return messages
