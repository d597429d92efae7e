"""The BACnet driver against a real bacpypes3 device on loopback."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import numpy as np
import pytest
from bacpypes3.app import Application
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObjectCmd
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateInputObject
from bacpypes3.local.networkport import NetworkPortObject

from protocols.config import Text
from protocols.device import BacnetIp
from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.driver import BacnetDriver
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.links.udp import local_address
from protocols.profile import BacnetAddress, PointSpec
from protocols.quality import Quality

pytestmark = pytest.mark.net
COMMON = {"statusFlags": [0, 0, 0, 0], "eventState": "normal", "outOfService": False}


def point(name: str, kind: str, instance: int, **more: object) -> PointSpec:
    where = BacnetAddress.model_validate(
        {"object": kind, "instance": instance, "commandable": bool(more.pop("commandable", False))}
    )
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


SET = point("set_kw", "analog-value", 1, commandable=True)


@contextmanager
def device(instance: int = 3001, inputs: int = 3) -> Iterator[int]:
    _, port = local_address("127.0.0.1", 1)
    app = Application.from_object_list(
        [
            DeviceObject(objectIdentifier=("device", instance), objectName="d", vendorIdentifier=999),
            NetworkPortObject(f"127.0.0.1/32:{port}", objectIdentifier=("network-port", 1), objectName="p"),
            *(
                AnalogInputObject(
                    objectIdentifier=("analog-input", at), objectName=f"ai{at}", presentValue=10.0 * at,
                    covIncrement=0.0, **COMMON,
                )
                for at in range(1, inputs + 1)
            ),
            MultiStateInputObject(
                objectIdentifier=("multi-state-input", 1), objectName="ms", presentValue=3,
                numberOfStates=9, **COMMON,
            ),
            AnalogValueObjectCmd(
                objectIdentifier=("analog-value", 1), objectName="av", presentValue=7.0,
                relinquishDefault=7.0, covIncrement=0.0, **COMMON,
            ),
        ]
    )  # fmt: skip
    try:
        yield port
    finally:
        app.close()


@asynccontextmanager
async def driver_at(port: int, instance: int = 3001) -> AsyncIterator[BacnetDriver]:
    place = BacnetIp(host="127.0.0.1", port=port, device_instance=instance, priority=10, timeout_s=1.0)
    driver = BacnetDriver(BacnetClient(), place)
    try:
        yield driver
    finally:
        await driver.close()


async def test_one_request_reads_several_kinds_and_a_bad_object_is_bad_alone() -> None:
    points = [
        point("a_kw", "analog-input", 1),
        point("gone_kw", "analog-input", 99),
        point("state_kw", "multi-state-input", 1, offset=-1),
        point("high_kw", "analog-input", 3, high=20),
    ]
    with device() as port:
        async with driver_at(port) as driver:
            await driver.open()
            reading = await driver.read(points)
    assert np.array_equal(reading.values, [10, np.nan, 2, np.nan], equal_nan=True)
    assert reading.qualities.tolist() == [0, Quality.BAD_REFUSED, 0, Quality.BAD_RANGE]


async def test_more_points_than_an_answer_holds_are_read_in_several_requests() -> None:
    points = [point(f"p{at}_kw", "analog-input", at) for at in range(1, 121)]
    with device(inputs=120) as port:
        async with driver_at(port) as driver:
            await driver.open()
            reading = await driver.read(points)
    assert reading.values.tolist() == [10.0 * at for at in range(1, 121)]


async def test_our_slot_is_written_read_back_and_given_back_with_null() -> None:
    with device() as port:
        async with driver_at(port) as driver:
            assert await driver.read_back(SET) is None
            await driver.write(SET, 5.5)
            assert await driver.read_back(SET) == 5.5
            assert (await driver.read([SET])).values.tolist() == [5.5]
            await driver.write(SET, None)
            assert await driver.read_back(SET) is None
            assert (await driver.read([SET])).values.tolist() == [7.0]


async def test_what_cannot_be_written_is_refused() -> None:
    with device() as port:
        async with driver_at(port) as driver:
            with pytest.raises(DeviceRefusedError):
                await driver.write(point("gone_kw", "analog-value", 99, commandable=True), 1.0)
            with pytest.raises(DeviceRefusedError, match="priority array"):
                await driver.write(point("a_kw", "analog-input", 1), None)
            with pytest.raises(PointUnreadableError):
                await driver.read_back(point("gone_kw", "analog-value", 99, commandable=True))


async def test_another_device_at_the_address_is_a_bad_answer() -> None:
    with device(instance=3002) as port:
        async with driver_at(port) as driver:
            with pytest.raises(BadAnswerError, match="another device"):
                await driver.open()


async def test_a_dead_device_costs_one_time_out() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with driver_at(silent.getsockname()[1]) as driver:
            with pytest.raises(DeviceUnreachableError):
                await driver.open()
