"""The Modbus server asked by pymodbus's own client over a real socket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException

from protocols.device import ModbusTcp
from protocols.errors import ConfigError
from runtime.clock import VirtualClock
from simulator.device import Fault, FieldDevice
from simulator.servers.modbus import modbus_server

pytestmark = pytest.mark.net
Build = Callable[[str], FieldDevice]


@asynccontextmanager
async def _client(device: FieldDevice, timeout_s: float = 1.0) -> AsyncIterator[AsyncModbusTcpClient]:
    at = device.device.connection
    assert isinstance(at, ModbusTcp)
    client = AsyncModbusTcpClient(at.host, port=at.port, timeout=timeout_s, retries=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def test_registers_hold_the_readings_in_the_makers_types(field_device: Build) -> None:
    fixed, speed = field_device("comp1"), field_device("comp4")
    fixed.readings |= {"power_kw": 121.34, "run_h": 12345.6}
    speed.readings |= {"power_kw": 98.7, "header_bar_g": 6.875, "speed_rpm": 1480.0}
    async with modbus_server([fixed]), modbus_server([speed]):
        async with _client(fixed) as client:
            block = (await client.read_input_registers(0, count=13, device_id=1)).registers
            assert block[0] == 1213
            assert block[6:8] == [123456 & 0xFFFF, 123456 >> 16]
        async with _client(speed) as client:
            header = (await client.read_input_registers(106, count=2, device_id=1)).registers
            kind = client.DATATYPE.FLOAT32
            assert client.convert_from_registers(header, kind, word_order="little") == 6.875
            rpm = (await client.read_input_registers(108, count=2, device_id=1)).registers
            assert client.convert_from_registers(rpm, client.DATATYPE.INT32) == 1480


async def test_each_unit_of_the_gateway_is_a_meter_of_its_own(field_device: Build) -> None:
    meters = [field_device(f"meter_{name}") for name in ("main", "air", "cooling", "process")]
    for kw, meter in enumerate(meters, start=1):
        meter.readings["power_kw"] = -float(kw)
    async with modbus_server(meters), _client(meters[0]) as client:
        for unit in (1, 2, 3, 4):
            words = (await client.read_input_registers(0, count=2, device_id=unit)).registers
            watts = client.convert_from_registers(words, client.DATATYPE.INT32, word_order="little")
            assert watts == -1000 * unit


async def test_a_written_set_point_is_followed_and_falls_back_after_six_seconds(
    field_device: Build, clock: VirtualClock
) -> None:
    comp = field_device("comp2")
    async with modbus_server([comp]), _client(comp) as client:
        assert not (await client.write_registers(0, [2, 1], device_id=1)).isError()
        assert comp.followed() == {"role_set_code": 2.0, "permit_set_code": 1.0}
        clock.advance(4.0)
        await client.write_register(0, 2, device_id=1)
        clock.advance(4.0)
        assert (await client.read_holding_registers(0, count=2, device_id=1)).registers == [2, 1]
        clock.advance(2.0)
        assert (await client.read_holding_registers(0, count=2, device_id=1)).registers == [3, 2]


async def test_a_value_outside_the_makers_range_is_refused(field_device: Build) -> None:
    comp = field_device("comp1")
    async with modbus_server([comp]), _client(comp) as client:
        answer = await client.write_register(0, 9, device_id=1)
        assert answer.exception_code == 3
        assert (await client.write_register(7, 1, device_id=1)).exception_code == 2


async def test_a_silent_device_does_not_answer_and_leaves_its_neighbour_on_the_gateway_alone(
    field_device: Build,
) -> None:
    main, air = field_device("meter_main"), field_device("meter_air")
    main.fault = Fault.SILENT
    async with modbus_server([main, air]), _client(main, timeout_s=0.2) as client:
        with pytest.raises(ModbusIOException):
            await client.read_input_registers(0, count=2, device_id=1)
        assert not (await client.read_input_registers(0, count=2, device_id=2)).isError()


async def test_a_slow_device_answers_after_the_time_out(
    field_device: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.servers.modbus.SLOW_S", 0.4)
    comp = field_device("comp1")
    comp.fault = Fault.SLOW
    async with modbus_server([comp]):
        async with _client(comp, timeout_s=0.1) as client:
            with pytest.raises(ModbusIOException):
                await client.read_input_registers(0, count=2, device_id=1)
        async with _client(comp, timeout_s=2.0) as client:
            before = asyncio.get_running_loop().time()
            assert not (await client.read_input_registers(0, count=2, device_id=1)).isError()
            assert asyncio.get_running_loop().time() - before >= 0.4


async def test_a_taken_port_is_one_clear_sentence(field_device: Build) -> None:
    comp = field_device("comp1")
    async with modbus_server([comp]):
        with pytest.raises(ConfigError, match=r"Modbus server of comp1 cannot use 127\.0\.0\.1:"):
            async with modbus_server([comp]):
                pass
