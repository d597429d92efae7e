"""Points that are allowed by the model but cannot work, or are seldom meant that way. Pure.

The questions are those that cost an installer an evening: an address in 4xxxx notation, a type too small for
the range, a word order that does nothing, a measurement whose impossible values would pass as good.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from protocols.drivers.modbus.readplan import spans_of
from protocols.point import PointKind
from protocols.profile import DataType, ModbusAddress, PointSpec, Profile, WordOrder

_READ_ONLY: Final = ("input", "discrete")
_NOTATION: Final = {"holding": range(40001, 50000), "input": range(30001, 40000)}
_RAW_RANGE: Final = {
    DataType.BOOL: (0, 1),
    DataType.U16: (0, 2**16 - 1),
    DataType.I16: (-(2**15), 2**15 - 1),
    DataType.U32: (0, 2**32 - 1),
    DataType.I32: (-(2**31), 2**31 - 1),
    DataType.U64: (0, 2**64 - 1),
    DataType.I64: (-(2**63), 2**63 - 1),
    DataType.BCD16: (0, 9999),
    DataType.BCD32: (0, 99_999_999),
}
_FASTEST_S: Final = 0.1
_SLOWEST_S: Final = 3600.0
_WITHOUT_UNIT: Final = ("", "code")

Place = tuple[int | str, ...]


def faults_of_point(spec: PointSpec) -> Iterator[str]:
    """What cannot work although the model allows it."""
    address = spec.address
    if not isinstance(address, ModbusAddress):
        return
    if spec.kind is PointKind.SETPOINT and address.table in _READ_ONLY:
        yield f"address.table: found {address.table!r} for a set-point; allowed: holding, coil"
    if spec.kind is PointKind.SETPOINT and address.bit is not None and address.write != "mask":
        yield (
            f"address.write: found {address.write!r} for a set-point of single bits; allowed: mask (function "
            "22), as reading, changing and writing the register could undo what the device changed meanwhile"
        )
    own = range(address.address, address.address + address.registers)
    if address.scale_factor is not None and address.scale_factor in own:
        yield f"address.scale_factor: found {address.scale_factor}, which is a register of the value itself"


def doubts_of_point(spec: PointSpec) -> Iterator[str]:
    """What is seldom meant."""
    yield from _plain_doubts(spec)
    if isinstance(spec.address, ModbusAddress):
        yield from _type_doubts(spec, spec.address)


def doubts_of_profile(profile: Profile) -> Iterator[tuple[Place, str]]:
    """What looks wrong only when all points are seen together; with the place it is about."""
    if profile.origin is None:
        yield ("id",), "origin: is missing; say which document the addresses were taken from"
    yield from _notation(profile)
    yield from _factor_is_a_value(profile)


def _plain_doubts(spec: PointSpec) -> Iterator[str]:
    if spec.kind is PointKind.MEASUREMENT and spec.unit in _WITHOUT_UNIT:
        yield f"unit: found {spec.unit!r} for a measurement; is it a state, or is the unit missing?"
    if spec.kind is PointKind.MEASUREMENT and spec.low is None and spec.high is None:
        yield "low and high: are missing; an impossible value would pass as good"
    if not _FASTEST_S <= spec.every_s <= _SLOWEST_S:
        yield f"every_s: found {spec.every_s:g}; usual is {_FASTEST_S:g} to {_SLOWEST_S:g} s"
    if not spec.label.en.strip() or not spec.label.zh.strip():
        yield "label: a language is empty; the page shows nothing for it"


def _type_doubts(spec: PointSpec, address: ModbusAddress) -> Iterator[str]:
    if address.registers == 1 and address.order in {WordOrder.CDAB, WordOrder.DCBA}:
        same = "abcd" if address.order is WordOrder.CDAB else "badc"
        yield f"address.order: found {address.order} for one register, which has no words; same as {same}"
    if address.type not in _RAW_RANGE:
        return
    low, high = _raw_range(address)
    yield from (
        f"not_available: found {raw}, which {address.type} cannot hold; it holds {low} to {high}"
        for raw in spec.not_available
        if not low <= raw <= high and not 0 <= raw < 1 << 16 * address.registers
    )
    if address.scale_factor is None:
        yield from _unreachable(spec, address, (low, high))


def _raw_range(address: ModbusAddress) -> tuple[int, int]:
    return _RAW_RANGE[address.type] if address.bit is None else (0, (1 << address.bits) - 1)


def _unreachable(spec: PointSpec, address: ModbusAddress, raw: tuple[int, int]) -> Iterator[str]:
    """A range the type cannot express: a value beyond wraps around or is cut off, without a sign."""
    ends = sorted(end * spec.scale + spec.offset for end in raw)
    what = f"{address.type} × {spec.scale:g}" + (f" + {spec.offset:g}" if spec.offset else "")
    if spec.high is not None and spec.high > ends[1]:
        yield f"high: found {spec.high:g}; {what} ends at {ends[1]:g}, so the type or the scale is too small"
    if spec.low is not None and spec.low < ends[0]:
        yield f"low: found {spec.low:g}; {what} begins at {ends[0]:g}: should the type be signed?"


def _notation(profile: Profile) -> Iterator[tuple[Place, str]]:
    """All addresses of a table in the range of the old notation, where the device likely starts at 0 or 1.

    A map with scale factors is SunSpec's, which really begins at 40000.
    """
    addresses = [spec.address for spec in profile.points]
    if any(isinstance(address, ModbusAddress) and address.scale_factor is not None for address in addresses):
        return
    for table, notation in _NOTATION.items():
        found = [
            (number, spec.address.address)
            for number, spec in enumerate(profile.points)
            if isinstance(spec.address, ModbusAddress) and spec.address.table == table
        ]
        if found and all(address in notation for _, address in found):
            number, address = found[0]
            text = (
                f"address: found {address} and all others of table {table} between {notation[0]} and "
                f"{notation[-1]}; that is the notation of manuals, on the wire it is {address - notation[0]}"
            )
            yield ("points", number), text


def _factor_is_a_value(profile: Profile) -> Iterator[tuple[Place, str]]:
    owner = {
        (span.table, cell): spec.name
        for spec in profile.points
        if isinstance(spec.address, ModbusAddress)
        for span in spans_of(spec)[:1]
        for cell in range(span.first, span.end)
    }
    for number, spec in enumerate(profile.points):
        address = spec.address
        if isinstance(address, ModbusAddress) and address.scale_factor is not None:
            other = owner.get((address.table, address.scale_factor))
            if other is not None:
                yield (
                    ("points", number),
                    f"{spec.name}: its scale factor {address.scale_factor} is a register of {other!r}",
                )
