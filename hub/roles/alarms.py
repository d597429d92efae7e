"""The role that watches the alarms: any number of processes, of which one is in office."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from hub.alarms.book import AlarmBook
from hub.alarms.hearing import Hearing
from hub.alarms.links import Links
from hub.alarms.office import Office
from hub.alarms.rules import load_alarms
from hub.alarms.teller import Teller
from hub.alarms.trimming import Trimmer
from hub.alarms.watch import Site, Watch
from hub.database import create_engine, sessions_of
from hub.registry.documents import version_of_folder
from hub.registry.follow import Follower
from hub.registry.site import Registry, load_registry
from hub.roles.options import RoleOptions
from hub.store.engine import open_reader
from hub.values.cleaning import RuleMarker
from hub.values.load import known_points, load_values
from runtime.clock import SystemClock
from runtime.supervise import Backoff, supervise

_BACKOFF: Final = Backoff(first_s=0.5, most_s=5.0)


class _View(NamedTuple):
    registry: Registry
    site: Site


async def run(options: RoleOptions) -> None:
    """Watch until cancelled; the database is enough to begin, the bus is waited for.

    Raises:
        ConfigError: The site cannot be read.
        StoreError: A database cannot be opened.
    """
    view = _load(options.config, options.site)
    marker = RuleMarker(view.site.values.cleaning)
    reader, clock = open_reader(options.store_place, marker), SystemClock()
    engine = create_engine(options.business_url)
    sessions = sessions_of(engine)
    book = AlarmBook(sessions, options.site)
    links = Links(view.registry, clock)
    watch = Watch(view.site, (book, Office(book, clock, options.leader_lease_s), reader), links, clock)

    async def swap(fresh: _View, _version: int) -> None:
        marker.take(fresh.site.values.cleaning)
        links.take(fresh.registry)
        watch.take(fresh.site)

    place = (options.site, version_of_folder(options.config))
    hands = (partial(_load, site=options.site), swap)
    works = (
        ("alarms:watch", watch.run),
        ("alarms:configuration", Follower(sessions, place, hands, clock, watch.meter).run),
        ("alarms:notices", Teller(sessions, (options.state, options.site), watch, clock).run),
        ("alarms:trimming", Trimmer((sessions, options.site), watch, clock).run),
        ("alarms:bus", Hearing((options.login, options.site), watch, links, clock).run),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for name, work in works:
                group.create_task(supervise(name, work, _BACKOFF), name=name)
    finally:
        with contextlib.suppress(SQLAlchemyError):
            await watch.close()
        await engine.dispose()
        reader.close()


def _load(folder: Path, site: str) -> _View:
    registry = load_registry(folder, site)
    values = load_values(folder, site, known_points(registry))
    return _View(registry, Site(load_alarms(folder, registry, values), values))
