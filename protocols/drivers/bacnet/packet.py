"""What stands around a service on BACnet/IP: BVLL, network layer and APDU header; pure.

    BVLL   81 function length(2)      function 4 forwarded (+ 6 octets of origin), 10 unicast, 11 broadcast
    NPDU   01 control [DNET(2) DLEN DADR] [SNET(2) SLEN SADR] [hops]
    APDU   type and flags, then what the type has; see `Pdu`

Segments are never accepted: a request says so, and a device whose answer does not fit aborts.

Source: ANSI/ASHRAE 135-2020, annex J (BVLL), clauses 6.2 (NPDU) and 20.1 (APDU).
"""

from __future__ import annotations

import socket
import struct
from enum import IntEnum
from typing import Final, NamedTuple

from protocols.errors import BadAnswerError


class Pdu(IntEnum):
    """Types of an APDU."""

    CONFIRMED = 0
    UNCONFIRMED = 1
    SIMPLE_ACK = 2
    COMPLEX_ACK = 3
    SEGMENT_ACK = 4
    ERROR = 5
    REJECT = 6
    ABORT = 7


class Service(IntEnum):
    """Confirmed services."""

    COV_NOTIFICATION = 1
    SUBSCRIBE_COV = 5
    READ_PROPERTY = 12
    READ_PROPERTY_MULTIPLE = 14
    WRITE_PROPERTY = 15


class Unconfirmed(IntEnum):
    """Unconfirmed services."""

    I_AM = 0
    COV_NOTIFICATION = 2
    WHO_IS = 8


class Peer(NamedTuple):
    """Where a device is: its address, or a router's and the network and address behind it.

    `network` is 0 for the router's own side; `mac` is then empty.
    """

    host: str
    port: int
    network: int = 0
    mac: bytes = b""


class Packet(NamedTuple):
    """One APDU as it came.

    `service` is -1 where the type has none (reject, abort); `origin` is the address of a forwarded message.
    """

    pdu: Pdu
    invoke: int
    service: int
    body: bytes
    segmented: bool
    network: int
    mac: bytes
    origin: tuple[str, int] | None


MAX_APDU: Final = 1476
"""What we take in one piece: the most BACnet/IP carries."""

_BACNET_IP: Final = 0x81
_FORWARDED: Final = 4
_REGISTER_FOREIGN: Final = 5
_DISTRIBUTE: Final = 9
_UNICAST: Final = 10
_BROADCAST: Final = 11
_RESULT: Final = 0
_BVLL_BYTES: Final = 4
_ORIGIN_BYTES: Final = 6
_VERSION: Final = 1
_NETWORK_MESSAGE: Final = 0x80
_HAS_TARGET: Final = 0x20
_HAS_SOURCE: Final = 0x08
_EXPECTS_REPLY: Final = 0x04
_SEGMENTED: Final = 0x08
_MAX_APDU_CODE: Final = 5
_HOPS: Final = 255
_WHOLE: Final = False
_EVERYWHERE: Final = 0xFFFF


def confirmed(peer: Peer, invoke: int, service: int, body: bytes) -> bytes:
    """A confirmed request in one piece, no segments accepted."""
    apdu = bytes((Pdu.CONFIRMED << 4, _MAX_APDU_CODE, invoke, service)) + body
    return _framed(_UNICAST, _target(peer.network, peer.mac, _EXPECTS_REPLY) + apdu)


def simple_ack(peer: Peer, invoke: int, service: int) -> bytes:
    """What a confirmed notification is answered with."""
    return _framed(
        _UNICAST, _target(peer.network, peer.mac, 0) + bytes((Pdu.SIMPLE_ACK << 4, invoke, service))
    )


def unconfirmed(service: int, body: bytes, *, broadcast: bool = False, by_bbmd: bool = False) -> bytes:
    """An unconfirmed request; a broadcast is for all networks, `by_bbmd` lets a BBMD spread it."""
    function = _DISTRIBUTE if by_bbmd else _BROADCAST if broadcast else _UNICAST
    spread = broadcast or by_bbmd
    head = _target(_EVERYWHERE, b"", 0) if spread else _target(0, b"", 0)
    return _framed(function, head + bytes((Pdu.UNCONFIRMED << 4, service)) + body)


