"""Test reads with the bytes as they came: in all orders, and one register to the left and to the right.

Most evenings at a new device are lost to three things: swapped words, an address that is one off, and the
wrong table. So a read gives all of them side by side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from edge_agent.commission.likeness import is_usual
from protocols.drivers.modbus.codec import PollCodec, modbus_address
from protocols.drivers.modbus.plan import BIT_TABLES
from protocols.drivers.modbus.readplan import spans_of
from protocols.errors import DeviceError, DeviceRefusedError, DeviceUnreachableError
from protocols.profile import ModbusAddress, PointSpec, WordOrder
from protocols.quality import Quality

_PADDING: Final = bytes(8)
_NEIGHBOURS: Final = (-1, 0, 1)
_LAST: Final = 65535


class RawReader(Protocol):
    """The part of the Modbus driver that a test read needs."""

    async def read_raw(self, table: str, start: int, count: int) -> bytes:
        """Bytes of some cells as they came; raises DeviceError."""
        ...


@dataclass(frozen=True, slots=True)
class RawPoint:
    """One point as it was read.

    Attributes:
        spec: The point.
        data: Its own bytes, as they came; empty when it was not answered.
        value: Decoded, in its unit; NaN when it is bad.
        quality: Code of `protocols.quality.Quality`.
        error: Why there are no bytes; None when there are, or when the protocol shows none.
        source_ns: What the device told of the time, right or wrong, Unix ns; 0 when it told none.
    """

    spec: PointSpec
    data: bytes
    value: float
    quality: Quality
    error: DeviceError | None = None
    source_ns: int = 0

    @property
    def fault(self) -> str:
        """The error as a sentence; empty without one."""
        return "" if self.error is None else str(self.error)

    @property
    def usual(self) -> bool:
        """Whether the value is usual for its unit."""
        return self.quality is Quality.GOOD and is_usual(self.spec.unit, self.value)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read the bytes.

    Attributes:
        address: First register.
        order: Byte and word order.
        value: What comes out, in the unit of the point; NaN when it was refused or is no number.
        usual: Whether that is usual for the unit.
    """

    address: int
    order: WordOrder
    value: float
    usual: bool


async def read_point(reader: RawReader, spec: PointSpec) -> RawPoint:
    """Read one point by itself; a refusal is part of the result.

    Raises:
        DeviceUnreachableError: No answer at all.
    """
    spans = spans_of(spec)
    try:
        parts = [await reader.read_raw(span.table, span.first, span.size) for span in spans]
    except DeviceUnreachableError:
        raise
    except DeviceError as error:
        quality = Quality.BAD_REFUSED if isinstance(error, DeviceRefusedError) else Quality.BAD_ANSWER
        return RawPoint(spec, b"", math.nan, quality, error)
    factor_at = spans[0].size if len(spans) > 1 else -1
    value, quality = _decoded(spec, b"".join(parts), (0, factor_at))
    return RawPoint(spec, parts[0], value, quality)


async def read_candidates(reader: RawReader, spec: PointSpec) -> list[Candidate]:
    """Read a value in all four orders, at its address and one register to the left and right."""
    address = modbus_address(spec)
    found = []
    for offset in _NEIGHBOURS:
        first = address.address + offset
        if 0 <= first <= _LAST + 1 - address.registers:
            moved = address.model_copy(update={"address": first})
            found += await _in_all_orders(reader, spec, moved)
    return found


async def _in_all_orders(reader: RawReader, spec: PointSpec, at: ModbusAddress) -> list[Candidate]:
    readings = []
    for order in _orders(at):
        changed = spec.model_copy(update={"address": at.model_copy(update={"order": order})})
        readings.append((order, changed))
    first = await read_point(reader, readings[0][1])
    found = []
    for order, changed in readings:
        value = math.nan
        if first.data and at.scale_factor is None:
            value, _ = _decoded(changed, first.data, (0, -1))
        elif first.data and order is readings[0][0]:
            value = first.value
        found.append(Candidate(at.address, order, value, is_usual(spec.unit, value)))
    return found


def _orders(at: ModbusAddress) -> Sequence[WordOrder]:
    if at.table in BIT_TABLES or at.bit is not None:
        return (at.order,)
    return tuple(WordOrder) if at.registers > 1 else (WordOrder.ABCD, WordOrder.BADC)


def _decoded(spec: PointSpec, data: bytes, cells: tuple[int, int]) -> tuple[float, Quality]:
    reading = PollCodec([spec], [cells]).decode(data + _PADDING)
    return float(reading.values[0]), Quality(int(reading.qualities[0]))
