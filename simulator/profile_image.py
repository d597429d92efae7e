"""The registers of a device as its profile describes them, with values that move. Pure.

The encoding is written anew, so that a mistake in the driver's codec cannot hide itself. A device without
`max_gap` refuses the cells between its values; any other answers them with 0.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, cast

from protocols.point import PointKind
from protocols.profile import DataType, ModbusAddress, PointSpec, Profile
from simulator.servers.registers import reordered
from simulator.usual import moved, start_value

BIT_TABLES: Final = ("coil", "discrete")
"""Tables whose cells are single bits."""

_FORMS: Final = {
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
_FINEST: Final = -2
_COARSEST: Final = 4
_MOST_WORD: Final = 30_000.0


class ProfileImage:
    """What a device of a profile answers; all values in the units of its points."""

    def __init__(self, profile: Profile) -> None:
        self._specs = {s.name: s for s in profile.points if isinstance(s.address, ModbusAddress)}
        self._held = {name: start_value(spec) for name, spec in self._specs.items()}
        self._exponents = _exponents(self._specs, self._held)
        self._max_gap = profile.modbus.max_gap

    def value(self, name: str, seconds: float) -> float:
        """Value of a point so long after the start; a set-point keeps what was written to it.

        Raises:
            KeyError: The profile has no such Modbus point.
        """
        return moved(self._specs[name], self._held[name], seconds)

    def cells(self, table: str, seconds: float) -> dict[int, int]:
        """Words (or bits) of a table by address, the answered gaps included."""
        return self.laid_out(table, lambda name: self.value(name, seconds))

    def laid_out(self, table: str, value: Callable[[str], float]) -> dict[int, int]:
        """The same for values by the name of the point."""
        found: dict[int, int] = {}
        for spec, at in self._in(table):
            for place, exponent in self._factors(at):
                found[place] = exponent % 0x10000
            words = _encode(spec, at, value(spec.name), self._exponent(at))
            for offset, word in enumerate(words):
                found[at.address + offset] = found.get(at.address + offset, 0) | word
        return _with_gaps(found, self._max_gap)

    def told(self, name: str, value: float) -> float:
        """What is left of a value after it went through the registers of its point.

        Raises:
            KeyError: The profile has no such Modbus point.
        """
        spec = self._specs[name]
        at = cast("ModbusAddress", spec.address)
        exponent = self._exponent(at)
        words = _encode(spec, at, value, exponent)
        raw = float(words[0] >> at.bit) if at.bit is not None else _decode(at, words)
        return raw * 10.0**exponent * spec.scale + spec.offset

    def take(self, table: str, address: int, values: Sequence[int]) -> bool:
        """Write words (or bits) from `address` on; False when they are not exactly whole set-points."""
        wanted = self.wanted(table, address, values)
        self._held |= wanted or {}
        return wanted is not None

    def wanted(self, table: str, address: int, values: Sequence[int]) -> dict[str, float] | None:
        """Set-points in a write from `address` on; None when they are not exactly whole set-points."""
        wanted: dict[str, float] = {}
        covered = 0
        for spec, at in self._in(table):
            first = at.address - address
            if first < 0 or first + at.registers > len(values):
                continue
            if spec.kind is not PointKind.SETPOINT or at.bit is not None:
                return None
            covered += at.registers
            raw = _decode(at, values[first : first + at.registers])
            wanted[spec.name] = raw * 10.0 ** self._exponent(at) * spec.scale + spec.offset
        if covered != len(values) or not all(map(math.isfinite, wanted.values())):
            return None
        return wanted

    def wanted_bits(self, address: int, word: int, now: int) -> dict[str, float] | None:
        """Set-points that a mask write changes in one register; None when it would change any other bit."""
        wanted: dict[str, float] = {}
        others = word ^ now
        for spec, at in self._in("holding"):
            if at.address == address and at.bit is not None:
                field = ((1 << at.bits) - 1) << at.bit
                new, old = (_decode_word(at, one) & field for one in (word, now))
                if new != old and spec.kind is not PointKind.SETPOINT:
                    return None
                others &= ~_decode_word(at, field)
                if new != old:
                    wanted[spec.name] = (new >> at.bit) * spec.scale + spec.offset
        return None if others else wanted

    def _in(self, table: str) -> Iterator[tuple[PointSpec, ModbusAddress]]:
        for spec in self._specs.values():
            if isinstance(spec.address, ModbusAddress) and spec.address.table == table:
                yield spec, spec.address

    def _exponent(self, at: ModbusAddress) -> int:
        return 0 if at.scale_factor is None else self._exponents[at.table, at.scale_factor]

    def _factors(self, at: ModbusAddress) -> Iterator[tuple[int, int]]:
        if at.scale_factor is not None:
            yield at.scale_factor, self._exponent(at)


def _exponents(specs: Mapping[str, PointSpec], held: Mapping[str, float]) -> dict[tuple[str, int], int]:
    """For each scale-factor register the finest power of ten with which all its values fit."""
    found: dict[tuple[str, int], int] = {}
    for name, spec in specs.items():
        at = spec.address
        if not isinstance(at, ModbusAddress) or at.scale_factor is None:
            continue
        raw = abs((held[name] - spec.offset) / spec.scale)
        most = _MOST_WORD if at.registers == 1 else _MOST_WORD**2
        fits = next((e for e in range(_FINEST, _COARSEST) if raw / 10.0**e <= most), _COARSEST)
        key = (at.table, at.scale_factor)
        found[key] = max(found.get(key, _FINEST), fits)
    return found


def _decode_word(at: ModbusAddress, word: int) -> int:
    """One register in the order of the point; the same way back."""
    return word >> 8 | (word & 0xFF) << 8 if at.order in {"badc", "dcba"} else word


def _encode(spec: PointSpec, at: ModbusAddress, value: float, exponent: int) -> list[int]:
    raw = (value - spec.offset) / spec.scale / 10.0**exponent
    if at.bit is not None:
        return [round(raw) % (1 << at.bits) << at.bit]
    if at.table in BIT_TABLES:
        return [int(raw != 0.0)]
    return list(struct.unpack(f">{at.registers}H", reordered(_packed(at.type, raw), at.order)))


def _packed(kind: DataType, raw: float) -> bytes:
    if kind in _DIGITS:
        return bytes.fromhex(f"{round(raw):0{_DIGITS[kind]}d}")
    form = _FORMS[kind]
    return struct.pack(f">{form}", raw if form in "fd" else round(raw))


def _decode(at: ModbusAddress, words: Sequence[int]) -> float:
    if at.table in BIT_TABLES:
        return float(bool(words[0]))
    data = reordered(struct.pack(f">{len(words)}H", *words), at.order)
    if at.type in _DIGITS:
        return float(data.hex()) if data.hex().isdecimal() else math.nan
    return float(struct.unpack(f">{_FORMS[at.type]}", data)[0])


def _with_gaps(cells: Mapping[int, int], max_gap: int) -> dict[int, int]:
    filled: dict[int, int] = {}
    last: int | None = None
    for address in sorted(cells):
        if last is not None and address - last - 1 <= max_gap:
            filled |= dict.fromkeys(range(last + 1, address), 0)
        filled[address] = cells[address]
        last = address
    return filled
