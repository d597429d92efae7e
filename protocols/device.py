"""A device as installed, and the list of them one edge reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from protocols.access import Availability, KeyPair, Login, OpcUaSecurity, Sparkplug, Tls
from protocols.config import Config, IdPart, Text, once, twice
from protocols.networks import DeviceNetworks, network_of, numbered
from protocols.outlet import Outlet
from protocols.report import Report
from protocols.units import Seconds

Port = Annotated[int, Field(ge=1, le=65535)]
Unit = Annotated[int, Field(ge=0, le=255)]
_Network = Annotated[str, AfterValidator(lambda text: str(network_of(text)))]


class ModbusTcp(Config):
    """A Modbus unit behind a TCP address; units of one address share one line."""

    kind: Literal["modbus"] = "modbus"

    host: str
    """IP address or name."""

    port: Port = 502
    """TCP port."""

    unit: Unit = 1
    """Unit id; 0 and 255 are what some gateways want for themselves."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 1.0
    """How long one request may take."""

    framing: Literal["mbap", "rtu"] = "mbap"
    """`mbap`: Modbus TCP. `rtu`: a serial server that passes RTU frames through as they are."""

    depth: Annotated[int, Field(ge=1, le=16)] = 1
    """Requests that may be on their way at once; most devices stand one. Only with `mbap`."""


class ModbusSerial(Config):
    """A Modbus unit on a serial bus (RS-485, RS-232); units of one port share one line."""

    kind: Literal["modbus_serial"] = "modbus_serial"

    port: Annotated[str, Field(pattern=r"^/")]
    """Serial port, for example `/dev/ttyUSB0` or, better, a name below `/dev/serial/by-id`."""

    unit: Annotated[int, Field(ge=1, le=247)] = 1
    """Unit id."""

    baud: Annotated[int, Field(ge=300, le=1_000_000)] = 9600
    """Symbol rate, the same for all units of a port. [Bd]"""

    parity: Literal["none", "even", "odd"] = "none"
    """Parity of each character, the same for all units of a port."""

    stop_bits: Literal[1, 2] = 1
    """Stop bits of each character, the same for all units of a port."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 0.5
    """How long the unit may take to begin its answer; the time on the wire comes on top."""

    @property
    def bits_per_character(self) -> int:
        """Start, eight data, parity and stop bits."""
        return 9 + (self.parity != "none") + self.stop_bits


class BacnetIp(Config):
    """A BACnet/IP device at a configured address (no broadcast), or one behind a router there."""

    kind: Literal["bacnet"] = "bacnet"

    host: str
    """IP address."""

    port: Port = 47808
    """UDP port."""

    device_instance: Annotated[int, Field(ge=0, le=4194302)]
    """Instance of the device object; an answer of another one is refused."""

    priority: Annotated[int, Field(ge=3, le=16)] = 10
    """Level of our writes in the priority array."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 1.0
    """How long one request may take."""

    resends: Annotated[int, Field(ge=0, le=3)] = 1
    """How often a read is sent again within `timeout_s`; a write never is."""

    cov_lifetime_s: Annotated[int, Field(ge=60, le=86400)] | None = None
    """Subscribe to changes of the points marked `cov`, for so long at a time; None: they are polled too."""

    network: Annotated[int, Field(ge=0, le=65534)] = 0
    """BACnet network behind the router at `host`; 0 when the device itself stands there."""

    mac: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){0,7}$")] = ""
    """Address on that network, hex; one octet on MS/TP. Empty when the device itself stands at `host`."""

    @model_validator(mode="after")
    def _behind_a_router_or_not(self) -> Self:
        if bool(self.network) != bool(self.mac):
            raise ValueError("a device behind a router needs both `network` and `mac`, any other one neither")
        return self


