"""A device profile: what a make and model offers, point by point. Data, never code.

A profile says nothing about one installation: address of the device, limits and rights to write are in
`protocols/device.py` and `protocols/write_block.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from protocols.config import Config, IdPart, Text
from protocols.point import PointKind
from protocols.units import UNITS


class DataType(StrEnum):
    """How the bits of a Modbus value are read."""

    BOOL = "bool"
    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    F32 = "f32"
    F64 = "f64"


class WordOrder(StrEnum):
    """Order of the bytes of a value over its registers; `abcd` is the standard's."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"


class ModbusAddress(Config):
    """Where a value lies in the tables of a Modbus unit."""

    kind: Literal["modbus"] = "modbus"

    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    """Which of the four tables."""

    address: Annotated[int, Field(ge=0, le=65535)]
    """Address on the wire, from 0 (not the 4xxxx notation)."""

    type: DataType = DataType.U16
    """How the bits are read."""

    order: WordOrder = WordOrder.ABCD
    """Byte and word order of values over more than one register."""

    @property
    def registers(self) -> int:
        """How many registers (or bits) the value takes."""
        return {DataType.U32: 2, DataType.I32: 2, DataType.F32: 2, DataType.U64: 4, DataType.F64: 4}.get(
            self.type, 1
        )


class BacnetAddress(Config):
    """A BACnet object; its present-value is read and written."""

    kind: Literal["bacnet"] = "bacnet"

    object: Literal[
        "analog-input", "analog-output", "analog-value",
        "binary-input", "binary-output", "binary-value",
        "multi-state-input", "multi-state-value",
    ]  # fmt: skip
    """Object type."""

    instance: Annotated[int, Field(ge=0, le=4194302)]
    """Instance number of the object."""

    commandable: bool = False
    """Whether the object has a priority array."""


class OpcuaAddress(Config):
    """An OPC UA variable."""

    kind: Literal["opcua"] = "opcua"

    node: str
    """Node id, for example `ns=2;s=BMS.Soc`."""

    type: Literal["double", "float", "int32", "uint32", "int16", "uint16", "boolean"] = "double"
    """Data type the server expects in a write."""


class MqttAddress(Config):
    """A value inside JSON messages of a topic."""

    kind: Literal["mqtt"] = "mqtt"

    topic: str
    """Topic below the connection's prefix."""

    path: str = ""
    """Dotted path inside the JSON body; empty when the body is the number."""

    write_topic: str | None = None
    """Topic a set-point is published to; the value comes back on `topic`."""


Address = Annotated[ModbusAddress | BacnetAddress | OpcuaAddress | MqttAddress, Field(discriminator="kind")]


class PointSpec(Config):
    """One point of a profile."""

    name: IdPart
    """Id part of the point, with the unit as its suffix."""

    label: Text
    """What people call it."""

    unit: str
    """Symbol from the table of units."""

    kind: PointKind = PointKind.MEASUREMENT
    """Measurement, counter, state or set-point."""

    address: Address
    """Where the device keeps it."""

    scale: float = 1.0
    """Raw value times this, plus `offset`, is the value in `unit`."""

    offset: float = 0.0
    """Added after scaling. [unit of the point]"""

    low: float | None = None
    """Lowest valid value; below it the quality is bad. [unit of the point]"""

    high: float | None = None
    """Highest valid value; above it the quality is bad. For a counter: where it rolls over. [unit]"""

    not_available: tuple[int, ...] = ()
    """Raw integers that mean "not available"."""

    every_s: Annotated[float, Field(gt=0)] = 1.0
    """Polling class: how often it is read."""

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, symbol: str) -> str:
        if symbol not in UNITS:
            known = ", ".join(sorted(s for s in UNITS if s))
            message = f"unknown unit {symbol!r}; known are: {known}"
            raise ValueError(message)
        return symbol

    @model_validator(mode="after")
    def _name_and_range(self) -> Self:
        suffix = UNITS[self.unit].suffix
        if not self.name.endswith(suffix):
            message = f"name {self.name!r} must end in {suffix!r}, the suffix of its unit {self.unit!r}"
            raise ValueError(message)
        if self.low is not None and self.high is not None and self.low >= self.high:
            message = f"low {self.low} must be below high {self.high}"
            raise ValueError(message)
        return self


class Profile(Config):
    """One make and model."""

    id: IdPart
    """`maker_model`, also the file's name."""

    label: Text
    """What people call it."""

    protocol: Literal["modbus", "bacnet", "opcua", "mqtt"]
    """Which driver speaks to it; every point's address must be of this kind."""

    equipment: IdPart
    """Kind of equipment: compressor_fixed, compressor_vsd, meter, chiller, battery …"""

    points: Annotated[tuple[PointSpec, ...], Field(min_length=1)]
    """All points, in the order of the catalogue."""

    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers the device answers in one Modbus request."""

    watchdog_point: IdPart | None = None
    """Set-point whose refresh keeps the device's own watchdog fed; None when it has none."""

    watchdog_s: Annotated[float, Field(gt=0)] | None = None
    """Time after the last refresh at which the device itself drops our set-points. [s]"""

    @model_validator(mode="after")
    def _points_fit(self) -> Self:
        faults = [
            f"point {p.name!r} has a {p.address.kind} address in a {self.protocol} profile"
            for p in self.points
            if p.address.kind != self.protocol
        ]
        names = [p.name for p in self.points]
        faults += [
            f"point {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        faults += _shared_addresses(self.points)
        if self.watchdog_point is not None and self.watchdog_point not in names:
            faults.append(f"watchdog_point {self.watchdog_point!r} is no point of this profile")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def point(self, name: str) -> PointSpec:
        """Find a point by name.

        Raises:
            KeyError: The profile has no such point.
        """
        for spec in self.points:
            if spec.name == name:
                return spec
        raise KeyError(name)


def _cells(spec: PointSpec) -> list[tuple[object, ...]]:
    address = spec.address
    if isinstance(address, ModbusAddress):
        return [(address.table, cell) for cell in range(address.address, address.address + address.registers)]
    if isinstance(address, BacnetAddress):
        return [(address.object, address.instance)]
    if isinstance(address, OpcuaAddress):
        return [(address.node,)]
    return [(address.topic, address.path)]


def _shared_addresses(points: tuple[PointSpec, ...]) -> list[str]:
    owner: dict[tuple[object, ...], str] = {}
    faults: dict[str, None] = {}
    for spec in points:
        for cell in _cells(spec):
            first = owner.setdefault(cell, spec.name)
            if first != spec.name:
                where = " ".join(str(part) for part in cell)
                faults[f"points {first!r} and {spec.name!r} share the address {where}"] = None
    return list(faults)
