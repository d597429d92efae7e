"""A session with an OPC UA server: channel, trust, user, limits, name spaces.

The server's certificate is asked for on an open channel, compared with the trust list, and only then used;
the session is refused once more when the signed answer names another one. A password is sent only when it is
encrypted, by the channel or by the server's key, unless the configuration allows it in so many words.

Source: OPC UA Part 4, sections 5.5.4 (GetEndpoints), 5.7 (session), 7.40 (user tokens); Part 5, 6.3.11
(operation limits).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import BadIdentityTokenRejected, BadUserAccessDenied, UaError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from typing_extensions import override

from protocols.access import KeyPair, OpcUaSecurity
from protocols.device import OpcUa
from protocols.driver import Surroundings
from protocols.drivers.opcua.bounded import bound_arrays
from protocols.drivers.opcua.kept import encode_once
from protocols.drivers.opcua.plain import decode_plainly
from protocols.drivers.opcua.trust import TrustList, application_uri, fingerprint
from protocols.errors import DeviceUnreachableError, EmsError, KeyFileError
from protocols.links.kernel_counts import Counted
from protocols.links.resolve import addresses_of, at_first
from protocols.networks import ANYWHERE, DeviceNetworks

_CLOSE_S: Final = 1.0
_SESSION_MS: Final = 60_000
"""A session that was cut off is forgotten by the server after this; small devices have few to give."""

_WATCH_S: Final = 20.0
"""The library's own look at the server; reads and publishings find a loss much sooner."""

_HANDSHAKES: Final = 4
"""A secured connection takes this many requests' time on a small device."""

_MOST_NODES: Final = 1000
"""Largest batch where the server names no limit."""

_PORT: Final = 4840
"""Where the address names none: the one registered for OPC UA."""

_READ_LIMIT: Final = ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead
_ITEMS_LIMIT: Final = ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall
_BROWSE_LIMIT: Final = ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse
_NAMESPACE: Final = re.compile(r"^nsu=([^;]+);(.+)$")
_POLICIES: Final[dict[str, Any]] = {  # the library calls its own concrete classes abstract
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128Sha256RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256Sha256RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}

logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # the line says once that a device is down


@dataclass(slots=True)
class Session:
    """An open session.

    Attributes:
        client: The library's client.
        most_nodes: Nodes in one read; made smaller when the server finds it too many.
        most_items: Monitored items in one call.
        most_browsed: Nodes in one browse.
        namespaces: URIs by index.
    """

    client: Client
    most_nodes: int = _MOST_NODES
    most_items: int = _MOST_NODES
    most_browsed: int = _MOST_NODES
    namespaces: list[str] = field(default_factory=list)

    def node_id(self, text: str) -> ua.NodeId | None:
        """Node id of a profile's text in this session; None for no such name space, or no node id at all."""
        by_uri = _NAMESPACE.match(text)
        if by_uri is not None:
            uri, rest = by_uri.groups()
            if uri not in self.namespaces:
                return None
            text = f"ns={self.namespaces.index(uri)};{rest}"
        try:
            return ua.NodeId.from_string(text)
        except (UaError, ValueError):
            return None


class _Client(Client):
    """The library's client: it would go to any answer of a name server, and send a password in the clear."""

    plain_allowed = False
    networks = ANYWHERE

    @override
    async def connect_socket(self) -> None:
        url = self.server_url
        host, port = url.hostname or "", url.port or _PORT
        addresses = await addresses_of(host, port, self.networks)
        await at_first(addresses, lambda address: self.uaclient.connect_socket(address, port))

    @override
    def server_policy(self, token_type: ua.UserTokenType) -> ua.UserTokenPolicy:
        policy = super().server_policy(token_type)
        open_token = policy.SecurityPolicyUri in {None, "", security_policies.SecurityPolicyNone.URI}
        encrypted = self.security_policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        if token_type == ua.UserTokenType.UserName and open_token and not (encrypted or self.plain_allowed):
            raise UaError("the server wants the password unencrypted; use SignAndEncrypt or allow `plain`")
        return policy


async def connect(place: OpcUa, around: Surroundings) -> Session:
    """Open a session as the configuration says.

    Raises:
        DeviceUnreachableError: No server, no such security, a server that nobody accepted yet, a refused
            user, or a key file that cannot be read; the sentence says which and what to do.
    """
    bound_arrays()
    decode_plainly()
    encode_once()
    client = _made(place, around.networks)
    client.application_uri, client.session_timeout = application_uri(), _SESSION_MS
    client.name = client.description = "Ai4Energy EMS edge"
    patience_s = place.timeout_s * (_HANDSHAKES if place.security else 1)
    try:
        if place.security is not None:
            await _secure(client, place, place.security, TrustList(around.state))
        await _name_user(client, place, around)
        async with asyncio.timeout(patience_s):
            await client.connect()
            return await _explored(client)
    except (BadUserAccessDenied, BadIdentityTokenRejected) as error:
        await let_go(client)
        raise DeviceUnreachableError(
            f"{place.url} refuses the user; check `login` and its password"
        ) from error
    except (OSError, TimeoutError, UaError, ValueError, KeyFileError) as error:
        await let_go(client)
        why = str(error) if isinstance(error, EmsError) else repr(error)
        raise DeviceUnreachableError(f"no session with {place.url}: {why}") from error
    except (asyncio.CancelledError, DeviceUnreachableError):
        await let_go(client)
        raise


