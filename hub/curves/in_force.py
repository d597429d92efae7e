"""Curves learnt beside a hub that may run: its configuration in force, its series. Not in an event loop."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from hub.curves.learner import LearningSite, learn_site
from hub.curves.proposal import body_of
from hub.curves.tables import keep
from hub.database import Sessions, create_engine, known_url, sessions_of
from hub.moving.rules import rules_in_force
from hub.registry.documents import put_files
from hub.registry.plant_file import fitting_curves, load_nominal
from hub.registry.site import SiteFile
from hub.registry.versions import documents_of, version_of
from hub.store.engine import open_reader, place_of
from hub.values.cleaning import RuleMarker
from plant.learning.verdict import Verdict
from runtime.clock import SystemClock
from runtime.yaml_config import load_config

_T = TypeVar("_T")
_DAY_NS: Final = 86_400_000_000_000
DAYS: Final = 28
"""How far back is learnt from. [days]"""


def learn_hub(state: Path, site: str, days: int = DAYS, units: Sequence[str] = ()) -> list[Verdict]:
    """Learn from a hub's series; nothing is kept yet.

    Args:
        state: The hub's own folder.
        site: The site.
        days: How far back. [days]
        units: Which; none named: all that can be learnt.

    Raises:
        ConfigError: No hub there, no version in force, or a unit that cannot be learnt.
        StoreError: Series or database cannot be read now.
    """
    of, marker = site_in_force(state, site), RuleMarker(rules_in_force(known_url(state), site))
    now_ns = SystemClock().now().wall_ns
    reader = open_reader(place_of(state), marker)
    try:
        return list(learn_site(of, reader, (now_ns - days * _DAY_NS, now_ns), units))
    finally:
        reader.close()


def keep_fits(state: Path, site: str, found: Sequence[Verdict]) -> None:
    """Keep what came of learning, each in the place of the fit before.

    Raises:
        ConfigError: There is no hub in the folder.
    """
    bodies, now_ns = [body_of(one) for one in found], SystemClock().now().wall_ns
    asyncio.run(with_sessions(state, lambda sessions: keep(sessions, site, now_ns, bodies)))


def site_in_force(state: Path, site: str) -> LearningSite:
    """What learning goes by, from the version in force.

    Raises:
        ConfigError: No hub there, or no version.
    """

    async def documents(sessions: Sessions) -> dict[str, bytes]:
        row = await version_of(sessions, site, None)
        return await documents_of(sessions, site, row.version)

    with tempfile.TemporaryDirectory(prefix="ems-curves-") as folder:
        put_files(Path(folder), asyncio.run(with_sessions(state, documents)), durable=False)
        return read_site(Path(folder), site)


def read_site(config: Path, site: str) -> LearningSite:
    """What learning goes by, from a folder.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    flowsheet = load_nominal(config, site)
    zone = load_config(config / "sites" / site / "site.yaml", SiteFile).time_zone
    return LearningSite(site, flowsheet, fitting_curves(config, site, flowsheet), zone)


async def with_sessions(state: Path, work: Callable[[Sessions], Awaitable[_T]]) -> _T:
    """Work with the business database of a hub's folder.

    Raises:
        ConfigError: There is no hub in the folder.
    """
    engine = create_engine(known_url(state))
    try:
        return await work(sessions_of(engine))
    finally:
        await engine.dispose()
