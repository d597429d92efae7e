"""Sparkplug B: one edge node that is born, tells its metrics each second and takes commands, through aiomqtt.

Source: Sparkplug 3.0, sections 4 (topics, births, deaths) and 5.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final, cast

import aiomqtt

from protocols.access import Sparkplug
from protocols.device import Mqtt
from protocols.point import PointKind
from protocols.profile import MqttAddress, PointSpec
from runtime.clock import SystemClock
from runtime.supervise import guarded_decode
from simulator.device import SLOW_S, Fault, FieldDevice
from simulator.servers.sparkplug_bytes import Told, commands, payload

_log = logging.getLogger(__name__)
_PERIOD_S: Final = 1.0
_RETRY_S: Final = 1.0
_NUMBERS: Final = 256
_REBIRTH: Final = "Node Control/Rebirth"


async def sparkplug_device(device: FieldDevice) -> None:
    """Be born, tell and listen for ever; a lost broker is tried again each second."""
    at = cast("Mqtt", device.device.connection)
    births, down = 0, False
    while True:
        node = _Node(device, births % _NUMBERS)
        will = aiomqtt.Will(node.topic("NDEATH"), node.death(), qos=1)
        try:
            async with aiomqtt.Client(at.host, at.port, identifier=f"sim_{device.id}", will=will) as client:
                births, down = births + 1, False
                await node.serve(client)
        except* aiomqtt.MqttError as errors:
            if not down:
                _log.warning("%s: no broker at %s:%d: %s", device.id, at.host, at.port, errors.exceptions[0])
            down = True
        await asyncio.sleep(_RETRY_S)


class _Node:
    """One session of the node, from its birth to its death."""

    def __init__(self, device: FieldDevice, births: int) -> None:
        self._device = device
        self._at = cast("Sparkplug", cast("Mqtt", device.device.connection).sparkplug)
        self._births = births
        self._seq = -1

    def topic(self, kind: str) -> str:
        """Topic of a kind of message; those of the device below the node begin with D."""
        below = f"/{self._at.device}" if kind.startswith("D") else ""
        return f"spBv1.0/{self._at.group}/{kind}/{self._at.node}{below}"

    def death(self) -> bytes:
        """What the broker tells for us when we are gone."""
        return payload(_now_ms(), None, [self._birth_number()])

    async def serve(self, client: aiomqtt.Client) -> None:
        """Until the connection is lost."""
        kinds = ("NCMD", "DCMD") if self._at.device else ("NCMD",)
        for kind in kinds:
            await client.subscribe(self.topic(kind), qos=1)
        await self._born(client)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._tell(client))
            both.create_task(self._listen(client))

    async def _born(self, client: aiomqtt.Client) -> None:
        self._seq = -1
        head = [self._birth_number(), Told(_REBIRTH, "boolean", 0.0)]
        own = [] if self._at.device else self._metrics()
        await self._publish(client, "NBIRTH", head + own)
        if self._at.device:
            await self._publish(client, "DBIRTH", self._metrics())

    async def _tell(self, client: aiomqtt.Client) -> None:
        while True:
            await asyncio.sleep(_PERIOD_S * (4 * SLOW_S if self._device.fault is Fault.SLOW else 1.0))
            if self._device.fault is not Fault.SILENT:
                await self._publish(client, "DDATA" if self._at.device else "NDATA", self._metrics())

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            if self._device.fault is Fault.SILENT or not isinstance(message.payload, bytes):
                continue
            if self._device.fault is Fault.SLOW:
                await asyncio.sleep(SLOW_S)
            told = guarded_decode(commands, message.payload, f"{self._device.id}: command") or []
            for name, value in told:
                await self._obey(client, name, value)

    async def _obey(self, client: aiomqtt.Client, name: str, raw: float) -> None:
        if name == _REBIRTH:
            await self._born(client)
            return
        spec = next((one for one in self._device.profile.points if _where(one).metric == name), None)
        if spec is None or spec.kind is not PointKind.SETPOINT:
            return
        value = raw * spec.scale + spec.offset
        if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
            _log.warning(
                "%s: %s = %g is outside the device's range, ignored", self._device.id, spec.name, value
            )
            return
        self._device.write(spec.name, value)
        await self._publish(client, "DDATA" if self._at.device else "NDATA", self._metrics())

    async def _publish(self, client: aiomqtt.Client, kind: str, metrics: list[Told]) -> None:
        self._seq = (self._seq + 1) % _NUMBERS
        await client.publish(self.topic(kind), payload(_now_ms(), self._seq, metrics))

    def _metrics(self) -> list[Told]:
        return [
            Told(_where(spec).metric, _where(spec).metric_type, self._device.raw(spec))
            for spec in self._device.profile.points
        ]

    def _birth_number(self) -> Told:
        return Told("bdSeq", "int64", self._births)


def _where(spec: PointSpec) -> MqttAddress:
    return cast("MqttAddress", spec.address)


def _now_ms() -> int:
    return SystemClock().now().wall_ns // 1_000_000
