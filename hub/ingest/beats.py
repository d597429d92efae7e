"""Heartbeats of the edges: each worker learns of clocks by them; the one on duty keeps and hands them on."""

from __future__ import annotations

import logging
from functools import partial
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from hub.ingest.clocks import Clocks
from hub.ingest.news import News
from hub.store.port import SeriesStore
from protocols.heartbeat import decode_heartbeat
from protocols.subjects import edge_of, heartbeat
from runtime.supervise import guarded_decode

_log = logging.getLogger(__name__)
_QUEUE: Final = 1000
_KEEP_S: Final = 1.0


class Beats:
    """Listens to `hb.*`; a full queue drops heartbeats, the next one says the same."""

    def __init__(self, bus: Client, store: SeriesStore, news: News, clocks: Clocks, site: str) -> None:
        self._bus = bus
        self._store = store
        self._news = news
        self._clocks = clocks
        self._clock = clocks.clock
        self._site = site
        self._newest: dict[str, tuple[int, bytes]] = {}
        self._others: dict[str, str] = {}
        self._on_duty = False

    async def run(self) -> None:
        """Listen until cancelled."""
        subscription = await self._bus.subscribe(heartbeat("*"), pending_msgs_limit=_QUEUE)
        try:
            async for message in subscription.messages:
                await self._hear(message)
        finally:
            await subscription.unsubscribe()

    async def keep(self) -> None:
        """Be the one that keeps and hands on, until cancelled."""
        self._on_duty = True
        try:
            async for _ in self._clock.ticks(_KEEP_S):
                newest, self._newest = self._newest, {}
                if newest:
                    await self._news.with_store(partial(self._store.keep_heartbeats, newest))
        finally:
            self._on_duty = False

    async def _hear(self, message: Msg) -> None:
        beat = guarded_decode(decode_heartbeat, message.data, "heartbeat")
        if beat is None:
            return
        if beat.edge != edge_of(message.subject) or beat.site != self._site:
            _log.warning("a heartbeat on %s says it is of %s/%s", message.subject, beat.site, beat.edge)
            return
        if not beat.read_only:
            self._clocks.hear(beat)
        if not self._on_duty:
            return
        if beat.read_only:
            self._twice(beat.edge, " ".join(trouble.detail for trouble in beat.troubles))
            await self._news.tell_heartbeat(beat, message.data)
            return
        self._newest[beat.edge] = (self._clock.now().wall_ns, message.data)
        await self._news.tell_heartbeat(beat, message.data)

    def _twice(self, edge: str, words: str) -> None:
        """Tell once of a second agent with the id of an edge; nothing of it is kept: it is not the edge."""
        if self._others.get(edge) != words:
            self._others[edge] = words
            _log.error("a second agent says it is %s: %s", edge, words)
