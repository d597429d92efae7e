"""Registers ↔ values: pure. All answers of a poll are decoded at once, never register by register.

A value over several registers has four orders (bytes of 0xAABBCCDD as they come): `abcd` is the standard's,
`cdab` has its words reversed, `badc` its bytes swapped within each word, `dcba` both.

Text is never a point: a string of registers is read by `text_of` when a device is identified.

Source: MODBUS Application Protocol Specification V1.1b3, section 4.2 (big-endian words); SunSpec Device
Information Model Specification, "sunssf" (scale factor, power of ten from -10 to 10, 0x8000 not available).
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
    DataType.I64: ">i8",
    DataType.BCD16: ">u2",
    DataType.BCD32: ">u4",
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
    DataType.I64: (">q", -(2**63), 2**63 - 1),
}
_BCD_DIGITS: Final = {DataType.BCD16: 4, DataType.BCD32: 8}
_REVERSED: Final = (WordOrder.CDAB, WordOrder.DCBA)
_SWAPPED: Final = (WordOrder.BADC, WordOrder.DCBA)
_MOST_EXPONENT: Final = 10
_NO_FACTOR: Final = -1

Raw = NDArray[np.float64]


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
    """Points of one type and order: where they stand in the reading and in memory."""

    kind: DataType
    at: NDArray[np.intp] | slice
    cells: NDArray[np.intp]
    first: int
    """First cell when the cells follow one another in the standard's order, otherwise -1."""
    swapped: bool
    absent: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint64]]
    """Positions in the reading and in the group, and the bits that mean "not available"."""

    def pick(self, memory: bytes, words: NDArray[np.uint16]) -> NDArray[np.generic]:
        """Data of the group in its own type, shape (n,)."""
        dtype = _DTYPES[self.kind]
        if self.first >= 0:
            return np.frombuffer(memory, dtype, len(self.cells), 2 * self.first)
        picked = words[self.cells]
        if self.swapped:
            picked = picked.byteswap()
        data: NDArray[np.generic] = np.ascontiguousarray(picked).view(dtype).reshape(-1)
        return data


class PollCodec:
    """Decodes the memory of one poll, built once for each plan.

    Args:
        specs: The points.
        cells: For each point the cell of its first register in memory, and that of its scale factor or -1.
    """

    def __init__(self, specs: Sequence[PointSpec], cells: Sequence[tuple[int, int]]) -> None:
        self._count = len(specs)
        self._groups = _groups(specs, [cell for cell, _ in cells])
        self._scale = np.array([spec.scale for spec in specs])
        self._offset = np.array([spec.offset for spec in specs])
        self._scaled = bool((self._scale != 1.0).any() or self._offset.any())
        self._low = np.array([-math.inf if spec.low is None else spec.low for spec in specs])
        self._high = np.array([math.inf if spec.high is None else spec.high for spec in specs])
        self._bounded = bool(np.isfinite(self._low).any() or np.isfinite(self._high).any())
        factored = [at for at, (_, factor) in enumerate(cells) if factor != _NO_FACTOR]
        self._factored = np.array(factored, np.intp)
        self._factor_cells = np.array([cells[at][1] for at in factored], np.intp)
        fields = [at for at, spec in enumerate(specs) if modbus_address(spec).bit is not None]
        self._fields = np.array(fields, np.intp)
        self._shifts = np.array([modbus_address(specs[at]).bit or 0 for at in fields], np.int64)
        self._masks = np.array([(1 << modbus_address(specs[at]).bits) - 1 for at in fields], np.int64)

    def decode(self, memory: bytes) -> Reading:
        """Values in the unit of each point; NaN and bad quality where device or range says so.

        Args:
            memory: Big-endian words; a bit takes a word of its own.
        """
        with np.errstate(all="ignore"):  # a signalling NaN or an overflow is judged below, not warned about
            return self._decode(memory)

    def _decode(self, memory: bytes) -> Reading:
        words = np.frombuffer(memory, ">u2")
        raw = np.empty(self._count)
        qualities = np.zeros(self._count, np.uint8)
        for group in self._groups:
            data = group.pick(memory, words)
            raw[group.at] = _plain(group.kind, data)
            at, rows, bits = group.absent
            if len(at):
                unsigned = np.ascontiguousarray(data[rows]).view(f">u{data.dtype.itemsize}")
                qualities[at[unsigned == bits]] = Quality.BAD_NOT_AVAILABLE
        if len(self._fields):
            raw[self._fields] = raw[self._fields].astype(np.int64) >> self._shifts & self._masks
        return self._judged(self._scale_up(raw, words, qualities), qualities)

    def _scale_up(self, raw: Raw, words: NDArray[np.uint16], qualities: Qualities) -> Values:
        if len(self._factored):
            exponents = words[self._factor_cells].astype(np.int16)
            wrong = np.abs(exponents.astype(np.int32)) > _MOST_EXPONENT
            qualities[self._factored[wrong]] = Quality.BAD_NOT_AVAILABLE
            raw[self._factored] = times_ten_to(raw[self._factored], np.where(wrong, 0, exponents))
        return raw * self._scale + self._offset if self._scaled else raw

    def _judged(self, values: Values, qualities: Qualities) -> Reading:
        if self._bounded:
            outside = (values < self._low) | (values > self._high)
            qualities[outside & (qualities == Quality.GOOD)] = Quality.BAD_RANGE
        finite = np.isfinite(values)
        if np.count_nonzero(finite) < len(finite):
            qualities[~finite] = Quality.BAD_NOT_AVAILABLE
        if np.count_nonzero(qualities):
            values[qualities != Quality.GOOD] = math.nan
        return Reading(values, qualities)


