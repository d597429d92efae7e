"""The role that takes in: the only writer of `series.db`."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from hub.database import create_engine, sessions_of
from hub.ingest.beats import Beats
from hub.ingest.clocks import Clocks
from hub.ingest.intake import Intake
from hub.ingest.news import News
from hub.registry.delivery import Delivery
from hub.roles.options import RoleOptions
from hub.store.engine import open_store
from hub.store.port import SeriesStore
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.supervise import Backoff, supervise


async def run(options: RoleOptions) -> None:
    """Take in until cancelled; waits for the bus and says so once.

    Raises:
        StoreError: `series.db` cannot be opened.
    """
    store = open_store(options.store_place, SystemClock())
    engine = create_engine(options.business_url)
    try:
        bus = await connect(options.login)
        delivery = Delivery(bus, sessions_of(engine), store, options.site, SystemClock())
        try:
            await _work(bus, store, delivery, options.site)
        finally:
            await bus.close()
    finally:
        await engine.dispose()
        store.close()


async def _work(bus: Client, store: SeriesStore, delivery: Delivery, site: str) -> None:
    news = News(bus, store, site)
    clocks = Clocks(SystemClock(), store.clock_notes())
    intake = Intake(bus, store, site, news, clocks)
    beats = Beats(bus, store, news, clocks, site)
    backoff = Backoff(first_s=0.5, most_s=5.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(supervise("ingest:intake", intake.run, backoff), name="intake")
        group.create_task(supervise("ingest:beats", beats.run, backoff), name="beats")
        group.create_task(supervise("registry:delivery", delivery.run, backoff), name="delivery")
