"""A BACnet/IP device: many points a request, its changes where it tells them, writes at a priority of ours.

Source: ANSI/ASHRAE 135-2020, clauses 15.5 (ReadProperty), 15.7 (ReadPropertyMultiple), 15.9 (WriteProperty),
19.2 (priority array).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from typing_extensions import override

from protocols.device import BacnetIp, Device
from protocols.driver import Driver, GiveWay, Reading, Sharing, Traffic
from protocols.drivers.bacnet.client import BacnetClient, name_of
from protocols.drivers.bacnet.codec import RELIABILITY, Scaling, bacnet_address, encode_number, object_of
from protocols.drivers.bacnet.cov import Subscriptions
from protocols.drivers.bacnet.multiple import Rows, most_objects
from protocols.drivers.bacnet.packet import MAX_APDU, Peer, Service
from protocols.drivers.bacnet.polls import PointReader
from protocols.drivers.bacnet.services import TYPES, Property, property_value, read_property, write_property
from protocols.drivers.bacnet.tags import ObjectId
from protocols.drivers.bacnet.values import NULL, Flag, one_bit_string, one_number, one_object, one_whole
from protocols.errors import (
    BadAnswerError,
    ConfigError,
    DeviceRefusedError,
    DeviceUnreachableError,
    PointUnreadableError,
)
from protocols.links.resolve import refuse
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.profile import PointSpec, Profile

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

USUAL_APDU: Final = 480
"""Longest APDU of a device that does not tell: the standard's next to smallest of IP devices. [bytes]"""

FAULTS_ASKED: Final = 4
"""Reliabilities that are asked in one poll; the others have their turn in the next."""

_READ_MULTIPLE_BIT: Final = 14


def make_drivers(
    devices: Mapping[str, tuple[Device, Profile]], networks: DeviceNetworks = ANYWHERE
) -> dict[str, Driver]:
    """A driver a device, all on one socket; nothing is sent to who is outside `networks`.

    Raises:
        ConfigError: A device without a BACnet connection or with a host that is no IP address.
    """
    client = BacnetClient()
    places = {name: connection_of(device) for name, (device, _) in devices.items()}
    return {name: BacnetDriver(client, place, name, networks) for name, place in places.items()}


def connection_of(device: Device) -> BacnetIp:
    """How a device is reached.

    Raises:
        ConfigError: It has no BACnet connection, or its host is no IPv4 address.
    """
    at = device.connection
    if not isinstance(at, BacnetIp):
        raise ConfigError(f"device {device.id!r} has no BACnet connection")
    try:
        ipaddress.IPv4Address(at.host)
    except ValueError as error:
        raise ConfigError(f"device {device.id!r}: host {at.host!r} must be an IPv4 address") from error
    return at


def peer_of(place: BacnetIp) -> Peer:
    """Address of a device as the client knows it."""
    return Peer(place.host, place.port, place.network, bytes.fromhex(place.mac))


