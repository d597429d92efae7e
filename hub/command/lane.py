"""The way commands take on the bus: a memory stream and one consumer an edge, made again after each loss."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nats.js import JetStreamContext

from runtime.bus import LinkState, ensure_command_consumers, ensure_streams


class CommandLane:
    """Keeps stream and consumers there; a restarted bus has forgotten what it held in memory."""

    def __init__(self, edges: Sequence[str]) -> None:
        self.edges = list(edges)
        self._connected = asyncio.Event()

    def on_bus(self, state: LinkState) -> None:
        """The connection came or went."""
        if state == "up":
            self._connected.set()

    async def keep(self, js: JetStreamContext) -> None:
        """Make everything at each connection, until cancelled.

        Raises:
            BusError: The server refused; run it again.
        """
        while True:
            await self._connected.wait()
            await ensure_streams(js)
            await ensure_command_consumers(js, self.edges)
            self._connected.clear()
