"""Registers ↔ values: every type and order survives the wire, nothing that is not a number becomes one."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.config import Text
from protocols.driver import Reading
from protocols.drivers.modbus.codec import PollCodec, encode_value, field_masks, modbus_address
from protocols.errors import DeviceRefusedError
from protocols.profile import DataType, ModbusAddress, PointSpec, WordOrder
from protocols.quality import Quality

WHOLE = {
    DataType.U16: (0, 2**16 - 1),
    DataType.I16: (-(2**15), 2**15 - 1),
    DataType.U32: (0, 2**32 - 1),
    DataType.I32: (-(2**31), 2**31 - 1),
    DataType.U64: (0, 2**53),
    DataType.I64: (-(2**53), 2**53),
    DataType.BCD16: (0, 9999),
    DataType.BCD32: (0, 99_999_999),
}


def spec(
    name: str, address: int, kind: DataType, order: WordOrder = WordOrder.ABCD, **more: object
) -> PointSpec:
    place = {key: more.pop(key) for key in ("bit", "bits", "scale_factor", "table") if key in more}
    where = ModbusAddress.model_validate({"address": address, "type": kind, "order": order, **place})
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


def decode(points: list[PointSpec], start: int, registers: Sequence[int]) -> Reading:
    """Decode registers that begin at `start`, as one answer would bring them."""
    cells = []
    for point in points:
        address = modbus_address(point)
        factor = -1 if address.scale_factor is None else address.scale_factor - start
        cells.append((address.address - start, factor))
    return PollCodec(points, cells).decode(struct.pack(f">{len(registers)}H", *registers))


@given(st.sampled_from(sorted(WHOLE)), st.sampled_from(list(WordOrder)), st.data())
def test_every_whole_number_survives_the_wire(kind: DataType, order: WordOrder, data: st.DataObject) -> None:
    value = data.draw(st.integers(*WHOLE[kind]))
    point = spec("a_kw", 10, kind, order)
    reading = decode([point], 10, encode_value(point, value))
    assert reading.values[0] == value
    assert reading.qualities[0] == Quality.GOOD


@given(st.sampled_from(list(WordOrder)), st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_survives_the_wire(order: WordOrder, value: float) -> None:
    for kind in (DataType.F32, DataType.F64):
        point = spec("a_kw", 0, kind, order)
        assert decode([point], 0, encode_value(point, value)).values[0] == value


def test_the_four_orders_are_those_of_the_docstring() -> None:
    raw = 0xAABBCCDD
    words = {
        WordOrder.ABCD: [0xAABB, 0xCCDD],
        WordOrder.CDAB: [0xCCDD, 0xAABB],
        WordOrder.BADC: [0xBBAA, 0xDDCC],
        WordOrder.DCBA: [0xDDCC, 0xBBAA],
    }
    for order, registers in words.items():
        assert encode_value(spec("a_kw", 0, DataType.U32, order), raw) == registers


def test_a_block_of_mixed_types_is_decoded_at_once() -> None:
    points = [
        spec("a_kw", 0, DataType.I16, scale=0.1),
        spec("b_kw", 1, DataType.F32, WordOrder.CDAB),
        spec("c_kw", 4, DataType.U32, offset=5.0),
        spec("d_kw", 6, DataType.F32, WordOrder.CDAB),
    ]
    registers = [0] * 8
    for point, value in zip(points, (-12.5, 1.5, 70_005.0, -2.25), strict=True):
        assert isinstance(point.address, ModbusAddress)
        at = point.address.address
        registers[at : at + point.address.registers] = encode_value(point, value)
    reading = decode(points, 0, registers)
    assert reading.values.tolist() == pytest.approx([-12.5, 1.5, 70_005.0, -2.25])


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_bad_and_nan(raw: float) -> None:
    words = struct.unpack(">2H", struct.pack(">f", raw))
    reading = decode([spec("a_kw", 0, DataType.F32)], 0, words)
    assert math.isnan(reading.values[0])
    assert reading.qualities[0] == Quality.BAD_NOT_AVAILABLE


@pytest.mark.parametrize("absent", [0x8000, -0x8000])
def test_not_available_is_compared_as_bits(absent: int) -> None:
    point = spec("a_kw", 0, DataType.I16, not_available=(absent,))
    reading = decode([point], 0, [0x8000])
    assert math.isnan(reading.values[0])
    assert reading.qualities[0] == Quality.BAD_NOT_AVAILABLE


def test_out_of_range_is_bad_and_leaves_its_neighbour_good() -> None:
    points = [spec("a_kw", 0, DataType.U16, low=0, high=100), spec("b_kw", 1, DataType.U16)]
    reading = decode(points, 0, [101, 7])
    assert np.isnan(reading.values[0])
    assert reading.values[1] == 7
    assert reading.qualities.tolist() == [Quality.BAD_RANGE, Quality.GOOD]


@pytest.mark.parametrize("value", [math.nan, math.inf, 70_000.0, -1.0])
def test_a_value_that_does_not_fit_the_register_is_never_written(value: float) -> None:
    with pytest.raises(DeviceRefusedError):
        encode_value(spec("a_kw", 0, DataType.U16), value)


@pytest.mark.parametrize(("raw", "value"), [(0x1234, 1234.0), (0x9999, 9999.0), (0x0000, 0.0)])
def test_decimal_digits_are_read_as_such(raw: int, value: float) -> None:
    assert decode([spec("a_kw", 0, DataType.BCD16)], 0, [raw]).values[0] == value


def test_a_digit_above_nine_is_no_number() -> None:
    reading = decode([spec("a_kw", 0, DataType.BCD16), spec("b_kw", 1, DataType.BCD16)], 0, [0x12A4, 0x42])
    assert reading.qualities.tolist() == [Quality.BAD_NOT_AVAILABLE, Quality.GOOD]
    assert reading.values[1] == 42


def test_bit_fields_share_a_register() -> None:
    points = [
        spec("a_kw", 0, DataType.U16, bit=0),
        spec("b_kw", 0, DataType.U16, bit=4, bits=3),
        spec("c_kw", 0, DataType.U16, bit=15),
    ]
    assert decode(points, 0, [0b1000_0000_0101_0001]).values.tolist() == [1, 5, 1]


def test_a_field_is_written_without_touching_its_neighbours() -> None:
    point = spec("b_kw", 0, DataType.U16, bit=4, bits=3)
    keep, put = field_masks(point, 5)
    assert (keep, put) == (0xFF8F, 0x0050)
    assert (0xFFFF & keep) | (put & ~keep & 0xFFFF) == 0xFFDF
    for value in (8.0, -1.0, math.nan):
        with pytest.raises(DeviceRefusedError):
            field_masks(point, value)


def test_the_register_with_the_scale_factor_counts_and_its_absence_is_bad() -> None:
    points = [spec("a_kw", 0, DataType.I16, scale_factor=2), spec("b_kw", 1, DataType.U16, scale_factor=3)]
    reading = decode(points, 0, [0xFFFF - 1233, 65, 0xFFFE, 3])
    assert reading.values.tolist() == [-12.34, 65_000.0]
    for absent in (0x8000, 11, 0xFFF0):
        reading = decode(points, 0, [1234, 65, absent, 0])
        assert reading.qualities.tolist() == [Quality.BAD_NOT_AVAILABLE, Quality.GOOD]
        assert math.isnan(reading.values[0])
        assert reading.values[1] == 65


def test_a_set_point_is_written_with_its_scale_factor() -> None:
    assert encode_value(spec("a_kw", 0, DataType.I16, scale_factor=9), 12.34, exponent=-2) == [1234]
    assert encode_value(spec("a_kw", 0, DataType.I16, scale_factor=9), 12_000, exponent=3) == [12]


@given(
    st.lists(st.sampled_from(list(DataType)), min_size=1, max_size=30), st.binary(min_size=240, max_size=240)
)
def test_decoding_a_block_is_decoding_each_point_alone(kinds: list[DataType], noise: bytes) -> None:
    registers = struct.unpack(">120H", noise)
    points, at = [], 0
    for number, kind in enumerate(kinds):
        order = list(WordOrder)[number % 4]
        points.append(spec(f"p{number}_kw", at, kind, order))
        at += modbus_address(points[-1]).registers
    together = decode(points, 0, registers)
    for number, point in enumerate(points):
        alone = decode([point], 0, registers)
        assert np.array_equal(together.values[[number]], alone.values, equal_nan=True)
        assert together.qualities[number] == alone.qualities[0]


def test_a_signalling_nan_and_an_overflow_are_bad_without_a_warning() -> None:
    points = [spec("a_kw", 0, DataType.F32), spec("b_kw", 2, DataType.F64, scale=1e300)]
    registers = [0x7F80, 0x0001, 0x7FE0, 0, 0, 0]
    assert decode(points, 0, registers).qualities.tolist() == [Quality.BAD_NOT_AVAILABLE] * 2
