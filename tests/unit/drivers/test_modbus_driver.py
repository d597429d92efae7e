"""The Modbus driver against a real pymodbus server and against a liar that speaks raw bytes."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from protocols.config import Text
from protocols.drivers.modbus.driver import ModbusDriver, UnitSettings
from protocols.drivers.modbus.tcp import MbapClient
from protocols.errors import BadAnswerError, DeviceRefusedError, DeviceUnreachableError, PointUnreadableError
from protocols.links.tcp import TcpLink
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
async def driver_at(
    port: int, timeout_s: float = 1.0, depth: int = 1, now_s: Callable[[], float] = time.monotonic
) -> AsyncIterator[ModbusDriver]:
    settings = UnitSettings(unit=1, timeout_s=timeout_s, depth=depth)
    driver = ModbusDriver(MbapClient(TcpLink("127.0.0.1", port, timeout_s)), settings, now_s)
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
        points = (point("a_kw", 0), point("b_kw", 3))
        assert (await driver.read(points)).values.tolist() == [11, 14]
        assert [block.size for block in driver.blocks(points)] == [1, 1]
        assert (await driver.read(points)).values.tolist() == [11, 14]


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


def registers_of(body: bytes) -> range:
    """Addresses a read asks for."""
    start, count = struct.unpack(">HH", body[2:6])
    return range(start, start + count)


def answer_with(tid: int, body: bytes, values: Callable[[int], int] = lambda at: at) -> bytes:
    """A right answer in which each register holds a value made from its address."""
    asked = registers_of(body)
    data = struct.pack(f">{len(asked)}H", *(values(at) for at in asked))
    return frame(tid, body[:2] + bytes((len(data),)) + data)


def refused(tid: int, body: bytes, code: int = 2) -> bytes:
    return frame(tid, bytes((body[0], body[1] | 0x80, code)))


@pytest.mark.parametrize("bad", [0, 3, 61, 124, 250, 499])
async def test_one_bad_register_of_500_costs_one_point_and_is_tried_again_later(bad: int) -> None:
    now, asked, healed = [1000.0], [0], [False]

    def device(tid: int, body: bytes) -> bytes:
        asked[0] += 1
        broken = bad in registers_of(body) and not healed[0]
        return refused(tid, body) if broken else answer_with(tid, body)

    async with liar(device) as port, driver_at(port, now_s=lambda: now[0]) as driver:
        points = tuple(point(f"p{at}_kw", at) for at in range(500))
        for _ in range(3):
            reading = await driver.read(points)
            assert reading.qualities[bad] == Quality.BAD_REFUSED
            assert np.isnan(reading.values[bad])
            others = [at for at in range(500) if at != bad]
            assert reading.values[others].tolist() == others
        asked[0] = 0
        await driver.read(points)
        assert asked[0] <= 5  # the fewest without that register; nothing more is spent on it
        healed[0] = True
        now[0] += 11
        await driver.read(points)  # tries it alone
        assert (await driver.read(points)).values.tolist() == list(range(500))


async def test_a_device_that_refuses_everything_is_busy_and_nothing_is_learnt() -> None:
    busy = [True]

    def device(tid: int, body: bytes) -> bytes:
        return refused(tid, body, 6) if busy[0] else answer_with(tid, body)

    async with liar(device) as port, driver_at(port) as driver:
        points = tuple(point(f"p{at}_kw", at) for at in range(200))
        assert set((await driver.read(points)).qualities.tolist()) == {Quality.BAD_REFUSED}
        busy[0] = False
        assert (await driver.read(points)).values.tolist() == list(range(200))
        assert len(driver.blocks(points)) == 2


async def test_a_register_that_makes_the_device_silent_ends_up_alone() -> None:
    def device(tid: int, body: bytes) -> bytes:
        return b"" if 130 in registers_of(body) else answer_with(tid, body)

    async with liar(device) as port, driver_at(port, timeout_s=0.03) as driver:
        points = tuple(point(f"p{at}_kw", at) for at in range(400))
        for _ in range(19):
            await driver.read(points)
        reading = await driver.read(points)
        assert np.flatnonzero(reading.qualities).tolist() == [130]


async def test_many_bad_registers_are_all_found_within_a_few_polls() -> None:
    bad = {at for at in range(400) if at % 50 == 7}

    def device(tid: int, body: bytes) -> bytes:
        return refused(tid, body) if bad.intersection(registers_of(body)) else answer_with(tid, body)

    async with liar(device) as port, driver_at(port) as driver:
        points = tuple(point(f"p{at}_kw", at) for at in range(400))
        for _ in range(2):
            await driver.read(points)
        reading = await driver.read(points)
        assert set(np.flatnonzero(reading.qualities).tolist()) == bad
        good = [at for at in range(400) if at not in bad]
        assert reading.values[good].tolist() == good


async def test_several_requests_on_their_way_at_once_are_told_apart() -> None:
    held: list[bytes] = []

    def shuffling(tid: int, body: bytes) -> bytes:
        held.append(answer_with(tid, body))
        if len(held) < 4:
            return b""
        out = b"".join(reversed(held))
        held.clear()
        return out

    async with liar(shuffling) as port, driver_at(port, depth=4) as driver:
        points = tuple(point(f"p{at}_kw", at) for at in range(500))
        assert (await driver.read(points)).values.tolist() == list(range(500))


async def test_a_late_answer_is_never_taken_for_another_request() -> None:
    late: list[bytes] = []
    reads = [0]

    def device(tid: int, body: bytes) -> bytes:
        reads[0] += 1
        if reads[0] == 1:
            late.append(answer_with(tid, body, lambda _: 666))
            return b""
        return b"".join(late) + answer_with(tid, body)

    async with liar(device) as port, driver_at(port, timeout_s=0.05) as driver:
        points = (point("a_kw", 5),)
        with pytest.raises(DeviceUnreachableError):
            await driver.read(points)
        for _ in range(3):
            assert (await driver.read(points)).values.tolist() == [5]


async def test_a_device_that_sends_without_being_asked_is_a_bad_answer_or_ignored_but_never_a_value() -> None:
    def babble(tid: int, body: bytes) -> bytes:
        return frame((tid + 7) % 65536, body[:2] + b"\x02\x02\x9a") + answer_with(tid, body)

    async with liar(babble) as port, driver_at(port) as driver:
        for _ in range(3):
            with pytest.raises(BadAnswerError, match="not asked"):
                await driver.read((point("a_kw", 0),))


async def test_a_hang_in_the_middle_of_a_frame_drops_the_connection() -> None:
    asked = [0]

    def half(tid: int, body: bytes) -> bytes:
        asked[0] += 1
        whole = answer_with(tid, body)
        return whole[:5] if asked[0] == 1 else whole

    async with liar(half) as port, driver_at(port, timeout_s=0.05) as driver:
        with pytest.raises(DeviceUnreachableError):
            await driver.read((point("a_kw", 3),))
        assert (await driver.read((point("a_kw", 3),))).values.tolist() == [3]


async def test_bits_of_both_tables_are_read_in_one_request_each() -> None:
    asked: list[int] = []

    def device(_tid: int, body: bytes) -> bytes:
        asked.append(body[1])
        bits = [at % 3 == 0 for at in registers_of(body)]
        data = sum(bit << at for at, bit in enumerate(bits)).to_bytes(-(-len(bits) // 8), "little")
        return frame(_tid, body[:2] + bytes((len(data),)) + data)

    async with liar(device) as port, driver_at(port) as driver:
        points = tuple(
            point(f"p{at}_kw", at, "coil" if at < 20 else "discrete", type="bool") for at in range(40)
        )
        assert (await driver.read(points)).values.tolist() == [float(at % 3 == 0) for at in range(40)]
    assert asked == [1, 2]


async def test_a_mask_write_changes_the_field_alone_and_a_plain_one_is_refused() -> None:
    seen: list[bytes] = []

    def device(tid: int, body: bytes) -> bytes:
        seen.append(body[1:])
        return frame(tid, body)

    async with liar(device) as port, driver_at(port) as driver:
        await driver.write(point("a_kw", 9, bit=3, bits=2, write="mask"), 2)
        with pytest.raises(DeviceRefusedError, match="function 22"):
            await driver.write(point("a_kw", 9, bit=3, bits=2), 2)
    assert seen == [struct.pack(">BHHH", 22, 9, 0xFFE7, 0x0010)]


async def test_bits_are_written_by_function_22_at_another_implementation() -> None:
    plain = SimData(0, values=[0xA5F0, 0x00FF], datatype=SimType.REGISTERS)
    async with unit_1(plain) as port, driver_at(port) as driver:
        field = point("a_kw", 0, bit=2, bits=3, write="mask")
        swapped = point("b_kw", 1, bit=0, order="badc", write="mask")
        for value in (5, 0):
            await driver.write(field, value)
            assert await driver.read_back(field) == value
            await driver.write(swapped, value % 2)
            assert await driver.read_back(swapped) == value % 2
        assert await driver.read_raw("holding", 0, 2) == bytes.fromhex("a5e000ff")
        with pytest.raises(DeviceRefusedError, match="does not fit a field of 3 bits"):
            await driver.write(field, 8)


async def test_function_23_writes_and_the_read_back_is_a_request_of_its_own() -> None:
    plain = SimData(0, count=8, datatype=SimType.REGISTERS)
    async with unit_1(plain) as port, driver_at(port) as driver:
        single, double = (
            point("a_kw", 0, write="read_write"),
            point("b_kw", 2, type="f32", write="read_write"),
        )
        await driver.write(single, 17)
        await driver.write(double, -2.5)
        assert [await driver.read_back(one) for one in (single, double)] == [17.0, -2.5]


async def test_what_function_23_reads_is_no_read_back_and_its_count_is_checked() -> None:
    asked: list[int] = []

    def device(tid: int, body: bytes) -> bytes:
        asked.append(body[1])
        if body[1] == 23:
            return frame(tid, bytes((body[0], 23, 2, 0, 17)))
        return answer_with(tid, body, lambda _: 4)

    async with liar(device) as port, driver_at(port) as driver:
        await driver.write(point("a_kw", 0, write="read_write"), 17)
        assert await driver.read_back(point("a_kw", 0, write="read_write")) == 4.0
        with pytest.raises(BadAnswerError, match="another address, value or count"):
            await driver.write(point("b_kw", 2, type="f32", write="read_write"), 1.0)
    assert asked == [23, 3, 23]


async def test_an_echo_of_another_value_is_a_bad_answer() -> None:
    def device(tid: int, body: bytes) -> bytes:
        return frame(tid, body[:-1] + b"\x63")

    async with liar(device) as port, driver_at(port) as driver:
        with pytest.raises(BadAnswerError, match="another address, value or count"):
            await driver.write(point("a_kw", 0), 5)


async def test_who_it_is_comes_in_as_many_pages_as_the_device_makes() -> None:
    def device(tid: int, body: bytes) -> bytes:
        first, level = body[4], body[3]
        if level == 2:
            return refused(tid, body, 1)
        more = b"\xff\x02" if first == 0 else b"\x00\x00"
        objects = b"\x00\x04Acme" if first == 0 else b"\x02\x03V12"
        return frame(tid, body[:1] + b"\x2b\x0e\x01\x01" + more + b"\x01" + objects)

    async with liar(device) as port, driver_at(port) as driver:
        assert await driver.identity() == {0: "Acme", 2: "V12"}
