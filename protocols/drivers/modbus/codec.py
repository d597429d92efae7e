"""Registers ↔ values: pure. A whole block is decoded at once, never register by register.

A value over several registers has four orders (bytes of 0xAABBCCDD as they come): `abcd` is the standard's,
`cdab` has its words reversed, `badc` its bytes swapped within each word, `dcba` both.

Source: MODBUS Application Protocol Specification V1.1b3, section 4.2 (big-endian words).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.driver import Reading
from protocols.errors import DeviceRefusedError
from protocols.frame import Qualities, Values
from protocols.profile import DataType, ModbusAddress, PointSpec, WordOrder
from protocols.quality import Quality

_DTYPES: Final[dict[DataType, str]] = {
    DataType.BOOL: ">u2",
    DataType.U16: ">u2",
    DataType.I16: ">i2",
    DataType.U32: ">u4",
    DataType.I32: ">i4",
    DataType.U64: ">u8",
    DataType.F32: ">f4",
    DataType.F64: ">f8",
}
_WHOLE: Final[dict[DataType, tuple[str, int, int]]] = {
    DataType.BOOL: (">H", 0, 1),
    DataType.U16: (">H", 0, 2**16 - 1),
    DataType.I16: (">h", -(2**15), 2**15 - 1),
    DataType.U32: (">I", 0, 2**32 - 1),
    DataType.I32: (">i", -(2**31), 2**31 - 1),
    DataType.U64: (">Q", 0, 2**64 - 1),
}
_REVERSED: Final = (WordOrder.CDAB, WordOrder.DCBA)
_SWAPPED: Final = (WordOrder.BADC, WordOrder.DCBA)


def modbus_address(spec: PointSpec) -> ModbusAddress:
    """Address of a point of a Modbus profile.

    Raises:
        DeviceRefusedError: The point belongs to another protocol.
    """
    if not isinstance(spec.address, ModbusAddress):
        raise DeviceRefusedError("this point has no Modbus address", point=spec.name)
    return spec.address


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Points of one type and order: where they stand in the answer and in the block."""

    at: NDArray[np.intp]
    cells: NDArray[np.intp]
    dtype: str
    swapped: bool


class BlockCodec:
    """Decodes the registers from `start` on into the values of `specs`; built once for each block."""

    def __init__(self, specs: Sequence[PointSpec], start: int) -> None:
        self._count = len(specs)
        self._groups = _groups(specs, start)
        self._scale = np.array([spec.scale for spec in specs])
        self._offset = np.array([spec.offset for spec in specs])
        self._low = np.array([-math.inf if spec.low is None else spec.low for spec in specs])
        self._high = np.array([math.inf if spec.high is None else spec.high for spec in specs])
        self._absent = [
            (at, frozenset(raw % _span(spec) for raw in spec.not_available))
            for at, spec in enumerate(specs)
            if spec.not_available
        ]

    def decode(self, registers: Sequence[int] | Sequence[bool]) -> Reading:
        """Values in the unit of each point; NaN and bad quality where device or range says so."""
        words = np.asarray(registers, dtype=">u2")
        raw = np.empty(self._count)
        bits = np.zeros(self._count, np.uint64)
        for group in self._groups:
            picked = words[group.cells]
            if group.swapped:
                picked = picked.byteswap()
            data = np.ascontiguousarray(picked)
            raw[group.at] = data.view(group.dtype)[:, 0]
            bits[group.at] = data.view(f">u{2 * data.shape[1]}")[:, 0]
        values: Values = raw * self._scale + self._offset
        return Reading(values, self._judge(values, bits))

    def _judge(self, values: Values, bits: NDArray[np.uint64]) -> Qualities:
        qualities = np.zeros(self._count, np.uint8)
        with np.errstate(invalid="ignore"):
            outside = (values < self._low) | (values > self._high)
        qualities[outside] = Quality.BAD_RANGE
        qualities[~np.isfinite(values)] = Quality.BAD_NOT_AVAILABLE
        for at, absent in self._absent:
            if int(bits[at]) in absent:
                qualities[at] = Quality.BAD_NOT_AVAILABLE
        values[qualities != Quality.GOOD] = math.nan
        return qualities


def encode_value(spec: PointSpec, value: float) -> list[int]:
    """Registers of a set-point in the unit of the point.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type of the register.
    """
    address = modbus_address(spec)
    if not math.isfinite(value):
        raise DeviceRefusedError(f"{value} cannot be written to a register", point=spec.name)
    raw = (value - spec.offset) / spec.scale
    data = _pack(spec, address.type, raw)
    words = np.frombuffer(data, ">u2")
    if address.order in _SWAPPED:
        words = words.byteswap()
    if address.order in _REVERSED:
        words = words[::-1]
    return [int(word) for word in words]


def _pack(spec: PointSpec, kind: DataType, raw: float) -> bytes:
    if kind in _WHOLE:
        form, low, high = _WHOLE[kind]
        whole = round(raw)
        if not low <= whole <= high:
            raise DeviceRefusedError(f"raw value {whole} does not fit {kind}", point=spec.name)
        return struct.pack(form, whole)
    try:
        return struct.pack(">f" if kind is DataType.F32 else ">d", raw)
    except OverflowError as error:
        raise DeviceRefusedError(f"raw value {raw} does not fit {kind}", point=spec.name) from error


def _span(spec: PointSpec) -> int:
    return 1 << (16 * modbus_address(spec).registers)


def _groups(specs: Sequence[PointSpec], start: int) -> list[_Group]:
    members: dict[tuple[DataType, WordOrder], list[int]] = {}
    for at, spec in enumerate(specs):
        address = modbus_address(spec)
        members.setdefault((address.type, address.order), []).append(at)
    return [_group(specs, start, kind, at) for kind, at in members.items()]


def _group(specs: Sequence[PointSpec], start: int, kind: tuple[DataType, WordOrder], at: list[int]) -> _Group:
    cells = []
    for position in at:
        address = modbus_address(specs[position])
        words = list(range(address.address - start, address.address - start + address.registers))
        cells.append(words[::-1] if kind[1] in _REVERSED else words)
    return _Group(
        np.array(at, np.intp), np.array(cells, np.intp), _DTYPES[kind[0]], swapped=kind[1] in _SWAPPED
    )
