"""The role of work that may wait: reports that are due or asked for, made and mailed."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from hub.database import create_engine, sessions_of
from hub.health.meter import Meter
from hub.health.report import Reporter
from hub.registry.documents import version_of_folder
from hub.registry.follow import Follower
from hub.registry.site import SiteFile
from hub.reports.keeper import Keeper
from hub.reports.postman import Postman
from hub.roles.options import RoleOptions
from runtime.bus import connect
from runtime.clock import SystemClock
from runtime.supervise import Backoff, supervise
from runtime.yaml_config import load_config

_BACKOFF: Final = Backoff(first_s=1.0, most_s=30.0)


async def run(options: RoleOptions) -> None:
    """Work until cancelled; it needs neither the bus nor the other roles, and says on the bus that it lives.

    Raises:
        ConfigError: The site cannot be read.
        StoreError: The business database cannot be opened.
    """
    zones = [_zone(options.config, options.site)]
    clock = SystemClock()
    engine = create_engine(options.business_url)
    sessions = sessions_of(engine)
    place = (options.state, options.site)
    keeper, meter = Keeper(sessions, place, lambda: zones[0], clock), Meter()

    async def swap(zone: ZoneInfo, _version: int) -> None:
        zones[0] = zone

    follower = Follower(
        sessions, (options.site, version_of_folder(options.config)),
        (partial(_zone, site=options.site), swap), clock, meter,
    )  # fmt: skip

    async def tell() -> None:
        bus = await connect(options.login)
        try:
            await Reporter("jobs", (bus, options.site), clock, meter, _nothing_more).run()
        finally:
            await bus.close()

    works = (
        ("jobs:due", keeper.ask),
        ("jobs:reports", keeper.make),
        ("jobs:mail", Postman(sessions, place, clock).run),
        ("jobs:trimming", keeper.trim),
        ("jobs:configuration", follower.run),
        ("jobs:bus", tell),
    )
    try:
        async with asyncio.TaskGroup() as group:
            for name, work in works:
                group.create_task(supervise(name, work, _BACKOFF), name=name)
    finally:
        await engine.dispose()


def _zone(config: Path, site: str) -> ZoneInfo:
    return ZoneInfo(load_config(config / "sites" / site / "site.yaml", SiteFile).time_zone)


async def _nothing_more(_meter: Meter) -> None:
    """What is made and mailed stands in the database."""
