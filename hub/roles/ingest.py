"""The role that takes in; any number of workers where the store takes it, one with the embedded store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from hub.backup.telling import Telling
from hub.database import create_engine, sessions_of
from hub.health.figures import put_intake
from hub.health.report import Reporter
from hub.health.sealing import SealWatch
from hub.ingest.beats import Beats
from hub.ingest.clocks import Clocks
from hub.ingest.intake import Intake
from hub.ingest.news import News
from hub.ingest.sharing import DUTIES
from hub.ingest.shift import Place, Shift
from hub.registry.delivery import Delivery
from hub.roles.intake_renewal import IntakeRenewal
from hub.roles.options import RoleOptions
from hub.store.engine import open_store
from hub.store.port import SeriesStore
from hub.store.retention import load_retention
from hub.values.cleaning import RuleMarker
from hub.values.kept import bring_up, cleaning_rules
from protocols.clock import Clock
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.one_thread import OneThread
from runtime.supervise import Backoff, supervise

_BACKOFF = Backoff(first_s=0.5, most_s=5.0)
_BETWEEN_S: Final = 0.02
"""Between two portions of upkeep: commits come first. [s]"""
_IDLE_S: Final = 5.0


async def run(options: RoleOptions) -> None:
    """Take in until cancelled; waits for the bus and says so once.

    Raises:
        ConfigError: The site cannot be read.
        StoreError: The store cannot be opened, or has one writer, which is another process.
    """
    rules = cleaning_rules(options.config, options.site)
    keep = load_retention(options.config, options.site)
    marker = RuleMarker(rules)
    store = open_store(options.store_place, SystemClock(), marker, keep)
    engine = create_engine(options.business_url)
    try:
        bring_up(store, rules, options.state)
        bus = await connect(options.login)
        news = News(bus, store, options.site)
        fresh = IntakeRenewal(options, store, marker, news).follower(sessions_of(engine), SystemClock())
        delivery = Delivery(bus, sessions_of(engine), store, options.site, SystemClock())
        telling = Telling(bus, sessions_of(engine), store, options.site, SystemClock())
        try:
            await _work(news, store, (delivery, telling), options, fresh.run)
        finally:
            await bus.close()
    finally:
        await engine.dispose()
        store.close()


async def _work(
    news: News,
    store: SeriesStore,
    singles: tuple[Delivery, Telling],
    options: RoleOptions,
    follow: Callable[[], Awaitable[None]],
) -> None:
    clock, bus = SystemClock(), news.bus
    clocks = Clocks(clock, store.clock_notes())
    place = Place(bus, options.site, options.bus_replicas)
    intake = Intake(place, store, news, clocks)
    beats = Beats(bus, store, news, clocks, options.site)
    watch = SealWatch(partial(news.with_store, store.keeping), news.meter, clock)
    parts = _Parts(intake, beats, *singles, store, watch, clock)
    shift = Shift(place, clock, parts.work, alone=options.store_place.influx is None)
    await shift.join()
    collect = partial(put_intake, bus=bus, state=options.state)
    reporter = Reporter("ingest", (bus, options.site), clock, news.meter, collect)
    async with asyncio.TaskGroup() as group:
        group.create_task(supervise("ingest:commit", intake.commit, _BACKOFF), name="commit")
        group.create_task(supervise("ingest:beats", parts.beats.run, _BACKOFF), name="beats")
        group.create_task(supervise("ingest:shift", shift.run, _BACKOFF), name="shift")
        group.create_task(supervise("ingest:report", reporter.run, _BACKOFF), name="report")
        group.create_task(supervise("ingest:configuration", follow, _BACKOFF), name="configuration")


async def _keep_up(store: SeriesStore, clock: Clock) -> None:
    """Seal, roll up and merge in a thread of its own, so that no commit waits; runs until cancelled."""
    thread = OneThread("upkeep")
    while True:
        more = await thread.call(store.upkeep, store.halt_upkeep)
        await clock.sleep(_BETWEEN_S if more else _IDLE_S)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a part is."""

    intake: Intake
    beats: Beats
    delivery: Delivery
    telling: Telling
    store: SeriesStore
    watch: SealWatch
    clock: Clock

    async def work(self, part: int) -> None:
        """Work on a part until cancelled."""
        async with asyncio.TaskGroup() as group:
            take_in = supervise(f"ingest:part{part}", partial(self.intake.take_in, part), _BACKOFF)
            group.create_task(take_in, name=f"take:{part}")
            if part == DUTIES:
                for name, duty in (
                    ("ingest:heartbeats", self.beats.keep),
                    ("registry:delivery", self.delivery.run),
                    ("backup:telling", self.telling.run),
                    ("store:upkeep", partial(_keep_up, self.store, self.clock)),
                    ("store:watch", self.watch.run),
                ):
                    group.create_task(supervise(name, duty, _BACKOFF), name=name)
