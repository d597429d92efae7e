"""How the role that takes in goes by a newer configuration while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hub.database import Sessions
from hub.ingest.news import News
from hub.registry.documents import version_of_folder
from hub.registry.follow import Follower
from hub.roles.options import RoleOptions
from hub.store.embedded import EmbeddedStore
from hub.store.port import SeriesStore
from hub.store.retention import Retention, load_retention
from hub.values.cleaning import RuleMarker
from hub.values.kept import Rules, bring_up, cleaning_rules
from protocols.clock import Clock


class _Kept(NamedTuple):
    rules: Rules
    keep: Retention


class IntakeRenewal:
    """Cleaning rules and retention of the role that takes in; rollups of changed rules are made anew."""

    def __init__(self, options: RoleOptions, store: SeriesStore, marker: RuleMarker, news: News) -> None:
        self._options = options
        self._store = store
        self._marker = marker
        self._news = news

    def follower(self, sessions: Sessions, clock: Clock) -> Follower[_Kept]:
        """Follows what is accepted from the version on that the role began with."""
        place = (self._options.site, version_of_folder(self._options.config))
        return Follower(sessions, place, (self._load, self._swap), clock, self._news.meter)

    def _load(self, folder: Path) -> _Kept:
        site = self._options.site
        return _Kept(cleaning_rules(folder, site), load_retention(folder, site))

    async def _swap(self, fresh: _Kept, _version: int) -> None:
        self._marker.take(fresh.rules)
        if isinstance(self._store, EmbeddedStore):  # a server keeps by rules of its own
            self._store.retain(fresh.keep)
        await self._news.with_store(lambda: bring_up(self._store, fresh.rules, self._options.state))
