"""The peer of `edge_bacnet`: bacpypes3 as it is, polling the same devices with ReadPropertyMultiple.

It asks present values only, 50 a request as its answers hold, and throws them away: no flags, no journal,
no bus.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import typer
from bacpypes3.apdu import ReadPropertyMultipleRequest
from bacpypes3.app import Application
from bacpypes3.basetypes import PropertyIdentifier, PropertyReference, ReadAccessSpecification
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address
from bacpypes3.primitivedata import ObjectIdentifier

from protocols.links.udp import local_address

_A_REQUEST: Final = 50


async def poll(app: Application, port: int, points: int, polls: int) -> None:
    """Read all points of one device each second.

    Raises:
        SystemExit: An answer does not hold what was asked.
    """
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    present = PropertyReference(propertyIdentifier=PropertyIdentifier("presentValue"))
    for poll_number in range(polls):
        await asyncio.sleep(max(0.0, begin_s + poll_number - loop.time()))
        for first in range(1, points + 1, _A_REQUEST):
            wanted = [
                ReadAccessSpecification(
                    objectIdentifier=ObjectIdentifier(("analog-input", at)),
                    listOfPropertyReferences=[present],
                )
                for at in range(first, min(points + 1, first + _A_REQUEST))
            ]
            request = ReadPropertyMultipleRequest(listOfReadAccessSpecs=wanted)
            request.pduDestination = Address(f"127.0.0.1:{port}")
            answer = await app.request(request)
            if len(answer.listOfReadAccessResults) != len(wanted):
                raise SystemExit("bacpypes3 got another answer than asked for")


async def poll_all(ports: list[int], points: int, polls: int) -> None:
    """Read all devices side by side."""
    _, own = local_address("127.0.0.1", 1)
    app = Application.from_object_list(
        [
            DeviceObject(objectIdentifier=("device", 4190011), objectName="plain", vendorIdentifier=999),
            NetworkPortObject(f"127.0.0.1/32:{own}", objectIdentifier=("network-port", 1), objectName="p"),
        ]
    )
    print("ready", flush=True)
    async with asyncio.TaskGroup() as tasks:
        for port in ports:
            tasks.create_task(poll(app, port, points, polls))
    print("done", flush=True)
    app.close()


def main(
    ports: Annotated[str, typer.Option(help="Ports, joined by commas.")],
    points: Annotated[int, typer.Option(help="Points a device.")] = 100,
    polls: Annotated[int, typer.Option(help="Polls before it ends.")] = 20,
) -> None:
    """Poll once a second."""
    asyncio.run(poll_all([int(port) for port in ports.split(",")], points, polls))


if __name__ == "__main__":
    typer.run(main)
