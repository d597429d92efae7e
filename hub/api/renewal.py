"""How the role that shows takes a newer configuration while it runs."""

from __future__ import annotations

from functools import partial

from hub.api.deps import ApiDeps
from hub.api.feed import Feed
from hub.registry.follow import Follower
from hub.registry.view import SiteView, load_view
from hub.values.cleaning import RuleMarker


def follow(deps: ApiDeps, feed: Feed, marker: RuleMarker) -> Follower[SiteView]:
    """Follows what is accepted; routes, live values and marks change together between two requests."""

    async def swap(fresh: SiteView, version: int) -> None:
        marker.take(fresh.values.cleaning)
        deps.take(fresh, version)
        feed.renew()

    site = deps.registry.site.id
    follower = Follower(
        deps.sessions, (site, deps.config_version), (partial(load_view, site=site), swap), deps.clock
    )
    deps.look = follower.look
    return follower