async def let_go(client: Client) -> None:
    """End the session within a second, in order where the server still answers; never raises."""
    with contextlib.suppress(OSError, TimeoutError, UaError):
        async with asyncio.timeout(_CLOSE_S):
            await client.disconnect()
    client.disconnect_socket()


def wire_of(client: Client) -> Counted | None:
    """The socket of an open session."""
    protocol = client.uaclient.protocol
    transport = None if protocol is None else protocol.transport
    found: Counted | None = None if transport is None else transport.get_extra_info("socket")
    return found


def _made(place: OpcUa, networks: DeviceNetworks) -> _Client:
    client = _Client(place.url, timeout=place.timeout_s, watchdog_intervall=_WATCH_S)
    client.networks = networks
    return client


async def _secure(client: _Client, place: OpcUa, security: OpcUaSecurity, trust: TrustList) -> None:
    own, key = await asyncio.to_thread(trust.own)
    policy, mode = _POLICIES[security.policy], ua.MessageSecurityMode[security.mode]
    async with asyncio.timeout(place.timeout_s * 2):
        offered = await _made(place, client.networks).connect_and_get_server_endpoints()
    fits = [one for one in offered if one.SecurityMode == mode and one.SecurityPolicyUri == policy.URI]
    if not fits:
        names = sorted(
            {f"{str(one.SecurityPolicyUri).split('#')[-1]}/{one.SecurityMode.name}" for one in offered}
        )
        raise DeviceUnreachableError(
            f"{place.url} does not offer {security.policy}/{security.mode}; it offers {', '.join(names)}"
        )
    certificate = _leaf(fits[0].ServerCertificate)
    if not certificate:
        raise DeviceUnreachableError(f"{place.url} shows no certificate; it cannot be trusted")
    await _believe(trust, certificate, place.url)

    async def check(shown: x509.Certificate, _server: ua.ApplicationDescription) -> None:
        if shown.public_bytes(Encoding.DER) != certificate:
            raise ServiceError(StatusCodes.BadCertificateUntrusted)

    client.certificate_validator = check
    await client.set_security(policy, own, key, None, CertProperties(certificate, "der"), mode)


def _leaf(chain: bytes | None) -> bytes:
    """First certificate of a chain: its length stands in bytes 2 and 3 of its DER form."""
    return b"" if not chain else bytes(chain[: int.from_bytes(chain[2:4], "big") + 4])


async def _believe(trust: TrustList, certificate: bytes, url: str) -> None:
    if await asyncio.to_thread(trust.trusts, certificate):
        return
    await asyncio.to_thread(trust.reject, certificate)
    name = fingerprint(certificate)
    raise DeviceUnreachableError(
        f"{url} shows a certificate nobody accepted yet, SHA-256 {name}; compare it with the one at the "
        f"server, then run: ems edge trust accept {name}"
    )


async def _name_user(client: _Client, place: OpcUa, around: Surroundings) -> None:
    if place.user_certificate is not None:
        await _load_pair(client, around.state, place.user_certificate)
    if place.login is None:
        return
    client.plain_allowed = place.login.plain
    client.set_user(place.login.user)
    if place.login.password is not None:
        client.set_password(await asyncio.to_thread(around.secret, place.login.password))


async def _load_pair(client: Client, state: Path, pair: KeyPair) -> None:
    certificate = state / pair.certificate
    await client.load_client_certificate(str(certificate), "der" if certificate.suffix == ".der" else "pem")
    await client.load_private_key(state / pair.key, extension="pem")


async def _explored(client: Client) -> Session:
    """The session with the server's own limits; one that names none, or zero, has none."""
    session = Session(client)
    session.most_nodes = _limit(await _asked(client, _READ_LIMIT))
    session.most_items = _limit(await _asked(client, _ITEMS_LIMIT))
    session.most_browsed = _limit(await _asked(client, _BROWSE_LIMIT))
    names = await _asked(client, ObjectIds.Server_NamespaceArray)
    session.namespaces = [str(name) for name in names] if isinstance(names, list) else []
    return session


async def _asked(client: Client, number: int) -> object:
    answer = (await client.uaclient.read_attributes([ua.NodeId(ua.Int32(number))], AttributeIds.Value))[0]
    return None if answer.Value is None else answer.Value.Value


def _limit(told: object) -> int:
    return min(told, _MOST_NODES) if isinstance(told, int) and told > 0 else _MOST_NODES