class BacnetDriver(Driver, Sharing):
    """One device at a configured address."""

    def __init__(
        self, client: BacnetClient, place: BacnetIp, name: str = "", networks: DeviceNetworks = ANYWHERE
    ) -> None:
        self._client = client
        self._place = place
        self._networks = networks
        self._name = name or f"device {place.device_instance}"
        self._peer = peer_of(place)
        self._known = False
        self._line: GiveWay | None = None
        self._reader = PointReader(self._ask_in_turn)
        self._changes = Subscriptions(client, self._peer, place) if place.cov_lifetime_s else None
        self._scalings: dict[tuple[str, ...], tuple[Scaling, tuple[ObjectId, ...]]] = {}
        self._reliability: dict[ObjectId, int] = {}

    @override
    def share(self, line: GiveWay) -> None:
        """Between two requests of one read, let those go first who wait urgently at this line."""
        self._line = line

    def traffic(self) -> Traffic:
        """What went to this device and came from it."""
        return self._client.traffic_of(self._peer)

    @override
    async def open(self) -> None:
        if self._known:
            return
        refuse(self._place.host, self._place.host, self._networks)
        self._client.use(self)
        own = ObjectId(TYPES["device"], self._place.device_instance)
        try:
            told = one_object(await self._property(own, Property.OBJECT_ID))
        except DeviceRefusedError as error:
            raise self._another() from error
        if told != own:
            raise self._another()
        longest = await self._told(own, Property.MAX_APDU, one_whole)
        offered = await self._told(own, Property.SERVICES, one_bit_string) or ()
        multiple = len(offered) <= _READ_MULTIPLE_BIT or offered[_READ_MULTIPLE_BIT]
        self._reader.fit(most_objects(longest or USUAL_APDU, MAX_APDU), multiple=multiple)
        if self._changes is not None:
            self._changes.forget()
        self._known = True

    @override
    async def close(self) -> None:
        if self._changes is not None and self._known:
            self._changes.cancel()
        self._known = False
        self._client.release(self)
        await asyncio.sleep(0)  # the transport closes its socket in the loop's next round

    @override
    async def read(self, points: Sequence[PointSpec]) -> Reading:
        scaling, objects = self._scaling(points)
        if self._changes is None:
            rows = await self._reader.read(objects)
        else:
            marked = tuple(one for one, spec in zip(objects, points, strict=True) if bacnet_address(spec).cov)
            rows = await self._changes.read(self._reader, objects, marked)
        return scaling.judge(rows, await self._faults(points, objects, rows))

    @override
    async def write(self, point: PointSpec, value: float | None) -> None:
        at = bacnet_address(point)
        if value is None and not at.commandable:
            raise DeviceRefusedError("this object has no priority array to give back", point=point.name)
        priority = self._place.priority if at.commandable else None
        body = write_property(object_of(point), encode_number(point, value), priority)
        await self._ask_once(Service.WRITE_PROPERTY, body)

    @override
    async def read_back(self, point: PointSpec) -> float | None:
        commandable = bacnet_address(point).commandable
        prop = Property.PRIORITY_ARRAY if commandable else Property.PRESENT_VALUE
        index = self._place.priority if commandable else None
        try:
            value = await self._property(object_of(point), prop, index)
            raw = one_number(value)
        except (DeviceRefusedError, BadAnswerError) as error:
            raise PointUnreadableError(str(error), point=point.name) from error
        if commandable and value == NULL:
            return None
        if not math.isfinite(raw):
            raise PointUnreadableError(f"read back as {raw}, which is no set-point", point=point.name)
        return raw * point.scale + point.offset

    def _scaling(self, points: Sequence[PointSpec]) -> tuple[Scaling, tuple[ObjectId, ...]]:
        names = tuple(point.name for point in points)
        if names not in self._scalings:
            self._scalings[names] = Scaling(points), tuple(object_of(point) for point in points)
        return self._scalings[names]

    async def _faults(
        self, points: Sequence[PointSpec], objects: tuple[ObjectId, ...], rows: Rows
    ) -> dict[int, int]:
        """Reliability code of the rows with a fault flag; asked once a fault, told once in the log."""
        faulty = [at for at, flags in enumerate(rows.flags.tolist()) if flags & Flag.FAULT]
        if not faulty and not self._reliability:
            return {}
        now = {objects[at] for at in faulty}
        for gone in [one for one in self._reliability if one in objects and one not in now]:
            del self._reliability[gone]
        for at in [at for at in faulty if objects[at] not in self._reliability][:FAULTS_ASKED]:
            code = await self._told(objects[at], Property.RELIABILITY, one_whole) or 0
            self._reliability[objects[at]] = code
            words = RELIABILITY.get(code, (f"reliability {code}",))[0]
            _log.warning("%s/%s has a fault: %s", self._name, points[at].name, words)
        return {at: self._reliability.get(objects[at], 0) for at in faulty}

    async def _told(self, of: ObjectId, prop: Property, decode: Callable[[bytes], _T]) -> _T | None:
        """A property that a device may lack."""
        try:
            return decode(await self._property(of, prop))
        except (DeviceRefusedError, BadAnswerError):
            return None

    async def _property(self, of: ObjectId, prop: Property, index: int | None = None) -> bytes:
        body = await self._ask(Service.READ_PROPERTY, read_property(of, prop, index))
        return property_value(body, of, prop, index)

    async def _ask_in_turn(self, service: Service, body: bytes) -> bytes:
        if self._line is not None:
            await self._line.give_way()
        return await self._ask(service, body)

    async def _ask(self, service: Service, body: bytes) -> bytes:
        return await self._send(service, body, 1 + self._place.resends)

    async def _ask_once(self, service: Service, body: bytes) -> bytes:
        return await self._send(service, body, 1)

    async def _send(self, service: Service, body: bytes, sends: int) -> bytes:
        try:
            return await self._client.ask(self._peer, service, body, self._place.timeout_s, sends=sends)
        except DeviceUnreachableError:
            self._known = False
            raise

    def _another(self) -> BadAnswerError:
        return BadAnswerError(
            f"another device than {self._place.device_instance} answers at {name_of(self._peer)}"
        )
