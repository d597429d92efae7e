"""The BACnet server asked by a bacpypes3 application on another port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from bacpypes3.apdu import ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address
from bacpypes3.primitivedata import Null, ObjectIdentifier

from protocols.device import BacnetIp
from protocols.errors import ConfigError
from runtime.children import free_port
from simulator.device import Fault, FieldDevice
from simulator.servers.bacnet import bacnet_server

pytestmark = pytest.mark.net
Build = Callable[[str], FieldDevice]


@pytest.fixture
async def asker() -> AsyncIterator[Application]:
    """A second BACnet station."""
    station = DeviceObject(objectIdentifier=("device", 99), objectName="asker", vendorIdentifier=999)
    station.apduTimeout = 300
    station.numberOfApduRetries = 0
    port = NetworkPortObject(
        f"127.0.0.1/32:{free_port(socket.SOCK_DGRAM)}",
        objectIdentifier=("network-port", 1),
        objectName="port",
    )
    app = Application.from_object_list([station, port])
    yield app
    app.close()


def _where(device: FieldDevice) -> Address:
    at = device.device.connection
    assert isinstance(at, BacnetIp)
    return Address(f"{at.host}:{at.port}")


async def _read(asker: Application, device: FieldDevice, name: str) -> float:
    return float(await asker.read_property(_where(device), ObjectIdentifier(name), "present-value"))


async def test_present_values_are_the_readings(field_device: Build, asker: Application) -> None:
    chiller = field_device("chiller1")
    chiller.readings |= {"power_kw": 101.5, "state_code": 2.0, "supply_c": 7.25}
    async with bacnet_server(chiller) as server:
        chiller.readings["supply_c"] = 7.5
        server.refresh()
        assert await _read(asker, chiller, "analog-input,1") == 101.5
        assert await _read(asker, chiller, "analog-input,2") == 7.5
        assert await _read(asker, chiller, "multi-state-input,1") == 3.0  # codes begin at 1 on the wire
        assert await _read(asker, chiller, "binary-input,1") == 0.0


async def test_a_set_point_is_written_by_priority_and_relinquished(
    field_device: Build, asker: Application
) -> None:
    chiller = field_device("chiller2")
    wanted = ObjectIdentifier("analog-value,2")
    async with bacnet_server(chiller):
        await asker.write_property(_where(chiller), wanted, "present-value", 9.0, priority=10)
        assert chiller.followed()["supply_set_c"] == 9.0
        assert await _read(asker, chiller, "analog-value,2") == 9.0
        await asker.write_property(_where(chiller), wanted, "present-value", Null(()), priority=10)
        assert chiller.followed()["supply_set_c"] == 7.0
        assert await _read(asker, chiller, "analog-value,2") == 7.0


async def test_a_measured_value_and_a_value_out_of_range_are_refused(
    field_device: Build, asker: Application
) -> None:
    chiller = field_device("chiller1")
    async with bacnet_server(chiller):
        for name in ("analog-input,1", "analog-value,2"):
            with pytest.raises(ErrorRejectAbortNack):
                await asker.write_property(
                    _where(chiller), ObjectIdentifier(name), "present-value", 99.0, priority=10
                )


async def test_a_silent_device_does_not_answer(field_device: Build, asker: Application) -> None:
    handler = field_device("ahu1")
    handler.fault = Fault.SILENT
    async with bacnet_server(handler):
        with pytest.raises((ErrorRejectAbortNack, TimeoutError)):
            async with asyncio.timeout(1.0):
                await _read(asker, handler, "analog-input,1")


async def test_a_taken_udp_port_is_one_clear_sentence(field_device: Build) -> None:
    handler = field_device("ahu1")
    at = handler.device.connection
    assert isinstance(at, BacnetIp)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((at.host, at.port))
        with pytest.raises(ConfigError, match="BACnet server of ahu1 cannot use"):
            async with bacnet_server(handler):
                pass
