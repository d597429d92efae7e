"""The table of drivers: names, imported when a device needs one; an unused protocol costs no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final, cast

from protocols.device import Device, protocol_of
from protocols.driver import Driver
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.site import SiteDevices

MakeDrivers = Callable[[Mapping[str, tuple[Device, Profile]]], dict[str, Driver]]

DRIVERS: Final[dict[str, str]] = {
    "modbus": "protocols.drivers.modbus.driver:make_drivers",
    "bacnet": "protocols.drivers.bacnet.driver:make_drivers",
    "opcua": "protocols.drivers.opcua.driver:make_drivers",
    "mqtt": "protocols.drivers.mqtt.driver:make_drivers",
}
"""Protocol to the function that makes the drivers of all devices of that kind."""


def make_drivers(site: SiteDevices) -> dict[str, Driver]:
    """A driver a device, by device id.

    Raises:
        ConfigError: A protocol whose package is not installed.
    """
    by_kind: dict[str, dict[str, tuple[Device, Profile]]] = {}
    for device in site.edge.devices:
        entry = (device, site.profile_of(device.id))
        by_kind.setdefault(protocol_of(device.connection), {})[device.id] = entry
    made: dict[str, Driver] = {}
    for kind, devices in by_kind.items():
        made |= _maker(kind)(devices)
    return {device.id: made[device.id] for device in site.edge.devices}


def _maker(kind: str) -> MakeDrivers:
    module, name = DRIVERS[kind].split(":")
    try:
        return cast("MakeDrivers", getattr(import_module(module), name))
    except ImportError as error:
        raise ConfigError(
            f"the driver for {kind} needs {error.name}; install the extra 'edge' of this package"
        ) from error
