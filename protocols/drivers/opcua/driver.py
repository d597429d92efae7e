"""An OPC UA server: reads values with their status and source time, writes with the type the server expects.

`read_values` of asyncua hides a bad node behind None, so the answers are taken whole. A lost session is never
repaired by the library's own retry; the next `open` makes a new one, and with it a new subscription.

Source: OPC UA Part 4, sections 5.11.2 (Read) and 5.11.4 (Write).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import numpy as np
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from typing_extensions import override

from protocols.device import Device, OpcUa
from protocols.driver import Driver, Reading, Surroundings, Traffic
from protocols.drivers.opcua.batches import Batches
from protocols.drivers.opcua.codec import encode_variant, judge_answer, source_time_ns
from protocols.drivers.opcua.session import Session, connect, let_go, wire_of
from protocols.drivers.opcua.subscription import Subscription
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.links.kernel_counts import KernelCounts
from protocols.profile import PointSpec, Profile
from protocols.quality import is_bad

_NO_DECODE: Final = (struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What the library's decoder leaks on bytes that make no sense."""

_SUBSCRIBE_AGAIN_S: Final = 60.0
"""How long values are only read after a server refused a subscription, or broke several."""

_LOSSES: Final = 3


def make_drivers(devices: Mapping[str, tuple[Device, Profile]], around: Surroundings) -> dict[str, Driver]:
    """A driver, and with it a session, a device."""
    return {name: OpcuaDriver(_connection(device), around) for name, (device, _) in devices.items()}


def _connection(device: Device) -> OpcUa:
    if not isinstance(device.connection, OpcUa):
        raise ConfigError(f"device {device.id!r} has no OPC UA connection")
    return device.connection


class OpcuaDriver(Driver):
    """One server, one session."""

    def __init__(self, place: OpcUa, around: Surroundings) -> None:
        self._place = place
        self._around = around
        self._session: Session | None = None
        self._batches: Batches | None = None
        self._subscription: Subscription | None = None
        self._no_subscription_until_s = 0.0
        self._lost_s: deque[float] = deque(maxlen=_LOSSES)
        self._counts = KernelCounts()

    @override
    async def open(self) -> None:
        if self._session is None:
            self._session = await connect(self._place, self._around)
            self._counts.watch(wire_of(self._session.client))
            self._batches = Batches(self._session, self._place.base)

    @override
    async def close(self) -> None:
        session, self._session, self._batches, self._subscription = self._session, None, None, None
        self._counts.settle()
        if session is not None:
            await let_go(session.client)

    def traffic(self) -> Traffic:
        """What went over the wire to the server."""
        return self._counts.look()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        async with self._at_work() as (session, batches):
            told = await self._told(session, batches, points)
            missing = [spec for spec in points if spec.name not in told]
            for spec, answer in zip(missing, await batches.read(missing), strict=True):
                told[spec.name] = answer
        answers = [told[spec.name] for spec in points]
        judged = [judge_answer(spec, answer) for spec, answer in zip(points, answers, strict=True)]
        return Reading(
            np.array([value for value, _ in judged], np.float64),
            np.array([quality for _, quality in judged], np.uint8),
            np.array([source_time_ns(answer) for answer in answers], np.int64),
        )

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        if value is None:
            raise DeviceRefusedError("OPC UA has no null here; write the fallback value", point=point.name)
        variant = encode_variant(point, value)
        async with self._at_work() as (session, batches):
            node = batches.node(point)
            if node is None:
                raise DeviceRefusedError("the server has no such name space", point=point.name)
            one = ua.WriteValue(NodeId=node, AttributeId=AttributeIds.Value, Value=ua.DataValue(variant))
            try:
                results = await session.client.uaclient.write(ua.WriteParameters(NodesToWrite=[one]))
                results[0].check()
            except UaStatusCodeError as error:
                raise DeviceRefusedError(f"status {error}", point=point.name) from error

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        """Read a set-point by a request of its own, never from the subscription."""
        async with self._at_work() as (_, batches):
            answer = (await batches.read([point]))[0]
        value, quality = judge_answer(point, answer)
        if is_bad(quality):
            raise PointUnreadableError(f"read back as {quality.name.lower()}", point=point.name)
        return value

    @contextlib.asynccontextmanager
    async def _at_work(self) -> AsyncIterator[tuple[Session, Batches]]:
        """The session; given up when the server does not answer, so that the next `open` makes a new one."""
        await self.open()
        if self._session is None or self._batches is None:
            raise DeviceUnreachableError(f"no session with {self._place.url}")
        try:
            yield self._session, self._batches
        except (OSError, TimeoutError, UaError) as error:
            await self.close()
            raise DeviceUnreachableError(f"no answer from {self._place.url}: {error!r}") from error
        except _NO_DECODE as error:
            await self.close()
            raise BadAnswerError(f"{self._place.url} sent what cannot be decoded: {error!r}") from error

    async def _told(
        self, session: Session, batches: Batches, points: Sequence[PointSpec]
    ) -> dict[str, ua.DataValue]:
        """What the subscription knows; empty without one. A lost one is made anew."""
        if self._place.publish_s is None:
            return {}
        known = self._subscription
        if known is not None and not known.alive:
            await self._lose(known)
            self._subscription = known = None
        if known is None:
            known = await self._subscribed(session, self._place.publish_s)
        if known is None:
            return {}
        nodes = ((spec, batches.node(spec)) for spec in points)
        try:
            await known.watch([(spec, node) for spec, node in nodes if node is not None])
        except UaStatusCodeError:
            return {}
        told = {spec.name: known.told(spec.name) for spec in points}
        return {name: answer for name, answer in told.items() if answer is not None}

    async def _lose(self, known: Subscription) -> None:
        """End a subscription that broke; one that breaks again and again is left alone for a while."""
        now_s = asyncio.get_running_loop().time()
        self._lost_s.append(now_s)
        if len(self._lost_s) == _LOSSES and now_s - self._lost_s[0] < _SUBSCRIBE_AGAIN_S:
            self._no_subscription_until_s = now_s + _SUBSCRIBE_AGAIN_S
        await known.end()

    async def _subscribed(self, session: Session, publish_s: float) -> Subscription | None:
        now_s = asyncio.get_running_loop().time()
        if now_s < self._no_subscription_until_s:
            return None
        fresh = Subscription(session, publish_s, self._place.timeout_s)
        try:
            await fresh.start()
        except UaStatusCodeError:
            self._no_subscription_until_s = now_s + _SUBSCRIBE_AGAIN_S
            return None
        self._subscription = fresh
        return fresh
