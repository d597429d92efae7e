"""W4: an edge connects to its devices where its list of networks says so, and to nobody else.

A name is looked up once for a connection, and the connection goes to the address that was judged. Where
clouds keep secrets and what is of one link is no place of a device, with a list or without.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from edge_agent.drivers import surroundings
from edge_agent.outlet.session import Account, greet
from protocols.device import BacnetIp, EdgeDevices, ModbusTcp, Mqtt, OpcUa
from protocols.driver import Driver
from protocols.drivers.bacnet.client import BacnetClient
from protocols.drivers.bacnet.driver import BacnetDriver
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.make import make_client
from protocols.drivers.modbus.plan import Limits
from protocols.drivers.mqtt.driver import MqttDriver
from protocols.drivers.opcua.driver import OpcuaDriver
from protocols.errors import ConfigError, DeviceError, DeviceUnreachableError
from protocols.networks import ANYWHERE, METADATA, DeviceNetworks, numbered
from protocols.outlet import Outlet
from runtime.yaml_config import load_config
from tests.certificates import certificates
from tests.faults.conftest import Names

pytestmark = pytest.mark.net

PLANT = DeviceNetworks.of(["10.20.0.0/16", "fd20:1::/64"])
LOCAL = DeviceNetworks.of(["127.0.0.0/8"])
_OUTSIDE = (
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "0177.0.0.1", "0x7f.1", "0x7f000001",
    "2130706433", "017700000001", "0x7F.0.0.1", "127.000.000.001", "localhost", "LOCALHOST", "localhost.",
    "localhost.localdomain", "plc.example", "PLC.example.", "127.0.0.1.nip.example",
    "\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "::1", "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:127.0.0.1", "0:0:0:0:0:ffff:7f00:1", "64:ff9b::7f00:1",
    "64:ff9b::127.0.0.1", "2002:7f00:1::", "10.19.255.255", "10.21.0.0", "192.168.1.1", "172.16.0.1",
    "100.64.0.1", "8.8.8.8", "2001:db8::1", "fd20:1:0:1::1", "fec0::1", "::ffff:10.20.0.7", "64:ff9b::a14:7",
)  # fmt: skip
_NOBODYS = (
    *map(str, METADATA), "169.254.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::", "metadata.example", "link.example", "fe80::1", "fe80::1%lo", "0.0.0.0", "::",  # noqa: S104  nobody listens
    "224.0.0.1", "255.255.255.255", "ff02::1",
)  # fmt: skip
SPELLINGS = (*_OUTSIDE, *_NOBODYS)


def answers(names: Names) -> None:
    names.answers = {"metadata.example": [["169.254.169.254"]], "link.example": [["169.254.7.7"]]}


def drivers(
    host: str, port: int, networks: DeviceNetworks, state: Path = Path("no_such_folder")
) -> list[Driver]:
    """A driver of each protocol that goes over a network, where this spelling is one of its own."""
    around = surroundings(state, networks)
    made: list[Driver] = []
    at = ModbusTcp(host=host, port=port)
    made.append(ModbusDriver(make_client(at, 5.0, networks), UnitSettings(1, 1.0, Limits())))
    made.append(MqttDriver(Mqtt(host=host, port=port), "ems_test", (), around))
    shown = f"[{host}]" if ":" in host else host
    made.append(OpcuaDriver(OpcUa(url=f"opc.tcp://{shown}:{port}/x", timeout_s=5.0), around))
    if numbered(host) and ":" not in host:
        place = BacnetIp(host=host, port=port, device_instance=1, timeout_s=0.2, resends=0)
        made.append(BacnetDriver(BacnetClient(), place, "test", networks))
    return made


async def opened(driver: Driver) -> str:
    """Why a driver did not open; empty: it did."""
    try:
        await driver.open()
    except DeviceError as error:
        return str(error)
    finally:
        await driver.close()
    return ""


@asynccontextmanager
async def listening(
    host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that says nothing, and the first byte of each who came."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], came


async def test_sixty_spellings_outside_the_list_are_connected_to_by_no_driver(
    names: Names, record_property: Callable[[str, object], None]
) -> None:
    assert len(set(SPELLINGS)) >= 60
    answers(names)
    async with listening() as (port, came):
        for host in SPELLINGS:
            for driver in drivers(host, port, PLANT):
                assert await opened(driver), host
        assert (came, names.connected) == ([], [])
    record_property("figure", f"0 connections, {len(set(SPELLINGS))} spellings of device addresses")


async def test_the_same_ways_lead_there_where_the_list_names_it(names: Names) -> None:
    """So that the test above is one: the listener counts, and no driver refuses everything."""
    async with listening() as (port, came):
        for driver in drivers("plc.example", port, LOCAL):
            await opened(driver)
        async with asyncio.timeout(10):
            while len(came) < 3:
                await asyncio.sleep(0.01)
        assert names.connected.count(("127.0.0.1", port)) >= 3
        datagrams = len(names.connected)
        assert "no" in await opened(drivers("127.0.0.1", port, LOCAL)[-1])
    assert len(names.connected) > datagrams


async def test_what_no_device_has_is_refused_without_a_list_too(names: Names) -> None:
    answers(names)
    for host in _NOBODYS:
        for driver in drivers(host, 502, ANYWHERE):
            assert "never connected to" in await opened(driver), host
    assert names.connected == []


async def test_a_name_server_that_changes_its_answer_changes_nothing(names: Names) -> None:
    only = DeviceNetworks.of(["127.0.0.2"])
    async with listening() as (port, came):
        for number in range(3):
            names.answers = {"rebind.example": [["127.0.0.2"], ["127.0.0.1"]]}
            names.asked.clear()
            assert await opened(drivers("rebind.example", port, only)[number])
            assert names.asked == ["rebind.example"]
        assert {one for one in names.connected if one[1] == port} == {("127.0.0.2", port)}  # type: ignore[index]  # pairs
        names.connected.clear()
        names.answers = {"rebind.example": [["127.0.0.2", "127.0.0.1"]]}
        for driver in drivers("rebind.example", port, only):  # one of the two is enough
            assert "lies outside device_networks (127.0.0.2/32)" in await opened(driver)
    assert (came, names.connected) == ([], [])


@pytest.mark.usefixtures("names")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in test_mqtt_driver.py
async def test_a_broker_s_certificate_is_checked_against_its_name(tmp_path: Path) -> None:
    ca, (cert, key) = certificates(tmp_path / "tls", ("broker.plant.example",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    async with listening(context=context) as (port, came):

        async def told(host: str) -> str:
            place = Mqtt.model_validate({"host": host, "port": port, "tls": {"ca_file": f"tls/{ca.name}"}})
            return await opened(MqttDriver(place, "ems_test", (), surroundings(tmp_path, LOCAL)))

        assert "certificate" in (await told("other.plant.example")).lower()
        assert not any(came)
        assert "certificate" not in (await told("broker.plant.example")).lower()
        assert any(came)  # its greeting, over the channel


async def test_an_outlet_is_within_the_list_or_in_the_public_internet(names: Names, tmp_path: Path) -> None:
    async with listening() as (port, came):
        account = Account("ems_try", tmp_path, networks=PLANT)
        assert "outside device_networks" in await greet(Outlet(host="plc.example", port=port), account)
        assert "never connected to" in await greet(Outlet(host="169.254.169.254", port=port), account)
        assert (came, names.connected) == ([], [])
    assert PLANT.why_not("cloud.example", "8.8.8.8", outside=True) == ""
    assert PLANT.why_not("cloud.example", "8.8.8.8")


def told_of(path: Path, **more: object) -> list[str]:
    """Faults of a device list with two devices, one a line, without the folder."""
    devices = [
        {"id": name, "label": {"en": "x", "zh": "x"}, "profile": "meter", "connection": connection}
        for name, connection in (
            ("near", {"kind": "modbus", "host": "10.20.0.7"}),
            ("far", {"kind": "opcua", "url": "opc.tcp://10.9.0.4:4840/x"}),
            ("odd", {"kind": "mqtt", "host": "169.254.169.254"}),
            ("named", {"kind": "mqtt", "host": "broker.plant.lan"}),
        )
    ]
    document = {"site": "demo", "edge": "edge1", "devices": devices, **more}
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    try:
        load_config(path, EdgeDevices)
    except ConfigError as error:
        return str(error).replace(f"{path.parent}/", "").splitlines()
    return []


def test_the_check_names_device_address_and_list(tmp_path: Path) -> None:
    file = tmp_path / "edge1.yaml"
    found = told_of(file, device_networks=["10.20.0.0/16"])
    assert [one.partition(": device ")[2] for one in found] == [
        "'far': 10.9.0.4 lies outside device_networks (10.20.0.0/16): correct it, or add its network there",
        "'odd': 169.254.169.254 is never connected to: no device has such an address, give its own",
    ]
    assert all(one.startswith("edge1.yaml:") for one in found)
    assert len(told_of(file)) == 1  # without a list the address nobody has
    outlet = told_of(file, device_networks=["10.0.0.0/8"], outlet={"host": "192.168.1.9"})
    assert any("the outlet: 192.168.1.9 lies outside" in one for one in outlet)


@pytest.mark.parametrize(
    "entry", ["10.0.0.1/8", "plant.lan", "169.254.0.0/16", "ff00::/8", "169.254.169.254", ""]
)
def test_an_entry_that_is_no_network_of_devices_is_said(tmp_path: Path, entry: str) -> None:
    found = told_of(tmp_path / "edge1.yaml", device_networks=["10.20.0.7", entry])
    assert any("device_networks.1: " in one and repr(entry) in one for one in found)


async def test_who_is_refused_was_sent_nothing_and_may_be_asked_again() -> None:
    """A name server may answer better later: the device is away, as any that does not answer."""
    with pytest.raises(DeviceUnreachableError) as refused:
        await drivers("127.0.0.1", 502, PLANT)[0].open()
    assert refused.value.retry
