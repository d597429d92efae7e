"""Registers ↔ values: every type and order survives the wire, nothing that is not a number becomes one."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.config import Text
from protocols.drivers.modbus.codec import BlockCodec, encode_value
from protocols.drivers.modbus.plan import plan_blocks
from protocols.errors import DeviceRefusedError
from protocols.profile import DataType, ModbusAddress, PointSpec, WordOrder
from protocols.quality import Quality

WHOLE = {
    DataType.U16: (0, 2**16 - 1),
    DataType.I16: (-(2**15), 2**15 - 1),
    DataType.U32: (0, 2**32 - 1),
    DataType.I32: (-(2**31), 2**31 - 1),
    DataType.U64: (0, 2**53),
}


def spec(
    name: str, address: int, kind: DataType, order: WordOrder = WordOrder.ABCD, **more: object
) -> PointSpec:
    where = ModbusAddress(address=address, type=kind, order=order)
    return PointSpec.model_validate(
        {"name": name, "label": Text(en=name, zh=name), "unit": "kW", "address": where, **more}
    )


@given(st.sampled_from(sorted(WHOLE)), st.sampled_from(list(WordOrder)), st.data())
def test_every_whole_number_survives_the_wire(kind: DataType, order: WordOrder, data: st.DataObject) -> None:
    value = data.draw(st.integers(*WHOLE[kind]))
    point = spec("a_kw", 10, kind, order)
    reading = BlockCodec([point], 10).decode(encode_value(point, value))
    assert reading.values[0] == value
    assert reading.qualities[0] == Quality.GOOD


@given(st.sampled_from(list(WordOrder)), st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float_survives_the_wire(order: WordOrder, value: float) -> None:
    for kind in (DataType.F32, DataType.F64):
        point = spec("a_kw", 0, kind, order)
        assert BlockCodec([point], 0).decode(encode_value(point, value)).values[0] == value


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
    reading = BlockCodec(points, 0).decode(registers)
    assert reading.values.tolist() == pytest.approx([-12.5, 1.5, 70_005.0, -2.25])


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_bad_and_nan(raw: float) -> None:
    words = struct.unpack(">2H", struct.pack(">f", raw))
    reading = BlockCodec([spec("a_kw", 0, DataType.F32)], 0).decode(words)
    assert math.isnan(reading.values[0])
    assert reading.qualities[0] == Quality.BAD_NOT_AVAILABLE


@pytest.mark.parametrize("absent", [0x8000, -0x8000])
def test_not_available_is_compared_as_bits(absent: int) -> None:
    point = spec("a_kw", 0, DataType.I16, not_available=(absent,))
    reading = BlockCodec([point], 0).decode([0x8000])
    assert math.isnan(reading.values[0])
    assert reading.qualities[0] == Quality.BAD_NOT_AVAILABLE


def test_out_of_range_is_bad_and_leaves_its_neighbour_good() -> None:
    points = [spec("a_kw", 0, DataType.U16, low=0, high=100), spec("b_kw", 1, DataType.U16)]
    reading = BlockCodec(points, 0).decode([101, 7])
    assert np.isnan(reading.values[0])
    assert reading.values[1] == 7
    assert reading.qualities.tolist() == [Quality.BAD_RANGE, Quality.GOOD]


@pytest.mark.parametrize("value", [math.nan, math.inf, 70_000.0, -1.0])
def test_a_value_that_does_not_fit_the_register_is_never_written(value: float) -> None:
    with pytest.raises(DeviceRefusedError):
        encode_value(spec("a_kw", 0, DataType.U16), value)


def test_neighbours_join_and_far_ones_do_not() -> None:
    points = [spec(f"p{at}_kw", at, DataType.U16) for at in (0, 1, 5, 100, 101)]
    blocks = plan_blocks(points, 125)
    assert [(block.start, block.count) for block in blocks] == [(0, 6), (100, 2)]


def test_a_block_never_exceeds_what_the_device_answers() -> None:
    points = [spec(f"p{at}_kw", at, DataType.U32) for at in range(0, 64, 2)]
    assert [block.count for block in plan_blocks(points, 20)] == [20, 20, 20, 4]


def test_a_point_known_to_be_refused_stands_alone() -> None:
    points = [spec(f"p{at}_kw", at, DataType.U16) for at in range(5)]
    blocks = plan_blocks(points, 125, alone={"p2_kw"})
    assert [(block.start, block.count) for block in blocks] == [(0, 2), (2, 1), (3, 2)]


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40, unique=True), st.integers(1, 125))
def test_each_point_is_planned_exactly_once(addresses: list[int], most: int) -> None:
    points = [spec(f"p{at}_kw", at, DataType.U16) for at in addresses]
    blocks = plan_blocks(points, most)
    assert sorted(at for block in blocks for at in block.at) == list(range(len(points)))
    assert all(block.count <= most for block in blocks)
