"""The Modbus driver against a real pymodbus server and against a liar that speaks raw bytes."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from protocols.config import Text
from protocols.drivers.modbus.driver import ModbusDriver
from protocols.drivers.modbus.link import ModbusLink
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.profile import ModbusAddress, PointSpec
from protocols.quality import Quality
from runtime.children import free_port

pytestmark = pytest.mark.net


def point(name: str, address: int, table: str = "holding", **more: object) -> PointSpec:
    where = ModbusAddress.model_validate({"address": address, "table": table, **more})
    return PointSpec(name=name, label=Text(en=name, zh=name), unit="kW", address=where)


@asynccontextmanager
async def unit_1(*registers: SimData) -> AsyncIterator[int]:
    port = free_port()
    server = ModbusTcpServer(SimDevice(id=1, simdata=list(registers)), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


@asynccontextmanager
async def liar(answer: Callable[[int, bytes], bytes | None]) -> AsyncIterator[int]:
    """A raw server: `answer(transaction, pdu with unit)` gives the whole frame, or None to stay silent."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                tid, _, length = struct.unpack(">HHH", await reader.readexactly(6))
                frame = answer(tid, await reader.readexactly(length))
                if frame is None:
                    break
                writer.write(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def frame(tid: int, body: bytes) -> bytes:
    return struct.pack(">HHH", tid, 0, len(body)) + body


@asynccontextmanager
async def driver_at(port: int, timeout_s: float = 1.0) -> AsyncIterator[ModbusDriver]:
    driver = ModbusDriver(ModbusLink("127.0.0.1", port, timeout_s), unit=1)
    try:
        yield driver
    finally:
        await driver.close()


async def test_what_is_written_is_read_and_read_back() -> None:
    async with unit_1(SimData(0, count=10, datatype=SimType.REGISTERS)) as port, driver_at(port) as driver:
        single, double = point("a_kw", 0), point("b_kw", 2, type="f32", order="cdab")
        await driver.write(single, 123)
        await driver.write(double, -2.5)
        assert (await driver.read([double, single])).values.tolist() == [-2.5, 123]
        assert await driver.read_back(double) == -2.5


async def test_a_bad_register_in_a_block_leaves_the_others_good() -> None:
    good = [
        SimData(0, values=[11, 12], datatype=SimType.REGISTERS),
        SimData(3, values=14, datatype=SimType.REGISTERS),
    ]
    async with unit_1(*good) as port, driver_at(port) as driver:
        points = [point(f"p{at}_kw", at) for at in range(4)]
        for _ in range(2):  # the second time the plan knows it
            reading = await driver.read(points)
            assert reading.qualities.tolist() == [0, 0, Quality.BAD_REFUSED, 0]
            assert np.array_equal(reading.values, [11, 12, np.nan, 14], equal_nan=True)


async def test_a_gap_that_the_device_refuses_is_not_read_again() -> None:
    good = [
        SimData(0, values=11, datatype=SimType.REGISTERS),
        SimData(3, values=14, datatype=SimType.REGISTERS),
    ]
    async with unit_1(*good) as port, driver_at(port) as driver:
        points = [point("a_kw", 0), point("b_kw", 3)]
        assert (await driver.read(points)).values.tolist() == [11, 14]
        assert [block.count for block in driver._plan(points)] == [1, 1]


async def test_a_refused_set_point_is_an_error_of_its_own() -> None:
    async with unit_1(SimData(0, values=1, datatype=SimType.REGISTERS)) as port, driver_at(port) as driver:
        with pytest.raises(DeviceRefusedError):
            await driver.write(point("a_kw", 500), 1)
        with pytest.raises(PointUnreadableError):
            await driver.read_back(point("a_kw", 500))
        with pytest.raises(DeviceRefusedError, match="null"):
            await driver.write(point("a_kw", 0), None)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_wrong_count_is_a_bad_answer(count: int) -> None:
    def lie(tid: int, body: bytes) -> bytes:
        return frame(tid, body[:2] + bytes((2 * count,)) + bytes(2 * count))

    async with liar(lie) as port, driver_at(port) as driver:
        with pytest.raises(BadAnswerError, match="asked for 2 registers"):
            await driver.read([point("a_kw", 0), point("b_kw", 1)])


async def test_a_wrong_function_and_a_missing_transaction_are_bad_answers() -> None:
    def other_function(tid: int, body: bytes) -> bytes:
        return frame(tid, body[:1] + bytes((4, 2, 0, 7)))

    def no_transaction(_tid: int, body: bytes) -> bytes:
        return frame(0, body[:2] + bytes((2, 0, 7)))

    for lie in (other_function, no_transaction):
        async with liar(lie) as port, driver_at(port) as driver:
            with pytest.raises(BadAnswerError):
                await driver.read([point("a_kw", 0)])


async def test_a_closed_connection_fails_at_once_and_is_opened_again() -> None:
    asked = 0

    def once_away(tid: int, body: bytes) -> bytes | None:
        nonlocal asked
        asked += 1
        return None if asked == 1 else frame(tid, body[:2] + bytes((2, 0, 7)))

    async with liar(once_away) as port, driver_at(port, timeout_s=10) as driver, asyncio.timeout(2):
        with pytest.raises(DeviceUnreachableError):
            await driver.read([point("a_kw", 0)])
        assert (await driver.read([point("a_kw", 0)])).values.tolist() == [7]


async def test_a_write_without_answer_is_sent_once() -> None:
    seen: list[bytes] = []

    def silent(_tid: int, body: bytes) -> bytes:
        seen.append(body)
        return b""

    async with liar(silent) as port, driver_at(port, timeout_s=0.1) as driver:
        with pytest.raises(DeviceUnreachableError):
            await driver.write(point("a_kw", 0), 5)
    assert len(seen) == 1


async def test_nobody_there_is_unreachable() -> None:
    async with driver_at(free_port()) as driver:
        attempt: Awaitable[None] = driver.open()
        with pytest.raises(DeviceUnreachableError):
            await attempt
