"""Which function writes a set-point: pure.

Source: MODBUS Application Protocol Specification V1.1b3, functions 5, 6, 15, 16, 22 and 23.
"""

from __future__ import annotations

from protocols.drivers.modbus.codec import encode_value, field_masks, modbus_address
from protocols.drivers.modbus.pdu import (
    Request,
    mask_write,
    read_write,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from protocols.errors import DeviceRefusedError
from protocols.profile import ModbusAddress, PointSpec


def write_request(unit: int, point: PointSpec, value: float, exponent: int = 0) -> Request:
    """The one request that writes `value`.

    Args:
        unit: Unit id.
        point: The set-point.
        value: What to write. [unit of the point]
        exponent: What the point's scale-factor register holds.

    Raises:
        DeviceRefusedError: A read-only table, or a value that does not fit.
    """
    address = modbus_address(point)
    if address.table not in {"coil", "holding"}:
        raise DeviceRefusedError(f"the table {address.table!r} is read-only", point=point.name)
    if address.bit is not None:
        return _field_request(unit, address, point, value)
    words = encode_value(point, value, exponent)
    if address.table == "coil":
        return _coil_request(unit, address, on=bool(words[0]))
    at = address.address
    if address.write == "read_write":
        return read_write(unit, (at, len(words)), at, words)
    one = len(words) == 1 and address.write == "auto"
    return write_register(unit, at, words[0]) if one else write_registers(unit, at, words)


def _coil_request(unit: int, address: ModbusAddress, *, on: bool) -> Request:
    at = address.address
    return write_coils(unit, at, [on]) if address.write == "multiple" else write_coil(unit, at, on=on)


def _field_request(unit: int, address: ModbusAddress, point: PointSpec, value: float) -> Request:
    if address.write != "mask":
        raise DeviceRefusedError(
            "a bit field is written with function 22 only; say `write: mask` if the device has it",
            point=point.name,
        )
    return mask_write(unit, address.address, *field_masks(point, value))
