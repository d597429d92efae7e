"""A device behind a field broker: the last message of each topic, set-points published, echoes awaited.

Messages are taken from the client's queue when somebody reads; what does not fit the queue is dropped, the
newest first, which the next message mends.

Source: OASIS MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiomqtt
import numpy as np
from typing_extensions import override

from protocols.device import Device, Mqtt
from protocols.driver import Driver, Reading
from protocols.drivers.judge import judge
from protocols.drivers.mqtt.codec import decode_number, encode_setpoint, mqtt_address
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.profile import PointSpec, Profile
from protocols.quality import Quality, is_bad

_QUEUE: Final = 1000
_KEEPALIVE_S: Final = 5
_FIRST_S: Final = 1.5
"""How long a read waits for messages right after subscribing, or when there is no fresh one."""

_CONNECT_S: Final = 2.0
_CLOSE_S: Final = 1.0
_ECHOES: Final = 2
"""Messages that may contradict a write: the first may have been under way when it was made."""

_ECHO_WAIT_S: Final = 2.5

logging.getLogger("mqtt").setLevel(logging.CRITICAL)  # the line says once that a device is down


def make_drivers(devices: Mapping[str, tuple[Device, Profile]]) -> dict[str, Driver]:
    """A driver, and with it a session at the broker, a device."""
    return {
        name: MqttDriver(_connection(device), f"ems_{device.id}", profile.points)
        for name, (device, profile) in devices.items()
    }


def _connection(device: Device) -> Mqtt:
    if not isinstance(device.connection, Mqtt):
        raise ConfigError(f"device {device.id!r} has no MQTT connection")
    return device.connection


@dataclass(frozen=True, slots=True)
class _Message:
    """Last body of a topic and when it was taken from the queue, on the loop's clock."""

    body: bytes
    at_s: float


class MqttDriver(Driver):
    """One device below one prefix."""

    def __init__(self, place: Mqtt, identifier: str, points: Sequence[PointSpec]) -> None:
        self._place = place
        self._identifier = identifier
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._topics = sorted({self._prefix + mqtt_address(spec).topic for spec in points})
        self._client: aiomqtt.Client | None = None
        self._new = True
        self._last: dict[str, _Message] = {}
        self._unproven: dict[str, float] = {}

    @override
    async def open(self) -> None:
        if self._client is not None:
            return
        client = aiomqtt.Client(
            self._place.host,
            self._place.port,
            identifier=self._identifier,
            timeout=_CONNECT_S,
            keepalive=_KEEPALIVE_S,
            max_queued_incoming_messages=_QUEUE,
        )
        try:
            await client.__aenter__()
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            raise DeviceUnreachableError(f"no broker at {self._place.host}:{self._place.port}") from error
        self._client, self._new = client, True
        try:
            await client.subscribe([(topic, 0) for topic in self._topics])
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            await self.close()
            raise DeviceUnreachableError("the broker takes no subscription") from error

    @override
    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(aiomqtt.MqttError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await client.__aexit__(None, None, None)

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        client = await self._drain()
        if self._new or not any(self._fresh(spec) for spec in points):
            await self._first(client, points)
        judged = [self._judge(spec) for spec in points]
        values = np.array([value for value, _ in judged])
        return Reading(values, np.array([quality for _, quality in judged], np.uint8))

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        at = mqtt_address(point)
        if value is None:
            raise DeviceRefusedError("MQTT has no null; write the fallback value instead", point=point.name)
        if at.write_topic is None:
            raise DeviceRefusedError("this point has no write topic", point=point.name)
        body = encode_setpoint(point, value)
        client = await self._drain()
        try:
            await client.publish(self._prefix + at.write_topic, body, qos=1)
        except (aiomqtt.MqttError, OSError, TimeoutError) as error:
            await self.close()
            raise DeviceUnreachableError("the broker did not take the set-point") from error
        self._last.pop(self._prefix + at.topic, None)
        self._unproven[point.name] = value

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        written = self._unproven.pop(point.name, None)
        if written is None:
            await self._drain()
            return self._good(point)
        try:
            async with asyncio.timeout(_ECHO_WAIT_S):
                return await self._echo(point, written)
        except TimeoutError as error:
            raise DeviceUnreachableError("the device has not told its set-point since the write") from error

    async def _echo(self, point: PointSpec, written: float) -> float:
        """Value on the state topic newer than the write; a contradiction needs a second message."""
        topic = self._prefix + mqtt_address(point).topic
        value = math.nan
        for _ in range(_ECHOES):
            while topic not in self._last:
                await self._take_one(await self._opened())
            value = self._good(point)
            if math.isclose(value, written, rel_tol=1e-6, abs_tol=1e-9):
                break
            del self._last[topic]
        return value

    def _good(self, point: PointSpec) -> float:
        value, quality = self._judge(point)
        if quality is Quality.BAD_UNREACHABLE:
            raise DeviceUnreachableError("the device tells nothing of its set-point")
        if is_bad(quality):
            raise PointUnreadableError(f"read back as {quality.name.lower()}", point=point.name)
        return value

    def _judge(self, spec: PointSpec) -> tuple[float, Quality]:
        at = mqtt_address(spec)
        message = self._last.get(self._prefix + at.topic)
        now_s = asyncio.get_running_loop().time()
        if message is None or now_s - message.at_s > self._place.stale_after_s:
            return math.nan, Quality.BAD_UNREACHABLE
        try:
            return judge(spec, decode_number(message.body, at.path))
        except BadAnswerError:
            return math.nan, Quality.BAD_ANSWER

    def _fresh(self, spec: PointSpec) -> bool:
        return self._judge(spec)[1] is not Quality.BAD_UNREACHABLE

    async def _first(self, client: aiomqtt.Client, points: Sequence[PointSpec]) -> None:
        """Wait for each topic once, which also finds out whether the broker is still there."""
        try:
            async with asyncio.timeout(_FIRST_S):
                while not all(self._fresh(spec) for spec in points):
                    await self._take_one(client)
        except TimeoutError as error:
            if not any(self._fresh(spec) for spec in points):
                raise DeviceUnreachableError("the device publishes nothing") from error
        self._new = False

    async def _drain(self) -> aiomqtt.Client:
        client = await self._opened()
        while len(client.messages):
            await self._take_one(client)
        return client

    async def _opened(self) -> aiomqtt.Client:
        await self.open()
        if self._client is None:
            raise DeviceUnreachableError("no session at the broker")
        return self._client

    async def _take_one(self, client: aiomqtt.Client) -> None:
        try:
            message = await anext(client.messages)
        except (aiomqtt.MqttError, StopAsyncIteration) as error:
            await self.close()
            raise DeviceUnreachableError("the broker is away") from error
        if isinstance(message.payload, bytes):
            now_s = asyncio.get_running_loop().time()
            self._last[message.topic.value] = _Message(message.payload, now_s)
