"""Who takes in what: the record of workers by itself, and workers on a real bus."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from hub.ingest.sharing import DUTIES, LEASE_S, PARTS, Row, Sharing, Table, decode_table, encode_table, shares
from hub.ingest.shift import Place, Shift
from protocols.errors import ContractError, StoreError
from protocols.subjects import BUCKET_INGEST
from runtime.bus import connect
from runtime.bus_seat import Bucket, Seat
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus
from runtime.process import ProcessName, own_name

HERE = ProcessName("", 0, 0)
ALL = frozenset(range(PARTS))


class Scene:
    """Workers that come, stop, go on and die, on one record; each looks by a clock of its own."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311  repeatable, no secret
        self.table: Table = {}
        self.now_s = 0.0
        self.workers: dict[str, Sharing] = {}
        self.skew_s: dict[str, float] = {}
        self.runs: dict[str, frozenset[int]] = {}

    def join(self, name: str) -> None:
        self.workers[name] = Sharing(name, HERE, alone=False)
        self.skew_s[name] = self.dice.uniform(-1e6, 1e6)
        self.runs[name] = frozenset()

    def turn(self, name: str) -> None:
        """Read, maybe lose the race, write, begin and end."""
        now_s = self.now_s + self.skew_s[name]
        wanted = self.workers[name].next(self.table, now_s, self.runs[name])
        while self.dice.random() < 0.2:  # somebody else was quicker
            wanted = self.workers[name].next(self.table, now_s, self.runs[name])
        assert wanted is not None
        self.table = decode_table(encode_table(wanted))
        self.runs[name] = self.workers[name].due(wanted)

    def die(self, name: str) -> None:
        del self.workers[name], self.runs[name]


@pytest.mark.parametrize("seed", range(8))
def test_every_part_has_one_worker_and_all_have_their_share_soon_after_any_trouble(seed: int) -> None:
    scene = Scene(seed)
    for round_ in range(40):
        if len(scene.workers) < 2 or (len(scene.workers) < 6 and scene.dice.random() < 0.3):
            scene.join(f"w{round_}")
        elif scene.dice.random() < 0.3:
            scene.die(scene.dice.choice(sorted(scene.workers)))
        for _ in range(12):
            for name in scene.dice.sample(sorted(scene.workers), len(scene.workers)):
                scene.turn(name)
                doubles = Counter(part for runs in scene.runs.values() for part in runs)
                assert set(doubles.values()) <= {1}, "a part that two work on"
            scene.now_s += 1.0
        held = sorted(part for runs in scene.runs.values() for part in runs)
        assert held == sorted(ALL), "a part that nobody works on"
        counts = [len(runs) for runs in scene.runs.values()]
        assert max(counts) - min(counts) <= 1


def test_a_worker_that_slept_longer_than_its_lease_ends_what_others_took() -> None:
    scene = Scene(1)
    for name in ("a", "b"):
        scene.join(name)
    for _ in range(5):
        scene.turn("a")
        scene.turn("b")
        scene.now_s += 1.0
    for _ in range(8):  # b sleeps
        scene.turn("a")
        scene.now_s += 1.0
    assert scene.runs["a"] == ALL
    for _ in range(5):
        scene.turn("b")
        scene.turn("a")
        scene.now_s += 1.0
    assert not scene.runs["a"] & scene.runs["b"]
    assert scene.runs["a"] | scene.runs["b"] == ALL


def test_nothing_moves_while_nothing_happens_and_little_when_one_comes() -> None:
    table = {f"w{n}": Row(HERE, 1, alone=False, holds=frozenset(range(n, PARTS, 3))) for n in range(3)}
    assert shares(table) == {worker: row.holds for worker, row in table.items()}
    after = shares({**table, "w9": Row(HERE, 1, alone=False, holds=frozenset())})
    assert all(after[worker] <= row.holds for worker, row in table.items())
    assert any(DUTIES in parts for worker, parts in after.items() if worker != "w9")


def test_an_unreadable_record_is_refused() -> None:
    for data in (b"", b"\x93", encode_table({})[:-1] + b"\x01", b"\x92\x09\x80"):
        with pytest.raises(ContractError):
            decode_table(data)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[RunningBus]:
    with running_bus(tmp_path) as running:
        yield running


async def _until(true: Callable[[], bool], most_s: float) -> None:
    async with asyncio.timeout(most_s):
        while not true():
            await asyncio.sleep(0.02)


async def _idle(_part: int) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def _worker(client: Client, *, alone: bool = False) -> AsyncIterator[Shift]:
    shift = Shift(Place(client, "demo"), SystemClock(), _idle, alone=alone)
    await shift.join()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(shift.run())
        yield shift
        task.cancel()


@pytest.mark.net
async def test_workers_share_and_who_leaves_is_followed_at_once(bus: RunningBus) -> None:
    client = await connect(bus.login("hub"))
    async with _worker(client) as first:
        await _until(lambda: first.parts == ALL, 5)
        async with _worker(client) as second:
            await _until(lambda: len(second.parts) == PARTS // 2, 5)
            assert first.parts | second.parts == ALL
            assert DUTIES in first.parts
        await _until(lambda: first.parts == ALL, 3)
    await client.close()


@pytest.mark.net
async def test_the_parts_of_a_worker_that_is_silent_go_to_the_others_within_its_lease(
    bus: RunningBus,
) -> None:
    client = await connect(bus.login("hub"))
    away = {"else": Row(ProcessName("elsewhere", 7, 7), 5, alone=False, holds=ALL)}
    await Seat(client, "demo", 2.0, Bucket(BUCKET_INGEST, 65_536)).write(encode_table(away), 0)
    async with _worker(client) as first:
        await asyncio.sleep(0.05)
        assert not first.parts
        await _until(lambda: first.parts == ALL, LEASE_S + 3)
    await client.close()


@pytest.mark.net
async def test_a_second_worker_on_a_store_with_one_writer_is_refused_in_words(bus: RunningBus) -> None:
    client = await connect(bus.login("hub"))
    async with _worker(client, alone=True) as first:
        await _until(lambda: first.parts == ALL, 5)
        for alone in (True, False):
            second = Shift(Place(client, "demo"), SystemClock(), _idle, alone=alone)
            with pytest.raises(StoreError, match=f"process {own_name().pid}.*one writer"):
                await second.join()
        assert first.parts == ALL
    await client.close()


@pytest.mark.net
async def test_one_writer_that_was_killed_elsewhere_is_waited_for(bus: RunningBus) -> None:
    client = await connect(bus.login("hub"))
    away = {"else": Row(ProcessName("elsewhere", 7, 7), 5, alone=True, holds=ALL)}
    await Seat(client, "demo", 2.0, Bucket(BUCKET_INGEST, 65_536)).write(encode_table(away), 0)
    async with _worker(client, alone=True) as first:
        await _until(lambda: first.parts == ALL, 3)
    await client.close()
