"""A device profile: what a make and model offers, point by point. Data, never code.

A profile says nothing about one installation: address of the device, limits and rights to write are in
`protocols/device.py` and `protocols/write_block.py`.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from protocols.config import Config, IdPart, Text, once, twice
from protocols.point import PointKind
from protocols.report import Report
from protocols.units import UNITS


class DataType(StrEnum):
    """How the bits of a Modbus value are read."""

    BOOL = "bool"
    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    F32 = "f32"
    F64 = "f64"


class WordOrder(StrEnum):
    """Order of the bytes of a value over its registers; `abcd` is the standard's."""

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"


_REGISTERS: Final = {
    DataType.U32: 2,
    DataType.I32: 2,
    DataType.BCD32: 2,
    DataType.F32: 2,
    DataType.U64: 4,
    DataType.I64: 4,
    DataType.F64: 4,
}
_BIT_TABLES: Final = ("coil", "discrete")


class ModbusAddress(Config):
    """Where a value lies in the tables of a Modbus unit."""

    kind: Literal["modbus"] = "modbus"

    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    """Which of the four tables: functions 3, 4, 1 and 2."""

    address: Annotated[int, Field(ge=0, le=65535)]
    """Address on the wire, from 0 (not the 4xxxx notation)."""

    type: DataType = DataType.U16
    """How the bits are read. `bcd16` and `bcd32` hold four or eight decimal digits; whole numbers of 64 bits
    are exact up to 2**53."""

    order: WordOrder = WordOrder.ABCD
    """Byte and word order of values over more than one register."""

    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Lowest bit of a bit field in one register (0 is the least significant); None: the whole register."""

    bits: Annotated[int, Field(ge=1, le=16)] = 1
    """Width of the bit field; without meaning when `bit` is None."""

    scale_factor: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Address of a register of the same table that holds the power of ten (i16, -10 to 10) the value is
    multiplied by, as in SunSpec; 0x8000 there means "not available"."""

    write: Literal["auto", "multiple", "mask", "read_write"] = "auto"
    """`auto`: function 6 for one register, 16 for several, 5 for a coil. `multiple`: always 16 (15 for
    a coil), for devices that know no other. `mask`: function 22, for bit fields. `read_write`: function 23,
    for devices that take process data no other way; what it reads is never taken for the read-back."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = []
        if self.address + self.registers > _TABLE_END:
            faults.append(f"a {self.type} at {self.address} reaches beyond the last address 65535")
        if self.bit is not None and (self.type is not DataType.U16 or self.table in _BIT_TABLES):
            faults.append("a bit field needs type u16 in the table holding or input")
        if self.bit is not None and self.bit + self.bits > _REGISTER_BITS:
            faults.append(f"a bit field of {self.bits} bits from bit {self.bit} does not fit one register")
        if self.bit is not None and self.scale_factor is not None:
            faults.append("a bit field has no scale factor")
        if self.table in _BIT_TABLES and self.type not in {DataType.BOOL, DataType.U16}:
            faults.append(f"the table {self.table!r} holds single bits, not {self.type}")
        faults += self._write_faults()
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _write_faults(self) -> list[str]:
        if self.write == "mask" and self.bit is None:
            return ["write: mask is for bit fields; give `bit`"]
        if self.write == "read_write" and (self.bit is not None or self.table != "holding"):
            return ["write: read_write is for whole registers of the table holding"]
        return []

    @property
    def registers(self) -> int:
        """How many registers (or bits) the value takes."""
        return _REGISTERS.get(self.type, 1)


_TABLE_END: Final = 65536
_REGISTER_BITS: Final = 16


class ForbiddenRange(Config):
    """Addresses that must never be part of a request, not even read along."""

    table: Literal["holding", "input", "coil", "discrete"] = "holding"
    """Which of the four tables."""

    first: Annotated[int, Field(ge=0, le=65535)]
    """First forbidden address, on the wire."""

    last: Annotated[int, Field(ge=0, le=65535)]
    """Last forbidden address, on the wire."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last < self.first:
            message = f"last {self.last} must not be below first {self.first}"
            raise ValueError(message)
        return self


class ModbusLimits(Config):
    """What requests a make of Modbus device stands; most stand the standard's."""

    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    """Most coils or discrete inputs the device answers in one request."""

    max_gap: Annotated[int, Field(ge=0, le=124)] = 8
    """Most unused registers read along between two points, so that both come in one request."""

    forbidden: tuple[ForbiddenRange, ...] = ()
    """Addresses that must not be touched, for example because reading them clears a counter."""

    pause_s: Annotated[float, Field(ge=0, le=5)] = 0.0
    """Shortest time between an answer of this device and the next request to it. [s]"""

    answer_s: Annotated[float, Field(gt=0, le=5)] = 0.02
    """Usual time the device takes to begin its answer; for the plan of bus time only. [s]"""


