"""Who may write, against a real bus: the record of an edge, its permission, and what a box remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from typing_extensions import override

from edge_agent.alone import ASK_S, HOLD_S, SURE_S, Alone
from edge_agent.contest import LEASE_S, RENEW_S, Claimant, decode_claimant
from protocols.subjects import BUCKET_EDGES, edge_key, edge_record
from runtime.bus import connect, ensure_streams
from runtime.bus_layout import EDGE_CONNECTIONS
from runtime.clock import SystemClock, VirtualClock
from runtime.nats_server import running_bus

OTHER = Claimant("bootb:1:9", "run_b", 40)


def begun(state: Path, clock: VirtualClock) -> Alone:
    state.mkdir(exist_ok=True)
    return Alone("edge1", state, 3, clock, lambda: None)


def test_a_start_without_a_bus_waits_a_moment_and_then_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock()
    alone = begun(tmp_path, clock)
    alone.on_bus("down")
    assert not alone.may_write()
    clock.advance(HOLD_S)
    assert alone.may_write()
    assert alone.trouble == ""


def test_a_start_on_a_slow_link_waits_longer_as_the_bus_may_yet_say_that_it_is_a_clone(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    alone = begun(tmp_path, clock)
    clock.advance(HOLD_S)
    assert not alone.may_write(), "the connection is still being made"
    alone.on_bus("up")
    clock.advance(HOLD_S)
    assert not alone.may_write(), "the question is on its way"
    clock.advance(ASK_S - 2 * HOLD_S)
    assert alone.may_write()


def test_while_others_have_all_connections_of_its_account_it_only_reads(tmp_path: Path) -> None:
    clock = VirtualClock()
    alone = begun(tmp_path, clock)
    alone.on_bus("full")
    clock.advance(86_400.0)
    assert not alone.may_write()
    assert "others with this id" in alone.trouble
    alone.on_bus("down")
    assert alone.may_write(), "with the bus away nobody can tell"


@pytest.mark.net
async def test_a_full_account_is_told_from_a_bus_that_is_away_and_a_place_that_gets_free_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.bus._CONNECT_S", 10.0)  # a busy machine's late answer is no bus that is away
    states: list[str] = []
    with running_bus(tmp_path) as bus:
        others = [await connect(bus.login("edge1")) for _ in range(EDGE_CONNECTIONS)]
        async with asyncio.TaskGroup() as tasks:
            coming = tasks.create_task(connect(bus.login("edge1"), states.append))
            await until(lambda: states.count("full") >= 2, 30.0)
            assert set(states) == {"full"}
            await others.pop().close()
            await until(coming.done, 30.0)
        assert states[-1] == "up"
        for one in (*others, coming.result()):
            await one.close()


def test_a_box_that_has_seen_another_agent_only_reads_over_restarts_until_the_bus_says_otherwise(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    (tmp_path / "other_agent").write_text("another agent runs with the id edge1", encoding="utf-8")
    alone = begun(tmp_path, clock)
    clock.advance(86_400.0)
    assert not alone.may_write()
    assert alone.trouble == "another agent runs with the id edge1"


async def until(holds: Callable[[], bool], most_s: float = 10.0) -> None:
    async with asyncio.timeout(most_s):
        while not holds():
            await asyncio.sleep(0.02)


async def record(hub: Client) -> bytes:
    entry = await (await hub.jetstream().key_value(BUCKET_EDGES)).get(edge_key("edge1"))
    return entry.value or b""


@pytest.mark.net
async def test_a_holder_that_finds_another_in_its_place_ends_its_run_and_remembers(tmp_path: Path) -> None:
    ends: list[bool] = []
    state = tmp_path / "edge"
    state.mkdir()
    with running_bus(tmp_path) as bus:
        hub, edge = await connect(bus.login("hub")), await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        alone = Alone("edge1", state, 3, SystemClock(), lambda: ends.append(True))
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(alone.run(edge))
            await until(alone.may_write)
            assert decode_claimant(await record(hub)).epoch == 3
            bucket = await hub.jetstream().key_value(BUCKET_EDGES)
            await bucket.put(edge_key("edge1"), OTHER.encode())
            await until(lambda: bool(ends))
            assert not alone.may_write()
            assert "another agent runs with the id edge1 (start 40" in alone.trouble
            assert decode_claimant(await record(hub)) == OTHER, "it is not taken back from a living one"
            running.cancel()
        assert (state / "other_agent").exists()
        await edge.close()
        await hub.close()


class Frozen(SystemClock):
    """A process that stood still: the boot clock went on without it."""

    stood_s = 0.0

    @override
    def mono_s(self) -> float:
        return super().mono_s() + self.stood_s


@pytest.mark.net
async def test_an_agent_that_stood_still_for_a_lease_asks_before_it_writes_and_none_waits_for_a_lost_bus(
    tmp_path: Path,
) -> None:
    clock, state = Frozen(), tmp_path / "edge"
    state.mkdir()
    with running_bus(tmp_path) as bus:
        hub, edge = await connect(bus.login("hub")), await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        alone = Alone("edge1", state, 3, clock, lambda: None)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(alone.run(edge))
            await until(alone.may_write)
            clock.stood_s = LEASE_S
            assert not alone.may_write(), "another may have the record by now"
            await until(alone.may_write, 3.0)
            running.cancel()
        clock.stood_s += LEASE_S
        assert not alone.may_write()
        clock.stood_s += SURE_S
        assert alone.may_write(), "a bus that does not answer keeps no plant waiting"
        await edge.close()
        clock.stood_s += LEASE_S
        assert alone.may_write(), "nor does one that is away"
        await hub.close()


@pytest.mark.net
async def test_an_agent_whose_record_is_refused_writes_nothing_until_it_is_shown_whose_it_is(
    tmp_path: Path,
) -> None:
    clock, state = Frozen(), tmp_path / "edge"
    state.mkdir()
    with running_bus(tmp_path) as bus:
        hub, edge = await connect(bus.login("hub")), await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        alone = Alone("edge1", state, 3, clock, lambda: None)
        bucket = await hub.jetstream().key_value(BUCKET_EDGES)

        async def move() -> None:
            while True:  # what is read is old before it is written, as of a copy that is behind
                await bucket.put(edge_key("edge1"), own)

        def refused() -> bool:
            clock.stood_s += RENEW_S
            return not alone.may_write()

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(alone.run(edge))
            await until(alone.may_write)
            own = await record(hub)
            moving = [tasks.create_task(move()) for _ in range(4)]
            await until(refused)
            clock.stood_s += LEASE_S
            alone.may_write()
            clock.stood_s += SURE_S
            await until(
                alone.may_write, 1.0
            )  # refusals that go on keep no fallback waiting for more than a lease
            for task in moving:
                task.cancel()
            await until(alone.may_write)
            running.cancel()
        await edge.close()
        await hub.close()


@pytest.mark.net
async def test_a_later_run_of_the_same_box_takes_the_record_at_once_with_a_higher_epoch(
    tmp_path: Path,
) -> None:
    ends: list[bool] = []
    state = tmp_path / "edge"
    state.mkdir()
    (state / "epoch").write_text("3\n", encoding="ascii")
    with running_bus(tmp_path) as bus:
        hub, edge = await connect(bus.login("hub")), await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        for epoch, takes in ((4, True), (5, True), (5, False)):
            alone = Alone("edge1", state, epoch, SystemClock(), lambda: ends.append(True))
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(alone.run(edge))
                await until(alone.may_write if takes else lambda: bool(ends), 2.0)
                running.cancel()
        assert (state / "epoch").read_text(encoding="ascii") == "5\n", "the next run counts from here"
        assert decode_claimant(await record(hub)).epoch == 5
        await edge.close()
        await hub.close()


@pytest.mark.net
async def test_an_edge_writes_and_reads_its_own_record_and_no_other(tmp_path: Path) -> None:
    with running_bus(tmp_path, ("edge1", "edge2")) as bus:
        hub, thief = await connect(bus.login("hub")), await connect(bus.login("edge1"))
        await ensure_streams(hub.jetstream())
        bucket = await hub.jetstream().key_value(BUCKET_EDGES)
        await bucket.put(edge_key("edge2"), OTHER.encode())
        js = thief.jetstream(timeout=5)
        with pytest.raises((NoRespondersError, NatsTimeoutError, TimeoutError)):
            await thief.request(edge_record("edge2"), b"x", timeout=0.5)
        with pytest.raises((NoRespondersError, NatsTimeoutError, TimeoutError)):
            await js.get_msg(f"KV_{BUCKET_EDGES}", subject=edge_record("edge2"), direct=True)
        await thief.publish(edge_record("edge2"), b"x", reply=edge_record("edge1"))
        await thief.flush()
        entry = await bucket.get(edge_key("edge2"))
        assert entry.value == OTHER.encode()
        await js.publish(edge_record("edge1"), OTHER.encode())
        await thief.close()
        await hub.close()
