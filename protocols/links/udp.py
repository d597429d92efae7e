"""Datagrams: a socket that hands each one on as it comes, and local addresses on the way to a peer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, cast

from typing_extensions import override

from protocols.errors import ConfigError, DeviceUnreachableError

Take = Callable[[bytes, tuple[str, int]], None]
"""Gets a datagram and where it came from; must not raise and must not wait."""

_BUFFER_BYTES: Final = 1 << 20


class UdpSocket(asyncio.DatagramProtocol):
    """An open socket; made by `open_udp`."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def open(self) -> bool:
        """Whether it can send."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def address(self) -> tuple[str, int]:
        """Own address.

        Raises:
            DeviceUnreachableError: It is closed.
        """
        if self._transport is None:
            raise DeviceUnreachableError("this socket is closed")
        host, port = self._transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Send one datagram; whether it arrives nobody says.

        Raises:
            DeviceUnreachableError: The socket is closed.
        """
        if self._transport is None:
            raise DeviceUnreachableError("this socket is closed")
        self._transport.sendto(data, to)

    def close(self) -> None:
        """Close; harmless when closed."""
        if self._transport is not None:
            self._transport.close()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # the class of Python 3.11's own loop is no DatagramTransport by name
        self._transport = cast("asyncio.DatagramTransport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        self._take(data, (str(addr[0]), addr[1]))

    @override
    def error_received(self, exc: Exception) -> None:
        """An ICMP message about an earlier datagram; who waits for an answer times out."""


async def open_udp(take: Take, host: str = "0.0.0.0", port: int = 0, *, broadcast: bool = False) -> UdpSocket:  # noqa: S104  the way to each peer chooses the own address
    """Open a socket; port 0 takes a free one. Nobody else gets the port as long as it is open.

    Raises:
        ConfigError: The address cannot be used or the port is taken.
    """
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if broadcast:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        own.settimeout(0)
        own.bind((host, port))
    except OSError as error:
        own.close()
        raise ConfigError(f"{host}:{port} cannot be used on this machine: {error.strerror}") from error
    loop = asyncio.get_running_loop()
    _, made = await loop.create_datagram_endpoint(lambda: UdpSocket(take), sock=own)
    return made


def local_address(peer: str, port: int) -> tuple[str, int]:
    """Own address on the way to `peer`, with a free port that is not the peer's.

    Nothing is sent. The port is free now; whoever binds it should do so at once.

    Raises:
        ConfigError: There is no way to that address.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, port))
            host = str(probe.getsockname()[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
            free = int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigError(f"there is no way to {peer}:{port}: {error.strerror}") from error
    return host, free