class BacnetAddress(Config):
    """A BACnet object; its present-value is read and written."""

    kind: Literal["bacnet"] = "bacnet"

    object: Literal[
        "analog-input", "analog-output", "analog-value",
        "binary-input", "binary-output", "binary-value",
        "multi-state-input", "multi-state-output", "multi-state-value",
        "integer-value", "positive-integer-value", "large-analog-value", "accumulator", "pulse-converter",
    ]  # fmt: skip
    """Object type."""

    instance: Annotated[int, Field(ge=0, le=4194302)]
    """Instance number of the object."""

    commandable: bool = False
    """Whether the object has a priority array."""

    cov: bool = False
    """Whether the object tells its changes by itself; used where the device has a `cov_lifetime_s`."""


class OpcuaAddress(Config):
    """An OPC UA variable."""

    kind: Literal["opcua"] = "opcua"

    node: Annotated[
        str, Field(pattern=r"^(ns=\d+;|nsu=[^;]+;)?(i=\d+|s=.+|g=[0-9a-fA-F-]{36}|b=[A-Za-z0-9+/]+=*)$")
    ]
    """Node id, for example `ns=2;s=BMS.Soc`, or `nsu=urn:maker:bms;s=BMS.Soc`, which stays right when the
    server numbers its name spaces anew. `{base}` in it stands for the `base` of the connection, so that one
    profile serves several machines behind one server."""

    type: Literal[
        "double", "float", "int64", "uint64", "int32", "uint32", "int16", "uint16", "sbyte", "byte", "boolean"
    ] = "double"
    """Data type the server expects in a write."""

    sampling_ms: Annotated[float, Field(ge=0, le=3_600_000)] | None = None
    """How often the server looks at the value in a subscription; None: at each publishing. [ms]"""

    def node_at(self, base: str) -> str:
        """Node id of one machine.

        Example:
            >>> OpcuaAddress(node="ns=2;s={base}.Power").node_at("Comp1")
            'ns=2;s=Comp1.Power'
        """
        return self.node.replace("{base}", base)


class MqttAddress(Config):
    """A value inside the messages of a topic, or a metric of Sparkplug B."""

    kind: Literal["mqtt"] = "mqtt"

    topic: str = ""
    """Topic below the connection's prefix."""

    path: str = ""
    """Dotted path inside the JSON body, list positions as numbers; empty when the body is the number."""

    time_path: str = ""
    """Dotted path of the time stamp inside the same body: ISO 8601 with zone, or Unix time; empty: none."""

    qos: Annotated[int, Field(ge=0, le=2)] = 0
    """Quality of service of the subscription; the highest of a topic's points counts."""

    write_topic: str | None = None
    """Topic a set-point is published to; the value comes back on `topic`."""

    metric: str = ""
    """Name of the Sparkplug B metric, instead of a topic."""

    metric_type: Literal[
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double", "boolean"
    ] = "double"
    """Data type a Sparkplug B command is sent with."""

    @model_validator(mode="after")
    def _topic_or_metric(self) -> Self:
        if bool(self.topic) == bool(self.metric):
            raise ValueError("give either `topic` or, for Sparkplug B, `metric`")
        return self


class ControllerAddress(Config):
    """An input of a local controller; profiles with such points are made from the controller's file."""

    kind: Literal["controller"] = "controller"

    input: IdPart
    """Name of the input."""

    value: Annotated[float, Field(allow_inf_nan=False)]
    """What the controller's file says, and so what holds while nobody leases it. [unit of the point]"""