class OpcUa(Config):
    """An OPC UA server."""

    kind: Literal["opcua"] = "opcua"

    url: Annotated[str, Field(pattern=r"^opc\.tcp://[^/\s@]+(/[^\s]*)?$")]
    """`opc.tcp://host:port/path`."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 2.0
    """How long one request may take."""

    base: str = ""
    """Put in place of `{base}` in the node ids of the profile."""

    security: OpcUaSecurity | None = None
    """Signing and encryption; None for a channel without, which any machine between may read and change."""

    login: Login | None = None
    """User and password; None for an anonymous session."""

    user_certificate: KeyPair | None = None
    """Certificate that names the user instead of a password."""

    publish_s: Annotated[Seconds, Field(ge=0.05, le=60)] | None = None
    """Interval in which the server tells changes (a subscription); None: values are read at each poll. [s]"""

    @model_validator(mode="after")
    def _password_is_covered(self) -> Self:
        if self.login is not None and self.user_certificate is not None:
            raise ValueError("give either `login` or `user_certificate`, a session has one user")
        if self.user_certificate is not None and self.security is None:
            raise ValueError("`user_certificate` proves nothing on an open channel; add `security`")
        if self.login is not None and self.security is None and not self.login.plain:
            raise ValueError("a password needs `security`; `plain: true` in `login` sends it unprotected")
        return self


class Mqtt(Config):
    """A device that publishes to a field broker (never the plant bus)."""

    kind: Literal["mqtt"] = "mqtt"

    host: str
    """Broker's IP address or name."""

    port: Port = 1883
    """Broker's TCP port."""

    prefix: str = ""
    """Put before each topic of the profile, without a slash at its end."""

    stale_after_s: Annotated[Seconds, Field(gt=0)] = 5.0
    """A point without a message for this long is bad (unreachable)."""

    login: Login | None = None
    """User and password at the broker."""

    tls: Tls | None = None
    """Encryption; None for a plain connection."""

    resume: bool = False
    """Whether the broker keeps messages of QoS 1 and 2 for us while the connection is down."""

    availability: Availability | None = None
    """Topic of birth and last will of the device."""

    sparkplug: Sparkplug | None = None
    """Where the device stands when it speaks Sparkplug B; `prefix` is not used then."""

    @model_validator(mode="after")
    def _password_is_covered(self) -> Self:
        if self.login is not None and self.login.password and self.tls is None and not self.login.plain:
            raise ValueError("a password needs `tls`; `plain: true` in `login` sends it unprotected")
        return self


class ControllerLink(Config):
    """A local controller of the same edge: its inputs lie in the agent's own memory.

    Made from the controller's file; in a device list it is refused.
    """

    kind: Literal["controller"] = "controller"

    timeout_s: Annotated[Seconds, Field(gt=0)] = 1.0
    """Longest wait for an answer; none is ever needed."""


Connection = Annotated[
    ModbusTcp | ModbusSerial | BacnetIp | OpcUa | Mqtt | ControllerLink, Field(discriminator="kind")
]


def protocol_of(connection: Connection) -> str:
    """Which protocol a connection speaks; the profile of its device must be of the same.

    Example:
        >>> protocol_of(ModbusSerial(port="/dev/ttyUSB0"))
        'modbus'
    """
    return "modbus" if connection.kind == "modbus_serial" else connection.kind


class Device(Config):
    """One device of a site."""

    id: IdPart
    """Id part of the device."""

    label: Text
    """What people call it."""

    profile: IdPart
    """Profile in `configs/devices`."""

    connection: Connection
    """How it is reached; it must speak the profile's protocol."""

    report: Report | None = None
    """When samples of its points are handed on, as far as these say nothing; not its counters. None: each."""

    @model_validator(mode="after")
    def _band_without_unit(self) -> Self:
        if self.report is not None and self.report.dead_band:
            raise ValueError("an absolute dead_band has the unit of one point; give it in the profile")
        return self


