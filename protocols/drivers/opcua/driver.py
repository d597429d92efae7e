"""An OPC UA server: reads values with their status, writes with the type the server expects, reads back.

`read_values` of asyncua hides a bad node behind None, so `read_attributes` is used, which gives the status of
each. A lost session is never repaired by the library's own retry; the next `open` makes a new client.

Source: OPC UA Part 4, sections 5.11.2 (Read) and 5.11.4 (Write); Part 6, status codes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

import numpy as np
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from typing_extensions import override

from protocols.device import Device, OpcUa
from protocols.driver import Driver, Reading
from protocols.drivers.judge import judge
from protocols.errors import ConfigError, DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.profile import OpcuaAddress, PointSpec, Profile
from protocols.quality import Quality

_CLOSE_S: Final = 1.0
_TYPES: Final = {
    "double": ua.VariantType.Double,
    "float": ua.VariantType.Float,
    "int32": ua.VariantType.Int32,
    "uint32": ua.VariantType.UInt32,
    "int16": ua.VariantType.Int16,
    "uint16": ua.VariantType.UInt16,
    "boolean": ua.VariantType.Boolean,
}
_BOUNDS: Final = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "boolean": (0, 1),
}
_NOT_THERE: Final = (
    StatusCodes.BadNodeIdUnknown,
    StatusCodes.BadNodeIdInvalid,
    StatusCodes.BadNotReadable,
    StatusCodes.BadUserAccessDenied,
)
_NO_VALUE: Final = (
    StatusCodes.BadWaitingForInitialData,
    StatusCodes.BadNoData,
    StatusCodes.BadNoDataAvailable,
)

logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # the line says once that a device is down


def make_drivers(devices: Mapping[str, tuple[Device, Profile]]) -> dict[str, Driver]:
    """A driver, and with it a session, a device."""
    return {name: OpcuaDriver(_connection(device)) for name, (device, _) in devices.items()}


def _connection(device: Device) -> OpcUa:
    if not isinstance(device.connection, OpcUa):
        raise ConfigError(f"device {device.id!r} has no OPC UA connection")
    return device.connection


class OpcuaDriver(Driver):
    """One server, one session."""

    def __init__(self, place: OpcUa) -> None:
        self._place = place
        self._client: Client | None = None
        self._nodes: dict[str, Node] = {}

    @override
    async def open(self) -> None:
        if self._client is not None:
            return
        client = Client(self._place.url, timeout=self._place.timeout_s)
        try:
            async with asyncio.timeout(self._place.timeout_s):
                await client.connect()
        except (OSError, TimeoutError, UaError) as error:
            await _let_go(client)
            raise DeviceUnreachableError(f"no session with {self._place.url}: {error!r}") from error
        except asyncio.CancelledError:
            await _let_go(client)
            raise
        self._client = client

    @override
    async def close(self) -> None:
        client, self._client = self._client, None
        self._nodes.clear()
        if client is not None:
            await _let_go(client)

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        async with self._session() as client:
            nodes = [self._node(client, spec) for spec in points]
            answers = await client.read_attributes(nodes, AttributeIds.Value)
        judged = [_judge(spec, answer) for spec, answer in zip(points, answers, strict=True)]
        values = np.array([value for value, _ in judged])
        return Reading(values, np.array([quality for _, quality in judged], np.uint8))

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        if value is None:
            raise DeviceRefusedError("OPC UA has no null here; write the fallback value", point=point.name)
        variant = encode_variant(point, value)
        async with self._session() as client:
            try:
                await self._node(client, point).write_value(ua.DataValue(variant))
            except UaStatusCodeError as error:
                raise DeviceRefusedError(f"status {error}", point=point.name) from error

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        reading = await self.read([point])
        quality = Quality(int(reading.qualities[0]))
        if quality not in {Quality.GOOD, Quality.UNCERTAIN_DEVICE}:
            raise PointUnreadableError(f"read back as {quality.name.lower()}", point=point.name)
        return float(reading.values[0])

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Client]:
        """The session; given up when the server does not answer, so that the next `open` makes a new one."""
        await self.open()
        if self._client is None:
            raise DeviceUnreachableError(f"no session with {self._place.url}")
        try:
            async with asyncio.timeout(self._place.timeout_s):
                yield self._client
        except (OSError, TimeoutError, UaError) as error:
            await self.close()
            raise DeviceUnreachableError(f"no answer from {self._place.url}: {error!r}") from error

    def _node(self, client: Client, spec: PointSpec) -> Node:
        name = opcua_address(spec).node
        if name not in self._nodes:
            self._nodes[name] = client.get_node(name)
        return self._nodes[name]


async def _let_go(client: Client) -> None:
    with contextlib.suppress(OSError, TimeoutError, UaError):
        async with asyncio.timeout(_CLOSE_S):
            await client.disconnect()


def opcua_address(spec: PointSpec) -> OpcuaAddress:
    """Address of a point of an OPC UA profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, OpcuaAddress):
        raise DeviceRefusedError("this point has no OPC UA address", point=spec.name)
    return spec.address


def encode_variant(spec: PointSpec, value: float) -> ua.Variant:
    """A set-point in the unit of the point as the server's own type.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type.
    """
    kind = opcua_address(spec).type
    raw = (value - spec.offset) / spec.scale
    if not math.isfinite(raw):
        raise DeviceRefusedError(f"{value} cannot be written", point=spec.name)
    if kind not in _BOUNDS:
        return ua.Variant(raw, _TYPES[kind])
    low, high = _BOUNDS[kind]
    whole = round(raw)
    if not low <= whole <= high:
        raise DeviceRefusedError(f"raw value {whole} does not fit {kind}", point=spec.name)
    return ua.Variant(bool(whole) if kind == "boolean" else whole, _TYPES[kind])


def _judge(spec: PointSpec, answer: ua.DataValue) -> tuple[float, Quality]:
    status = answer.StatusCode
    if status is not None and status.is_bad():
        return math.nan, _bad(status.value)
    raw = None if answer.Value is None else answer.Value.Value
    if raw is not None and not isinstance(raw, int | float):
        return math.nan, Quality.BAD_ANSWER
    value, quality = judge(spec, None if raw is None else float(raw))
    if quality is Quality.GOOD and status is not None and not status.is_good():
        return value, Quality.UNCERTAIN_DEVICE
    return value, quality


def _bad(code: int) -> Quality:
    if code in _NOT_THERE:
        return Quality.BAD_REFUSED
    return Quality.BAD_NOT_AVAILABLE if code in _NO_VALUE else Quality.BAD_DEVICE
