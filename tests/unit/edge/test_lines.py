"""Lines: writes before reads, one request at a time, and a dead device delays nobody else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimType
from pymodbus.simulator import SimData, SimDevice

from edge_agent.breaker import Breaker
from edge_agent.drivers import make_drivers
from edge_agent.image import Image
from edge_agent.lines import Lines, line_key
from edge_agent.poll import Poller, poll_groups
from edge_agent.turns import Turns
from protocols.device import EdgeDevices
from protocols.errors import DeviceUnreachableError
from protocols.frame import Frame
from protocols.profile import Profile
from protocols.quality import Quality
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.site import SiteDevices

TEXT = {"en": "x", "zh": "x"}


def site(ports: dict[str, tuple[int, int]], timeout_s: float = 1.0, every_s: float = 0.05) -> SiteDevices:
    """Devices by name at (port, unit), each with two registers."""
    points = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "address": {"kind": "modbus", "address": at},
         "every_s": every_s, "kind": "setpoint" if at else "measurement"}
        for at in range(2)
    ]  # fmt: skip
    profile = Profile.model_validate(
        {"id": "test", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    )
    devices = [
        {"id": name, "label": TEXT, "profile": "test",
         "connection": {"kind": "modbus", "host": "127.0.0.1", "port": port, "unit": unit,
                        "timeout_s": timeout_s}}
        for name, (port, unit) in ports.items()
    ]  # fmt: skip
    edge = EdgeDevices.model_validate({"site": "demo", "edge": "edge1", "devices": devices})
    return SiteDevices(edge, {"test": profile})


@asynccontextmanager
async def gateway(*units: int, silent: tuple[int, ...] = ()) -> AsyncIterator[int]:
    """A Modbus server with living units, and units it never answers for."""
    port = free_port()
    devices = [
        SimDevice(id=unit, simdata=[SimData(0, values=[unit, 0], datatype=SimType.REGISTERS)])
        for unit in units
    ]
    server = ModbusTcpServer(devices, address=("127.0.0.1", port), ignore_missing_devices=bool(silent))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without types


@asynccontextmanager
async def raw_gateway(answer: Callable[[bytes], Awaitable[bytes | None]]) -> AsyncIterator[int]:
    """A server that answers unit and data unit as told; None is silence."""
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(6)
                pdu = await answer(await reader.readexactly(head[5]))
                if pdu is not None:
                    writer.write(head[:4] + len(pdu).to_bytes(2, "big") + pdu)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        async with asyncio.timeout(2):
            await gone.wait()
        server.close()


@asynccontextmanager
async def lines_of(devices: SiteDevices) -> AsyncIterator[Lines]:
    async with Lines(devices, make_drivers(devices), SystemClock()) as lines:
        yield lines


@asynccontextmanager
async def turn(turns: Turns, *, urgent: bool) -> AsyncIterator[None]:
    ticket = object()
    await turns.take(ticket, urgent=urgent)
    try:
        yield
    finally:
        turns.let_go(ticket)


async def test_urgent_turns_come_first_and_all_come() -> None:
    turns, order = Turns(), []

    async def take(name: str, *, urgent: bool) -> None:
        async with turn(turns, urgent=urgent):
            order.append(name)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as tasks:
        for name, urgent in (("first", False), ("read", False), ("read again", False), ("write", True)):
            tasks.create_task(take(name, urgent=urgent))
    assert order == ["first", "write", "read", "read again"]


async def test_a_cancelled_waiter_does_not_keep_the_turn() -> None:
    turns = Turns()
    async with asyncio.TaskGroup() as tasks, turn(turns, urgent=False):
        waiter = tasks.create_task(_take(turns))
        await asyncio.sleep(0.001)
        waiter.cancel()
    async with asyncio.timeout(1), turn(turns, urgent=False):
        pass


async def _take(turns: Turns) -> None:
    async with turn(turns, urgent=False):
        pass


async def test_a_full_line_refuses_one_more() -> None:
    turns = Turns(most_waiting=1)
    async with asyncio.TaskGroup() as tasks, turn(turns, urgent=False):
        tasks.create_task(_take(turns))
        await asyncio.sleep(0.001)
        with pytest.raises(DeviceUnreachableError, match="wait at this line"):
            await _take(turns)


async def test_units_behind_one_address_share_a_line() -> None:
    one, two, three = site({"a": (1502, 1), "b": (1502, 2), "c": (1503, 1)}).edge.devices
    assert line_key(one) == line_key(two) != line_key(three)


@pytest.mark.net
async def test_what_is_written_is_read_back_through_the_line() -> None:
    async with gateway(1) as port, lines_of(site({"a": (port, 1)})) as lines:
        assert lines.links() == {"a": "down"}
        await lines.write("a", "p1_kw", 42)
        assert await lines.read_back("a", "p1_kw") == 42
        assert (await lines.read("a", ["p1_kw", "p0_kw"])).values.tolist() == [42, 1]
        assert lines.links() == {"a": "up"}


@pytest.mark.net
async def test_a_device_that_went_down_is_said_once_and_once_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "edge_agent.lines")
    port = free_port()
    async with lines_of(site({"a": (port, 1)})) as lines:
        for _ in range(6):
            with pytest.raises(DeviceUnreachableError):
                await lines.read("a", ["p0_kw"])
        assert [record.getMessage().split(":")[0] for record in caplog.records] == ["a is down"]


@pytest.mark.net
async def test_a_dead_unit_behind_a_gateway_does_not_starve_the_living_ones() -> None:
    async with gateway(1, 2, silent=(9,)) as port:
        devices = site({"a": (port, 1), "dead": (port, 9), "b": (port, 2)}, timeout_s=0.2)
        frames: list[tuple[str, Frame]] = []
        async with lines_of(devices) as lines:
            groups = poll_groups(devices)
            names = {group.hash: group.device for group in groups}
            poller = Poller(
                groups,
                lines,
                Image(),
                lambda frame, _: frames.append((names[frame.catalogue], frame)),
                SystemClock(),
            )
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2.0):
                    await poller.run()
    good = {
        name: sum(frame.qualities[0] == Quality.GOOD for of, frame in frames if of == name)
        for name in names.values()
    }
    assert good["dead"] == 0
    assert min(good["a"], good["b"]) >= 20  # 40 periods; three full time-outs and the probes cost some


@pytest.mark.net
async def test_the_breaker_of_a_dead_device_opens_and_each_call_after_one_in_vain_is_a_retry() -> None:
    async def silent(_: bytes) -> bytes | None:
        return None

    async with raw_gateway(silent) as port:
        devices = site({"dead": (port, 1)}, timeout_s=0.05)
        async with lines_of(devices) as lines:
            assert (lines.breakers(), lines.retries()) == ({"dead": Breaker.CLOSED}, {"dead": 0})
            for _ in range(5):  # three calls go out, then it is asked rarely and the others are refused
                with pytest.raises(DeviceUnreachableError):
                    await lines.read("dead", ["p0_kw"])
            assert (lines.breakers(), lines.retries()) == ({"dead": Breaker.OPEN}, {"dead": 2})
            assert lines.waiting() == {"dead": 0}


@pytest.mark.net
async def test_a_dead_device_does_not_delay_another_line() -> None:
    async with gateway(1) as port:
        devices = site({"a": (port, 1), "dead": (free_port(), 1)})
        at: list[int] = []
        async with lines_of(devices) as lines:
            first = poll_groups(devices)[0].hash
            poller = Poller(
                poll_groups(devices),
                lines,
                Image(),
                lambda frame, _: at.append(frame.at.mono_ns) if frame.catalogue == first else None,
                SystemClock(),
            )
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await poller.run()
    assert len(at) >= 15


@pytest.mark.net
async def test_a_failed_poll_is_a_frame_without_numbers_and_shows_in_the_image() -> None:
    devices = site({"dead": (free_port(), 1)})
    frames: list[Frame] = []
    image = Image()
    async with lines_of(devices) as lines:
        (group,) = poll_groups(devices)
        poller = Poller((group,), lines, image, lambda frame, _: frames.append(frame), SystemClock())
        await poller.poll_once(group, SystemClock().now())
    assert set(frames[0].qualities.tolist()) == {Quality.BAD_UNREACHABLE}
    assert image.get("dead/p0_kw").quality == Quality.BAD_UNREACHABLE
    assert image.get("dead/p0_kw").value != image.get("dead/p0_kw").value  # NaN


async def test_a_holder_that_gives_way_comes_back_before_other_reads() -> None:
    turns, order = Turns(), []

    async def take(name: str, *, urgent: bool) -> None:
        async with turn(turns, urgent=urgent):
            order.append(name)
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as tasks, turn(turns, urgent=False):
        tasks.create_task(take("other read", urgent=False))
        tasks.create_task(take("write", urgent=True))
        await asyncio.sleep(0.001)
        assert turns.wanted()
        await turns.give_way()
        order.append("holder")
        assert not turns.wanted()
        await turns.give_way()
    assert order == ["write", "holder", "other read"]


async def test_a_holder_cancelled_while_it_gave_way_leaves_the_line_usable() -> None:
    turns = Turns()

    async def hold() -> None:
        async with turn(turns, urgent=False):
            await asyncio.sleep(0.001)
            await turns.give_way()

    async def write() -> None:
        async with turn(turns, urgent=True):
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as tasks:
        holder = tasks.create_task(hold())
        await asyncio.sleep(0)
        tasks.create_task(write())
        await asyncio.sleep(0.003)
        holder.cancel()
    async with asyncio.timeout(1), turn(turns, urgent=False):
        pass


@pytest.mark.net
async def test_a_write_goes_in_between_the_requests_of_a_long_read() -> None:
    asked: list[int] = []

    async def answer(body: bytes) -> bytes:
        asked.append(body[1])
        await asyncio.sleep(0.01)
        return body[:2] + bytes((2 * body[5],)) + bytes(2 * body[5]) if body[1] == 3 else body

    spread = [
        {"name": f"p{at}_kw", "label": TEXT, "unit": "kW", "kind": "setpoint",
         "address": {"kind": "modbus", "address": 200 * at}}
        for at in range(20)
    ]  # fmt: skip
    async with raw_gateway(answer) as port:
        devices = site({"a": (port, 1)})
        profile = Profile.model_validate(devices.profiles["test"].model_dump() | {"points": spread})
        devices = SiteDevices(devices.edge, {"test": profile})
        async with lines_of(devices) as lines, asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(lines.read("a", [f"p{at}_kw" for at in range(20)]))
            await asyncio.sleep(0.035)
            await lines.write("a", "p1_kw", 5)
            assert not reading.done()
            assert (await reading).qualities.tolist() == [0] * 20
    assert asked.index(6) < 8


@pytest.mark.net
async def test_a_dead_unit_takes_a_twentieth_of_a_shared_line_at_most() -> None:
    async def one_dead(body: bytes) -> bytes | None:
        return None if body[0] == 9 else body[:2] + bytes((2 * body[5],)) + bytes(2 * body[5])

    async with raw_gateway(one_dead) as port:
        devices = site({"a": (port, 1), "dead": (port, 9)}, timeout_s=0.1)
        async with lines_of(devices) as lines:
            begin_s = time.monotonic()
            wasted_s = 0.0
            while time.monotonic() < begin_s + 1.5:
                before_s = time.monotonic()
                with pytest.raises(DeviceUnreachableError):
                    await lines.read("dead", ["p0_kw"])
                wasted_s += time.monotonic() - before_s
                assert (await lines.read("a", ["p0_kw"])).values.tolist() == [0]
                await asyncio.sleep(0.02)
    assert wasted_s < 0.3  # the first silence, and nothing again for two seconds
