"""The way commands take on the bus: a memory stream and one consumer an edge, made again after each loss."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from nats.js import JetStreamContext

from runtime.bus import LinkState, ensure_command_consumers, ensure_streams


class CommandLane:
    """Keeps stream and consumers there; a restarted bus has forgotten what it held in memory."""

    def __init__(self, edges: Sequence[str], replicas: int | None = None) -> None:
        """For these edges; `replicas` servers of the bus keep each stream, None: as many as do."""
        self.edges = list(edges)
        self._replicas = replicas
        self._connected = asyncio.Event()

    def add(self, edges: Iterable[str]) -> None:
        """Keep a consumer for these too; those that are kept already stay."""
        fresh = [edge for edge in edges if edge not in self.edges]
        self.edges += fresh
        if fresh:
            self._connected.set()

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
            await ensure_streams(js, self._replicas)
            made = list(self.edges)
            await ensure_command_consumers(js, made)
            if made == self.edges:
                self._connected.clear()
