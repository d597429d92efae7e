"""Heartbeats: each second, on a slow link every other: clock, leases, links, and how much is still owed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from edge_agent.configuration import ConfigurationState
from edge_agent.journal import Journal
from edge_agent.settings import Accepted
from protocols import subjects
from protocols.clock import Clock
from protocols.heartbeat import Heartbeat
from protocols.trouble import Trouble, TroubleCode

_log = logging.getLogger(__name__)

BEAT_S: Final = 1.0
SLOW_BEAT_S: Final = 2.0
"""On a slow link: forty machines make a heartbeat of 4 kB. The hub goes by one of 5 s as well. [s]"""

KNOWN_S: Final = 3.0
"""How long the first heartbeat waits for the first answers of all devices. [s]"""

_NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Vitals:
    """Where the parts of a heartbeat come from; each call is cheap and never waits."""

    agent_epoch: int
    links: Callable[[], dict[str, str]]
    leases: Callable[[], list[str]]
    fence: Callable[[], int]
    configuration: Callable[[], ConfigurationState]
    known: Callable[[], bool]
    troubles: Callable[[], list[Trouble]] = list
    read_only: Callable[[], str] = str
    slow: Callable[[], bool] = bool
    """Whether the link is a slow one."""


class Health:
    """Makes and sends heartbeats."""

    def __init__(self, accepted: Accepted, vitals: Vitals, journal: Journal, clock: Clock) -> None:
        self._accepted = accepted
        self._vitals = vitals
        self._journal = journal
        self._clock = clock
        self._begun_s = clock.mono_s()

    async def heartbeat(self) -> Heartbeat:
        """The state of this instant."""
        pending, hold_s = await self._journal.pending(), await self._journal.hold_s()
        read_only = self._vitals.read_only()
        now = self._clock.now()
        return Heartbeat(
            edge=self._accepted.place.edge,
            site=self._accepted.place.site,
            agent_epoch=self._vitals.agent_epoch,
            boot=now.boot,
            reading_ms=now.mono_ns // _NS_PER_MS,
            wall_ms=now.wall_ns // _NS_PER_MS,
            fence=self._vitals.fence(),
            leases=self._vitals.leases(),
            links=self._vitals.links(),
            polled=self._journal.polled,
            pending=pending,
            cap_hashes=dict(self._accepted.cap_hashes),
            journal=self._journal.name,
            troubles=[*self._journal.troubles, *self._vitals.troubles(), *_second_agent(read_only)],
            read_only=bool(read_only),
            hold_s=hold_s,
            **self._vitals.configuration()._asdict(),
        )

    def _early(self) -> bool:
        return not self._vitals.known() and self._clock.mono_s() - self._begun_s < KNOWN_S

    async def run(self, client: Client) -> None:
        """Send one each `BEAT_S` until cancelled; none is made while the bus is away.

        After a start none is made before every device was asked, for at most `KNOWN_S`: the hub would take
        them for down, and release leases that go on.
        """
        async for _ in self._clock.ticks(BEAT_S / 4):
            if not self._early():
                break
        sent_s = -math.inf
        async for _ in self._clock.ticks(BEAT_S):
            since_s = self._clock.mono_s() - sent_s
            if not client.is_connected or (self._vitals.slow() and since_s < SLOW_BEAT_S - BEAT_S / 2):
                continue
            sent_s = self._clock.mono_s()
            beat = await self.heartbeat()
            try:
                await client.publish(subjects.heartbeat(beat.edge), beat.encode())
            except (NatsError, OSError) as error:
                _log.debug("a heartbeat was not sent: %s", error)


def _second_agent(words: str) -> list[Trouble]:
    return [Trouble(TroubleCode.SECOND_AGENT, words)] if words else []
