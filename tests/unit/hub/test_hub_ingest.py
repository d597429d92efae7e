from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
from nats.aio.client import Client

from hub.ingest.decode import origin_of, row_of
from hub.roles import ingest
from hub.roles.options import RoleOptions
from hub.store.engine import StorePlace, open_reader
from hub.store.port import Span, StoreReader
from protocols import subjects
from protocols.clock import Instant
from protocols.coverage import decode_coverage
from protocols.errors import StoreError
from protocols.frame import Bundle, Catalogue, Frame, encode_bundle
from protocols.gap import Gap
from protocols.heartbeat import Heartbeat
from protocols.point import PointId
from protocols.quality import Quality
from runtime.bus import connect, ensure_streams, publish_row
from runtime.children import free_port
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus

S = 1_000_000_000
METER = Catalogue("demo", "meter", ("power_kw",), ("kW",), ("measurement",))
POWER = PointId("demo", "meter", "power_kw")
JOURNAL = "aa11"
SPAN = Span("edge1", JOURNAL, 0, 10**9)

pytestmark = pytest.mark.net


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RunningBus]:
    with running_bus(tmp_path) as running:
        yield running


def options(bus: RunningBus, folder: Path) -> RoleOptions:
    return RoleOptions(folder, "demo", folder / "hub", bus.url, bus.config.keys, free_port())


def payload(seq: int, value: float = 1.0, from_ns: int = 0) -> bytes:
    at = Instant("b", seq * S, from_ns + seq * S)
    frame = Frame(METER.hash(), at, np.array([value]), np.zeros(1, np.uint8))
    return encode_bundle(Bundle("edge1", JOURNAL, seq, seq * S, (frame,)))


async def wait_for(true: Callable[[], bool], most_s: float = 10.0) -> None:
    async with asyncio.timeout(most_s):
        while not true():
            await asyncio.sleep(0.02)


class Edge:
    """What an edge does on the bus, with its own login and rights."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.from_ns = 0
        self.js = client.jetstream()

    async def send(self, seq: int, value: float = 1.0, ident: str | None = None) -> None:
        """`ident` lets a row pass the bus's own filter for doubles, as it does after two minutes."""
        subject = subjects.telemetry("edge1", JOURNAL)
        body = payload(seq, value, self.from_ns)
        await publish_row(self.js, subject, body, ident or subjects.message_id(JOURNAL, seq))

    async def send_catalogue(self) -> None:
        await self.js.publish(subjects.catalogue("edge1", METER.hash().hex()), METER.encode())


@asynccontextmanager
async def an_edge(bus: RunningBus) -> AsyncIterator[Edge]:
    hub = await connect(bus.login("hub"))
    await ensure_streams(hub.jetstream())
    await hub.close()
    client = await connect(bus.login("edge1"))
    try:
        yield Edge(client)
    finally:
        await client.close()


@asynccontextmanager
async def running_ingest(settings: RoleOptions) -> AsyncIterator[StoreReader]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_until_cancelled(settings))
        await wait_for(lambda: settings.series_path.exists() and _readable(settings.series_path))
        reader = open_reader(StorePlace(settings.series_path))
        try:
            yield reader
        finally:
            reader.close()
            task.cancel()


async def _until_cancelled(settings: RoleOptions) -> None:
    await ingest.run(settings)


def _readable(path: Path) -> bool:
    try:
        open_reader(StorePlace(path)).close()
    except StoreError:
        return False
    return True


async def test_a_bundle_is_stored_covered_and_told(bus: RunningBus, tmp_path: Path) -> None:
    settings = options(bus, tmp_path)
    hub = await connect(bus.login("hub"))
    values = await hub.subscribe(subjects.event("demo", "values"))
    async with an_edge(bus) as edge, running_ingest(settings) as reader:
        covered = await edge.client.subscribe(subjects.coverage("edge1"))
        await edge.client.flush()
        await hub.flush()
        await edge.send_catalogue()
        await edge.send(1, 42.0)
        message = await covered.next_msg(timeout=5)
        assert decode_coverage(message.data).ranges == ((1, 1),)
        assert reader.last()[POWER].value == 42.0
        told = await values.next_msg(timeout=5)
        assert msgpack.unpackb(told.data) == [
            ["demo/meter/power_kw", 42.0, Quality.UNCERTAIN_TIME, S, 0]
        ]  # of 1970
    await hub.close()


