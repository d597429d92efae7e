"""Devices of the demo on free loopback ports, so that tests can run beside a demo."""

from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.device import BacnetIp, Connection, ModbusTcp, Mqtt, OpcUa
from runtime.children import free_port
from runtime.clock import VirtualClock
from runtime.site import SiteDevices, load_devices
from simulator.device import FieldDevice

CONFIGS = Path(__file__).parents[3] / "configs"


def _moved(connection: Connection, ports: dict[str, int]) -> Connection:
    if isinstance(connection, OpcUa):
        old = connection.url.split(":")[2].split("/")[0]
        port = ports.setdefault(old, free_port())
        return connection.model_copy(update={"url": connection.url.replace(old, str(port))})
    assert isinstance(connection, ModbusTcp | BacnetIp | Mqtt)
    port = ports.setdefault(str(connection.port), free_port())
    return connection.model_copy(update={"port": port})


@pytest.fixture
def demo_devices() -> SiteDevices:
    """The demo's devices, moved to free ports."""
    site = load_devices(CONFIGS, CONFIGS / "sites" / "demo" / "edge1.yaml")
    ports: dict[str, int] = {}
    devices = tuple(
        d.model_copy(update={"connection": _moved(d.connection, ports)}) for d in site.edge.devices
    )
    return SiteDevices(site.edge.model_copy(update={"devices": devices}), site.profiles)


@pytest.fixture
def clock() -> VirtualClock:
    """A clock that only the test moves."""
    return VirtualClock()


@pytest.fixture
def field_device(demo_devices: SiteDevices, clock: VirtualClock) -> Callable[[str], FieldDevice]:
    """Build one device of the demo."""

    def build(device_id: str) -> FieldDevice:
        return FieldDevice(demo_devices.device(device_id), demo_devices.profile_of(device_id), clock.mono_s)

    return build
