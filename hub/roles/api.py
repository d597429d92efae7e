"""The role that shows: REST, live values and the page; reads both databases, writes only sign-ins."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.api.feed import Feed
from hub.api.live import LiveHub
from hub.api.renewal import follow
from hub.api.server import Server, server_config
from hub.auth.provider import open_provider
from hub.auth.quick_standing import quick_standing
from hub.auth.sessions import Auth
from hub.auth.tokens import open_tokens
from hub.database import Sessions, create_engine, sessions_of
from hub.health.report import open_token
from hub.registry.documents import version_of_folder
from hub.registry.view import load_view
from hub.roles.options import RoleOptions
from hub.store.engine import open_reader
from hub.values.cleaning import RuleMarker
from protocols.clock import Clock
from runtime.clock import SystemClock
from runtime.supervise import Backoff, supervise

_TURN_S: Final = 0.0005
"""So long a thread reckons before another may. [s]

Each step of an answer passes from the loop to a thread and back; with the usual 5 ms a short answer waits for
a chart at every one of its steps."""


async def run(options: RoleOptions) -> None:
    """Serve until cancelled; the page answers also while the bus is away.

    Raises:
        ConfigError: The site cannot be read.
        StoreError: A database cannot be opened.
        KeyFileError: The token key cannot be used.
    """
    clock = SystemClock()
    view = load_view(options.config, options.site)
    marker = RuleMarker(view.values.cleaning)
    reader = open_reader(options.store_place, marker)
    edges = EdgeWatch(view.registry.site.edges, clock)
    try:
        edges.seed(await asyncio.to_thread(reader.heartbeats))
        control = control_of(options.site, view.writables, edges, clock)
        async with _people(options, clock) as (sessions, auth):
            deps = ApiDeps(
                view.registry, reader, sessions, auth, edges, clock, control, values=view.values,
                places=view.places, alarms=view.alarms, curves=view.curves, accounts=view.accounts,
                metrics_token=open_token(options.state),
                config_version=version_of_folder(options.config),
                provider=open_provider(options.state, auth.tokens.derived("provider"), clock),
            )  # fmt: skip
            await _serve(options, deps, marker)
    finally:
        reader.close()


@asynccontextmanager
async def _people(options: RoleOptions, clock: Clock) -> AsyncIterator[tuple[Sessions, Auth]]:
    """The business data, and who may see and do what by it."""
    engine = create_engine(options.business_url)
    sessions = sessions_of(engine)
    auth = Auth(sessions, open_tokens(options.state, clock), clock, options.site)
    auth.quick = quick_standing(engine)
    try:
        yield sessions, auth
    finally:
        if auth.quick is not None:
            auth.quick.close()
        await engine.dispose()


async def _serve(options: RoleOptions, deps: ApiDeps, marker: RuleMarker) -> None:
    live = LiveHub(deps)
    feed = Feed(deps, live)
    follower = follow(deps, feed, marker)
    place = (options.host, options.port)
    app = create_app(deps, live)
    server = _Server(server_config(app, place, tls=options.tls, proxies=options.trusted_proxies))
    backoff = Backoff(first_s=0.5, most_s=5.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve_until_cancelled(), name="http")
        group.create_task(supervise("api:ledger", feed.follow_ledger, backoff), name="ledger")
        follow_bus = partial(feed.follow_bus, options.login)
        group.create_task(supervise("api:bus", follow_bus, backoff), name="bus")
        group.create_task(supervise("api:configuration", follower.run, backoff), name="configuration")


class _Server(Server):
    """Ends with the role."""

    async def serve_until_cancelled(self) -> None:
        """Serve; on cancellation close what is open within the grace time."""
        sys.setswitchinterval(_TURN_S)
        try:
            await self.serve()
        except asyncio.CancelledError:
            self.should_exit = True
            await self.shutdown()
            raise