Address = Annotated[
    ModbusAddress | BacnetAddress | OpcuaAddress | MqttAddress | ControllerAddress,
    Field(discriminator="kind"),
]


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_SHORTEST_S: Final = 0.01
_LONGEST_S: Final = 86_400.0


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

    scale: _Finite = 1.0
    """Raw value times this, plus `offset`, is the value in `unit`; not 0, which would make all values one."""

    offset: _Finite = 0.0
    """Added after scaling. [unit of the point]"""

    low: _Finite | None = None
    """Lowest valid value; below it the quality is bad. [unit of the point]"""

    high: _Finite | None = None
    """Highest valid value; above it the quality is bad. For a counter: where it rolls over. [unit]"""

    not_available: tuple[int, ...] = ()
    """Raw integers that mean "not available"."""

    every_s: Annotated[float, Field(ge=_SHORTEST_S, le=_LONGEST_S)] = 1.0
    """Polling class: how often it is read. [s]"""

    report: Report | None = None
    """When a sample is handed on; None: each one, unless the device says otherwise."""

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, symbol: str, checked: ValidationInfo) -> str:
        if symbol not in UNITS:
            known = ", ".join(sorted(s for s in UNITS if s))
            message = f"unknown unit {symbol!r}; known are: {known}"
            raise ValueError(message)
        suffix, name = UNITS[symbol].suffix, checked.data.get("name")
        if name is not None and not name.endswith(suffix):
            message = f"name {name!r} must end in {suffix!r}, the suffix of its unit {symbol!r}"
            raise ValueError(message)
        return symbol

    @field_validator("scale")
    @classmethod
    def _not_nought(cls, scale: float) -> float:
        if scale == 0.0:
            raise ValueError("a scale of 0 makes every value the same; leave it out for 1")
        return scale

    @field_validator("high")
    @classmethod
    def _above_low(cls, high: float | None, checked: ValidationInfo) -> float | None:
        low = checked.data.get("low")
        if low is not None and high is not None and low >= high:
            message = f"low {low} must be below high {high}"
            raise ValueError(message)
        return high

    @model_validator(mode="after")
    def _debounced_is_a_state(self) -> Self:
        if self.report is not None and self.report.debounce_s and self.kind is not PointKind.STATE:
            message = f"{self.name!r} is a {self.kind}; only a state is debounced, leave out debounce_s"
            raise ValueError(message)
        return self

    def report_under(self, default: Report | None) -> Report | None:
        """When a sample of this point is handed on where its device has this default; None: each one.

        A counter is exempt from the default: its steps are the data. The band of the default counts for
        measurements, its debounce for states; of a set-point every change is handed on.
        """
        if self.report is not None or default is None or self.kind is PointKind.COUNTER:
            return self.report
        band = default.dead_band_pct if self.kind is PointKind.MEASUREMENT else 0.0
        debounce_s = default.debounce_s if self.kind is PointKind.STATE else 0.0
        return Report(dead_band_pct=band, max_silence_s=default.max_silence_s, debounce_s=debounce_s)


class Origin(Config):
    """Where the addresses of a profile come from; every shipped profile of a real device says it."""

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    """Documents and projects the facts were taken from, each with its maker or owner."""

    revision: str
    """Revision or date of those documents, as far as they carry one."""

    certainty: Literal["maker_document", "two_sources"]
    """`maker_document`: every address stands in the maker's own document. `two_sources`: at least two
    independent projects that read such devices agree on every address, type and scale."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.certainty == "two_sources" and len(self.sources) < _AGREEING:
            raise ValueError("certainty two_sources needs two sources or more")
        return self


_AGREEING: Final = 2


class Profile(Config):
    """One make and model."""

    id: IdPart
    """`maker_model`, also the file's name."""

    label: Text
    """What people call it."""

    protocol: Literal["modbus", "bacnet", "opcua", "mqtt", "controller"]
    """Which driver speaks to it; every point's address must be of this kind. `controller` is for the inputs
    of local controllers, made from their file, and for no file of a make."""

    equipment: IdPart
    """Kind of equipment: compressor_fixed, compressor_vsd, meter, chiller, battery …"""

    origin: Origin | None = None
    """Where the facts come from; None for a profile made on the spot, or of an invented device."""

    points: Annotated[tuple[PointSpec, ...], Field(min_length=1, json_schema_extra=once("name", "point"))]
    """All points, in the order of the catalogue."""

    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers the device answers in one Modbus request."""

    modbus: ModbusLimits = ModbusLimits()
    """More about the requests a Modbus device stands."""

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
        faults += [twice("point", name) for name, times in sorted(Counter(names).items()) if times > 1]
        faults += _shared_addresses(self.points)
        faults += _beyond_limits(self.points, self.max_registers, self.modbus)
        if self.watchdog_point is not None and self.watchdog_point not in names:
            faults.append(f"watchdog_point {self.watchdog_point!r} is no point of this profile")
        if faults:
            raise ValueError("\n".join(faults))
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
        return _modbus_cells(address)
    if isinstance(address, BacnetAddress):
        return [(address.object, address.instance)]
    if isinstance(address, OpcuaAddress | ControllerAddress):
        return [(address.node if isinstance(address, OpcuaAddress) else address.input,)]
    return [(address.topic or address.metric, address.path)]


def _modbus_cells(address: ModbusAddress) -> list[tuple[object, ...]]:
    if address.bit is not None:
        return [
            (address.table, address.address, bit) for bit in range(address.bit, address.bit + address.bits)
        ]
    return [(address.table, cell) for cell in range(address.address, address.address + address.registers)]


def _beyond_limits(points: tuple[PointSpec, ...], max_registers: int, limits: ModbusLimits) -> list[str]:
    faults = []
    for spec in points:
        address = spec.address
        if not isinstance(address, ModbusAddress):
            continue
        if address.registers > max_registers:
            faults.append(
                f"point {spec.name!r} takes {address.registers} registers, max_registers is {max_registers}"
            )
        cells = {*range(address.address, address.address + address.registers), address.scale_factor}
        faults += [
            f"point {spec.name!r} lies in the forbidden range {one.first} to {one.last}"
            for one in limits.forbidden
            if one.table == address.table and not cells.isdisjoint(range(one.first, one.last + 1))
        ]
    return faults


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
