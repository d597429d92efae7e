"""The watchdog of systemd, fed only while the control tick lives: a blocked loop means a restart (E17)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from protocols.clock import Clock

TICK_OLD_S: Final = 2.0
"""A control tick older than this is no sign of life. [s]"""

_US_PER_S: Final = 1_000_000.0


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell systemd (`sd_notify` protocol); False where it does not listen.

    Raises:
        OSError: Its socket is named but cannot be reached.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        link.sendto(state.encode(), address)
    return True


class Watchdog:
    """Tells systemd that the agent is there, then four times in the period it asks for that it lives."""

    def __init__(
        self, ticked_s: Callable[[], float], clock: Clock, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._ticked_s = ticked_s
        self._clock = clock
        self._environment = environment

    async def run(self) -> None:
        """Notify until cancelled; returns at once where nobody listens."""
        if not notify("READY=1", self._environment):
            return
        period_s = int(self._environment.get("WATCHDOG_USEC", "0")) / _US_PER_S
        if period_s <= 0:
            return
        async for _ in self._clock.ticks(period_s / 4):
            if self._clock.mono_s() - self._ticked_s() < TICK_OLD_S:
                notify("WATCHDOG=1", self._environment)
