"""BACnet devices for tests: real bacpypes3 ones, and one that answers with whatever bytes a test says."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from bacpypes3.apdu import APDU, RejectPDU
from bacpypes3.app import Application
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObjectCmd
from bacpypes3.local.binary import BinaryInputObject
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateInputObject
from bacpypes3.local.networkport import NetworkPortObject
from typing_extensions import override

from protocols.config import Text
from protocols.device import BacnetIp
from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.driver import BacnetDriver
from protocols.links.udp import local_address
from protocols.profile import BacnetAddress, PointSpec

INSTANCE = 3001
COMMON: dict[str, object] = {"statusFlags": [0, 0, 0, 0], "eventState": "normal", "outOfService": False}


def point(name: str, kind: str, instance: int, **more: object) -> PointSpec:
    """A point in kW at an object."""
    where = {key: more.pop(key) for key in ("commandable", "cov") if key in more}
    address = BacnetAddress.model_validate({"object": kind, "instance": instance, **where})
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": address, **more}
    )


def inputs(count: int, **more: object) -> list[PointSpec]:
    """Points of analog inputs 1 to `count`."""
    return [point(f"p{at}_kw", "analog-input", at, **more) for at in range(1, count + 1)]


def analog_input(instance: int, value: float, **more: object) -> AnalogInputObject:
    """A bacpypes3 analog input."""
    return AnalogInputObject(
        objectIdentifier=("analog-input", instance), objectName=f"ai{instance}", presentValue=value,
        **({"covIncrement": 0.0} | COMMON | more),
    )  # fmt: skip


def usual_objects(count: int = 3) -> list[Any]:
    """Analog inputs of 10 times their number, a multi-state and a binary input, a commandable value."""
    return [
        *(analog_input(at, 10.0 * at) for at in range(1, count + 1)),
        MultiStateInputObject(
            objectIdentifier=("multi-state-input", 1), objectName="ms", presentValue=3, numberOfStates=9,
            **COMMON,
        ),
        BinaryInputObject(
            objectIdentifier=("binary-input", 1), objectName="bi", presentValue="active", polarity="normal",
            **COMMON,
        ),
        AnalogValueObjectCmd(
            objectIdentifier=("analog-value", 1), objectName="av", presentValue=7.0, relinquishDefault=7.0,
            covIncrement=0.0, **COMMON,
        ),
    ]  # fmt: skip


@contextmanager
def served(
    objects: Sequence[Any], kind: type[Application] = Application, instance: int = INSTANCE
) -> Iterator[tuple[int, Application]]:
    """Serve objects on a free port; gives the port and the application."""
    _, port = local_address("127.0.0.1", 1)
    app = kind.from_object_list(
        [
            DeviceObject(
                objectIdentifier=("device", instance),
                objectName="d",
                vendorIdentifier=999,
                vendorName="Maker",
                modelName="M1",
            ),
            NetworkPortObject(f"127.0.0.1/32:{port}", objectIdentifier=("network-port", 1), objectName="p"),
            *objects,
        ]
    )
    try:
        yield port, app
    finally:
        app.close()


class Counting(Application):  # type: ignore[misc]  # bacpypes3 carries no types
    """Counts the requests by their service."""

    @override
    async def indication(self, apdu: APDU) -> None:
        self.__dict__.setdefault("asked", Counter())[type(apdu).__name__] += 1
        await super().indication(apdu)


class WithoutMultiple(Counting):
    """A device that does not know ReadPropertyMultiple."""

    async def do_ReadPropertyMultipleRequest(self, apdu: APDU) -> None:  # noqa: N802  bacpypes3 calls it so
        await self.response(RejectPDU(reason=9, context=apdu))


def place(port: int, **more: object) -> BacnetIp:
    """A connection to a device on loopback."""
    said = {"host": "127.0.0.1", "port": port, "device_instance": INSTANCE, "timeout_s": 1.0} | more
    return BacnetIp.model_validate(said)


@asynccontextmanager
async def driver_at(port: int, **more: object) -> AsyncIterator[BacnetDriver]:
    """An opened driver."""
    driver = BacnetDriver(BacnetClient(), place(port, **more))
    try:
        await driver.open()
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def client() -> AsyncIterator[BacnetClient]:
    """A client that is closed at the end."""
    made = BacnetClient()
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)


Answer = Callable[[bytes], Sequence[bytes]]
"""Gets the request's datagram, gives the datagrams of the answer."""


class Scripted(asyncio.DatagramProtocol):
    """Answers by a function and keeps what it got."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.got: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    @override
    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)
        for one in self.answer(data):
            assert self.transport is not None
            self.transport.sendto(one, addr)


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[tuple[int, Scripted]]:
    """A device that answers with the bytes a test says; gives its port."""
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("127.0.0.1", 0))
    own.settimeout(0)
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(lambda: Scripted(answer), sock=own)
    try:
        yield own.getsockname()[1], made
    finally:
        transport.close()
        await asyncio.sleep(0)


def framed(apdu: bytes) -> bytes:
    """An APDU in BVLL and NPDU without addresses."""
    return struct.pack(">BBHBB", 0x81, 0x0A, 6 + len(apdu), 1, 0) + apdu


def request_of(data: bytes) -> tuple[int, int, bytes]:
    """Invoke id, service and body of a confirmed request without addresses."""
    return data[8], data[9], data[10:]
