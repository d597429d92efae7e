"""The table of drivers: names, imported when a device needs one; an unused protocol costs no memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from protocols.device import Device, protocol_of
from protocols.driver import Driver, Surroundings
from protocols.errors import ConfigError
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.profile import Profile
from runtime.clock import SystemClock
from runtime.passwords import read_secret
from runtime.site import SiteDevices

Devices = Mapping[str, tuple[Device, Profile]]
MakeDrivers = Callable[[Devices], dict[str, Driver]]

DRIVERS: Final[dict[str, str]] = {
    "modbus": "protocols.drivers.modbus.make:make_drivers",
    "bacnet": "protocols.drivers.bacnet.driver:make_drivers",
    "opcua": "protocols.drivers.opcua.driver:make_drivers",
    "mqtt": "protocols.drivers.mqtt.driver:make_drivers",
    "controller": "edge_agent.controllers.inputs:make_drivers",
}
"""Protocol to the function that makes the drivers of all devices of that kind."""

_WITH_SURROUNDINGS: Final = frozenset({"opcua", "mqtt"})
"""Protocols with certificates and passwords; their functions take `Surroundings` too."""

_OVER_A_NETWORK: Final = frozenset({"modbus", "bacnet"})
"""Protocols whose functions take the networks of devices alone."""


def make_drivers(site: SiteDevices, state: Path = Path("var/edge")) -> dict[str, Driver]:
    """A driver a device, by device id; certificates, trust lists and password files stand below `state`.

    Raises:
        ConfigError: A protocol whose package is not installed.
        KeyFileError: A password that a device needs is not where the configuration says.
    """
    by_kind: dict[str, dict[str, tuple[Device, Profile]]] = {}
    for device in site.edge.devices:
        entry = (device, site.profile_of(device.id))
        by_kind.setdefault(protocol_of(device.connection), {})[device.id] = entry
    made: dict[str, Driver] = {}
    for kind, devices in by_kind.items():
        made |= _maker(kind, surroundings(state, site.edge.networks))(devices)
    return {device.id: made[device.id] for device in site.edge.devices}


def surroundings(state: Path, networks: DeviceNetworks = ANYWHERE) -> Surroundings:
    """What this process hands to drivers with certificates and passwords."""
    clock = SystemClock()
    return Surroundings(state, lambda: clock.now().wall_ns, partial(read_secret, state), networks)


def _maker(kind: str, around: Surroundings) -> MakeDrivers:
    module, name = DRIVERS[kind].split(":")
    try:
        maker = getattr(import_module(module), name)
    except ImportError as error:
        raise ConfigError(
            f"the driver for {kind} needs {error.name}; install the extra 'edge' of this package"
        ) from error
    if kind in _WITH_SURROUNDINGS:
        maker = partial(maker, around=around)
    elif kind in _OVER_A_NETWORK:
        maker = partial(maker, networks=around.networks)
    return cast("MakeDrivers", maker)
