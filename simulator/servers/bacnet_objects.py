"""BACnet objects of every kind a profile may name: units, a priority array where commandable, and COV."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from bacpypes3.basetypes import DateTime, Prescale, Scale
from bacpypes3.errors import PropertyError
from bacpypes3.local.analog import AnalogInputObject, AnalogOutputObject, AnalogValueObject
from bacpypes3.local.binary import BinaryInputObject, BinaryOutputObject, BinaryValueObject
from bacpypes3.local.cmd import Commandable
from bacpypes3.local.cov import COVIncrementCriteria
from bacpypes3.local.multistate import MultiStateInputObject, MultiStateOutputObject, MultiStateValueObject
from bacpypes3.local.object import Object as LocalObject
from bacpypes3.object import (
    AccumulatorObject,
    IntegerValueObject,
    LargeAnalogValueObject,
    PositiveIntegerValueObject,
    PulseConverterObject,
)
from bacpypes3.primitivedata import Null

from protocols.point import PointKind
from protocols.profile import BacnetAddress, PointSpec
from simulator.device import FieldDevice

_STATES: Final = 16
_UNITS: Final = {
    "A": "amperes", "V": "volts", "kVA": "kilovoltAmperes", "kvar": "kilovoltAmperesReactive",
    "kW": "kilowatts", "W": "watts", "MW": "megawatts", "Wh": "wattHours", "kWh": "kilowattHours",
    "MWh": "megawattHours", "kvarh": "kilovoltAmpereHoursReactive", "Hz": "hertz", "%": "percent",
    "W/m²": "wattsPerSquareMeter", "kg": "kilograms", "kg/h": "kilogramsPerHour",
    "RT": "tonsRefrigeration", "°C": "degreesCelsius", "°F": "degreesFahrenheit",
    "h": "hours", "min": "minutes", "s": "seconds", "m/s": "metersPerSecond",
    "m³": "cubicMeters", "m³/h": "cubicMetersPerHour", "l/s": "litersPerSecond",
    "rpm": "revolutionsPerMinute", "K": "deltaDegreesKelvin", "MJ": "megajoules",
    "bar": "bars", "bar(g)": "bars", "bar(a)": "bars",
}  # fmt: skip
"""Names of ANSI/ASHRAE 135, clause 21, BACnetEngineeringUnits, as bacpypes3 spells them."""


class Served(NamedTuple):
    """One point and its object; `refreshed` says whether readings are copied into it."""

    spec: PointSpec
    object: Any
    refreshed: bool


class _ReadOnly:
    """Refuses what bacpypes3 would let through: writes to an input in service."""

    async def write_property(  # an instance method in bacpypes3 too
        self, attr: int | str, value: object, index: int | None = None, priority: int | None = None
    ) -> None:
        del attr, value, index, priority
        raise PropertyError("writeAccessDenied")


class _Setpoint:
    """Hands what is written, or what wins in the priority array, to the device."""

    _field: tuple[FieldDevice, PointSpec]
    presentValue: float  # noqa: N815  the name bacpypes3 gives it

    async def write_property(
        self, attr: int | str, value: object, index: int | None = None, priority: int | None = None
    ) -> None:
        device, spec = self._field
        if not isinstance(value, Null) and isinstance(value, int | float):
            wanted = float(value) * spec.scale + spec.offset
            if (spec.low is not None and wanted < spec.low) or (spec.high is not None and wanted > spec.high):
                raise PropertyError("valueOutOfRange")
        await super().write_property(attr, value, index, priority)  # type: ignore[misc]  # the object it is mixed into
        device.write(spec.name, float(self.presentValue) * spec.scale + spec.offset)


class _LargeAnalogValue(LocalObject, LargeAnalogValueObject):  # type: ignore[misc]  # bacpypes3 carries no types
    _cov_criteria = COVIncrementCriteria


class _IntegerValue(LocalObject, IntegerValueObject):  # type: ignore[misc]  # bacpypes3 carries no types
    _cov_criteria = COVIncrementCriteria


class _PositiveIntegerValue(LocalObject, PositiveIntegerValueObject):  # type: ignore[misc]  # bacpypes3 carries no types
    _cov_criteria = COVIncrementCriteria


class _Accumulator(LocalObject, AccumulatorObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


class _PulseConverter(LocalObject, PulseConverterObject):  # type: ignore[misc]  # bacpypes3 carries no types
    pass


_NEVER: Final = DateTime(date=(255, 255, 255, 255), time=(255, 255, 255, 255))
_KINDS: Final[dict[str, tuple[type[Any], dict[str, object]]]] = {
    "analog-input": (AnalogInputObject, {"covIncrement": 0.0}),
    "analog-output": (AnalogOutputObject, {"covIncrement": 0.0}),
    "analog-value": (AnalogValueObject, {"covIncrement": 0.0}),
    "large-analog-value": (_LargeAnalogValue, {"covIncrement": 0.0}),
    "integer-value": (_IntegerValue, {"covIncrement": 0}),
    "positive-integer-value": (_PositiveIntegerValue, {"covIncrement": 0}),
    "binary-input": (BinaryInputObject, {"polarity": "normal"}),
    "binary-output": (BinaryOutputObject, {"polarity": "normal"}),
    "binary-value": (BinaryValueObject, {}),
    "multi-state-input": (MultiStateInputObject, {"numberOfStates": _STATES}),
    "multi-state-output": (MultiStateOutputObject, {"numberOfStates": _STATES}),
    "multi-state-value": (MultiStateValueObject, {"numberOfStates": _STATES}),
    "accumulator": (
        _Accumulator,
        {
            "scale": Scale(integerScale=0),
            "prescale": Prescale(multiplier=1, moduloDivide=1),
            "maxPresValue": 2**32 - 1,
        },
    ),
    "pulse-converter": (
        _PulseConverter,
        {
            "scaleFactor": 1.0,
            "adjustValue": 0.0,
            "count": 0,
            "updateTime": _NEVER,
            "countChangeTime": _NEVER,
            "countBeforeChange": 0,
        },
    ),
}
_FLOATS: Final = frozenset(
    {"analog-input", "analog-output", "analog-value", "large-analog-value", "pulse-converter"}
)


def present(device: FieldDevice, spec: PointSpec) -> float | int:
    """Present value of a point as its kind of object holds it."""
    raw = device.raw(spec)
    kind = cast("BacnetAddress", spec.address).object
    if kind in _FLOATS:
        return raw
    if kind.startswith("binary"):
        return int(raw != 0.0)
    return max(round(raw), 1) if kind.startswith("multi") else round(raw)


def make_object(device: FieldDevice, spec: PointSpec) -> Served:
    """The object of one point; only a set-point may be written."""
    at = cast("BacnetAddress", spec.address)
    base, extra = _KINDS[at.object]
    writable = spec.kind is PointKind.SETPOINT
    bases: tuple[type[Any], ...] = (base,)
    if at.commandable and not issubclass(base, Commandable):
        bases = (Commandable, base)
    mixin: type[Any] = _Setpoint if writable else _ReadOnly
    kind: Callable[..., Any] = types.new_class("Served", (mixin, *bases))
    made = kind(
        objectIdentifier=(at.object, at.instance),
        objectName=spec.name,
        description=spec.label.en,
        presentValue=present(device, spec),
        statusFlags=[0, 0, 0, 0],
        eventState="normal",
        outOfService=False,
        **_units(spec, base),
        **extra,
    )
    if writable:
        made._field = (device, spec)  # noqa: SLF001  a public name would become a BACnet property
    return Served(spec, made, not writable)


def _units(spec: PointSpec, base: type[Any]) -> dict[str, str]:
    """Unit of the raw number; one that is scaled has another unit than the point, and says none."""
    if "units" not in base._elements:  # noqa: SLF001  the only place where bacpypes3 lists its properties
        return {}
    scaled = spec.scale != 1.0 or spec.offset != 0.0
    return {"units": "noUnits" if scaled else _UNITS.get(spec.unit, "noUnits")}
