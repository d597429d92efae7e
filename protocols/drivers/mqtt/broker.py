"""A session at a field broker: login, TLS, subscriptions, and what arrived since somebody last looked.

Source: OASIS MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import aiomqtt
from typing_extensions import override

from protocols.access import Tls
from protocols.device import Mqtt
from protocols.driver import Surroundings, Traffic
from protocols.errors import DeviceUnreachableError, KeyFileError
from protocols.links.kernel_counts import KernelCounts
from protocols.links.resolve import addresses_of

_KEEPALIVE_S: Final = 5
_CONNECT_S: Final = 2.0
_CLOSE_S: Final = 1.0
_REFUSED: Final = 128
"""Return code of a subscription that is not allowed."""

_KEPT: Final = 2
"""Messages kept of a topic until somebody reads: a contradicted write needs two to be believed."""

MakeClient = Callable[[str], aiomqtt.Client]
"""Makes a client for an address."""

logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # the line says once that a device is down


class NewestOfEachTopic(asyncio.Queue[aiomqtt.Message]):
    """The newest two messages of each topic in the order they came; what is older gives way.

    A topic that tells only changes is never wrong for long, however rarely somebody reads.
    """

    @override
    def _init(self, maxsize: int) -> None:
        self._count = 0
        self._messages: dict[int, aiomqtt.Message] = {}
        self._of_topic: dict[str, list[int]] = {}

    @override
    def _put(self, item: aiomqtt.Message) -> None:
        self._count += 1
        numbers = self._of_topic.setdefault(item.topic.value, [])
        numbers.append(self._count)
        self._messages[self._count] = item
        if len(numbers) > _KEPT:
            del self._messages[numbers.pop(0)]

    @override
    def _get(self) -> aiomqtt.Message:
        number = next(iter(self._messages))
        message = self._messages.pop(number)
        self._of_topic[message.topic.value].remove(number)
        return message

    @override
    def qsize(self) -> int:
        return len(self._messages)

    @override
    def empty(self) -> bool:
        return not self._messages


class Broker:
    """One session; `topics` are subscribed again at each `open`."""

    def __init__(
        self,
        place: Mqtt,
        identifier: str,
        around: Surroundings,
        topics: Mapping[str, int],
        queue: type[asyncio.Queue[aiomqtt.Message]] = NewestOfEachTopic,
    ) -> None:
        self._place = place
        self._identifier = identifier
        self._around = around
        self._topics = dict(topics)
        self._queue = queue
        self._client: aiomqtt.Client | None = None
        self._counts = KernelCounts()
        self.refused: set[str] = set()
        """Topics that the broker does not let us hear in this session."""

    async def open(self, most_queued: int = 0) -> bool:
        """Connect and subscribe; True when the session is a new one.

        Raises:
            DeviceUnreachableError: No broker, one outside the networks of devices, a refused user or
                certificate, or no subscription.
        """
        if self._client is not None:
            return False
        make, place = await self._maker(most_queued), self._place
        try:
            addresses = await addresses_of(place.host, place.port, self._around.networks)
            client = await entered(make, addresses)
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            where = f"{place.host}:{place.port}"
            raise DeviceUnreachableError(f"no session with the broker at {where}: {error}") from error
        self._client = client
        self._counts.watch(_socket_of(client))
        try:
            granted = await client.subscribe(list(self._topics.items()))
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            await self.close()
            raise DeviceUnreachableError("the broker takes no subscription") from error
        codes = [code if isinstance(code, int) else int(code.value) for code in granted]
        self.refused = {topic for topic, code in zip(self._topics, codes, strict=True) if code >= _REFUSED}
        return True

    def traffic(self) -> Traffic:
        """What went over the wire to the broker."""
        return self._counts.look()

    async def close(self) -> None:
        """End the session; never raises."""
        client, self._client = self._client, None
        self._counts.settle()
        if client is not None:
            await _leave(client)

    async def publish(self, topic: str, body: bytes) -> None:
        """Publish once, with the broker's acknowledgement.

        Raises:
            DeviceUnreachableError: It is not known whether the broker has it.
        """
        try:
            await self._opened().publish(topic, body, qos=1)
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            await self.close()
            raise DeviceUnreachableError("the broker did not take the message") from error

    async def waiting(self) -> Sequence[aiomqtt.Message]:
        """What has arrived and not been taken; waits for nothing but lets the wire be read once.

        Raises:
            DeviceUnreachableError: The broker is away.
        """
        client = self._opened()
        await asyncio.sleep(0)
        if is_lost(client):
            await self.close()
            raise DeviceUnreachableError("the broker is away")
        return [await self.next() for _ in range(len(client.messages))]

    async def next(self) -> aiomqtt.Message:
        """The next message; waits for it.

        Raises:
            DeviceUnreachableError: The broker is away.
        """
        try:
            return await anext(self._opened().messages)
        except (aiomqtt.MqttError, StopAsyncIteration) as error:
            await self.close()
            raise DeviceUnreachableError("the broker is away") from error

    def _opened(self) -> aiomqtt.Client:
        if self._client is None:
            raise DeviceUnreachableError("no session at the broker")
        return self._client

    async def _maker(self, most_queued: int) -> MakeClient:
        place, password, tls = self._place, None, None
        try:
            if place.login is not None and place.login.password is not None:
                password = await asyncio.to_thread(self._around.secret, place.login.password)
            if place.tls is not None:
                tls = await asyncio.to_thread(tls_context, self._around.state, place.tls, place.host)
        except (KeyFileError, OSError) as error:  # ssl's errors are OSErrors
            raise DeviceUnreachableError(f"the broker's login or TLS cannot be prepared: {error}") from error
        return lambda address: aiomqtt.Client(
            address,
            place.port,
            username=None if place.login is None else place.login.user,
            password=password,
            tls_context=tls,
            identifier=self._identifier,
            clean_session=not place.resume,
            timeout=_CONNECT_S,
            keepalive=_KEEPALIVE_S,
            max_queued_incoming_messages=most_queued,
            queue_type=self._queue,
        )


def _socket_of(client: aiomqtt.Client) -> socket.socket | None:
    found = client._client.socket()  # noqa: SLF001  there is no public way to it
    return found if isinstance(found, socket.socket) else None


def is_lost(client: aiomqtt.Client) -> bool:
    """Whether the session is over; the library tells it only to who publishes or waits for a message."""
    gone = client._disconnected  # noqa: SLF001  there is no public sign
    return gone.done() and (gone.cancelled() or gone.exception() is not None or gone.result() is None)


async def entered(make: MakeClient, addresses: Sequence[str]) -> aiomqtt.Client:
    """A client that is signed in at the first address that takes it.

    Raises:
        MqttError: None does; or OSError, TimeoutError: the error is that of the last one.
    """
    for address in addresses[:-1]:
        with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
            return await _entered_at(make(address))
    return await _entered_at(make(addresses[-1]))


async def _entered_at(client: aiomqtt.Client) -> aiomqtt.Client:
    try:
        return await client.__aenter__()
    except (aiomqtt.MqttError, OSError, TimeoutError, asyncio.CancelledError):
        await _leave(client)
        raise


async def _leave(client: aiomqtt.Client) -> None:
    with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await client.__aexit__(None, None, None)
    is_lost(client)  # its error is known by now


def tls_context(state: Path, tls: Tls, host: str) -> ssl.SSLContext:
    """Broker's certificate and name are checked, by the given authority or the system's.

    Args:
        state: Folder below which the files stand.
        tls: Which they are.
        host: Name that the certificate has to be for, although the connection goes to an address.

    Raises:
        OSError: A certificate or key below `state` cannot be read or used.
    """
    context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(state / tls.ca_file))
    if tls.client is not None:
        context.load_cert_chain(state / tls.client.certificate, state / tls.client.key)
    wrap = context.wrap_socket

    def wrap_named(
        sock: socket.socket,
        *,
        server_hostname: str,  # noqa: ARG001  the library names the address
        do_handshake_on_connect: bool,
    ) -> ssl.SSLSocket:
        return wrap(sock, server_hostname=host, do_handshake_on_connect=do_handshake_on_connect)

    context.wrap_socket = wrap_named  # type: ignore[method-assign, assignment]  # as the library calls it
    return context
