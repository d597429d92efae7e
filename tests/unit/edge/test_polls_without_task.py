"""Reads that are begun without a task: the usual ones end so; what does not, the task of the poll ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from edge_agent.drivers import make_drivers
from edge_agent.image import Image
from edge_agent.lines import Lines, RestOfRead
from edge_agent.poll import Poller, poll_groups
from edge_agent.rounds import Member
from protocols.clock import Instant
from protocols.device import EdgeDevices
from protocols.driver import Reading
from protocols.errors import DeviceUnreachableError
from protocols.frame import Frame
from protocols.profile import Profile
from protocols.quality import Quality
from runtime.clock import SystemClock, VirtualClock
from runtime.site import SiteDevices

TEXT = {"en": "x", "zh": "x"}
POINTS = tuple(f"p{at}_kw" for at in range(4))

pytestmark = pytest.mark.net

Answer = Callable[[bytes], Awaitable[bytes | None]]


async def well(body: bytes) -> bytes | None:
    """Zeros for a read, an echo for a write."""
    return body[:2] + bytes((2 * body[5],)) + bytes(2 * body[5]) if body[1] == 3 else body


def never(answer: Reading | RestOfRead) -> None:
    """Nothing was begun, so nothing ends."""
    pytest.fail(f"{answer} came")


def site_at(port: int, timeout_s: float) -> SiteDevices:
    """One device whose four points need a request each."""
    points = [
        {"name": name, "label": TEXT, "unit": "kW", "kind": "setpoint", "every_s": 0.04,
         "address": {"kind": "modbus", "address": 200 * at}}
        for at, name in enumerate(POINTS)
    ]  # fmt: skip
    profile = Profile.model_validate(
        {"id": "test", "label": TEXT, "protocol": "modbus", "equipment": "meter", "points": points}
    )
    at = {"kind": "modbus", "host": "127.0.0.1", "port": port}
    listed = {"id": "a", "label": TEXT, "profile": "test", "connection": {**at, "timeout_s": timeout_s}}
    edge = EdgeDevices.model_validate({"site": "demo", "edge": "edge1", "devices": [listed]})
    return SiteDevices(edge, {"test": profile})


@asynccontextmanager
async def device(answer: Answer, timeout_s: float = 1.0) -> AsyncIterator[tuple[SiteDevices, Lines]]:
    """Lines to a device that answers so."""

    here: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.add(writer)
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
            here.discard(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    site = site_at(server.sockets[0].getsockname()[1], timeout_s)
    try:
        async with Lines(site, make_drivers(site), SystemClock()) as lines:
            yield site, lines
    finally:
        async with asyncio.timeout(2):
            while here:
                await asyncio.sleep(0.005)
        server.close()


async def begun(lines: Lines) -> Reading | RestOfRead:
    """What comes of a read that was begun without a task."""
    end: asyncio.Future[Reading | RestOfRead] = asyncio.get_running_loop().create_future()
    assert lines.begin_read("a", POINTS, end.set_result)
    assert not end.done()
    async with asyncio.timeout(2):
        return await end


async def test_a_first_read_is_for_a_task_and_the_next_are_not() -> None:
    async with device(well) as (_, lines):
        assert not lines.begin_read("a", POINTS, never)
        await lines.read("a", POINTS)
        answer = await begun(lines)
        assert isinstance(answer, Reading)
        assert (answer.values.tolist(), answer.qualities.tolist()) == ([0.0] * 4, [Quality.GOOD] * 4)
        await lines.read("a", POINTS)  # the line is free again


async def test_two_reads_are_not_begun_on_one_line() -> None:
    async with device(well) as (_, lines), asyncio.TaskGroup() as tasks:
        await lines.read("a", POINTS)
        first = tasks.create_task(begun(lines))
        await asyncio.sleep(0)
        assert not lines.begin_read("a", POINTS, never)
        assert isinstance(await first, Reading)


async def test_a_write_goes_in_between_and_the_rest_is_read_by_a_task() -> None:
    asked: list[int] = []

    async def slowly(body: bytes) -> bytes | None:
        asked.append(body[1])
        await asyncio.sleep(0.01)
        return await well(body)

    async with device(slowly) as (_, lines), asyncio.TaskGroup() as tasks:
        await lines.read("a", POINTS)
        reading = tasks.create_task(begun(lines))
        await asyncio.sleep(0)
        write = tasks.create_task(lines.write("a", "p1_kw", 5))
        answer = await reading
        assert isinstance(answer, RestOfRead)
        assert not write.done()
        assert (await answer.read()).qualities.tolist() == [Quality.GOOD] * 4
        assert write.done()
    assert asked == [3, 3, 3, 3, 3, 6, 3, 3, 3]


async def test_a_silent_device_fails_in_the_task_and_a_dropped_rest_frees_the_line() -> None:
    mute = False

    async def sometimes(body: bytes) -> bytes | None:
        return None if mute else await well(body)

    async with device(sometimes, timeout_s=0.05) as (_, lines):
        await lines.read("a", POINTS)
        mute = True
        answer = await begun(lines)
        assert isinstance(answer, RestOfRead)
        assert not lines.begin_read("a", POINTS, never)
        answer.drop()
        with pytest.raises(DeviceUnreachableError):
            await lines.read("a", POINTS)
        assert lines.links()["a"] == "down"
        assert not lines.begin_read("a", POINTS, never)  # a device that is down is for a task


async def test_polls_go_on_through_silence_and_refusal_with_a_frame_for_each() -> None:
    mood = "well"

    async def moody(body: bytes) -> bytes | None:
        if mood == "mute":
            return None
        refused = mood == "refuses" and body[2:4] == b"\0\0"
        return bytes((body[0], body[1] | 0x80, 2)) if refused else await well(body)

    frames: list[Frame] = []
    async with device(moody, timeout_s=0.05) as (site, lines), asyncio.TaskGroup() as tasks:
        poller = Poller(
            poll_groups(site), lines, Image(), lambda frame, _: frames.append(frame), SystemClock()
        )
        polling = tasks.create_task(poller.run())
        for now, wanted in (
            ("well", [Quality.GOOD] * 4),
            ("refuses", [Quality.BAD_REFUSED, *[Quality.GOOD] * 3]),
            ("mute", [Quality.BAD_UNREACHABLE] * 4),
        ):
            mood = now
            seen = len(frames)
            async with asyncio.timeout(3):
                while not any(frame.qualities.tolist() == wanted for frame in frames[seen:]):
                    await asyncio.sleep(0.01)
        polling.cancel()
        await asyncio.wait({polling})
        seen = len(frames)
        with pytest.raises(DeviceUnreachableError):
            await lines.read("a", POINTS)  # it comes to its turn: nothing that was stopped holds the line
        assert len(frames) == seen


async def test_what_a_begun_member_misses_is_owed_to_its_task() -> None:
    class Begun(Member):
        @override
        def begin(self, at: Instant) -> bool:
            return bool(at)

    member = Begun(VirtualClock())
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(member.called())
        await asyncio.sleep(0)
        for _ in range(3):
            member.call(Instant("b", 1, 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        member.ended()
        assert (await waiting).boot == "virtualboot00000"
