"""Rounds: grids that fall together, and what a busy member is owed."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from edge_agent.rounds import MOST_POINTS, Member, phase_s, step_s
from protocols.clock import Instant
from runtime.clock import NS, ROUND_S, SystemClock, VirtualClock


def test_groups_are_spread_over_few_instants_of_the_period() -> None:
    instants = Counter(phase_s(order, 1.0, step_s(15_000)) for order in range(500))
    assert sorted(instants) == [0.0, 0.25, 0.5, 0.75]
    assert max(instants.values()) - min(instants.values()) <= 3


@pytest.mark.parametrize("every_s", [0.02, 0.1, 1.0, 60.0])
def test_a_grid_begins_within_its_period_on_one_of_several_instants(every_s: float) -> None:
    phases = {phase_s(order, every_s, ROUND_S) for order in range(100)}
    assert len(phases) >= 4
    assert all(0.0 <= phase < every_s for phase in phases)


@pytest.mark.parametrize("points_s", [1.0, 15_000.0, 100_000.0])
def test_a_round_holds_a_bounded_number_of_points(points_s: float) -> None:
    assert points_s * step_s(points_s) <= MOST_POINTS


async def test_a_busy_member_is_owed_one_call_however_many_it_missed() -> None:
    clock = VirtualClock()
    member = Member(clock)
    for _ in range(3):
        member.call(clock.now())
    clock.advance(1.0)
    assert (await member.called()).mono_ns == 1_000_000_000
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await member.called()


async def test_a_call_reaches_the_member_that_waits() -> None:
    member, at = Member(VirtualClock()), Instant("b", 5, 6)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(member.called())
        await asyncio.sleep(0)
        member.call(at)
    assert waiting.result() == at


async def test_grids_of_the_system_clock_begin_on_common_instants() -> None:
    clock, late_s = SystemClock(), []
    for at in range(20):
        await clock.sleep(0.007 * (at % 7))
        async for tick in clock.ticks(0.05):
            past_s = tick.mono_ns / NS % 0.05
            late_s.append(min(past_s, 0.05 - past_s))
            break
    assert (
        sorted(late_s)[4] < 0.005
    )  # a busy machine makes most of them late; by chance so many are not on time
