"""From the device list to drivers: one client a line, one driver a unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from protocols.device import Device, ModbusSerial, ModbusTcp
from protocols.driver import Driver
from protocols.drivers.modbus.client import ModbusClient
from protocols.drivers.modbus.deadlines import Deadlines
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.plan import limits_of
from protocols.drivers.modbus.rtu import RtuClient
from protocols.drivers.modbus.tcp import MbapClient
from protocols.errors import ConfigError
from protocols.links.tcp import TcpLink
from protocols.networks import ANYWHERE, DeviceNetworks
from protocols.profile import Profile
from protocols.units import Seconds

At = ModbusTcp | ModbusSerial


def make_drivers(
    devices: Mapping[str, tuple[Device, Profile]], networks: DeviceNetworks = ANYWHERE
) -> dict[str, Driver]:
    """A driver a device; units of one line share its client, which connects only within `networks`."""
    places = {name: _connection(device) for name, (device, _) in devices.items()}
    units = Counter(line_of(at) for at in places.values())
    longest_s: dict[str, Seconds] = {}
    for at in places.values():
        longest_s[line_of(at)] = max(at.timeout_s, longest_s.get(line_of(at), 0.0))
    clients: dict[str, ModbusClient] = {}
    drivers: dict[str, Driver] = {}
    deadlines = Deadlines()
    for name, (_, profile) in devices.items():
        at = places[name]
        key = line_of(at)
        if key not in clients:
            clients[key] = make_client(at, longest_s[key], networks)
            clients[key].share_deadlines(deadlines)
        settings = UnitSettings(
            unit=at.unit,
            timeout_s=at.timeout_s,
            limits=limits_of(profile),
            depth=at.depth if isinstance(at, ModbusTcp) and at.framing == "mbap" else 1,
            pause_s=profile.modbus.pause_s,
            shared=units[key] > 1,
        )
        drivers[name] = ModbusDriver(clients[key], settings)
    return drivers


def line_of(at: At) -> str:
    """Name of the line a connection uses: `host:port` or the serial port."""
    return at.port if isinstance(at, ModbusSerial) else f"{at.host}:{at.port}"


def make_client(at: At, connect_s: Seconds, networks: DeviceNetworks = ANYWHERE) -> ModbusClient:
    """A client for a line, not yet connected."""
    if isinstance(at, ModbusSerial):
        from protocols.links.serial import SerialLink, SerialSettings  # noqa: PLC0415  loads pyserial only then

        settings = SerialSettings(at.port, at.baud, at.parity, at.stop_bits)
        return RtuClient(SerialLink(settings), at.bits_per_character / at.baud)
    link = TcpLink(at.host, at.port, connect_s, networks)
    return MbapClient(link) if at.framing == "mbap" else RtuClient(link)


def _connection(device: Device) -> At:
    if not isinstance(device.connection, ModbusTcp | ModbusSerial):
        raise ConfigError(f"device {device.id!r} has no Modbus connection")
    return device.connection