async def test_rows_re_sent_and_out_of_order_are_stored_once(bus: RunningBus, tmp_path: Path) -> None:
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        await edge.send_catalogue()
        for seq in (3, 1, 2, 5, 4):
            await edge.send(seq)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 5)])
        async with edge_past_filter(bus) as again:
            for seq in range(1, 6):
                await again(seq)
        await edge.send(6)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 6)])
        counts = reader.counts(SPAN)
        assert (counts.stored, counts.duplicates) == (6, 0)


@asynccontextmanager
async def edge_past_filter(bus: RunningBus) -> AsyncIterator[Callable[[int], asyncio.Future[None]]]:
    """Sends rows again after the bus has forgotten their ids: its streams are made anew."""
    hub = await connect(bus.login("hub"))
    js = hub.jetstream()
    async with asyncio.timeout(10):  # each part that opens may bring the stream to its settings again
        while len(await js.consumers_info("TEL")) < subjects.PARTITIONS:
            await asyncio.sleep(0.02)
    config = (await js.stream_info("TEL")).config
    config.duplicate_window = 0.1
    await js.update_stream(config)
    edge = await connect(bus.login("edge1"))
    await asyncio.sleep(0.05)

    async def send(seq: int) -> None:
        subject = subjects.telemetry("edge1", JOURNAL)
        async with asyncio.timeout(5):
            while (
                await edge.jetstream().publish(
                    subject, payload(seq), headers={"Nats-Msg-Id": subjects.message_id(JOURNAL, seq)}
                )
            ).duplicate:
                await asyncio.sleep(0.05)

    try:
        yield send  # type: ignore[misc]  # a coroutine function
    finally:
        await edge.close()
        await hub.close()


async def test_a_bundle_waits_for_its_catalogue_and_does_not_hold_others_up(
    bus: RunningBus, tmp_path: Path
) -> None:
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        await edge.send(1)
        receipt = subjects.receipts("edge1", JOURNAL)
        await publish_row(edge.js, receipt, b"r", subjects.message_id(JOURNAL, 2))
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(2, 2)])
        assert reader.receipts(0)[0].body == b"r"
        await edge.send_catalogue()
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 2)])
        assert reader.counts(SPAN).stored == 1


async def test_rubbish_is_covered_and_kept_apart(bus: RunningBus, tmp_path: Path) -> None:
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        subject = subjects.telemetry("edge1", JOURNAL)
        await edge.send_catalogue()
        await publish_row(edge.js, subject, b"rubbish", subjects.message_id(JOURNAL, 1))
        await publish_row(edge.js, subject, payload(9), subjects.message_id(JOURNAL, 2))
        await publish_row(edge.js, subject, payload(9), "no id")
        await edge.send(3)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 3)])
        assert reader.counts(SPAN).stored == 1


async def test_what_an_edge_gave_up_is_stored_told_and_is_no_receipt(
    bus: RunningBus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gap = Gap("edge1", "of_an_older_boot", 3, 9, 7, 4200)
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        subject = subjects.receipts("edge1", JOURNAL)
        bodies = [gap.encode(), replace(gap, edge="edge2").encode(), replace(gap, first=-1).encode(), b"r"]
        for seq, body in enumerate(bodies, start=1):
            await publish_row(edge.js, subject, body, subjects.message_id(JOURNAL, seq))
        await publish_row(edge.js, subject, gap.encode(), "again", 5.0)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 4)])
        assert reader.gaps() == [gap]
        assert [row.body for row in reader.receipts(0)] == [b"r"]
    assert "gave up 7 rows with 4200 samples for want of room, seq 3 to 9" in caplog.text


