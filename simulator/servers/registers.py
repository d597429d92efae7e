"""Values to 16-bit registers, written anew so that a mistake in our driver's codec cannot hide itself."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final

from protocols.profile import DataType, ModbusAddress, WordOrder

_FORMATS: Final = {
    DataType.BOOL: "H",
    DataType.U16: "H",
    DataType.I16: "h",
    DataType.U32: "I",
    DataType.I32: "i",
    DataType.U64: "Q",
    DataType.I64: "q",
    DataType.F32: "f",
    DataType.F64: "d",
}
_DIGITS: Final = {DataType.BCD16: 4, DataType.BCD32: 8}
_LIMITS: Final = {
    "H": (0, 2**16 - 1),
    "h": (-(2**15), 2**15 - 1),
    "I": (0, 2**32 - 1),
    "i": (-(2**31), 2**31 - 1),
    "q": (-(2**63), 2**63 - 1),
}


def to_registers(raw: float, address: ModbusAddress) -> list[int]:
    """Registers of a raw value, low address first; an integer beyond its type is held at the type's end.

    Example:
        >>> to_registers(1.0, ModbusAddress(address=0, type=DataType.I32, order=WordOrder.CDAB))
        [1, 0]
    """
    digits = _DIGITS.get(address.type)
    form = _FORMATS.get(address.type, "")
    if digits is not None:
        data = bytes.fromhex(f"{min(max(round(raw), 0), 10**digits - 1):0{digits}d}")
    elif form in "fd":
        data = struct.pack(f">{form}", raw)
    else:
        low, high = _LIMITS.get(form, (0, 2**64 - 1))
        data = struct.pack(f">{form}", min(max(round(raw), low), high))
    return list(struct.unpack(f">{len(data) // 2}H", reordered(data, address.order)))


def from_registers(registers: Sequence[int], address: ModbusAddress) -> float:
    """Raw value of registers.

    Example:
        >>> from_registers([0, 16256], ModbusAddress(address=0, type=DataType.F32, order=WordOrder.CDAB))
        1.0
    """
    data = reordered(struct.pack(f">{len(registers)}H", *registers), address.order)
    if address.type in _DIGITS:
        return float(data.hex()) if data.hex().isdecimal() else math.nan
    return float(struct.unpack(f">{_FORMATS[address.type]}", data)[0])


def reordered(data: bytes, order: WordOrder) -> bytes:
    """Bytes of a value, most significant first, in the order of a device, or back again."""
    words = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in {WordOrder.CDAB, WordOrder.DCBA}:
        words.reverse()
    if order in {WordOrder.BADC, WordOrder.DCBA}:
        words = [word[::-1] for word in words]
    return b"".join(words)
