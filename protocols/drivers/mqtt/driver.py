"""A device behind a field broker: the last message of each topic, set-points published, echoes awaited.

A retained message was told at an unknown time: its own time stamp says how old it is, and without one the
values are uncertain until the device speaks. The topic of the device's last will, where it has one, makes
every point bad at once.

Source: OASIS MQTT 3.1.1.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import aiomqtt
import numpy as np
from typing_extensions import override

from protocols.access import Availability
from protocols.device import Device, Mqtt
from protocols.driver import Driver, Reading, Surroundings, Traffic
from protocols.drivers.judge import judge
from protocols.drivers.mqtt.broker import Broker
from protocols.drivers.mqtt.codec import encode_setpoint, find, mqtt_address, number_at, parse, time_ns
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.profile import PointSpec, Profile
from protocols.quality import Quality, is_bad
from protocols.source_time import AHEAD_NS, LATEST_NS

_FIRST_S: Final = 1.5
"""How long a read waits for messages right after subscribing, or when there is no fresh one."""

_ECHOES: Final = 2
"""Messages that may contradict a write: the first may have been under way when it was made."""

_ECHO_WAIT_S: Final = 2.5
_NS: Final = 1e9


def make_drivers(devices: Mapping[str, tuple[Device, Profile]], around: Surroundings) -> dict[str, Driver]:
    """A driver, and with it a session at the broker, a device.

    Raises:
        ConfigError: Sparkplug B is on one side only, connection or profile.
    """
    return {name: _driver(device, profile, around) for name, (device, profile) in devices.items()}


def _driver(device: Device, profile: Profile, around: Surroundings) -> Driver:
    place, identifier = _connection(device), f"ems_{device.id}"
    metrics = [bool(mqtt_address(spec).metric) for spec in profile.points]
    if any(metrics) != all(metrics) or any(metrics) != (place.sparkplug is not None):
        raise ConfigError(
            f"device {device.id!r}, profile {profile.id!r}: points with a `metric` need `sparkplug` in the "
            "connection, points with a `topic` must not have it"
        )
    if place.sparkplug is None:
        return MqttDriver(place, identifier, profile.points, around)
    from protocols.drivers.mqtt.sparkplug_driver import SparkplugDriver  # noqa: PLC0415  protobuf only where it is spoken

    return SparkplugDriver(place, place.sparkplug, identifier, around)


def _connection(device: Device) -> Mqtt:
    if not isinstance(device.connection, Mqtt):
        raise ConfigError(f"device {device.id!r} has no MQTT connection")
    return device.connection


@dataclass(frozen=True, slots=True)
class _Message:
    """Last body of a topic.

    Attributes:
        document: JSON of the body; None with `broken`.
        broken: Whether the body was no JSON.
        at_s: When it was true at the latest, on the loop's clock: when it was taken from the queue, or, for a
            retained one with a time stamp, so long before as the stamp says.
        doubtful: A retained message without a time stamp.
    """

    document: object
    broken: bool
    at_s: float
    doubtful: bool


class MqttDriver(Driver):
    """One device below one prefix."""

    def __init__(
        self, place: Mqtt, identifier: str, points: Sequence[PointSpec], around: Surroundings
    ) -> None:
        self._place = place
        self._around = around
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._time_paths = {at.topic: at.time_path for at in map(mqtt_address, points) if at.time_path}
        self._broker = Broker(place, identifier, around, _topics(self._prefix, points, place.availability))
        self._new = True
        self._gone = False
        self._last: dict[str, _Message] = {}
        self._unproven: dict[str, float] = {}

    @override
    async def open(self) -> None:
        self._new = await self._broker.open() or self._new

    @override
    async def close(self) -> None:
        await self._broker.close()

    def traffic(self) -> Traffic:
        """What went over the wire to the broker; this device has a session of its own."""
        return self._broker.traffic()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        await self._drain()
        if not self._gone and (self._new or not any(self._fresh(spec) for spec in points)):
            await self._first(points)
        if self._gone:
            raise DeviceUnreachableError("the device is away, says its last will")
        judged = [self._judge(spec) for spec in points]
        return Reading(
            np.array([value for value, _ in judged], np.float64),
            np.array([quality for _, quality in judged], np.uint8),
            np.array([self._told_ns(spec) for spec in points], np.int64),
        )

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        at = mqtt_address(point)
        if value is None:
            raise DeviceRefusedError("MQTT has no null; write the fallback value instead", point=point.name)
        if at.write_topic is None:
            raise DeviceRefusedError("this point has no write topic", point=point.name)
        body = encode_setpoint(point, value)
        await self._drain()
        await self._broker.publish(self._prefix + at.write_topic, body)
        self._last.pop(at.topic, None)
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
        topic = mqtt_address(point).topic
        value = math.nan
        for _ in range(_ECHOES):
            while topic not in self._last:
                await self.open()
                self._take(await self._broker.next())
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
        message = self._last.get(at.topic)
        now_s = asyncio.get_running_loop().time()
        if self._gone or message is None or now_s - message.at_s > self._place.stale_after_s:
            refused = self._prefix + at.topic in self._broker.refused
            return math.nan, Quality.BAD_REFUSED if refused else Quality.BAD_UNREACHABLE
        try:
            if message.broken:
                return math.nan, Quality.BAD_ANSWER
            value, quality = judge(spec, number_at(message.document, at.path))
        except BadAnswerError:
            return math.nan, Quality.BAD_ANSWER
        return value, max(quality, Quality.UNCERTAIN_STALE) if message.doubtful else quality

    def _told_ns(self, spec: PointSpec) -> int:
        """Time stamp of the point's message, right or wrong; 0 where it has none."""
        at = mqtt_address(spec)
        message = self._last.get(at.topic)
        if message is None or message.broken or not at.time_path:
            return 0
        return min(max(time_ns(message.document, at.time_path), 0), LATEST_NS)

    def _fresh(self, spec: PointSpec) -> bool:
        return self._judge(spec)[1] is not Quality.BAD_UNREACHABLE

    async def _first(self, points: Sequence[PointSpec]) -> None:
        """Wait for each topic once, which also finds out whether the broker is still there."""
        try:
            async with asyncio.timeout(_FIRST_S):
                while not (self._gone or all(self._fresh(spec) for spec in points)):
                    self._take(await self._broker.next())
        except TimeoutError as error:
            if not any(self._fresh(spec) for spec in points):
                raise DeviceUnreachableError("the device publishes nothing") from error
        self._new = False

    async def _drain(self) -> None:
        await self.open()
        for message in await self._broker.waiting():
            self._take(message)

    def _take(self, message: aiomqtt.Message) -> None:
        topic = message.topic.value.removeprefix(self._prefix)
        if not isinstance(message.payload, bytes):
            return
        there = self._place.availability
        if there is not None and topic == there.topic:
            self._hear(there, message.payload)
            return
        try:
            document, broken = parse(message.payload), False
        except BadAnswerError:
            document, broken = None, True
        now_s, age_s = asyncio.get_running_loop().time(), None
        if message.retain:
            age_s = self._age_s(document, self._time_paths.get(topic, ""))
        doubtful = bool(message.retain) and age_s is None
        self._last[topic] = _Message(document, broken, now_s - (age_s or 0.0), doubtful)

    def _age_s(self, document: object, path: str) -> float | None:
        told_ns = time_ns(document, path) if path else 0
        age_ns = self._around.wall_ns() - told_ns
        return None if told_ns == 0 or age_ns < -AHEAD_NS else max(0.0, age_ns / _NS)

    def _hear(self, there: Availability, body: bytes) -> None:
        """Birth or death; what was told before a death is forgotten."""
        word = body.decode(errors="replace").strip()
        if there.path:
            try:
                word = str(find(parse(body), there.path))
            except BadAnswerError:
                return
        if word == there.offline:
            self._gone = True
            self._last.clear()
        elif word == there.online:
            self._gone = False


def _topics(prefix: str, points: Sequence[PointSpec], there: Availability | None) -> dict[str, int]:
    """Every topic with the highest QoS its points ask for."""
    topics: dict[str, int] = {} if there is None else {prefix + there.topic: 1}
    for at in (mqtt_address(spec) for spec in points):
        topics[prefix + at.topic] = max(at.qos, topics.get(prefix + at.topic, 0))
    return topics