async def test_a_heartbeat_is_kept_and_answers_with_coverage(bus: RunningBus, tmp_path: Path) -> None:
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        await edge.send_catalogue()
        await edge.send(1)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 1)])
        covered = await edge.client.subscribe(subjects.coverage("edge1"))
        await edge.client.flush()
        beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, pending=1, journal=JOURNAL)
        await edge.client.publish(subjects.heartbeat("edge1"), beat.encode())
        assert decode_coverage((await covered.next_msg(timeout=5)).data).ranges == ((1, 1),)
        await wait_for(lambda: [row.body for row in reader.heartbeats()] == [beat.encode()])


async def test_a_second_agent_is_told_of_and_nothing_of_it_is_kept(bus: RunningBus, tmp_path: Path) -> None:
    async with an_edge(bus) as edge, running_ingest(options(bus, tmp_path)) as reader:
        hub = await connect(bus.login("hub"), None)
        told = await hub.subscribe(subjects.event("demo", "heartbeat"))
        await hub.flush()
        twin = Heartbeat("edge1", "demo", 2, "b", 1, 1, 0, pending=1, journal="copy", read_only=True)
        true = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0)
        await edge.send_catalogue()
        await edge.send(1)
        await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, 1)])  # it is at work
        for beat in (true, twin):
            await edge.client.publish(subjects.heartbeat("edge1"), beat.encode())
            assert (await told.next_msg(timeout=5)).data == beat.encode()
        await wait_for(lambda: [row.body for row in reader.heartbeats()] == [true.encode()])
        await hub.close()


async def test_ingest_waits_for_a_bus_that_is_not_there_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RoleOptions(tmp_path, "demo", tmp_path, "nats://127.0.0.1:9", tmp_path, 1)
    async with running_ingest(settings):
        await wait_for(lambda: "waiting for it" in caplog.text)
        await asyncio.sleep(0.05)
        assert caplog.text.count("waiting for it") == 1


async def test_kill_9_in_the_middle_loses_and_doubles_nothing(bus: RunningBus, tmp_path: Path) -> None:
    settings = options(bus, tmp_path)
    code = (
        "import asyncio, pathlib; from hub.roles import ingest, options as o; P = pathlib.Path;"
        f"s = o.RoleOptions(P({str(settings.config)!r}), 'demo', P({str(settings.state)!r}),"
        f" {settings.bus!r}, P({str(settings.keys)!r}), 1); asyncio.run(ingest.run(s))"
    )
    rows = 400
    async with an_edge(bus) as edge:
        edge.from_ns = SystemClock().now().wall_ns - rows * S  # what is older than its retention goes
        await edge.send_catalogue()
        process = start(code)
        for seq in range(1, rows + 1):
            await edge.send(seq)
            if seq == 50:
                await wait_for(lambda: settings.series_path.exists() and _some(settings.series_path))
            if seq in {150, 300}:
                process.send_signal(signal.SIGKILL)
                process.wait()
                process = start(code)
        reader = open_reader(StorePlace(settings.series_path))
        try:
            await wait_for(lambda: reader.ranges("edge1", JOURNAL) == [(1, rows)], 15)
            counts = reader.counts(SPAN)
        finally:
            process.terminate()
            process.wait()
            reader.close()
    assert (counts.stored, counts.duplicates) == (rows, 0)


def start(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


def _some(path: Path) -> bool:
    try:
        reader = open_reader(StorePlace(path))
    except StoreError:
        return False
    found = bool(reader.ranges("edge1", JOURNAL))
    reader.close()
    return found


@pytest.mark.parametrize(
    "ident", [None, "", "aa11", "bb:1", "aa11:x", "aa11:-1", "aa11:" + "9" * 30, "aa11:٣"]
)
def test_a_message_id_that_is_not_the_journal_s_is_refused(ident: str | None) -> None:
    assert origin_of("tel.edge1.aa11", ident) is None


def test_a_bundle_with_an_instant_beyond_the_store_is_rejected() -> None:
    origin = origin_of("tel.edge1.aa11", "aa11:1")
    assert origin is not None
    frame = Frame(METER.hash(), Instant("b", 0, 2**63), np.array([1.0]), np.zeros(1, np.uint8))
    assert row_of(origin, encode_bundle(Bundle("edge1", "aa11", 1, 0, (frame,)))).rejected is not None
