"""The way of a bundle from the bus into the store: pull, decode, group commit, acknowledge, tell.

A message is acknowledged only after its commit, so a kill at any moment loses nothing; what comes again is
known by the committed ranges, so nothing is doubled.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import Error as JetStreamError

from hub.ingest.clocks import Clocks
from hub.ingest.decode import Origin, fits, origin_of, rejected, row_of
from hub.ingest.news import News
from hub.store.port import Received, SeriesStore
from protocols.frame import Catalogue, decode_catalogue
from protocols.subjects import STREAM_CATALOGUE, STREAM_TELEMETRY
from protocols.subjects import catalogue as catalogue_subject
from runtime.bus import ensure_streams
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)

DURABLE: Final = "ingest"
_BATCH: Final = 512
_GROUP_S: Final = 0.03
_RECEIPT_GROUP_S: Final = 0.002
"""Receipts are waited for by people: they only take along what is there already. [s]"""
_IDLE_S: Final = 1.0
_ACK_WAIT_S: Final = 5.0
_MISSING_WAIT_S: Final = 1.0
_MOST_TRIES: Final = 120


class Intake:
    """Takes telemetry and receipts of all edges of a site."""

    def __init__(self, bus: Client, store: SeriesStore, site: str, news: News, clocks: Clocks) -> None:
        self._js: JetStreamContext = bus.jetstream()
        self._store = store
        self._site = site
        self._news = news
        self._clocks = clocks

    async def run(self) -> None:
        """Take in until cancelled; raises when the bus or the store fails, and can be run again."""
        await ensure_streams(self._js)
        config = ConsumerConfig(
            ack_policy=AckPolicy.EXPLICIT, ack_wait=_ACK_WAIT_S, max_ack_pending=4 * _BATCH
        )
        pull = await self._js.pull_subscribe("", durable=DURABLE, stream=STREAM_TELEMETRY, config=config)
        try:
            while True:
                messages = await _next_group(pull)
                if messages:
                    await self._take(messages)
        finally:
            await pull.unsubscribe()

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


async def _next_group(pull: JetStreamContext.PullSubscription) -> list[Msg]:
    """Wait for one message, then gather what comes within the group time; empty when none came."""
    try:
        messages = await pull.fetch(1, timeout=_IDLE_S)
    except TimeoutError:
        return []
    awaited = messages[0].subject.startswith("rcpt.")
    with contextlib.suppress(TimeoutError):
        messages += await pull.fetch(_BATCH, timeout=_RECEIPT_GROUP_S if awaited else _GROUP_S)
    return messages
