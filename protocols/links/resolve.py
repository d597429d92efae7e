"""From a host as it is written to the addresses that are connected to: looked up once, each one judged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from protocols.errors import NoLinkError
from protocols.networks import DeviceNetworks, numbered

MOST_ADDRESSES: Final = 4
"""Addresses of a name that are tried, one after the other. [-]"""


async def addresses_of(host: str, port: int, networks: DeviceNetworks, *, outside: bool = False) -> list[str]:
    """Addresses of a host, each of which may be connected to; who connects does so to one of just these.

    Args:
        host: Name or address.
        port: TCP port.
        networks: What may be connected to.
        outside: As `DeviceNetworks.why_not`.

    Raises:
        NoLinkError: One of them may not be; the message says what would allow it.
        OSError: The name cannot be looked up.
    """
    if numbered(host):
        told = [host]
    else:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"{host!r} is no name of a host") from error
        told = list(dict.fromkeys(str(one[4][0]) for one in found))
    for address in told:
        refuse(host, address, networks, outside=outside)
    return told[:MOST_ADDRESSES]


def refuse(host: str, address: str, networks: DeviceNetworks, *, outside: bool = False) -> None:
    """Raise where nothing may be connected to at an address.

    Raises:
        NoLinkError: With the reason; nothing was sent.
    """
    why = networks.why_not(host, address, outside=outside)
    if why:
        raise NoLinkError(why)


async def at_first(addresses: list[str], connect: Callable[[str], Awaitable[None]]) -> None:
    """Connect to the first address that takes it.

    Raises:
        OSError: None does; the error is that of the last one.
    """
    for address in addresses[:-1]:
        try:
            await connect(address)
        except OSError:
            continue
        return
    await connect(addresses[-1])