class EdgeDevices(Config):
    """What one edge reads: `configs/sites/<site>/<edge>.yaml`."""

    site: IdPart
    """Site the edge stands in."""

    edge: IdPart
    """The edge's own id."""

    devices: Annotated[tuple[Device, ...], Field(min_length=1, json_schema_extra=once("id", "device id"))]
    """Its devices."""

    outlet: Outlet | None = None
    """A broker that is told the samples too; None: only the hub is."""

    device_networks: Annotated[tuple[_Network, ...], Field(min_length=1, max_length=100)] | None = None
    """Networks, or single addresses, this edge connects to for its devices and, beside the public internet,
    for its outlet; 127.0.0.1 only where it is named. None: any address but those that no device has (of one
    link, of a group, where clouds keep secrets). Where the file at the box has such a list, one from the hub
    may only be narrower."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        faults = [twice("device id", name) for name in _twice([d.id for d in self.devices])]
        faults += [
            f"two devices share the address {where}" for where in _twice([place_of(d) for d in self.devices])
        ]
        faults += _unlike_on_one_line(self.devices)
        faults += [
            f"device {d.id!r} has a connection to a controller; its inputs are a device by themselves"
            for d in self.devices
            if isinstance(d.connection, ControllerLink)
        ]
        faults += _not_connected_to(self)
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def networks(self) -> DeviceNetworks:
        """What this edge may connect to."""
        return DeviceNetworks.of(self.device_networks)


def _twice(names: list[str]) -> list[str]:
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _unlike_on_one_line(devices: tuple[Device, ...]) -> list[str]:
    """Units of one serial port with other settings, units of one address with another framing."""
    seen: dict[str, tuple[str, object]] = {}
    faults = []
    for device in devices:
        at = device.connection
        if isinstance(at, ModbusSerial):
            line, settings = at.port, f"{at.baud} Bd, parity {at.parity}, {at.stop_bits} stop bits"
        elif isinstance(at, ModbusTcp):
            line, settings = f"{at.host}:{at.port}", f"framing {at.framing}"
        else:
            continue
        first, known = seen.setdefault(line, (device.id, settings))
        if known != settings:
            faults.append(f"devices {first!r} and {device.id!r} share {line} but say {known} and {settings}")
    return faults


def host_of(at: Connection | Outlet) -> str | None:
    """Host that is connected to, as it is written; None where there is none.

    Example:
        >>> host_of(OpcUa(url="opc.tcp://plc1.plant.lan:4840/x")), host_of(ModbusSerial(port="/dev/ttyUSB0"))
        ('plc1.plant.lan', None)
    """
    if isinstance(at, ModbusSerial | ControllerLink):
        return None
    return urlsplit(at.url).hostname if isinstance(at, OpcUa) else at.host


def _not_connected_to(edge: EdgeDevices) -> Iterator[str]:
    """Addresses that the edge would not connect to; what a name stands for is looked up there alone."""
    places = [(f"device {one.id!r}", one.connection, False) for one in edge.devices]
    for what, at, outside in [*places, ("the outlet", edge.outlet, True)]:
        host = None if at is None else host_of(at)
        why = edge.networks.why_not(host, host, outside=outside) if host and numbered(host) else ""
        if why:
            yield f"{what}: {why}"


def place_of(device: Device) -> str:
    """Where a device answers, as text: no two devices of an edge share it."""
    at = device.connection
    if isinstance(at, OpcUa | ControllerLink):  # several machines may stand behind one server
        return f"{at.url} {at.base} {device.profile}" if isinstance(at, OpcUa) else device.id
    if isinstance(at, BacnetIp):
        return f"{at.host}:{at.port}" + (f" network {at.network} mac {at.mac}" if at.network else "")
    if isinstance(at, Mqtt):
        below = at.sparkplug
        place = at.prefix if below is None else f"{below.group}/{below.node}/{below.device or ''}"
        return f"{at.host}:{at.port} {place}"
    return f"{at.port if isinstance(at, ModbusSerial) else f'{at.host}:{at.port}'} unit {at.unit}"
