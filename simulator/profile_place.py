"""Where a device made of a profile is served, and how a person reads it there. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from protocols.access import Sparkplug
from protocols.device import BacnetIp, Connection, ControllerLink, ModbusSerial, ModbusTcp, Mqtt, OpcUa
from protocols.errors import ConfigError
from protocols.profile import ModbusAddress, MqttAddress, Profile

PORTS: Final = {"modbus": 5020, "bacnet": 47808, "opcua": 4840, "mqtt": 1883}
"""Port of each protocol where none is named; Modbus's own 502 is for the administrator alone."""


_MOST_UNIT: Final = 255
_MOST_SERIAL_UNIT: Final = 247
_MOST_INSTANCE: Final = 4194302


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a profile is served.

    Attributes:
        host: Address to listen at, or of the broker that is named.
        port: Port there.
        number: Unit id of Modbus, device instance of BACnet.
        line: How Modbus is spoken: tcp, rtu-tcp (RTU frames over TCP) or serial (a pseudo-terminal).
        broker: Whether an MQTT broker listens at host and port already.
        prefix: Before each MQTT topic; of Sparkplug B `GROUP/NODE` or `GROUP/NODE/DEVICE`; empty: the usual.
        state: Folder for faults and the broker's own files.
    """

    host: str
    port: int
    number: int | None
    line: str
    broker: bool
    prefix: str
    state: Path


@dataclass(frozen=True, slots=True)
class Words:
    """A place as a person needs it.

    Attributes:
        at: Protocol and address.
        wish: The same as `ems edge init --device` takes it behind the `@`.
        direct: Options of an `ems edge read` that needs no site file; empty where the protocol has none.
    """

    at: str
    wish: str
    direct: str = ""


def check_place(profile: Profile, place: Place) -> None:
    """Refuse what the protocol of the profile does not know.

    Raises:
        ConfigError: An option belongs to another protocol, or a number is out of its range.
    """
    protocol = profile.protocol
    if protocol == "controller":
        raise ConfigError(f"{profile.id!r} are the inputs of a local controller; no device speaks to them")
    asked = {
        "--line is for Modbus": place.line != "tcp" and protocol != "modbus",
        "--broker and --prefix are for MQTT": (place.broker or place.prefix) and protocol != "mqtt",
        "--unit-id is for Modbus and BACnet": place.number is not None and protocol in {"opcua", "mqtt"},
    }
    for sentence, wrong in asked.items():
        if wrong:
            raise ConfigError(f"{sentence}, the profile {profile.id!r} speaks {protocol}; leave it out")
    most = _MOST_INSTANCE if protocol == "bacnet" else _MOST_UNIT
    least, most = (1, _MOST_SERIAL_UNIT) if place.line == "serial" else (0, most)
    if place.number is not None and not least <= place.number <= most:
        raise ConfigError(f"--unit-id {place.number} is not from {least} to {most}")


def serial_of(place: Place, port: str) -> ModbusSerial:
    """Connection at a pseudo-terminal."""
    return ModbusSerial(port=port, unit=_number(place, 1))


def connection_of(profile: Profile, place: Place) -> Connection:
    """Connection of any place but a serial line.

    Raises:
        ConfigError: `prefix` names no Sparkplug B node.
    """
    return _MAKERS[profile.protocol](profile, place)


def words_of(profile: Profile, at: Connection) -> Words:
    """A connection as a person needs it."""
    if isinstance(at, ModbusTcp | ModbusSerial):
        return _modbus_words(profile, at)
    words: Words
    match at:
        case OpcUa():
            words = Words(f"OPC UA at {at.url}", at.url)
        case BacnetIp():
            where = f"{at.host}:{at.port}"
            words = Words(
                f"BACnet/IP at {where}, device {at.device_instance}", f"{where}#{at.device_instance}"
            )
        case Mqtt():
            words = _mqtt_words(at, f"{at.host}:{at.port}")
        case ControllerLink():
            words = Words("a local controller, inside its agent", "")
        case _ as never:
            assert_never(never)
    return words


def _modbus(_profile: Profile, place: Place) -> ModbusTcp:
    rtu = place.line == "rtu-tcp"
    return ModbusTcp(
        host=place.host, port=place.port, unit=_number(place, 1), framing="rtu" if rtu else "mbap"
    )


def _bacnet(_profile: Profile, place: Place) -> BacnetIp:
    return BacnetIp(host=place.host, port=place.port, device_instance=_number(place, 3001))


def _opcua(profile: Profile, place: Place) -> OpcUa:
    return OpcUa(url=f"opc.tcp://{place.host}:{place.port}/{profile.id}")


def _mqtt(profile: Profile, place: Place) -> Mqtt:
    prefix = place.prefix or f"sim/{profile.id}"
    if not any(isinstance(one.address, MqttAddress) and one.address.metric for one in profile.points):
        return Mqtt(host=place.host, port=place.port, prefix=prefix)
    group, _, rest = prefix.partition("/")
    node, _, device = rest.partition("/")
    if not group or not node or "/" in device:
        raise ConfigError(f"--prefix {prefix!r} is not GROUP/NODE or GROUP/NODE/DEVICE of Sparkplug B")
    below = Sparkplug(group=group, node=node, device=device or None)
    return Mqtt(host=place.host, port=place.port, sparkplug=below)


_MAKERS: Final[dict[str, Callable[[Profile, Place], Connection]]] = {
    "modbus": _modbus,
    "bacnet": _bacnet,
    "opcua": _opcua,
    "mqtt": _mqtt,
}


def _number(place: Place, usual: int) -> int:
    return usual if place.number is None else place.number


def _modbus_words(profile: Profile, at: ModbusTcp | ModbusSerial) -> Words:
    first = profile.points[0].address
    point = ""
    if isinstance(first, ModbusAddress):
        point = f"--table {first.table} --address {first.address} --type {first.type} --order {first.order}"
        plain = profile.points[0].scale == 1.0 and profile.points[0].offset == 0.0
        point += f" --unit {shlex.quote(profile.points[0].unit)}" if plain else ""
    if isinstance(at, ModbusSerial):
        name, options, wish = at.port, f"--baud {at.baud}", f"{at.port},{at.baud}"
        words = f"Modbus RTU at {at.port}, {at.baud} Bd"
    else:
        name = f"{at.host}:{at.port}"
        rtu = at.framing == "rtu"
        options, wish = "--framing rtu" if rtu else "", f"{name},rtu" if rtu else name
        words = f"Modbus {'RTU over TCP' if rtu else 'TCP'} at {name}"
    direct = " ".join(part for part in (name, options, f"--unit-id {at.unit}", point) if part)
    return Words(f"{words}, unit {at.unit}", f"{wish}#{at.unit}", direct)


def _mqtt_words(at: Mqtt, where: str) -> Words:
    below = at.sparkplug
    if below is None:
        return Words(f"MQTT at {where}, topics below {at.prefix}/", f"{where}/{at.prefix}")
    names = "/".join(name for name in (below.group, below.node, below.device) if name)
    return Words(f"Sparkplug B at {where}, {names}", f"{where}/spBv1.0/{names}")
