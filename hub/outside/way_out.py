"""Where the hub may connect to on its own: the public internet, and what its administrator allows beside it.

Whom it writes to and asks (mail servers, webhooks, robots, a provider of identities, weather) stands in files
that people change, and some of these come by the API. So that nobody makes the hub knock at doors of the
plant's own network, a name is resolved once, each address it has is judged, and the connection goes to just
that address: another answer of the name server a moment later changes nothing. Nothing is followed elsewhere.

Who has a mail server in the plant allows it in `outside.yaml` of the hub's own folder, by name or by network,
or in the environment, as containers do: `EMS_OUTSIDE_ALLOW="mail.plant.lan 10.20.0.0/16"`.

allow: [mail.plant.lan, 10.20.0.0/16]

Where a plant reaches the internet by a proxy alone, the same file names it. Who is allowed is still connected
to without it; everybody else is judged by name, and by their addresses where the hub can look them up, before
the proxy is asked for them.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from hub.outside.proxy import Proxy, ProxyAt, is_inner, opened
from protocols.config import Config
from protocols.errors import AddressRefusedError, ConfigError, KeyFileError
from protocols.networks import METADATA, Address, is_public, plain_address
from runtime.yaml_config import load_config

FILE: Final = "outside.yaml"
VARIABLE: Final = "EMS_OUTSIDE_ALLOW"
"""More entries, with blanks between them, for who has no folder to write into."""
MOST_ADDRESSES: Final = 4
"""Addresses of a name that are tried, one after the other. [-]"""

_HOST: Final = 253


def _entry(text: str) -> str:
    """A name as it is compared, or a network; refuses what is neither."""
    told = text.strip().lower().rstrip(".")
    if "/" in told or _number(told) is not None:
        try:
            return str(ip_network(told))
        except ValueError as error:
            raise ValueError(f"{text!r} is no network ({error}); write it like 10.20.0.0/16") from error
    labels = told.split(".")
    good = len(told) <= _HOST and all(re.sub("[-_]", "", label).isalnum() for label in labels)
    if not good or labels[-1].isdigit():
        raise ValueError(
            f"{text!r} is no name of a host; write it like mail.plant.lan, without port and path"
        )
    return told.encode("idna").decode("ascii")


class OutsideFile(Config):
    """`outside.yaml` in the hub's own folder; it need not be there."""

    allow: Annotated[tuple[Annotated[str, AfterValidator(_entry)], ...], Field(max_length=200)] = ()
    """Names of hosts, addresses and networks of the plant that the hub may connect to. A name may then be at
    any private address; addresses of one link alone, as of 169.254.0.0/16, have to be named themselves."""

    proxy: ProxyAt | None = None
    """The proxy by which the internet is reached, without it whom `allow` names; None: there is none."""


class WayOut:
    """What may be connected to.

    Args:
        allow: As in `OutsideFile`.
        proxy: Who connects to the internet for the hub; None: it does so itself.
    """

    def __init__(self, allow: Iterable[str] = (), proxy: Proxy | None = None) -> None:
        self.proxy = proxy
        entries = frozenset(map(_entry, allow))
        self._networks = tuple(ip_network(one) for one in entries if "/" in one)
        self._hosts = frozenset(one for one in entries if "/" not in one)

    def addresses(self, host: str, port: int) -> list[str]:
        """Addresses of a host, each of which may be connected to; blocks while the name is looked up.

        Raises:
            AddressRefusedError: It has one that may not be; the message says what would allow it.
            OSError: The name cannot be resolved.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"{host!r} is no name of a host") from error
        told = list(dict.fromkeys(str(one[4][0]) for one in found))
        for address in told:
            self._judge(host, address)
        return told[:MOST_ADDRESSES]

    def direct(self, host: str, port: int) -> list[str] | None:
        """As `addresses`; None where the proxy is to connect, which looks the name up itself.

        Raises:
            AddressRefusedError: As `addresses`; or a name of the plant that is not allowed.
            OSError: As `addresses`, where there is no proxy.
        """
        if self.proxy is None or _same_name(host) in self._hosts:
            return self.addresses(host, port)
        try:
            found = self.addresses(host, port)
        except OSError:  # who has a proxy may know no names of the internet
            found = []
        if not found and is_inner(host):
            raise _refused(host, None, host)
        inner = found and not all(is_public(plain_address(one)) for one in found)
        return found if inner else None

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A connection to the first address of a host that takes one, or to the host through the proxy.

        Raises:
            AddressRefusedError: As `addresses`.
            OSError: None of them takes one, or the proxy does not.
        """
        addresses = self.direct(host, port)
        if addresses is None and self.proxy is not None:
            return self.proxy.connect(host, port, timeout_s)
        why: OSError = OSError(f"{host} has no address")
        for address in addresses or ():
            try:
                return socket.create_connection((address, port), timeout_s)
            except OSError as error:
                why = error
        raise why

    def _judge(self, host: str, text: str) -> None:
        address = plain_address(text)
        if address in METADATA or address.is_multicast or address.is_unspecified:
            raise _refused(host, address, "")
        if is_public(address) or any(address in network for network in self._networks):
            return
        named = _same_name(host) in self._hosts
        if not named or address.is_link_local:
            raise _refused(host, address, str(address) if address.is_link_local else host)


def load_way_out(state: Path) -> WayOut:
    """What the file in the hub's own folder and the environment allow; without them the internet alone.

    Raises:
        ConfigError: One of them has faults.
    """
    path = state / FILE
    told = load_config(path, OutsideFile) if path.exists() else OutsideFile()
    try:
        return WayOut((*told.allow, *os.environ.get(VARIABLE, "").split()), opened(told.proxy, state))
    except KeyFileError as error:
        raise ConfigError(f"{path}: proxy: {error.args[0]}") from error
    except ValueError as error:
        raise ConfigError(f"{VARIABLE}: {error}") from error


def _same_name(host: str) -> str:
    try:
        return _entry(host)
    except ValueError:
        return ""


def _number(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _refused(host: str, address: Address | None, entry: str) -> AddressRefusedError:
    where = host if address is None or host == str(address) else f"{host} is at {address}"
    if not entry:
        return AddressRefusedError(
            f"the hub never connects to such an address: {where}", zh=f"中心端从不连接此类地址：{where}"
        )
    return AddressRefusedError(
        f"the hub connects to private addresses only where its administrator allows it: {where}; "
        f"add {entry} under `allow` in {FILE} of the hub's folder, or to {VARIABLE}",
        zh=f"只有管理员允许时，中心端才连接内部网络地址：{where}；"
        f"请在中心目录的 {FILE} 的 `allow` 中（或 {VARIABLE} 中）加入 {entry}",
    )
