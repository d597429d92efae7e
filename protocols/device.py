"""A device as installed, and the list of them one edge reads."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocols.config import Config, IdPart, Text
from protocols.units import Seconds

Port = Annotated[int, Field(ge=1, le=65535)]


class ModbusTcp(Config):
    """A Modbus unit behind a TCP address; units of one address share one line."""

    kind: Literal["modbus"] = "modbus"

    host: str
    """IP address or name."""

    port: Port = 502
    """TCP port."""

    unit: Annotated[int, Field(ge=0, le=255)] = 1
    """Unit id; 0 and 255 are what some gateways want for themselves."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 1.0
    """How long one request may take."""


class BacnetIp(Config):
    """A BACnet/IP device at a configured address (no broadcast)."""

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


class OpcUa(Config):
    """An OPC UA server."""

    kind: Literal["opcua"] = "opcua"

    url: Annotated[str, Field(pattern=r"^opc\.tcp://[^/\s]+")]
    """`opc.tcp://host:port/path`."""

    timeout_s: Annotated[Seconds, Field(gt=0, le=30)] = 2.0
    """How long one request may take."""


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


Connection = Annotated[ModbusTcp | BacnetIp | OpcUa | Mqtt, Field(discriminator="kind")]


class Device(Config):
    """One device of a site."""

    id: IdPart
    """Id part of the device."""

    label: Text
    """What people call it."""

    profile: IdPart
    """Profile in `configs/devices`."""

    connection: Connection
    """How it is reached; the kind must be the profile's protocol."""


class EdgeDevices(Config):
    """What one edge reads: `configs/sites/<site>/<edge>.yaml`."""

    site: IdPart
    """Site the edge stands in."""

    edge: IdPart
    """The edge's own id."""

    devices: Annotated[tuple[Device, ...], Field(min_length=1)]
    """Its devices."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        faults = [f"device id {name!r} is there twice" for name in _twice([d.id for d in self.devices])]
        faults += [
            f"two devices share the address {where}" for where in _twice([_where(d) for d in self.devices])
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self


def _twice(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _where(device: Device) -> str:
    at = device.connection
    if isinstance(at, ModbusTcp):
        return f"{at.host}:{at.port} unit {at.unit}"
    if isinstance(at, BacnetIp):
        return f"{at.host}:{at.port}"
    if isinstance(at, OpcUa):
        return at.url
    return f"{at.host}:{at.port} {at.prefix}"