def register_foreign(lifetime_s: int) -> bytes:
    """Ask a BBMD to forward broadcasts to us for `lifetime_s` seconds."""
    return _framed(_REGISTER_FOREIGN, struct.pack(">H", lifetime_s))


def bvll_result(data: bytes) -> int | None:
    """Result code of a BVLL result (0 good), or None for any other message."""
    if len(data) == _BVLL_BYTES + 2 and data[0] == _BACNET_IP and data[1] == _RESULT:
        return int(struct.unpack_from(">H", data, _BVLL_BYTES)[0])
    return None


def parse(data: bytes) -> Packet:
    """Take a datagram apart.

    Raises:
        BadAnswerError: No BACnet/IP, a length that does not fit, a network message, or cut short.
    """
    try:
        return _parse(data)
    except (IndexError, struct.error) as error:
        raise BadAnswerError("a datagram that ends too early") from error


def _parse(data: bytes) -> Packet:
    kind, function, length = struct.unpack_from(">BBH", data)
    if kind != _BACNET_IP or length != len(data):
        raise BadAnswerError("a datagram that is no BACnet/IP, or not as long as it says")
    at, origin = _BVLL_BYTES, None
    if function == _FORWARDED:
        host, port = struct.unpack_from(">4sH", data, at)
        origin = (socket.inet_ntoa(host), int(port))
        at += _ORIGIN_BYTES
    elif function not in {_UNICAST, _BROADCAST}:
        raise BadAnswerError(f"a BVLL function {function} that carries no message")
    at, network, mac = _source(data, at)
    return _apdu(data, at, (network, mac, origin))


def _source(data: bytes, at: int) -> tuple[int, int, bytes]:
    version, control = data[at], data[at + 1]
    if version != _VERSION or control & _NETWORK_MESSAGE:
        raise BadAnswerError("a message of the network layer")
    at += 2
    if control & _HAS_TARGET:
        at += 3 + data[at + 2]
    network, mac = 0, b""
    if control & _HAS_SOURCE:
        network, length = int(struct.unpack_from(">H", data, at)[0]), data[at + 2]
        mac = data[at + 3 : at + 3 + length]
        at += 3 + length
    return at + (1 if control & _HAS_TARGET else 0), network, mac


def _apdu(data: bytes, at: int, source: tuple[int, bytes, tuple[str, int] | None]) -> Packet:
    first = data[at]
    pdu, segmented = Pdu(first >> 4) if first >> 4 <= Pdu.ABORT else None, bool(first & _SEGMENTED)
    if pdu is None:
        raise BadAnswerError(f"an APDU of type {first >> 4}")
    if pdu is Pdu.UNCONFIRMED:
        return Packet(pdu, -1, data[at + 1], data[at + 2 :], _WHOLE, *source)
    if pdu in {Pdu.REJECT, Pdu.ABORT}:
        return Packet(pdu, data[at + 1], -1, data[at + 2 : at + 3], _WHOLE, *source)
    if pdu is Pdu.CONFIRMED:
        at += 1
    if pdu not in {Pdu.CONFIRMED, Pdu.COMPLEX_ACK}:
        segmented = False
    skip = 2 if segmented else 0
    return Packet(pdu, data[at + 1], data[at + 2 + skip], data[at + 3 + skip :], segmented, *source)


def _target(network: int, mac: bytes, control: int) -> bytes:
    if not network:
        return bytes((_VERSION, control))
    head = struct.pack(">BBHB", _VERSION, control | _HAS_TARGET, network, len(mac))
    return head + mac + bytes((_HOPS,))


def _framed(function: int, npdu: bytes) -> bytes:
    return struct.pack(">BBH", _BACNET_IP, function, _BVLL_BYTES + len(npdu)) + npdu
