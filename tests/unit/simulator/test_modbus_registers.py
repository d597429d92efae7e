"""The simulator's registers and the driver's codec, written apart, agree on every type and order."""

from __future__ import annotations

import struct

import pytest

from protocols.config import Text
from protocols.drivers.modbus.codec import PollCodec, encode_value
from protocols.profile import DataType, ModbusAddress, PointSpec, WordOrder
from simulator.servers.registers import from_registers, to_registers


@pytest.mark.parametrize("kind", list(DataType))
@pytest.mark.parametrize("order", list(WordOrder))
def test_both_lay_out_every_type_and_order_alike(kind: DataType, order: WordOrder) -> None:
    address = ModbusAddress(address=0, type=kind, order=order)
    point = PointSpec(name="a_kw", label=Text(en="x", zh="x"), unit="kW", address=address)
    for value in (0.0, 1.0) if kind is DataType.BOOL else (0.0, 1.0, 42.0, 1234.0):
        words = to_registers(value, address)
        assert words == encode_value(point, value)
        assert from_registers(words, address) == value
        memory = struct.pack(f">{len(words)}H", *words)
        assert PollCodec([point], [(0, -1)]).decode(memory).values.tolist() == [value]
