"""Tells the hub who holds each set-point and why: what changed at once, all of it every 10 s and on ask."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from edge_agent.gate.rules import NS, Rules
from edge_agent.gate.state import GateState
from edge_agent.gate.view import holder
from protocols import subjects
from protocols.clock import Clock
from protocols.holder import Holder, Holders

_log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
WHOLE_S: Final = 10.0

Held = tuple[str, float | None, str, str]
"""Rung, value, actor and why: what counts as a change; the seconds that are left do not."""


class HolderNews:
    """Looks at the gate's state; it holds nothing of it but what was told last."""

    def __init__(self, rules: Rules, state: Callable[[], GateState], clock: Clock) -> None:
        self._rules = rules
        self._state = state
        self._clock = clock
        self._told: dict[str, Held] = {}

    def whole(self) -> Holders:
        """The holder of every point, now."""
        return self._message(self._all(), whole=True)

    def changed(self) -> Holders | None:
        """Those that differ from what was told last; None when none does. Asking counts as telling."""
        fresh = [one for one in self._all() if self._told.get(one.point) != _held(one)]
        self._told.update((one.point, _held(one)) for one in fresh)
        return self._message(fresh, whole=False) if fresh else None

    async def run(self, client: Client) -> None:
        """Publish until cancelled; nothing is kept while the bus is away: the next whole message says it."""
        whole_s = float("-inf")
        async for now in self._clock.ticks(LOOK_S):
            if not client.is_connected:
                continue
            news = self.changed()
            now_s = now.mono_ns / NS
            if now_s - whole_s >= WHOLE_S:
                news, whole_s = self.whole(), now_s
            if news is not None:
                await self._publish(client, news)

    async def _publish(self, client: Client, news: Holders) -> None:
        try:
            await client.publish(subjects.holders(self._rules.edge), news.encode())
        except (NatsError, OSError) as error:
            _log.debug("the holders of points were not told: %s", error)

    def _all(self) -> list[Holder]:
        state, now = self._state(), self._clock.now()
        return [holder(self._rules, state, name, now) for name in self._rules.points]

    def _message(self, holders: Iterable[Holder], *, whole: bool) -> Holders:
        return Holders(self._rules.edge, self._clock.now(), whole, tuple(holders))


def _held(one: Holder) -> Held:
    return (one.rung, one.value, one.actor, one.why)
