"""RTU on pseudo-terminals and over TCP: what is late, doubled, foreign or noise is never a value."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from protocols.config import Text
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.pdu import read_request
from protocols.drivers.modbus.rtu import RtuClient, crc16, find_answer, gap_s
from protocols.errors import BadAnswerError, DeviceUnreachableError
from protocols.links.serial import SerialLink, SerialSettings
from protocols.links.tcp import TcpLink
from protocols.profile import DataType, ModbusAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port
from tests.unit.drivers.modbus_bus import BusEnd, crc, holding, rtu, serial_bus

BAUD = 115_200
CHARACTER_S = 10 / BAUD


def points(count: int, first: int = 0) -> tuple[PointSpec, ...]:
    return tuple(
        PointSpec(name=f"p{at}_kw", label=Text(en="x", zh="x"), unit="kW", address=ModbusAddress(address=at))
        for at in range(first, first + count)
    )


@asynccontextmanager
async def units(bus: BusEnd, *numbers: int, timeout_s: float = 0.08) -> AsyncIterator[list[ModbusDriver]]:
    """Drivers of several units on one port."""
    client = RtuClient(SerialLink(SerialSettings(bus.path, BAUD)), CHARACTER_S)
    try:
        yield [ModbusDriver(client, UnitSettings(number, timeout_s)) for number in numbers]
    finally:
        client.close()


@given(st.binary(max_size=260))
def test_the_checksum_is_that_of_another_implementation(data: bytes) -> None:
    assert struct.pack("<H", crc16(data)) == crc(data)


def test_the_gap_is_three_and_a_half_characters_and_never_below_the_standard() -> None:
    assert gap_s(11 / 9600) == pytest.approx(3.5 * 11 / 9600)
    assert gap_s(11 / 115_200) == 0.00175
    assert gap_s(0.0) == 0.0


async def test_registers_are_read_and_written_over_a_serial_port() -> None:
    def answer(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, rtu(unit, pdu[:5]) if pdu[0] in {6, 16} else holding(unit, pdu))]

    async with serial_bus(answer) as bus, units(bus, 7) as (driver,):
        assert (await driver.read(points(200))).values.tolist() == list(range(200))
        await driver.write(points(1)[0], 42)
        assert [frame[0] for frame in bus.asked] == [7, 7, 7]


async def test_the_port_is_ours_alone_and_a_missing_one_is_named() -> None:
    async with serial_bus(lambda unit, pdu: [(0.0, holding(unit, pdu))]) as bus, units(bus, 1) as (driver,):
        await driver.open()
        second = SerialLink(SerialSettings(bus.path, BAUD))
        with pytest.raises(DeviceUnreachableError, match="cannot be opened"):
            await second.open(RtuClient(second))
    missing = SerialLink(SerialSettings("/dev/ttyNOPE9", BAUD))
    with pytest.raises(DeviceUnreachableError, match="ttyNOPE9"):
        await missing.open(RtuClient(missing))


async def test_a_unit_slower_than_the_time_out_never_answers_the_wrong_question() -> None:
    """Each answer tells how many requests came before; a value of an older request would be too small."""
    asked = [0]

    def slow(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        asked[0] += 1
        number = asked[0]
        return [(0.12 if number < 8 else 0.0, holding(unit, pdu, lambda at: 1000 * number + at))]

    async with serial_bus(slow) as bus, units(bus, 1) as (driver,):
        good = 0
        for turn in range(30):
            first = 10 * (turn % 3)
            before = asked[0]
            try:
                reading = await driver.read(points(4, first))
            except (DeviceUnreachableError, BadAnswerError):
                continue
            good += 1
            assert reading.values[0] % 1000 == first
            assert reading.values[0] // 1000 > before
        assert good >= 15


async def test_a_doubled_answer_is_dropped_before_the_next_question() -> None:
    turn = [0]

    def doubled(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        turn[0] += 1
        frame = holding(unit, pdu, lambda _: turn[0])
        return [(0.0, frame + frame)]

    async with serial_bus(doubled) as bus, units(bus, 1) as (driver,):
        for expected in range(1, 6):
            assert set((await driver.read(points(3))).values.tolist()) == {expected}
            await asyncio.sleep(0.005)


async def test_noise_and_frames_of_other_units_before_the_answer_do_no_harm() -> None:
    def noisy(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        other = holding(unit + 1, pdu, lambda _: 9)
        return [(0.0, b"\x00\xff\x13" + other + b"\x01\x03" + holding(unit, pdu))]

    async with serial_bus(noisy) as bus, units(bus, 1) as (driver,):
        for _ in range(3):
            assert (await driver.read(points(5))).values.tolist() == [0, 1, 2, 3, 4]


async def test_a_unit_that_talks_all_the_time_costs_its_neighbour_nothing() -> None:
    async with (
        serial_bus(lambda unit, pdu: [(0.0, holding(unit, pdu))]) as bus,
        units(bus, 1) as (driver,),
        asyncio.TaskGroup() as tasks,
    ):
        talk = tasks.create_task(_babble(bus))
        for _ in range(20):
            assert (await driver.read(points(5))).values.tolist() == [0, 1, 2, 3, 4]
            await asyncio.sleep(0.005)
        talk.cancel()


async def _babble(bus: BusEnd) -> None:
    while True:
        bus.send(rtu(9, b"\x03\x04\x00\x01\x00\x02"))
        await asyncio.sleep(0.003)


async def test_a_flipped_bit_is_no_answer() -> None:
    def flipped(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        frame = bytearray(holding(unit, pdu))
        frame[4] ^= 0x10
        return [(0.0, bytes(frame))]

    async with serial_bus(flipped) as bus, units(bus, 1) as (driver,):
        assert driver.crc_errors == 0
        with pytest.raises(DeviceUnreachableError, match="without a right checksum"):
            await driver.read(points(5))
        assert driver.crc_errors == 1


async def test_silence_and_whole_frames_of_others_are_no_checksum_errors() -> None:
    def others(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        return [] if pdu[2] == 0 else [(0.0, holding(unit + 1, pdu))]

    async with serial_bus(others) as bus, units(bus, 1) as (driver,):
        for first in (0, 7):
            with pytest.raises(DeviceUnreachableError, match=r"no answer .* within 0.08 s \["):
                await driver.read(points(5, first))
        assert driver.crc_errors == 0


async def test_a_wrong_count_is_a_bad_answer_after_the_time_out() -> None:
    def short(unit: int, _pdu: bytes) -> list[tuple[float, bytes]]:
        return [(0.0, rtu(unit, bytes((3, 2, 0, 7))))]

    async with serial_bus(short) as bus, units(bus, 1) as (driver,):
        with pytest.raises(BadAnswerError, match="none of them the answer"):
            await driver.read(points(5))


async def test_a_dead_unit_leaves_the_living_one_on_the_same_port_right() -> None:
    def one_dead(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        return [] if unit == 2 else [(0.0, holding(unit, pdu, lambda at: 100 * unit + at))]

    async with serial_bus(one_dead) as bus, units(bus, 1, 2, 3) as (one, two, three):
        for _ in range(3):
            assert (await one.read(points(2))).values.tolist() == [100, 101]
            with pytest.raises(DeviceUnreachableError):
                await two.read(points(2))
            assert (await three.read(points(2))).values.tolist() == [300, 301]


async def test_a_bad_register_on_a_serial_line_is_found_too() -> None:
    def device(unit: int, pdu: bytes) -> list[tuple[float, bytes]]:
        start, count = struct.unpack(">HH", pdu[1:5])
        bad = start <= 33 < start + count
        return [(0.0, rtu(unit, bytes((pdu[0] | 0x80, 2))) if bad else holding(unit, pdu))]

    async with serial_bus(device) as bus, units(bus, 1) as (driver,):
        reading = await driver.read(points(100))
        assert [at for at, code in enumerate(reading.qualities) if code] == [33]
        assert reading.qualities[33] == Quality.BAD_REFUSED


async def test_an_unplugged_port_fails_at_once() -> None:
    async with serial_bus(lambda _unit, _pdu: []) as bus, units(bus, 1, timeout_s=10) as (driver,):
        asyncio.get_running_loop().call_later(0.02, bus.close)
        async with asyncio.timeout(2):
            with pytest.raises(DeviceUnreachableError):
                await driver.read(points(5))


@pytest.mark.net
async def test_rtu_frames_pass_through_a_tcp_server() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await reader.readexactly(8)
                for part in (holding(frame[0], frame[1:-2])[:4], holding(frame[0], frame[1:-2])[4:]):
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = RtuClient(TcpLink("127.0.0.1", server.sockets[0].getsockname()[1], 1.0))
    try:
        reading = await ModbusDriver(client, UnitSettings(1)).read(points(300))
        assert reading.values.tolist() == list(range(300))
    finally:
        client.close()
        async with asyncio.timeout(2):
            await gone.wait()
        server.close()


async def test_functions_22_and_23_pass_through_rtu_frames_of_another_implementation() -> None:
    port = free_port()
    unit = SimDevice(id=1, simdata=[SimData(0, values=[0xFFFF, 0, 0], datatype=SimType.REGISTERS)])
    server = ModbusTcpServer(unit, framer=FramerType.RTU, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    client = RtuClient(TcpLink("127.0.0.1", port, 1.0))
    driver = ModbusDriver(client, UnitSettings(1))
    bits = ModbusAddress(address=0, bit=4, bits=4, write="mask")
    both = ModbusAddress(address=1, type=DataType.F32, write="read_write")
    try:
        for address, value in ((bits, 9.0), (both, -2.5)):
            spec = PointSpec(name="a_kw", label=Text(en="x", zh="x"), unit="kW", address=address)
            await driver.write(spec, value)
            assert await driver.read_back(spec) == value
        assert await driver.read_raw("holding", 0, 3) == bytes.fromhex("ff9fc0200000")
        assert driver.crc_errors == 0
    finally:
        client.close()
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


@given(st.binary(max_size=120), st.binary(max_size=40))
def test_the_answer_is_found_in_any_noise_in_which_it_stands(before: bytes, behind: bytes) -> None:
    request = read_request(1, 3, 5, 2)
    right = rtu(1, b"\x03\x04\x00\x05\x00\x06")
    found = find_answer(before + right + behind, request)
    assert found.pdu in {b"\x03\x04\x00\x05\x00\x06", *_accidents(before + right + behind)}


def _accidents(data: bytes) -> set[bytes]:
    """Frames in the noise that fit by their own checksum: nobody can tell them from an answer."""
    fits = set()
    for at in range(len(data)):
        for size in (5, 9):
            frame = data[at : at + size]
            if len(frame) == size and frame[0] == 1 and crc(frame[:-2]) == frame[-2:]:
                fits.add(frame[1:-2])
    return fits
