"""A BACnet/IP device: reads up to 50 points a request, writes at our priority, reads our own slot back.

Source: ANSI/ASHRAE 135, clauses 15.5 (ReadProperty), 15.7 (ReadPropertyMultiple), 15.9 (WriteProperty), 19.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from bacpypes3.apdu import (
    APDU,
    ReadAccessResult,
    ReadPropertyMultipleRequest,
    ReadPropertyRequest,
    WritePropertyRequest,
)
from bacpypes3.basetypes import PropertyIdentifier, PropertyReference, ReadAccessSpecification
from bacpypes3.constructeddata import Any
from bacpypes3.primitivedata import ObjectIdentifier
from typing_extensions import override

from protocols.device import BacnetIp, Device
from protocols.driver import Driver, Reading
from protocols.drivers.bacnet.codec import bacnet_address, decode_number, encode_number
from protocols.drivers.bacnet.link import BacnetLink
from protocols.drivers.judge import judge
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.profile import PointSpec, Profile
from protocols.quality import Quality

MOST_POINTS: Final = 50
"""Points a request; more do not fit an answer of 1,024 bytes."""

_Raw = tuple[float | None, Quality]
_REFUSED: Final[_Raw] = (math.nan, Quality.BAD_REFUSED)
_GARBLED: Final[_Raw] = (math.nan, Quality.BAD_ANSWER)


def make_drivers(devices: Mapping[str, tuple[Device, Profile]]) -> dict[str, Driver]:
    """A driver a device, all on one link with the longest of their time-outs."""
    places = {name: _connection(device) for name, (device, _) in devices.items()}
    link = BacnetLink(max(place.timeout_s for place in places.values()))
    return {name: BacnetDriver(link, place) for name, place in places.items()}


def _connection(device: Device) -> BacnetIp:
    if not isinstance(device.connection, BacnetIp):
        raise ConfigError(f"device {device.id!r} has no BACnet connection")
    return device.connection


class BacnetDriver(Driver):
    """One device at a configured address."""

    def __init__(self, link: BacnetLink, place: BacnetIp) -> None:
        self._link = link
        self._place = place
        self._known = False
        self._most = MOST_POINTS

    @override
    async def open(self) -> None:
        if self._known:
            return
        own = _object("device", self._place.device_instance)
        try:
            await self._ask(ReadPropertyRequest(objectIdentifier=own, propertyIdentifier="objectIdentifier"))
        except DeviceRefusedError as error:
            raise BadAnswerError(
                f"another device than {self._place.device_instance} answers at {self._place.host}",
                port=self._place.port,
            ) from error
        self._known = True
        self._most = MOST_POINTS

    @override
    async def close(self) -> None:
        self._known = False
        self._link.close()

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        raws: list[_Raw] = []
        while len(raws) < len(points):
            chunk = points[len(raws) : len(raws) + self._most]
            try:
                raws += await self._read_chunk(chunk)
            except DeviceRefusedError:
                if len(chunk) == 1:
                    raws.append(_REFUSED)
                self._most = max(1, len(chunk) // 2)
        judged = [
            judge(spec, raw) if quality is Quality.GOOD else (math.nan, quality)
            for spec, (raw, quality) in zip(points, raws, strict=True)
        ]
        values = np.array([value for value, _ in judged])
        return Reading(values, np.array([quality for _, quality in judged], np.uint8))

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        at = bacnet_address(point)
        if value is None and not at.commandable:
            raise DeviceRefusedError("this object has no priority array to give back", point=point.name)
        await self._ask(
            WritePropertyRequest(
                objectIdentifier=_object(at.object, at.instance),
                propertyIdentifier="presentValue",
                propertyValue=encode_number(point, value),
                priority=self._place.priority if at.commandable else None,
            )
        )

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        at = bacnet_address(point)
        where = _object(at.object, at.instance)
        if at.commandable:
            request = ReadPropertyRequest(
                objectIdentifier=where,
                propertyIdentifier="priorityArray",
                propertyArrayIndex=self._place.priority,
            )
        else:
            request = ReadPropertyRequest(objectIdentifier=where, propertyIdentifier="presentValue")
        try:
            raw = decode_number((await self._ask(request)).propertyValue)
        except (DeviceRefusedError, BadAnswerError) as error:
            raise PointUnreadableError(str(error), point=point.name) from error
        return None if raw is None else raw * point.scale + point.offset

    async def _read_chunk(self, chunk: Sequence[PointSpec]) -> list[_Raw]:
        objects = [_object(bacnet_address(spec).object, bacnet_address(spec).instance) for spec in chunk]
        if len(chunk) == 1:
            answer = await self._ask(
                ReadPropertyRequest(objectIdentifier=objects[0], propertyIdentifier="presentValue")
            )
            return [_raw(answer.propertyValue)]
        present = PropertyReference(propertyIdentifier=PropertyIdentifier("presentValue"))
        wanted = [
            ReadAccessSpecification(objectIdentifier=at, listOfPropertyReferences=[present]) for at in objects
        ]
        answer = await self._ask(ReadPropertyMultipleRequest(listOfReadAccessSpecs=wanted))
        rows = {tuple(row.objectIdentifier): _row(row) for row in answer.listOfReadAccessResults}
        return [rows.get(tuple(at), _GARBLED) for at in objects]

    async def _ask(self, request: APDU) -> APDU:
        try:
            return await self._link.ask(request, (self._place.host, self._place.port), self._place.timeout_s)
        except DeviceUnreachableError:
            self._known = False
            raise


def _object(kind: str, instance: int) -> ObjectIdentifier:
    return ObjectIdentifier((kind, instance))


def _row(row: ReadAccessResult) -> _Raw:
    (result,) = row.listOfResults or (None,)
    if result is None:
        return _GARBLED
    if result.readResult.propertyAccessError is not None:
        return _REFUSED
    return _raw(result.readResult.propertyValue)


def _raw(value: Any) -> _Raw:
    try:
        return decode_number(value), Quality.GOOD
    except BadAnswerError:
        return _GARBLED
