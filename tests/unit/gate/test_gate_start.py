"""After a crash or a new boot: no write before the device was read, and nothing of ours stays behind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.gate import core
from edge_agent.gate.events import Tick, Write
from edge_agent.gate.start import restored
from protocols.command import Level
from protocols.receipt import Refused
from tests.unit.gate.gate_world import POINT, SLOT, Died, World, rules_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.start()
    yield world
    world.store.close()


def test_a_lease_of_this_boot_goes_on_after_it_was_read_back(world: World) -> None:
    command = world.order(100.0, lease_s=8.0)
    writes = len(world.device.writes)
    world.wait(1.0)
    world.restart()
    assert len(world.device.writes) == writes
    assert [lease.id for lease in world.state.points[POINT].leases] == [command.id]
    world.wait(7.0)
    assert world.value() == 0.0
    assert world.kinds(command.id) == ["received", "written", "verified", "expired", "fallbackdone"]


def test_after_a_crash_the_end_of_the_grant_counts_and_not_the_renewal(world: World) -> None:
    command = world.order(100.0, lease_s=2.0)
    world.wait(1.0)
    world.renew([command.id], 10.0)
    world.wait(2.0)
    assert world.value() == 100.0
    world.restart()
    assert world.value() == 0.0
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]


def test_a_value_the_watchdog_dropped_meanwhile_is_set_again(tmp_path: Path) -> None:
    world = World(tmp_path, rules_of(watchdog_s=6.0))
    world.start()
    world.order(100.0, lease_s=9.0)
    world.device.values[POINT] = 0.0
    world.restart()
    assert world.value() == 100.0
    world.store.close()


@pytest.mark.parametrize("boot", ["boota", "bootb"])
def test_a_foreign_value_found_at_the_start_is_left_and_reported(world: World, boot: str) -> None:
    command = world.order(100.0, lease_s=9.0)
    writes = len(world.device.writes)
    world.device.values[POINT] = 42.0
    world.restart(boot=boot)
    world.wait(12.0)
    assert world.value() == 42.0
    assert len(world.device.writes) == writes
    assert world.kinds(command.id)[-1] == "overridden"
    assert world.kinds(command.id).count("expired") == 0
    assert not world.store.load().leases
    assert not world.store.load().intents


def test_a_value_of_another_boot_goes_to_its_fallback(world: World) -> None:
    command, other = world.order(100.0, lease_s=9.0), world.order(8.0, point=SLOT, lease_s=9.0)
    world.restart(boot="bootb")
    assert (world.value(), world.value(SLOT)) == (0.0, None)
    for each in (command, other):
        assert world.kinds(each.id)[-2:] == ["expired", "fallbackdone"]
    assert not world.state.points[POINT].leases


def test_a_device_in_local_mode_at_the_start_is_not_written_to(world: World) -> None:
    world.order(100.0, lease_s=9.0)
    world.device.local = True
    world.restart(boot="bootb")
    world.wait(5.0)
    assert world.value() == 100.0
    world.device.local = False
    world.wait(1.0)
    assert world.value() == 0.0


def test_a_device_that_cannot_be_reached_at_the_start_is_asked_until_it_answers(world: World) -> None:
    command = world.order(100.0, lease_s=3.0)
    world.device.cut = True
    world.restart()
    world.wait(5.0)
    assert world.store.load().intents
    world.device.cut = False
    world.wait(1.0)
    assert world.value() == 0.0
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]


def test_nothing_is_written_in_the_event_of_the_start_itself(world: World) -> None:
    world.order(100.0, lease_s=9.0)
    for boot in ("boota", "bootb"):
        saved, now = world.store.load(), replace(world.now, boot=boot)
        state = restored(saved, now)
        decision = core.decide(world.rules, state, saved.event(), now)
        ticked = core.decide(world.rules, decision.state, Tick(), now)
        assert not [e for e in (*decision.effects, *ticked.effects) if isinstance(e, Write)]


def test_a_lease_outside_limits_that_have_changed_is_not_taken_over(world: World) -> None:
    world.order(100.0, lease_s=9.0)
    world.rules = rules_of(high=80.0)
    world.restart()
    assert world.value() == 0.0
    assert not world.state.points[POINT].leases


def test_a_lease_of_a_point_that_may_no_longer_be_written_ends(world: World) -> None:
    command = world.order(100.0, lease_s=9.0)
    world.rules = replace(world.rules, points={SLOT: world.rules.points[SLOT]})
    world.restart()
    assert world.kinds(command.id)[-1] == "expired"
    assert world.store.load().intents  # it goes to its fallback when limits for it are there again


def test_the_operators_lease_waits_under_nobody_after_a_restart(world: World) -> None:
    world.order(100.0, lease_s=9.0)
    world.order(30.0, level=Level.OPERATOR, lease_s=3.0)
    world.restart()
    assert world.value() == 30.0
    world.wait(3.0)
    assert world.value() == 100.0


def _story(world: World) -> None:
    """A life with every kind of commit in it."""
    plan = world.order(100.0, lease_s=6.0)
    world.order(8.0, point=SLOT, lease_s=3.0)
    world.order(999.0)
    hand = world.order(30.0, level=Level.OPERATOR, lease_s=2.0)
    world.wait(1.0)
    world.renew([plan.id, hand.id, *[lease.id for lease in world.state.points[SLOT].leases]], 3.0)
    world.wait(3.0)
    world.order(50.0, lease_s=5.0)
    world.release()
    world.order(60.0, lease_s=2.0)
    world.device.values[POINT] = 60.0
    world.wait(2.5)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("boot", ["boota", "bootb"])
def test_killed_at_any_step_it_ends_on_the_fallback_and_keeps_the_fence(tmp_path: Path, boot: str) -> None:
    ended = False
    for steps in itertools.count():
        folder = tmp_path / str(steps)
        world = World(folder)
        world.start()
        world.stop_after = steps
        try:
            _story(world)
            ended = world.stop_after is not None
        except Died:
            pass
        world.stop_after = None
        fences = world.store.load().fences
        world.restart(boot=boot)
        assert world.store.load().fences == fences
        written = [value for _, _, value in world.device.writes]
        world.wait(12.0)
        assert (world.value(), world.value(SLOT)) == (0.0, None), f"killed at step {steps}"
        assert core.settled(world.state)
        saved = world.store.load()
        assert not saved.leases
        assert not saved.intents
        assert set(written) <= {100.0, 8.0, 30.0, 50.0, 60.0, 0.0, None}
        assert not isinstance(world.send(world.command(20.0)), Refused)
        world.store.close()
        if ended:
            break
    assert steps > 60


def test_a_transaction_is_kept_whole_or_not_at_all(world: World) -> None:
    command = world.command(100.0)
    world.stop_after = 0  # before the commit
    with pytest.raises(Died):
        world.send(command)
    saved = world.store.load()
    assert not saved.leases
    assert not saved.intents
    assert command.id not in dict(saved.answers)
    world.stop_after = 1  # after it, before the write
    with pytest.raises(Died):
        world.send(command)
    saved = world.store.load()
    assert [lease.lease.id for lease in saved.leases] == [command.id]
    assert [intent.intent.id for intent in saved.intents] == [command.id]
    assert dict(saved.answers).keys() == {command.id}
    assert saved.fences["hub"].seq == command.seq
    assert world.value() == 0.0
