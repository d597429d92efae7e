"""The client side of BACnet/IP: one socket for all devices of a process, and who gets which answer.

A request waits under (address, invoke id) and takes only an acknowledgement of its own service from the
address it was sent to. An id whose request timed out rests for a minute, so that an answer that comes late
finds nobody. A read may be sent again, with its own id, inside its time; nothing else ever is.

Source: ANSI/ASHRAE 135-2020, clause 5.4 (transactions).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from protocols.driver import Traffic
from protocols.drivers.bacnet import packet
from protocols.drivers.bacnet.packet import Packet, Pdu, Peer, Service, Unconfirmed
from protocols.drivers.bacnet.services import IAm, Notice, error_codes, i_am, notice
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError
from protocols.links.udp import UdpSocket, open_udp

RESTS_S: Final = 60.0
"""How long an invoke id is not used again after a time-out."""

_IDS: Final = 256
_UNSPOKEN: Final = frozenset({Pdu.REJECT, Pdu.ABORT})

OnNotice = Callable[[Peer, Notice], bool]
"""Takes a change of value; says whether somebody has subscribed to it."""

OnIAm = Callable[[Peer, IAm], None]


@dataclass(slots=True)
class _Waiting:
    service: int
    answer: asyncio.Future[Packet]


@dataclass(slots=True)
class Counts:
    """What was thrown away.

    Attributes:
        malformed: Datagrams that could not be read.
        stray: Answers nobody waited for: late, of another service, from somebody not asked.
        resent: Reads that were sent again.
    """

    malformed: int = 0
    stray: int = 0
    resent: int = 0


class BacnetClient:
    """Opened at the first request, closed when the last user lets go."""

    def __init__(self, host: str = "0.0.0.0", port: int = 0, *, broadcast: bool = False) -> None:  # noqa: S104  each peer's way chooses
        self._own = (host, port)
        self._broadcast = broadcast
        self._socket: UdpSocket | None = None
        self._users: set[object] = set()
        self._waiting: dict[tuple[Peer, int], _Waiting] = {}
        self._next: dict[Peer, int] = {}
        self._resting: dict[tuple[Peer, int], float] = {}
        self._traffic: dict[Peer, Traffic] = {}
        self.counts = Counts()
        self.on_notice: list[OnNotice] = []
        self.on_i_am: list[OnIAm] = []
        self.on_bvll_result: Callable[[int, tuple[str, int]], None] | None = None

    def traffic_of(self, peer: Peer) -> Traffic:
        """Counters of what goes to a device and comes from it."""
        return self._traffic.setdefault(peer, Traffic())

    def use(self, user: object) -> None:
        """Keep the socket open for `user`."""
        self._users.add(user)

    def release(self, user: object) -> None:
        """Let go; the socket closes with its last user."""
        self._users.discard(user)
        if not self._users:
            self.close()

    def close(self) -> None:
        """Close the socket; who still waits gets no answer."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def opened(self) -> UdpSocket:
        """The socket.

        Raises:
            ConfigError: The own address cannot be used.
        """
        if self._socket is None or not self._socket.open:
            self._socket = await open_udp(self._take, *self._own, broadcast=self._broadcast)
        return self._socket

    async def ask(
        self, peer: Peer, service: Service, body: bytes, timeout_s: float, *, sends: int = 1
    ) -> bytes:
        """Send a confirmed request and wait for its acknowledgement; gives the body, empty for a simple one.

        `sends` above 1 is for reads only: the same request goes out again after its share of `timeout_s`.

        Raises:
            DeviceUnreachableError: No answer within `timeout_s`, or 256 requests wait for this device.
            DeviceRefusedError: Error, reject or abort; `pdu`, `reason` and `code` are in its context.
            ConfigError: The own address cannot be used.
        """
        socket = await self.opened()
        invoke = self._invoke_id(peer)
        answer: asyncio.Future[Packet] = asyncio.get_running_loop().create_future()
        self._waiting[peer, invoke] = _Waiting(service, answer)
        data, traffic = packet.confirmed(peer, invoke, service, body), self.traffic_of(peer)
        try:
            for sent in range(sends):
                self.counts.resent += sent > 0
                traffic.resent += sent > 0
                traffic.sent_bytes += len(data)
                socket.send(data, (peer.host, peer.port))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s / sends):
                        return _body(peer, await asyncio.shield(answer))
            raise DeviceUnreachableError(f"no answer from {name_of(peer)} within {timeout_s:g} s")
        finally:
            del self._waiting[peer, invoke]
            if not answer.done():
                self._resting[peer, invoke] = asyncio.get_running_loop().time() + RESTS_S
                answer.cancel()

    def tell(self, peer: Peer, service: Service, body: bytes) -> None:
        """Send a request whose answer nobody waits for; nothing happens when the socket is closed."""
        if self._socket is not None and self._socket.open:
            data = packet.confirmed(peer, self._invoke_id(peer), service, body)
            self._socket.send(data, (peer.host, peer.port))

    def _invoke_id(self, peer: Peer) -> int:
        now_s = asyncio.get_running_loop().time()
        first = self._next.get(peer, 0)
        for step in range(_IDS):
            invoke = (first + step) % _IDS
            if (peer, invoke) in self._waiting or self._resting.get((peer, invoke), now_s) > now_s:
                continue
            self._resting.pop((peer, invoke), None)
            self._next[peer] = (invoke + 1) % _IDS
            return invoke
        raise DeviceUnreachableError(f"{name_of(peer)} left {_IDS} requests without an answer")

    def _take(self, data: bytes, sender: tuple[str, int]) -> None:
        try:
            result = packet.bvll_result(data)
            if result is not None:
                if self.on_bvll_result is not None:
                    self.on_bvll_result(result, sender)
                return
            got = packet.parse(data)
            peer = Peer(*(got.origin or sender), got.network, got.mac)
            if peer in self._traffic:  # a stranger's words are nobody's traffic
                self._traffic[peer].heard_bytes += len(data)
            self._hand_on(peer, got, sender)
        except BadAnswerError:
            self.counts.malformed += 1

    def _hand_on(self, peer: Peer, got: Packet, sender: tuple[str, int]) -> None:
        if got.pdu is Pdu.CONFIRMED:
            if got.service == Service.COV_NOTIFICATION and not got.segmented and self._noticed(peer, got):
                self._acknowledge(peer, got)
        elif got.pdu is Pdu.UNCONFIRMED:
            if got.service == Unconfirmed.COV_NOTIFICATION:
                self._noticed(peer, got)
            elif got.service == Unconfirmed.I_AM:
                said = i_am(got.body)
                for take in self.on_i_am:
                    take(peer, said)
        elif got.origin is None:
            self._answered(Peer(*sender, got.network, got.mac), got)

    def _answered(self, peer: Peer, got: Packet) -> None:
        waiting = self._waiting.get((peer, got.invoke))
        if (
            waiting is None
            or waiting.answer.done()
            or (got.pdu not in _UNSPOKEN and got.service != waiting.service)
        ):
            self.counts.stray += 1
            return
        waiting.answer.set_result(got)

    def _noticed(self, peer: Peer, got: Packet) -> bool:
        said = notice(got.body)
        takers = [take(peer, said) for take in self.on_notice]
        known = any(takers)
        self.counts.stray += not known
        return known

    def _acknowledge(self, peer: Peer, got: Packet) -> None:
        if self._socket is not None and self._socket.open:
            data = packet.simple_ack(peer, got.invoke, Service.COV_NOTIFICATION)
            self._socket.send(data, (peer.host, peer.port))


def name_of(peer: Peer) -> str:
    """Address of a peer for people."""
    behind = f" network {peer.network} address {peer.mac.hex()}" if peer.network else ""
    return f"{peer.host}:{peer.port}{behind}"


def _body(peer: Peer, got: Packet) -> bytes:
    if got.pdu in {Pdu.SIMPLE_ACK, Pdu.COMPLEX_ACK} and not got.segmented:
        return got.body if got.pdu is Pdu.COMPLEX_ACK else b""
    reason, code = (got.body[0] if got.body else -1), -1
    if got.pdu is Pdu.ERROR:
        reason, code = error_codes(got.body)
    if got.segmented:
        raise DeviceRefusedError(f"{name_of(peer)} answers in segments", pdu="abort", reason=4, code=-1)
    raise DeviceRefusedError(
        f"{name_of(peer)} answers with {got.pdu.name.lower()} {reason}" + (f"/{code}" if code >= 0 else ""),
        pdu=got.pdu.name.lower(),
        reason=reason,
        code=code,
    )
