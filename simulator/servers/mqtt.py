"""MQTT: a device that publishes its values each second and listens on its set topics, through aiomqtt.

Bodies are JSON objects; a set-point is a JSON number or an object with the path of the point.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Final, cast

import aiomqtt

from protocols.device import Mqtt
from protocols.errors import ContractError
from protocols.profile import MqttAddress, PointSpec
from runtime.clock import SystemClock
from runtime.supervise import guarded_decode
from simulator.device import SLOW_S, Fault, FieldDevice

_log = logging.getLogger(__name__)
_PERIOD_S: Final = 1.0
_RETRY_S: Final = 1.0
_SLOW_PERIOD_S: Final = 4 * SLOW_S
"""A slow publisher is heard less often than any reader of the demo waits."""


async def mqtt_device(device: FieldDevice) -> None:
    """Publish and listen for ever; a lost broker is tried again each second, said once down and once up."""
    at = cast("Mqtt", device.device.connection)
    down = False
    while True:
        try:
            async with aiomqtt.Client(at.host, at.port, identifier=f"sim_{device.id}") as client:
                if down:
                    _log.info("%s: the field broker is back", device.id)
                down = False
                for topic in _sets(device):  # before the first value is told: who hears it may answer
                    await client.subscribe(topic)
                async with asyncio.TaskGroup() as both:
                    both.create_task(_publish(device, client))
                    both.create_task(_listen(device, client))
        except* aiomqtt.MqttError as errors:
            if not down:
                _log.warning(
                    "%s: no field broker at %s:%d: %s", device.id, at.host, at.port, errors.exceptions[0]
                )
            down = True
        await asyncio.sleep(_RETRY_S)


def bodies(device: FieldDevice, wall_ns: int = 0) -> dict[str, bytes]:
    """The messages of one moment, by topic without prefix; `wall_ns` is their Unix time where one is told."""
    by_topic: dict[str, Any] = {}
    for spec in device.profile.points:
        at = cast("MqttAddress", spec.address)
        if device.value(spec.name) is None:
            continue
        if not at.path:
            by_topic[at.topic] = device.raw(spec)
            continue
        body = by_topic.setdefault(at.topic, {})
        _put(body, at.path, round(device.raw(spec), 6))
        if at.time_path:
            _put(body, at.time_path, wall_ns // 1_000_000)
    return {topic: json.dumps(_with_lists(body)).encode() for topic, body in by_topic.items()}


def _put(body: dict[str, Any], path: str, value: float) -> None:
    *way, last = path.split(".")
    for part in way:
        body = body.setdefault(part, {})
    body[last] = value


def _with_lists(body: object) -> object:
    """Objects whose keys are all positions become lists; a position nothing stands at is null."""
    if not isinstance(body, dict):
        return body
    inner = {key: _with_lists(value) for key, value in body.items()}
    if not all(key.isdecimal() for key in inner):
        return inner
    return [inner.get(str(at)) for at in range(max(map(int, inner), default=-1) + 1)]


def parse_setpoint(data: bytes, path: str) -> float:
    """Number of a set message.

    Raises:
        ContractError: Neither a number nor an object with the path.

    Example:
        >>> parse_setpoint(b'{"value": 0.5}', "value")
        0.5
    """
    body = json.loads(data)
    for part in path.split(".") if isinstance(body, dict) else ():
        body = body[part]
    if not isinstance(body, int | float) or isinstance(body, bool):
        raise ContractError(f"a set-point is a JSON number or an object with {path!r}, got {data[:40]!r}")
    return float(body)


async def _publish(device: FieldDevice, client: aiomqtt.Client) -> None:
    prefix = _prefix(device)
    while True:
        if device.fault is not Fault.SILENT:
            for topic, body in bodies(device, SystemClock().now().wall_ns).items():
                await client.publish(prefix + topic, body)
        await asyncio.sleep(_SLOW_PERIOD_S if device.fault is Fault.SLOW else _PERIOD_S)


async def _listen(device: FieldDevice, client: aiomqtt.Client) -> None:
    sets = _sets(device)
    async for message in client.messages:
        spec, at = sets[message.topic.value]
        if device.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        if device.fault is not Fault.SILENT and isinstance(message.payload, bytes):
            await _take(device, (spec, at), message.payload, client)


def _sets(device: FieldDevice) -> dict[str, tuple[PointSpec, MqttAddress]]:
    """Set-points by the whole topic they are written to."""
    prefix = _prefix(device)
    return {
        prefix + at.write_topic: (spec, at)
        for spec in device.profile.points
        if isinstance(at := spec.address, MqttAddress) and at.write_topic
    }


async def _take(
    device: FieldDevice, where: tuple[PointSpec, MqttAddress], data: bytes, client: aiomqtt.Client
) -> None:
    spec, at = where
    raw = guarded_decode(lambda body: parse_setpoint(body, at.path), data, f"{device.id}/{spec.name}")
    if raw is None:
        return
    value = raw * spec.scale + spec.offset
    if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
        _log.warning("%s: %s = %g is outside the device's range, ignored", device.id, spec.name, value)
        return
    device.write(spec.name, value)
    # the new value is told at once, so that a reader need not wait for the next second
    await client.publish(_prefix(device) + at.topic, bodies(device, SystemClock().now().wall_ns)[at.topic])


def _prefix(device: FieldDevice) -> str:
    prefix = cast("Mqtt", device.device.connection).prefix
    return f"{prefix}/" if prefix else ""
