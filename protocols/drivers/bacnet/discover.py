"""Finding devices and what is in them, for a person who commissions: nothing here runs beside the poll.

A Who-Is goes to addresses, to a broadcast address, or through a BBMD where we register as a foreign device.
An object list is read as a whole where it fits one datagram and by index where it does not, and is held
against the length that the device states.

Source: ANSI/ASHRAE 135-2020, clauses 16.10 (Who-Is), 12.11 (object list), annex J.5 (foreign devices).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocols.drivers.bacnet.asker import Asker, decoded
from protocols.drivers.bacnet.client import BacnetClient, name_of
from protocols.drivers.bacnet.packet import Peer, Unconfirmed, register_foreign, unconfirmed
from protocols.drivers.bacnet.properties import Asked
from protocols.drivers.bacnet.services import (
    ALL_INSTANCES,
    TYPES,
    IAm,
    Property,
    who_is,
)
from protocols.drivers.bacnet.tags import ObjectId
from protocols.drivers.bacnet.values import objects, one_number, one_object, one_text, one_whole, status_flags
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError

FOREIGN_S: Final = 300
"""How long a BBMD forwards broadcasts to us after one registration. [s]"""

SEGMENTATION: Final = ("both", "transmit", "receive", "none")

_ASKS: Final = 2
_MOST_OBJECTS: Final = 100_000
_INDICES_A_REQUEST: Final = 30
_INTRODUCED: Final = (Asked(Property.OBJECT_NAME), Asked(Property.VENDOR_NAME), Asked(Property.MODEL))


@dataclass(frozen=True, slots=True)
class Search:
    """Where and for whom to ask.

    Attributes:
        targets: Addresses that are asked one by one.
        broadcast: Broadcast address of a local network, or None.
        bbmd: A BBMD that spreads the question, or None.
        low, high: Range of device instances, both included.
        wait_s: How long answers are awaited. [s]
    """

    targets: tuple[Peer, ...] = ()
    broadcast: Peer | None = None
    bbmd: Peer | None = None
    low: int = 0
    high: int = ALL_INSTANCES
    wait_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Found:
    """A device that named itself.

    Attributes:
        peer: Where it is.
        said: Its instance, longest APDU, segmentation and vendor number.
        name, vendor, model: As it tells; empty where it does not.
    """

    peer: Peer
    said: IAm
    name: str = ""
    vendor: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class ObjectList:
    """Objects of a device.

    Attributes:
        objects: As listed, the device itself among them.
        stated: How many the device says there are.
        by_index: Whether the list had to be read one by one.
    """

    objects: tuple[ObjectId, ...]
    stated: int
    by_index: bool

    @property
    def complete(self) -> bool:
        """Whether all that the device states are there, none twice."""
        return len(self.objects) == self.stated == len(set(self.objects))


@dataclass(frozen=True, slots=True)
class Described:
    """One object as it describes itself; None or empty where it does not.

    Attributes:
        object: Type and instance.
        name, description: Texts.
        value: Present value; NaN for null.
        flags: Octet of status flags.
        unit: Code of the unit.
        commandable: Whether it has a priority array.
    """

    object: ObjectId
    name: str = ""
    description: str = ""
    value: float | None = None
    flags: int = 0
    unit: int | None = None
    commandable: bool = False


async def find_devices(client: BacnetClient, search: Search) -> list[Found]:
    """Ask twice and gather who answers; one entry an answering address, by instance.

    Raises:
        ConfigError: The own address cannot be used.
        DeviceUnreachableError: The BBMD does not answer.
        DeviceRefusedError: The BBMD takes no foreign devices.
    """
    heard: dict[tuple[Peer, int], IAm] = {}

    def take(peer: Peer, said: IAm) -> None:
        if search.low <= said.instance <= search.high:
            heard[peer, said.instance] = said

    client.on_i_am.append(take)
    try:
        if search.bbmd is not None:
            await _register(client, search.bbmd, search.wait_s)
        for _ in range(_ASKS):
            await _ask(client, search)
            await asyncio.sleep(search.wait_s / _ASKS)
    finally:
        client.on_i_am.remove(take)
    return [Found(peer, said) for (peer, _), said in sorted(heard.items(), key=lambda pair: pair[0][1])]


def same_instance(found: Sequence[Found]) -> dict[int, tuple[Peer, ...]]:
    """Instances that more than one address claims; such devices cannot be told apart by anybody."""
    by_instance: dict[int, tuple[Peer, ...]] = {}
    for one in found:
        by_instance[one.said.instance] = (*by_instance.get(one.said.instance, ()), one.peer)
    return {instance: peers for instance, peers in by_instance.items() if len(peers) > 1}


async def introduce(client: BacnetClient, found: Found, timeout_s: float = 1.0) -> Found:
    """The same device with its name, vendor and model; what it does not tell stays empty."""
    device = Asker(client, found.peer, timeout_s)
    own = ObjectId(TYPES["device"], found.said.instance)
    try:
        told = await device.many(own, _INTRODUCED)
    except DeviceUnreachableError:
        return found
    name, vendor, model = (decoded(value, one_text) or "" for value in told)
    return Found(found.peer, found.said, name, vendor, model)


async def object_list(client: BacnetClient, peer: Peer, instance: int, timeout_s: float = 1.0) -> ObjectList:
    """List the objects of a device and hold them against the length it states.

    Raises:
        DeviceUnreachableError: No answer.
        DeviceRefusedError: It tells no object list.
        BadAnswerError: An answer that cannot be read.
    """
    device = Asker(client, peer, timeout_s)
    own = ObjectId(TYPES["device"], instance)
    stated = one_whole(await device.value(own, Property.OBJECT_LIST, 0))
    if stated > _MOST_OBJECTS:
        raise BadAnswerError(f"{name_of(peer)} states {stated} objects; nobody has so many")
    try:
        return ObjectList(
            tuple(objects(await device.value(own, Property.OBJECT_LIST))), stated, by_index=False
        )
    except DeviceRefusedError:
        pass  # it does not fit one answer
    indices = [Asked(Property.OBJECT_LIST, index) for index in range(1, stated + 1)]
    listed: list[ObjectId] = []
    for first in range(0, stated, _INDICES_A_REQUEST):
        part = indices[first : first + _INDICES_A_REQUEST]
        listed += [one for one in map(_object, await device.many(own, part)) if one is not None]
    return ObjectList(tuple(listed), stated, by_index=True)


async def describe(
    client: BacnetClient, peer: Peer, which: Sequence[ObjectId], timeout_s: float = 1.0
) -> list[Described]:
    """Ask objects for their texts, value, flags, unit and priority array, one request an object where it can.

    Raises:
        DeviceUnreachableError: No answer.
    """
    device = Asker(client, peer, timeout_s)
    return [await _describe(device, one) for one in which]


_DESCRIBED: Final = (
    Asked(Property.OBJECT_NAME),
    Asked(Property.DESCRIPTION),
    Asked(Property.PRESENT_VALUE),
    Asked(Property.STATUS_FLAGS),
    Asked(Property.UNITS),
    Asked(Property.PRIORITY_ARRAY, 1),
)


async def _describe(device: Asker, one: ObjectId) -> Described:
    name, description, value, flags, unit, slot = await device.many(one, _DESCRIBED)
    return Described(
        one,
        name=decoded(name, one_text) or "",
        description=decoded(description, one_text) or "",
        value=decoded(value, one_number),
        flags=decoded(flags, status_flags) or 0,
        unit=decoded(unit, one_whole),
        commandable=slot is not None,
    )


def _object(value: bytes | None) -> ObjectId | None:
    return decoded(value, one_object)


async def _ask(client: BacnetClient, search: Search) -> None:
    body = who_is(search.low, search.high)
    socket = await client.opened()
    for peer in search.targets:
        socket.send(unconfirmed(Unconfirmed.WHO_IS, body), (peer.host, peer.port))
    if search.broadcast is not None:
        at = (search.broadcast.host, search.broadcast.port)
        socket.send(unconfirmed(Unconfirmed.WHO_IS, body, broadcast=True), at)
    if search.bbmd is not None:
        socket.send(unconfirmed(Unconfirmed.WHO_IS, body, by_bbmd=True), (search.bbmd.host, search.bbmd.port))


async def _register(client: BacnetClient, bbmd: Peer, timeout_s: float) -> None:
    result: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def take(code: int, sender: tuple[str, int]) -> None:
        if sender == (bbmd.host, bbmd.port) and not result.done():
            result.set_result(code)

    client.on_bvll_result = take
    try:
        (await client.opened()).send(register_foreign(FOREIGN_S), (bbmd.host, bbmd.port))
        async with asyncio.timeout(timeout_s):
            code = await result
    except TimeoutError as error:
        raise DeviceUnreachableError(
            f"no answer from the BBMD {name_of(bbmd)} within {timeout_s:g} s"
        ) from error
    finally:
        client.on_bvll_result = None
    if code:
        raise DeviceRefusedError(f"the BBMD {name_of(bbmd)} takes no foreign devices (result {code:#06x})")
