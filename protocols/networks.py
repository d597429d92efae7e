"""Which addresses may be connected to: ways of writing one, those of nobody, networks that a list names.

An edge connects to its devices, and to the broker of its outlet, where `device_networks` of its device list
says so; without that list anywhere but where no device ever is. Here is only the judging: who
connects looks a name up once, has each of its addresses judged, and connects to just that address
(`protocols/links/resolve.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16",
            "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
        ),
    )
)  # fmt: skip
"""Where machines of clouds get their own secrets."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
_BROADCAST: Final = IPv4Address("255.255.255.255")


def plain_address(text: str) -> Address:
    """An address without the ways of writing an older one into a newer one.

    Example:
        >>> [str(plain_address(one)) for one in ("::ffff:127.0.0.1", "64:ff9b::a00:1", "fe80::1%lo")]
        ['127.0.0.1', '10.0.0.1', 'fe80::1']
    """
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def is_public(address: Address) -> bool:
    """Whether anybody may have this address, and not one of a few reserved kinds."""
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_reserved or site_local)


def network_of(text: str) -> Network:
    """A network as a list of them names it; an address alone is a network of one.

    Raises:
        ValueError: It is none, or one in which no device is ever connected to.

    Example:
        >>> [str(network_of(one)) for one in ("10.20.0.0/16", "10.20.0.7", "FD00::/8")]
        ['10.20.0.0/16', '10.20.0.7/32', 'fd00::/8']
    """
    try:
        found = ip_network(text.strip())
    except ValueError as error:
        raise ValueError(f"{text!r} is no network; write it like 10.20.0.0/16, or one address") from error
    if found.is_link_local or found.is_multicast or found.network_address in METADATA:
        raise ValueError(f"{text!r} is a network in which no device is ever connected to; leave it out")
    return found


@dataclass(frozen=True, slots=True)
class DeviceNetworks:
    """What an edge may connect to.

    Attributes:
        listed: Networks its devices are in; None: nobody said so.
    """

    listed: tuple[Network, ...] | None = None

    @classmethod
    def of(cls, told: Iterable[str] | None) -> DeviceNetworks:
        """As a device list says it.

        Raises:
            ValueError: One of them is no network.
        """
        return cls(None if told is None else tuple(map(network_of, told)))

    def why_not(self, host: str, address: str, *, outside: bool = False) -> str:
        """Why nothing is connected to at an address; empty: it may be.

        Args:
            host: As the configuration writes it.
            address: What that is, as a number.
            outside: Whether it may lie in the public internet too, whatever the list says.

        Example:
            >>> DeviceNetworks.of(["10.20.0.0/16"]).why_not("10.9.0.4", "10.9.0.4")
            '10.9.0.4 lies outside device_networks (10.20.0.0/16): correct it, or add its network there'
        """
        plain, where = plain_address(address), host if host == address else f"{host} is at {address}, which"
        if _nobodys(plain):
            return f"{where} is never connected to: no device has such an address, give its own"
        listed = self.listed
        if listed is None or (outside and is_public(plain) and not _wrapped(address)):
            return ""
        if _wrapped(address):
            return f"{where} has an IPv4 address written into an IPv6 one: give the IPv4 address itself"
        told = ", ".join(map(str, listed))
        why = f"{where} lies outside device_networks ({told}): correct it, or add its network there"
        return "" if any(plain in network for network in listed) else why

    def beyond(self, told: DeviceNetworks) -> tuple[str, ...]:
        """Networks of this list that lie in none of another; `any` where this one names none.

        Example:
            >>> DeviceNetworks.of(["10.20.3.0/24", "10.0.0.0/8"]).beyond(DeviceNetworks.of(["10.20.0.0/16"]))
            ('10.0.0.0/8',)
        """
        if told.listed is None:
            return ()
        if self.listed is None:
            return ("any",)
        return tuple(str(one) for one in self.listed if not any(_within(one, wide) for wide in told.listed))


ANYWHERE: Final = DeviceNetworks()
"""Nobody said where devices are; what no device ever has is refused all the same."""


def numbered(host: str) -> bool:
    """Whether a host is written as an address rather than a name."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _nobodys(address: Address) -> bool:
    """Secrets of clouds, one link, a group, everybody, nobody."""
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    return special or address in METADATA or address == _BROADCAST


def _wrapped(text: str) -> bool:
    """Whether an IPv4 address is written into an IPv6 one."""
    return plain_address(text) != ip_address(text.partition("%")[0])


def _within(one: Network, wide: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(wide, IPv4Network) and one.subnet_of(wide)
    return isinstance(wide, IPv6Network) and one.subnet_of(wide)
