from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.aio.client import Client

from hub.command.election import Claim
from hub.command.leader import Company, Leader, decode_leader_news
from hub.database import Sessions
from hub.ledger import book
from protocols.errors import BusError
from protocols.subjects import BUCKET_LEADER, event
from runtime.bus import connect, ensure_streams
from runtime.bus_seat import Bucket, Seat
from runtime.clock import SystemClock
from runtime.nats_server import RunningBus, running_bus
from runtime.process import own_name

pytestmark = pytest.mark.net
LEASE_S = 0.6


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningBus]:
    with running_bus(tmp_path) as server:
        yield server


@pytest.fixture
async def bus(server: RunningBus) -> AsyncIterator[Client]:
    client = await connect(server.login("hub"))
    await ensure_streams(client.jetstream())
    yield client
    await client.close()


def leader_of(bus: Client, sessions: Sessions, fence: Callable[[], int | None] = lambda: 0) -> Leader:
    return Leader(Company("demo", bus, sessions), SystemClock(), fence, LEASE_S)


async def stepped(leader: Leader, done: Callable[[], bool], most_s: float = 5.0) -> None:
    async with asyncio.timeout(most_s):
        while not done():
            await leader.step()
            await asyncio.sleep(0.02)


async def test_the_first_hub_leads_at_once_and_the_second_stands_by_until_the_first_is_silent(
    bus: Client, sessions: Sessions
) -> None:
    first, second = leader_of(bus, sessions), leader_of(bus, sessions)
    await first.step()
    assert (first.epoch, first.may_speak()) == (1, True)
    clock, began_s = SystemClock(), SystemClock().mono_s()
    while clock.mono_s() - began_s < 2 * LEASE_S:
        await second.step()
        await first.step()
        assert (first.epoch, second.epoch) == (1, 0)
        await asyncio.sleep(0.02)
    silent_s = clock.mono_s()
    await stepped(second, lambda: second.epoch > 0)
    assert clock.mono_s() - silent_s >= LEASE_S * 2 / 3
    assert second.epoch == 2
    assert not first.may_speak()
    await first.step()
    assert first.epoch == 0


async def test_a_hub_that_resigns_leaves_the_seat_free_at_once(bus: Client, sessions: Sessions) -> None:
    first, second = leader_of(bus, sessions), leader_of(bus, sessions)
    await first.step()
    await second.step()
    await first.resign()
    assert not first.may_speak()
    await second.step()
    assert second.epoch == 2


async def test_nobody_waits_for_a_process_that_has_ended(bus: Client, sessions: Sessions) -> None:
    for started, epoch in ((0, 0), (1, 7)):
        dead = replace(own_name(), started=own_name().started - started)
        seat = Seat(bus, "demo", 5.0, Bucket())
        record = await seat.read()
        claim = Claim("other", dead, 6, 0.0, 100.0)
        assert await seat.write(claim.encode(), record.revision if record is not None else 0)
        leader = leader_of(bus, sessions)
        await leader.step()
        assert leader.epoch == epoch


async def test_a_record_that_cannot_be_read_is_somebodys_for_a_lease(bus: Client, sessions: Sessions) -> None:
    assert await Seat(bus, "demo", 5.0, Bucket()).write(b"of a version to come", 0)
    leader = leader_of(bus, sessions)
    await leader.step()
    assert leader.epoch == 0
    await stepped(leader, lambda: leader.epoch > 0)
    assert leader.epoch == 1


async def test_the_epoch_is_above_database_record_and_fence(bus: Client, sessions: Sessions) -> None:
    fences: list[int | None] = [None, None, 40]
    first = leader_of(bus, sessions, lambda: fences.pop(0))
    for epoch in (0, 0, 41):
        await first.step()
        assert first.epoch == epoch
    await first.resign()
    assert await book.take_office(sessions, "demo", 50, 0) == 51
    second = leader_of(bus, sessions)
    await second.step()
    assert second.epoch == 52


async def test_a_higher_fence_ends_the_term_and_the_next_one_begins_a_lease_later(
    bus: Client, sessions: Sessions
) -> None:
    fence = 0
    leader = leader_of(bus, sessions, lambda: fence)
    await leader.step()
    leader.outdone(1)
    assert leader.epoch == 1
    fence = 7
    leader.outdone(fence)
    assert (leader.epoch, leader.may_speak()) == (0, False)
    began_s = SystemClock().mono_s()
    await stepped(leader, lambda: leader.epoch > 0)
    assert SystemClock().mono_s() - began_s >= LEASE_S
    assert leader.epoch == 8


async def test_a_lost_bucket_is_made_again_and_begins_a_new_term(bus: Client, sessions: Sessions) -> None:
    leader = leader_of(bus, sessions)
    await leader.step()
    await bus.jetstream().delete_stream(f"KV_{BUCKET_LEADER}")
    await leader.step()
    assert leader.epoch == 2


async def test_while_the_bus_is_away_nobody_speaks_and_afterwards_the_same_hub_leads_on(
    server: RunningBus, bus: Client, sessions: Sessions
) -> None:
    leader = leader_of(bus, sessions)
    await leader.step()
    server.server.kill()
    with pytest.raises(BusError):
        while leader.may_speak():
            await leader.step()
            await asyncio.sleep(0.02)
    while leader.may_speak():
        await asyncio.sleep(0.02)
    server.server.start()
    async with asyncio.timeout(10.0):
        while not leader.may_speak():
            try:
                await leader.step()
            except BusError:
                await asyncio.sleep(0.02)
    assert leader.epoch == 1


async def test_who_leads_is_told_on_the_bus(bus: Client, sessions: Sessions) -> None:
    heard = await bus.subscribe(event("demo", "leader"))
    leader = leader_of(bus, sessions)
    async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
        task = group.create_task(leader.run())
        news = decode_leader_news((await heard.next_msg(timeout=5)).data)
        task.cancel()
    assert (news.state, news.epoch) == ("leading", 1)
