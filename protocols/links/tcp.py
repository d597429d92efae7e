"""A TCP connection to an address that was judged: no delay, and dead peers are noticed by the kernel too."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, cast

from typing_extensions import override

from protocols.driver import Traffic
from protocols.errors import NoLinkError
from protocols.links.link import Ears, Link
from protocols.links.resolve import addresses_of, at_first
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.units import Seconds

_KEEP_ALIVE_S: Final = 10
_MOST_UNSENT: Final = 65_536


class TcpLink(Link):
    """One connection to `host:port`, opened anew as often as it is asked for.

    Args:
        host: Name or address; a name is looked up at each `open`.
        port: TCP port.
        timeout_s: How long a connection may take. [s]
        networks: Where it may lead to.
    """

    def __init__(self, host: str, port: int, timeout_s: Seconds, networks: DeviceNetworks = ANYWHERE) -> None:
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._networks = networks
        self._wire: _Wire | None = None
        self._traffic = Traffic()

    @property
    @override
    def name(self) -> str:
        return f"{self._host}:{self._port}"

    @property
    @override
    def is_open(self) -> bool:
        return self._wire is not None and self._wire.is_open

    @override
    async def open(self, ears: Ears) -> None:
        if self.is_open:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await addresses_of(self._host, self._port, self._networks)
                await at_first(addresses, lambda address: self._connect(address, ears))
        except (OSError, TimeoutError) as error:
            reason = error.strerror or str(error) or "no answer in time"
            raise NoLinkError(f"nobody answers at {self.name}: {reason}") from error

    async def _connect(self, address: str, ears: Ears) -> None:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(lambda: _Wire(ears, self._traffic), address, self._port)
        self._wire = wire

    @override
    def send(self, data: bytes) -> None:
        if self._wire is not None:
            self._traffic.sent_bytes += len(data)
            self._wire.send(data)

    @override
    def close(self) -> None:
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    @override
    def traffic(self) -> Traffic:
        return self._traffic


class _Wire(asyncio.Protocol):
    """One life of the connection; a dead one cannot speak for its successor."""

    def __init__(self, ears: Ears, traffic: Traffic) -> None:
        self._ears: Ears | None = ears
        self._traffic = traffic
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _KEEP_ALIVE_S * 1000)

    @override
    def data_received(self, data: bytes) -> None:
        if self._ears is not None:
            self._traffic.heard_bytes += len(data)
            self._ears.heard(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        ears, self._ears, self._transport = self._ears, None, None
        if ears is not None:
            ears.lost(str(exc) if exc else "closed by the other side")

    def send(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() > _MOST_UNSENT:
            self._transport.abort()  # the peer takes nothing any more; `connection_lost` tells
            return
        self._transport.write(data)

    def abort(self) -> None:
        self._ears = None
        if self._transport is not None:
            self._transport.abort()
