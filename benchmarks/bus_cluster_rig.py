"""Three servers that are one bus, each a process with a folder of its own, to be killed and frozen."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from time import monotonic
from typing import Final

from nats.errors import Error as NatsError
from nats.js.api import ClusterInfo
from nats.js.errors import APIError

from protocols.errors import BusError
from protocols.subjects import BUCKET_EDGES, STREAM_CATALOGUE, STREAM_COMMAND, STREAM_TELEMETRY
from runtime.bus import BusLogin, connect
from runtime.bus_cluster import BusCluster
from runtime.bus_layout import HUB
from runtime.children import free_port
from runtime.nats_server import BusConfig, NatsServer, seed_file

SERVERS: Final = 3
_SECRET: Final = "bus_cluster.secret"  # noqa: S105  name of a file
_STREAMS: Final = (STREAM_TELEMETRY, STREAM_CATALOGUE, STREAM_COMMAND, f"KV_{BUCKET_EDGES}")
_NOT_YET: Final = (NatsError, APIError, TimeoutError, OSError)


class BusServers:
    """A cluster on loopback; servers are counted from 0."""

    def __init__(self, folder: Path, edges: tuple[str, ...], keys: Path | None = None) -> None:
        """Folders `bus0` and so on below `folder`; seeds in `keys`, else in `keys` below it."""
        ports = [(free_port(), free_port()) for _ in range(SERVERS)]
        routes = tuple(f"127.0.0.1:{route}" for _, route in ports)
        self.keys = keys or folder / "keys"
        self._configs = [
            BusConfig(
                folder / f"bus{at}", self.keys, port, edges,
                cluster=BusCluster(
                    server=f"bus{at}", listen=routes[at], routes=routes, secret_file=self.keys / _SECRET
                ),
            )
            for at, (port, _) in enumerate(ports)
        ]  # fmt: skip
        self.servers = [NatsServer(config) for config in self._configs]
        self._frozen: set[int] = set()

    @property
    def url(self) -> str:
        """What hubs and edges are told."""
        return ",".join(f"nats://127.0.0.1:{config.port}" for config in self._configs)

    def login(self, name: str, only: int | None = None) -> BusLogin:
        """Credentials of `hub` or of an edge, for all servers or for one of them."""
        url = self.url if only is None else f"nats://127.0.0.1:{self._configs[only].port}"
        return BusLogin(url, name, seed_file(self.keys, name))

    def start(self) -> None:
        """Start all of them; they find each other within some seconds."""
        for server in self.servers:
            server.start()

    def kill(self) -> None:
        """End all of them as a power cut does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End all of them in order."""
        self._end(signal.SIGTERM)

    def freeze(self, at: int) -> None:
        """Let one stand still: its connections stay, and nothing answers."""
        os.kill(self.servers[at].pid, signal.SIGSTOP)
        self._frozen.add(at)

    def thaw(self, at: int) -> None:
        """Let it go on where it stood."""
        os.kill(self.servers[at].pid, signal.SIGCONT)
        self._frozen.discard(at)

    def leader(self, stream: str = STREAM_TELEMETRY) -> int:
        """The server that leads a stream.

        Raises:
            BusError: It has no leader now, or the bus does not answer.
        """
        found = asyncio.run(self._company((stream,)))
        name = found[0].leader if found else None
        if name is None:
            raise BusError(f"the stream {stream} has no leader")
        return int(name.removeprefix("bus"))

    def wait_whole(self, most_s: float = 60.0) -> float:
        """Seconds until every stream has all its copies and none of them is behind.

        Raises:
            BusError: Not within `most_s`.
        """
        begun_s = monotonic()
        while not self._whole():
            if monotonic() - begun_s > most_s:
                raise BusError(f"the servers of the bus are not of one state after {most_s:g} s")
        return monotonic() - begun_s

    def _whole(self) -> bool:
        found = asyncio.run(self._company(_STREAMS))
        copies = [one.replicas or [] for one in found if one.leader]
        return len(copies) == len(_STREAMS) and all(
            len(some) == SERVERS - 1 and all(peer.current and not peer.offline for peer in some)
            for some in copies
        )

    async def _company(self, streams: tuple[str, ...]) -> list[ClusterInfo]:
        """What the bus says of the copies of each stream; fewer where it cannot say."""
        try:
            async with asyncio.timeout(10):
                client = await connect(self.login(HUB))
        except TimeoutError:
            return []
        try:
            js = client.jetstream(timeout=2.0)
            return [info.cluster for name in streams if (info := await js.stream_info(name)).cluster]
        except _NOT_YET:
            await asyncio.sleep(0.2)
            return []
        finally:
            await client.close()

    def _end(self, how: signal.Signals) -> None:
        for at in list(self._frozen):
            self.thaw(at)
        for server in self.servers:
            if how is signal.SIGKILL:
                server.kill()
            else:
                server.stop()
