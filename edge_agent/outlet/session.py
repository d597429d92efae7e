"""The session at the broker of an outlet: connect, say hello, tell what waits, and come back after a loss.

Samples wait in a queue of their own. The poller puts them there without waiting; when it is full the oldest
poll is given up and counted, and once the queue is empty again everything that is known is told anew, so that
no reader keeps a number that a lost message would have changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiomqtt

from edge_agent.outlet.meter import OutletMeter
from edge_agent.outlet.newest import Newest, Told
from edge_agent.outlet.teller import Message, Teller
from protocols.drivers.mqtt.broker import entered, is_lost, tls_context
from protocols.errors import KeyFileError, NoLinkError
from protocols.frame import Frame
from protocols.links.resolve import addresses_of
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.outlet import Outlet
from runtime.passwords import read_secret
from runtime.supervise import Backoff

_log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 10.0
_KEEPALIVE_S: Final = 10
_FAREWELL_S: Final = 1.0
_REBIRTH_EACH_S: Final = 1.0
_AT_ONCE: Final = 20
"""Messages of one poll that may be on their way together."""

_SESSIONS: Final = 256
_FAULTS: Final = (aiomqtt.MqttError, OSError, TimeoutError, KeyFileError, NoLinkError)


@dataclass(frozen=True, slots=True)
class Account:
    """Who signs in.

    Attributes:
        identifier: MQTT client id.
        state: The agent's own folder, below which password and certificates stand.
        backoff: How long to wait before the next attempt; a part of it by chance.
        networks: Where the broker may be, beside the public internet.
    """

    identifier: str
    state: Path
    backoff: Backoff = field(default_factory=Backoff)
    networks: DeviceNetworks = ANYWHERE


class OutletSession:
    """Tells one broker; `offer` is for the poller, `run` for a task of its own."""

    def __init__(self, outlet: Outlet, newest: Newest, teller: Teller, account: Account) -> None:
        self.meter = OutletMeter()
        self._outlet = outlet
        self._newest = newest
        self._teller = teller
        self._account = account
        self._queue: deque[Told] = deque()
        self._fresh = asyncio.Event()
        self._rebirth = False
        self._all_due = False

    def offer(self, frame: Frame) -> None:
        """Take a poll to be told; never waits."""
        told = self._newest.take(frame)
        if told is None:
            return
        self._queue.append(told)
        if len(self._queue) > self._outlet.queue:
            self._give_up(self._queue.popleft())
        self.meter.waiting = len(self._queue)
        self._fresh.set()

    async def run(self) -> None:
        """Tell until cancelled; a session that ends is followed by another."""
        now_s, backoff, failures = asyncio.get_running_loop().time, self._account.backoff, 0
        while True:
            begun_s, why = now_s(), "the session ended"
            try:
                await self._session()
            except* _FAULTS as group:
                why = str(next(_leaves(group))) or "no answer"
            self.meter.connected, self.meter.why = False, why
            failures = 1 if now_s() - begun_s > backoff.most_s else failures + 1
            if failures & (failures - 1) == 0:  # a broker that is away for days does not fill the log
                where = f"{self._outlet.host}:{self._outlet.port}"
                _log.warning("outlet %s is away, %d in a row: %s", where, failures, why)
            part = random.uniform(0.5, 1.0)  # noqa: S311  no secret: boxes should not come back together
            await asyncio.sleep(backoff.delay_s(failures) * part)

    async def _session(self) -> None:
        number = await asyncio.to_thread(_next_session, self._account.state / "outlet_session")
        async with contextlib.AsyncExitStack() as stack:
            client = await signed_in(self._outlet, self._account, self._teller.will(number))
            stack.callback(is_lost, client)  # its error is known by then
            stack.push_async_exit(client)
            await self._begin(client)
            await self._serve(client)

    async def _begin(self, client: aiomqtt.Client) -> None:
        for topic in self._teller.commands:
            await client.subscribe(topic, qos=1)
        await self._publish(client, self._teller.hello())
        self.meter.sessions += 1
        self.meter.connected, self.meter.why = True, ""
        self._all_due = True
        self._fresh.set()

    async def _serve(self, client: aiomqtt.Client) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(client))
                tasks.create_task(self._tell(client))
        except asyncio.CancelledError:
            await self._farewell(client)
            raise

    async def _hear(self, client: aiomqtt.Client) -> None:
        """Hear who asks for a rebirth; also how the loss of the session is noticed while nothing is told."""
        async for message in client.messages:
            if self._teller.rebirth_wanted(message.topic.value, message.payload):
                self._rebirth = True
                self._fresh.set()
                await asyncio.sleep(_REBIRTH_EACH_S)

    async def _tell(self, client: aiomqtt.Client) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            if self._rebirth:
                self._rebirth = False
                await self._publish(client, self._teller.hello())
            while self._queue:
                await self._tell_next(client)
            if self._all_due:
                self._all_due = False
                for state in self._newest.devices.values():
                    await self._tell_one(client, self._newest.all_of(state))

    async def _tell_next(self, client: aiomqtt.Client) -> None:
        told, done = self._queue.popleft(), False
        try:
            await self._tell_one(client, told)
            done = True
        finally:
            if not done:
                self._put_back(told)
            self.meter.waiting = len(self._queue)

    async def _tell_one(self, client: aiomqtt.Client, told: Told) -> None:
        if len(told.at):
            await self._publish(client, self._teller.told(told))
            self.meter.sent += len(told.at)

    async def _publish(self, client: aiomqtt.Client, messages: Iterable[Message]) -> None:
        """One after the other where their order counts, otherwise several at once."""
        for some in _batches(messages, 1 if self._teller.ordered else _AT_ONCE):
            if len(some) == 1:
                await self._send(client, some[0])
                continue
            async with asyncio.TaskGroup() as tasks:
                for message in some:
                    tasks.create_task(self._send(client, message))

    async def _send(self, client: aiomqtt.Client, message: Message) -> None:
        await client.publish(message.topic, message.body, qos=message.qos, retain=message.retain)
        self.meter.messages += 1

    async def _farewell(self, client: aiomqtt.Client) -> None:
        with contextlib.suppress(*_FAULTS):
            async with asyncio.timeout(_FAREWELL_S):
                for message in self._teller.goodbye():
                    await self._send(client, message)

    def _put_back(self, told: Told) -> None:
        if len(self._queue) < self._outlet.queue:
            self._queue.appendleft(told)
        else:
            self._give_up(told)

    def _give_up(self, told: Told) -> None:
        self.meter.dropped += len(told.at)
        self._all_due = True


async def greet(outlet: Outlet, account: Account) -> str:
    """Sign in and leave again; nothing is published. Gives why it did not work, empty when it did."""
    try:
        client = await signed_in(outlet, account, None)
        try:
            await client.__aexit__(None, None, None)
        finally:
            is_lost(client)  # its error is known by now
    except _FAULTS as error:
        return str(error) or "no answer"
    return ""


async def signed_in(outlet: Outlet, account: Account, will: Message | None) -> aiomqtt.Client:
    """A client that the broker takes; who has it ends it.

    Raises:
        KeyFileError: The password is not where the configuration says.
        NoLinkError: The broker is where this edge does not connect to.
        MqttError: The broker does not take us; or OSError: it, or a certificate, is not there.
    """
    password, tls = None, None
    if outlet.login is not None and outlet.login.password is not None:
        password = await asyncio.to_thread(read_secret, account.state, outlet.login.password)
    if outlet.tls is not None:
        tls = await asyncio.to_thread(tls_context, account.state, outlet.tls, outlet.host)
    addresses = await addresses_of(outlet.host, outlet.port, account.networks, outside=True)
    return await entered(
        lambda address: aiomqtt.Client(
            address,
            outlet.port,
            username=None if outlet.login is None else outlet.login.user,
            password=password,
            tls_context=tls,
            identifier=account.identifier,
            will=None if will is None else aiomqtt.Will(will.topic, will.body, will.qos, will.retain),
            timeout=_TIMEOUT_S,
            keepalive=_KEEPALIVE_S,
            max_queued_incoming_messages=_AT_ONCE,
        ),
        addresses,
    )


def _next_session(path: Path) -> int:
    """Number of this session, 0 to 255, counted over starts of the agent."""
    try:
        number = (int(path.read_text(encoding="ascii")) + 1) % _SESSIONS
    except (OSError, ValueError):
        number = 0
    path.write_text(str(number), encoding="ascii")
    return number


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _batches(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    rest = iter(messages)
    while some := list(itertools.islice(rest, size)):
        yield some
