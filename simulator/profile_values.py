"""What a reader of a simulated device must get: the value as the types of the wire leave it. Pure."""

from __future__ import annotations

import struct
from typing import Final, assert_never

from protocols.profile import (
    Address,
    BacnetAddress,
    ControllerAddress,
    ModbusAddress,
    MqttAddress,
    OpcuaAddress,
    PointSpec,
)
from simulator.profile_device import ProfileDevice
from simulator.profile_image import ProfileImage

_TRUTHS: Final = ("binary", "boolean")
_WHOLE: Final = (
    *_TRUTHS, "multi", "integer", "positive", "accumulator", "int", "uint", "sbyte", "byte",
)  # fmt: skip
_DECIMALS: Final = 6


def told_values(device: ProfileDevice) -> dict[str, float]:
    """Value of each point as it can be read now, in the units of the points."""
    values = {spec.name: device.value(spec.name) or 0.0 for spec in device.profile.points}
    if device.profile.protocol == "modbus":
        image = ProfileImage(device.profile)
        return {name: image.told(name, value) for name, value in values.items()}
    return {spec.name: _through(spec, device.raw(spec)) for spec in device.profile.points}


def where(address: Address) -> str:
    """Place of a point in the words of its protocol.

    Example:
        >>> where(ModbusAddress(table="input", address=52))
        'input 52 u16 abcd'
    """
    words: str
    match address:
        case ModbusAddress():
            words = f"{address.table} {address.address} {address.type} {address.order}"
        case BacnetAddress():
            words = f"{address.object} {address.instance}"
        case OpcuaAddress():
            words = f"{address.node} {address.type}"
        case MqttAddress():
            words = address.metric or f"{address.topic} {address.path}".strip()
        case ControllerAddress():
            words = address.input
        case _ as never:
            assert_never(never)
    return words


def _through(spec: PointSpec, raw: float) -> float:
    return _on_the_wire(spec.address, raw) * spec.scale + spec.offset


def _on_the_wire(address: Address, raw: float) -> float:
    kind = _type_of(address)
    if kind == "json":
        return round(raw, _DECIMALS) if isinstance(address, MqttAddress) and address.path else raw
    if kind in {"double", "large-analog-value"}:
        return raw
    if kind.startswith(_WHOLE):
        return _whole(kind, raw)
    return float(struct.unpack(">f", struct.pack(">f", raw))[0])


def _whole(kind: str, raw: float) -> float:
    if kind.startswith(_TRUTHS):
        return float(raw != 0.0)
    return float(max(round(raw), 1) if kind.startswith("multi") else round(raw))


def _type_of(address: Address) -> str:
    if isinstance(address, BacnetAddress):
        return address.object
    if isinstance(address, MqttAddress):
        return address.metric_type if address.metric else "json"
    return "double" if isinstance(address, ControllerAddress) else address.type
