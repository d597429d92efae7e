"""What the API needs for orders of people: limits, holders, quota, and the way to tell the dispatcher."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from nats.aio.client import Client
from nats.errors import Error as NatsError

from hub.api.edges import EdgeWatch
from hub.api.holder_book import HolderBook
from hub.api.quota import Quota
from hub.registry.writable import Writable, Writables, scopes_of
from protocols.clock import Clock
from protocols.subjects import event

_log = logging.getLogger(__name__)


class Nudge:
    """Tells the other roles that there is an order; one that is lost only costs time, the row is there."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.bus: Client | None = None

    async def order(self) -> None:
        """Say that there is a new order."""
        await self._say("order")

    async def alarm(self) -> None:
        """Say that somebody wants something with an alarm."""
        await self._say("alarm_act")

    async def _say(self, kind: str) -> None:
        if self.bus is None or not self.bus.is_connected:
            return
        try:
            await self.bus.publish(event(self._site, kind), b"")
            await self.bus.flush(timeout=1)
        except (NatsError, OSError, TimeoutError) as error:
            _log.debug("nobody was told of an %s: %s", kind, error)


@dataclass(slots=True)
class Control:
    """Handed to the routes by the role.

    Attributes:
        writables: Points that may be written.
        holders: Who holds them.
        quota: Brake on storms.
        nudge: Tells the dispatcher.
        scopes: Scope of an act to its points.
    """

    writables: Writables
    holders: HolderBook
    quota: Quota
    nudge: Nudge
    scopes: dict[str, tuple[Writable, ...]] = field(init=False)

    def __post_init__(self) -> None:
        self.scopes = scopes_of(self.writables)

    def take(self, writables: Writables) -> None:
        """Go by other limits from now on; quota and holders of points that stay go on."""
        self.writables, self.scopes = writables, scopes_of(writables)
        self.holders.take(writables)


def control_of(site: str, writables: Writables, edges: EdgeWatch, clock: Clock) -> Control:
    """All of it for one site."""
    return Control(writables, HolderBook(writables, edges, clock), Quota(clock), Nudge(site))