def times_ten_to(raw: Raw, exponents: NDArray[np.int16]) -> Raw:
    """Multiply by whole powers of ten; negative ones divide, so that 1234 × 10**-2 is exactly 12.34."""
    powers = np.power(10.0, np.abs(exponents.astype(np.float64)))
    return np.where(exponents < 0, raw / powers, raw * powers)


def _plain(kind: DataType, data: NDArray[np.generic]) -> NDArray[np.generic]:
    if kind is DataType.BOOL:
        return data.astype(np.bool_)
    digits = _BCD_DIGITS.get(kind)
    return data if digits is None else _decimal(data.astype(np.uint32), digits)


def _decimal(packed: NDArray[np.uint32], digits: int) -> Raw:
    """Decimal digits of four bits each; NaN where one of them is none."""
    places = np.arange(digits, dtype=np.uint32)
    nibbles = packed[:, None] >> 4 * places & 15
    values: Raw = (nibbles * 10.0**places).sum(axis=1)
    values[(nibbles > 9).any(axis=1)] = math.nan  # noqa: PLR2004  the largest decimal digit
    return values


def encode_value(spec: PointSpec, value: float, exponent: int = 0) -> list[int]:
    """Registers of a set-point in the unit of the point.

    Args:
        spec: The point.
        value: What to write. [unit of the point]
        exponent: What the point's scale-factor register holds.

    Raises:
        DeviceRefusedError: Not finite, or it does not fit the type of the register.
    """
    address = modbus_address(spec)
    if not math.isfinite(value):
        raise DeviceRefusedError(f"{value} cannot be written to a register", point=spec.name)
    scaled = (value - spec.offset) / spec.scale
    raw = scaled * 10.0**-exponent if exponent < 0 else scaled / 10.0**exponent
    words = np.frombuffer(_pack(spec, address.type, raw), ">u2")
    if address.order in _SWAPPED:
        words = words.byteswap()
    if address.order in _REVERSED:
        words = words[::-1]
    return [int(word) for word in words]


def field_masks(spec: PointSpec, value: float) -> tuple[int, int]:
    """AND and OR mask of function 22 that put `value` into a bit field and leave the other bits alone.

    Raises:
        DeviceRefusedError: Not a whole number, or it does not fit the field.
    """
    address = modbus_address(spec)
    raw = (value - spec.offset) / spec.scale
    if not math.isfinite(raw) or not 0 <= round(raw) < 1 << address.bits:
        raise DeviceRefusedError(f"{value} does not fit a field of {address.bits} bits", point=spec.name)
    field = ((1 << address.bits) - 1) << (address.bit or 0)
    masks = 0xFFFF & ~field, round(raw) << (address.bit or 0)
    return _bytes_swapped(*masks) if address.order in _SWAPPED else masks


def _bytes_swapped(*words: int) -> tuple[int, int]:
    first, second = (word >> 8 | (word & 0xFF) << 8 for word in words)
    return first, second


def text_of(registers: bytes) -> str:
    r"""Text of registers, two characters each, without the padding.

    Example:
        >>> text_of(b"ACME\0\0")
        'ACME'
    """
    return registers.split(b"\0", 1)[0].decode("utf-8", "replace").strip()


def _pack(spec: PointSpec, kind: DataType, raw: float) -> bytes:
    if kind in _BCD_DIGITS:
        return _pack_decimal(spec, _BCD_DIGITS[kind], raw)
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


def _pack_decimal(spec: PointSpec, digits: int, raw: float) -> bytes:
    whole = round(raw)
    if not 0 <= whole < 10**digits:
        raise DeviceRefusedError(f"raw value {whole} does not fit {digits} decimal digits", point=spec.name)
    return bytes.fromhex(f"{whole:0{digits}d}")


def _groups(specs: Sequence[PointSpec], cells: Sequence[int]) -> list[_Group]:
    members: dict[tuple[DataType, WordOrder], list[int]] = {}
    for at, spec in enumerate(specs):
        address = modbus_address(spec)
        members.setdefault((address.type, address.order), []).append(at)
    return [_group(specs, cells, kind, at) for kind, at in members.items()]


def _group(
    specs: Sequence[PointSpec], cells: Sequence[int], kind: tuple[DataType, WordOrder], at: list[int]
) -> _Group:
    size = modbus_address(specs[at[0]]).registers
    grid = np.array([range(cells[position], cells[position] + size) for position in at], np.intp)
    in_line = kind[1] is WordOrder.ABCD and bool((np.diff(grid.ravel()) == 1).all())
    absent = [
        (position, row, raw % (1 << 16 * size))
        for row, position in enumerate(at)
        for raw in specs[position].not_available
    ]
    return _Group(
        kind=kind[0],
        at=slice(at[0], at[-1] + 1) if at == list(range(at[0], at[-1] + 1)) else np.array(at, np.intp),
        cells=grid[:, ::-1] if kind[1] in _REVERSED else grid,
        first=int(grid[0, 0]) if in_line else -1,
        swapped=kind[1] in _SWAPPED,
        absent=(
            np.array([position for position, _, _ in absent], np.intp),
            np.array([row for _, row, _ in absent], np.intp),
            np.array([bits for _, _, bits in absent], np.uint64),
        ),
    )
