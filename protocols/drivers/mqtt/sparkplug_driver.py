"""A device that speaks Sparkplug B: births, deaths and changes are heard, commands are published.

We are no primary host: no STATE is published, and nodes that wait for one store nothing for us.

Source: Sparkplug 3.0, sections 4 (topics) and 5.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import aiomqtt
import numpy as np
from typing_extensions import override

from protocols.access import Sparkplug
from protocols.device import Mqtt
from protocols.driver import Driver, Reading, Surroundings, Traffic
from protocols.drivers.mqtt.broker import Broker
from protocols.drivers.mqtt.codec import mqtt_address
from protocols.drivers.mqtt.node import Node
from protocols.drivers.mqtt.sparkplug import TYPES, Metric, Payload, decode_payload, encode_payload
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.profile import PointSpec
from protocols.quality import is_bad
from protocols.source_time import LATEST_NS

_SPACE: Final = "spBv1.0"
_REBIRTH: Final = "Node Control/Rebirth"
_MOST_QUEUED: Final = 10_000
"""Messages that may wait for a reader; one more is dropped, missed by its number, and mended by a rebirth."""

_WAIT_S: Final = 1.2
"""How long a birth or an echo is waited for."""

_REBIRTH_EACH_S: Final = 5.0
"""A node is not asked to tell everything anew more often than this."""

_MS: Final = 1_000_000


class SparkplugDriver(Driver):
    """One device below one edge node, or the node itself."""

    def __init__(self, place: Mqtt, at: Sparkplug, identifier: str, around: Surroundings) -> None:
        self._at = at
        self._around = around
        topics = dict.fromkeys(_topics(at), 1)
        self._broker = Broker(place, identifier, around, topics, asyncio.Queue)
        self._node = Node(at.device)
        self._asked_s = -math.inf
        self._unproven: set[str] = set()

    @override
    async def open(self) -> None:
        if await self._broker.open(_MOST_QUEUED):
            if self._broker.refused:
                await self._broker.close()
                raise DeviceUnreachableError(f"the broker refuses {', '.join(sorted(self._broker.refused))}")
            self._node = Node(self._at.device)  # what happened meanwhile is not known
            self._asked_s = -math.inf

    @override
    async def close(self) -> None:
        await self._broker.close()

    def traffic(self) -> Traffic:
        """What went over the wire to the broker; this device has a session of its own."""
        return self._broker.traffic()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        await self._drain()
        if self._node.rebirth_wanted and self._due():
            await self._ask_for_birth()
            await self._until(lambda: self._node.alive and not self._node.rebirth_wanted)
        self._check_alive()
        judged = [self._node.judge(spec, mqtt_address(spec).metric) for spec in points]
        return Reading(
            np.array([value for value, _, _ in judged], np.float64),
            np.array([quality for _, quality, _ in judged], np.uint8),
            np.array([min(ms * _MS, LATEST_NS) for _, _, ms in judged], np.int64),
        )

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        if value is None:
            raise DeviceRefusedError("Sparkplug has no way back; write the fallback value", point=point.name)
        raw = (value - point.offset) / point.scale
        if not math.isfinite(raw):
            raise DeviceRefusedError(f"{value} cannot be written", point=point.name)
        at = mqtt_address(point)
        try:
            body = self._command(Metric(at.metric, datatype=TYPES[at.metric_type], value=raw))
        except (ValueError, OverflowError) as error:
            raise DeviceRefusedError(f"{raw} does not fit {at.metric_type}", point=point.name) from error
        await self._drain()
        self._check_alive()
        below = f"/{self._at.device}" if self._at.device else ""
        kind = "DCMD" if self._at.device else "NCMD"
        await self._broker.publish(f"{_SPACE}/{self._at.group}/{kind}/{self._at.node}{below}", body)
        self._node.forget(at.metric)
        self._unproven.add(at.metric)

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        """What the device told after the write; one that tells nothing is asked to tell everything anew."""
        name = mqtt_address(point).metric
        await self._drain()
        if name in self._unproven or not self._node.told(name):
            self._unproven.discard(name)
            if not await self._until(lambda: self._node.told(name)):
                await self._ask_for_birth()
                await self._until(lambda: self._node.told(name))
        self._check_alive()
        if not self._node.told(name):
            raise DeviceUnreachableError("the device has not told its set-point since the write")
        value, quality, _ = self._node.judge(point, name)
        if is_bad(quality):
            raise PointUnreadableError(f"read back as {quality.name.lower()}", point=point.name)
        return value

    def _check_alive(self) -> None:
        name = "/".join(part for part in (self._at.group, self._at.node, self._at.device) if part)
        if not self._node.alive:
            raise DeviceUnreachableError(f"Sparkplug {name} is dead, or was not born since we listen")
        silence_s = self._at.silence_s
        if silence_s is not None and _now_s() - self._node.heard_s > silence_s:
            raise DeviceUnreachableError(f"Sparkplug {name} is silent for more than {silence_s:g} s")

    def _due(self) -> bool:
        return _now_s() - self._asked_s >= _REBIRTH_EACH_S

    async def _ask_for_birth(self) -> None:
        self._asked_s = _now_s()
        body = self._command(Metric(_REBIRTH, datatype=TYPES["boolean"], value=True))
        await self._broker.publish(f"{_SPACE}/{self._at.group}/NCMD/{self._at.node}", body)

    def _command(self, metric: Metric) -> bytes:
        now_ms = self._around.wall_ns() // _MS
        return encode_payload(Payload(now_ms, None, (replace(metric, time_ms=now_ms),)))

    async def _until(self, done: Callable[[], bool]) -> bool:
        try:
            async with asyncio.timeout(_WAIT_S):
                while not done():
                    self._take(await self._broker.next())
        except TimeoutError:
            return False
        return True

    async def _drain(self) -> None:
        await self.open()
        for message in await self._broker.waiting():
            self._take(message)

    def _take(self, message: aiomqtt.Message) -> None:
        levels = message.topic.value.split("/")
        if message.retain or len(levels) not in {4, 5} or not isinstance(message.payload, bytes):
            return  # births and data are never retained; an old one would be taken for the present
        try:
            payload = decode_payload(message.payload)
        except BadAnswerError:
            self._node.doubtful = self._node.rebirth_wanted = True
            return
        self._node.take(levels[2], levels[4] if len(levels) == 5 else None, payload, _now_s())  # noqa: PLR2004  levels of a device's topic


def _topics(at: Sparkplug) -> list[str]:
    """All messages of the node: the numbering runs over all its devices."""
    own = [f"{_SPACE}/{at.group}/{kind}/{at.node}" for kind in ("NBIRTH", "NDATA", "NDEATH")]
    return own + [f"{_SPACE}/{at.group}/{kind}/{at.node}/+" for kind in ("DBIRTH", "DDATA", "DDEATH")]


def _now_s() -> float:
    return asyncio.get_running_loop().time()
