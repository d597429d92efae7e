"""The life of a lease: renewed, outbid, ended, and what the device shows meanwhile."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.gate import core
from edge_agent.gate.events import (
    LocalMode,
    MessageReceived,
    PointRead,
    ReleaseAll,
    RenewalReceived,
    Tick,
    Write,
    WriteDone,
)
from protocols.command import Level
from protocols.receipt import FallbackDone, Mismatch, Overridden, Refused, Scheduled
from protocols.refusal import Refusal
from tests.unit.gate.gate_world import HUB, POINT, SLOT, World, rules_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.start()
    yield world
    world.store.close()


def _fallback(world: World, ident: bytes) -> FallbackDone:
    return next(r for r in world.receipts if isinstance(r, FallbackDone) and r.id == ident)


def test_a_lease_that_is_not_renewed_ends_on_time_and_the_point_falls_back(world: World) -> None:
    command = world.order(100.0, lease_s=5.0)
    world.wait(4.75)
    assert world.value() == 100.0
    world.wait(0.25)
    assert world.value() == 0.0
    assert world.kinds(command.id) == ["received", "written", "verified", "expired", "fallbackdone"]
    assert 0 <= _fallback(world, command.id).late_s <= 0.25
    assert not world.store.load().intents


def test_a_renewal_prolongs_from_its_acceptance_and_never_shortens_to_the_grant(world: World) -> None:
    command = world.order(100.0, lease_s=5.0)
    world.wait(4.0)
    world.renew([command.id], 5.0)
    world.wait(4.75)
    assert world.value() == 100.0
    world.wait(0.5)
    assert world.value() == 0.0


def test_a_renewal_never_ends_a_lease_sooner_than_its_grant(world: World) -> None:
    command = world.order(100.0, lease_s=10.0)
    world.renew([command.id], 3.0)
    world.wait(9.5)
    assert world.value() == 100.0
    world.wait(0.75)
    assert world.value() == 0.0


def test_a_renewal_names_all_leases_of_its_issuer_or_is_refused(world: World) -> None:
    one, two = world.order(100.0), world.order(8.0, point=SLOT)
    until = world.state.points[POINT].leases[0].until_ns
    world.wait(1.0)
    world.renew([one.id])
    world.renew([one.id, two.id, b"x" * 16])
    answers = [r for r in world.receipts if isinstance(r, Refused)]
    assert [answer.code for answer in answers] == [Refusal.LEASE_LIST] * 2
    assert all(len(answer.id) == 16 for answer in answers)
    assert world.state.points[POINT].leases[0].until_ns == until
    world.renew([two.id, one.id])
    assert world.state.points[POINT].leases[0].until_ns > until


def test_one_issuer_does_not_renew_the_leases_of_another(world: World) -> None:
    command = world.order(100.0)
    until = world.state.points[POINT].leases[0].until_ns
    world.wait(1.0)
    world.renew([command.id], issuer="planner")
    assert world.receipts[-1].id != command.id
    assert world.state.points[POINT].leases[0].until_ns == until


@pytest.mark.parametrize("valid_for_s", [math.inf, math.nan, 0.0, -1.0, 10.000001])
def test_a_renewal_is_never_longer_than_the_longest_lease(world: World, valid_for_s: float) -> None:
    command = world.order(100.0)
    world.renew([command.id], valid_for_s)
    answer = world.receipts[-1]
    assert isinstance(answer, Refused)
    assert answer.code is Refusal.LEASE


def test_a_replayed_renewal_prolongs_nothing(world: World) -> None:
    command = world.order(100.0)
    renewal = world.renewal([command.id])
    for _ in range(12):
        world.feed(RenewalReceived(renewal.sealed(HUB)))
        world.wait(0.5)
    assert world.value() == 0.0


def test_a_dead_lease_is_not_renewed_before_the_tick_has_seen_its_end(world: World) -> None:
    command = world.order(100.0, lease_s=1.0)
    world.now_ns += 1_000_000_000
    world.renew([command.id])
    world.feed(Tick())
    assert world.value() == 0.0


def test_a_lower_epoch_does_not_renew_what_a_higher_one_has_taken_over(world: World) -> None:
    world.order(100.0, epoch=1)
    command = world.order(60.0, epoch=2, seq=1)
    world.renew([command.id], epoch=1)
    answer = world.receipts[-1]
    assert isinstance(answer, Refused)
    assert answer.code is Refusal.FENCED


def test_a_newer_command_of_the_same_rung_supersedes_without_a_fallback_between(world: World) -> None:
    old = world.order(100.0)
    new = world.order(120.0)
    assert world.kinds(old.id)[-1] == "superseded"
    assert world.kinds(new.id) == ["received", "written", "verified"]
    assert [value for _, point, value in world.device.writes] == [100.0, 120.0]


def test_the_operator_wins_and_the_optimiser_comes_back_after_him(world: World) -> None:
    plan = world.order(100.0, lease_s=10.0)
    hand = world.order(30.0, level=Level.OPERATOR, lease_s=3.0)
    assert world.value() == 30.0
    world.wait(3.0)
    assert world.kinds(hand.id)[-1] == "expired"
    assert world.value() == 100.0
    assert "expired" not in world.kinds(plan.id)


def test_the_optimiser_waits_under_the_operator(world: World) -> None:
    world.order(30.0, level=Level.OPERATOR, lease_s=4.0)
    plan = world.order(100.0, lease_s=10.0)
    assert world.value() == 30.0
    assert world.kinds(plan.id) == ["received"]
    world.wait(4.0)
    assert world.kinds(plan.id) == ["received", "written", "verified"]


def test_a_release_ends_the_lease_of_its_rung_and_the_point_falls_back(world: World) -> None:
    command = world.order(100.0)
    release = world.release()
    assert world.kinds(command.id)[-2:] == ["released", "fallbackdone"]
    assert world.kinds(release.id) == ["received", "released"]
    assert world.value() == 0.0


def test_a_release_of_one_rung_leaves_the_other(world: World) -> None:
    world.order(30.0, level=Level.OPERATOR)
    world.order(100.0)
    world.release()
    assert world.value() == 30.0


def test_a_release_is_carried_out_when_limits_or_readings_are_doubtful(world: World) -> None:
    command = world.order(100.0)
    world.now_ns += 4_000_000_000
    world.release(cap_hash=b"z" * 16)
    assert "released" in world.kinds(command.id)


def test_a_later_start_waits_and_then_acts(world: World) -> None:
    command = world.order(100.0, start_in_s=2.0)
    scheduled = next(r for r in world.receipts if isinstance(r, Scheduled))
    assert scheduled.start_in_s == 2.0
    world.wait(1.75)
    assert world.value() == 0.0
    world.wait(0.25)
    assert world.value() == 100.0
    world.wait(3.0)
    assert world.kinds(command.id)[-2:] == ["expired", "fallbackdone"]


def test_a_release_of_everything_leaves_every_point_on_its_fallback(world: World) -> None:
    one, two = world.order(100.0), world.order(8.0, point=SLOT)
    world.feed(ReleaseAll())
    assert core.settled(world.state)
    assert (world.value(), world.value(SLOT)) == (0.0, None)
    assert {"released", "fallbackdone"} <= set(world.kinds(one.id)) & set(world.kinds(two.id))


def test_where_the_protocol_has_a_null_the_slot_is_emptied(world: World) -> None:
    command = world.order(8.0, point=SLOT, lease_s=2.0)
    world.wait(2.0)
    assert world.value(SLOT) is None
    assert math.isnan(_fallback(world, command.id).value)


def test_a_device_that_fell_back_by_itself_is_only_read(world: World) -> None:
    command = world.order(100.0, lease_s=0.9)
    world.device.values[POINT] = 0.0
    writes = len(world.device.writes)
    world.wait(1.0)
    assert "fallbackdone" in world.kinds(command.id)
    assert len(world.device.writes) == writes


def test_a_fallback_is_tried_each_tick_until_it_is_read_back(world: World) -> None:
    command = world.order(100.0, lease_s=2.0)
    world.device.cut = True
    world.wait(5.0)
    assert world.value() == 100.0
    assert world.store.load().intents
    world.device.cut = False
    world.wait(0.25)
    assert world.value() == 0.0
    assert _fallback(world, command.id).late_s == pytest.approx(3.25)


def test_a_value_that_does_not_take_is_written_once_more_and_then_given_up(world: World) -> None:
    world.device.deaf = True
    command = world.order(100.0)
    assert [value for _, _, value in world.device.writes] == [100.0, 100.0]
    assert world.kinds(command.id)[-3:] == ["mismatch", "overridden", "fallbackdone"]
    mismatch = next(r for r in world.receipts if isinstance(r, Mismatch))
    assert (mismatch.expected, mismatch.got) == (100.0, 0.0)


def test_after_a_mismatch_the_next_rung_is_tried_before_the_fallback(world: World) -> None:
    world.order(50.0, lease_s=10.0)
    world.device.deaf = True
    world.order(100.0, level=Level.OPERATOR)
    assert world.value() == 50.0
    assert world.kinds(world.state.points[POINT].leases[0].id)[-1] != "expired"


def test_settling_is_waited_for_before_the_read_back(tmp_path: Path) -> None:
    world = World(tmp_path, rules_of(settle_s=2.0))
    world.start()
    command = world.order(100.0, lease_s=10.0)
    world.wait(1.75)
    assert world.kinds(command.id) == ["received", "written"]
    world.wait(0.25)
    assert world.kinds(command.id)[-1] == "verified"
    world.store.close()


def test_the_watchdog_is_fed_every_third_of_its_time_and_only_while_a_lease_lives(tmp_path: Path) -> None:
    world = World(tmp_path, rules_of(watchdog_s=6.0))
    world.start()
    world.order(100.0, lease_s=7.0)
    world.wait(20.0)
    at_s = [(at_ns - 100_000_000_000) / 1e9 for at_ns, _, value in world.device.writes if value == 100.0]
    assert at_s == [0.0, 2.0, 4.0, 6.0]
    world.store.close()


def test_a_foreign_value_seen_twice_ends_the_lease_and_is_left_alone(world: World) -> None:
    command = world.order(100.0, lease_s=10.0)
    world.wait(1.0)
    world.device.values[POINT] = 42.0
    writes = len(world.device.writes)
    world.wait(1.0)
    assert "overridden" not in world.kinds(command.id)
    world.wait(1.0)
    assert world.kinds(command.id)[-1] == "overridden"
    world.wait(20.0)
    assert world.value() == 42.0
    assert len(world.device.writes) == writes
    assert not world.store.load().intents


def test_a_point_taken_by_somebody_else_is_left_alone_for_a_while_even_over_a_restart(world: World) -> None:
    world.order(100.0, lease_s=10.0)
    world.device.values[POINT] = 42.0
    world.wait(3.0)
    world.restart()
    answer = world.send(world.command(100.0))
    assert isinstance(answer, Refused)
    assert answer.code is Refusal.LOCAL_MODE
    world.wait(900.0, step_s=1.0)
    world.poll()
    assert not isinstance(world.send(world.command(100.0)), Refused)


def test_two_different_foreign_values_are_a_ramp_and_not_a_person(world: World) -> None:
    command = world.order(100.0, lease_s=10.0)
    for value in (80.0, 90.0, 100.0, 99.0, 100.0):
        world.wait(0.75)
        world.device.values[POINT] = value
        world.wait(0.25)
    assert "overridden" not in world.kinds(command.id)


def test_a_foreign_hand_over_a_priority_slot_gets_the_slot_emptied(world: World) -> None:
    command = world.order(8.0, point=SLOT, lease_s=10.0)
    for _ in range(2):
        world.now_ns += 1_000_000_000
        world.feed(PointRead(SLOT, 6.5, good=True, at_ns=world.now_ns))
    assert "overridden" in world.kinds(command.id)
    assert world.value(SLOT) is None


def test_a_device_whose_watchdog_dropped_the_value_is_set_again(tmp_path: Path) -> None:
    world = World(tmp_path, rules_of(watchdog_s=2.0))
    world.start()
    command = world.order(100.0, lease_s=10.0)
    world.device.cut = True
    world.now_ns += 3_000_000_000
    world.feed(Tick())
    world.device.cut, world.device.values[POINT] = False, 0.0
    world.wait(4.0)
    assert "overridden" not in world.kinds(command.id)
    assert world.value() == 100.0
    world.store.close()


def test_local_mode_ends_all_leases_and_writes_nothing_until_it_is_over(world: World) -> None:
    plan, hand = world.order(100.0, lease_s=10.0), world.order(50.0, level=Level.OPERATOR, lease_s=10.0)
    world.device.local = True
    world.wait(20.0)
    overridden = [r for r in world.receipts if isinstance(r, Overridden)]
    assert {r.id for r in overridden} == {plan.id, hand.id}
    assert {r.by for r in overridden} == {"local mode"}
    assert not world.state.points[POINT].leases
    assert world.value() == 50.0
    world.device.local = False
    world.wait(1.0)
    assert world.value() == 0.0


def test_what_a_person_set_in_local_mode_is_left_when_the_machine_is_remote_again(world: World) -> None:
    world.order(100.0, lease_s=10.0)
    world.device.local = True
    world.wait(1.0)
    world.device.values[POINT] = 42.0
    world.device.local = False
    world.wait(5.0)
    assert world.value() == 42.0


def test_a_write_that_waited_is_not_carried_out_after_its_lease(world: World) -> None:
    decision = core.decide(world.rules, world.state, _message(world), world.now)
    write = next(effect for effect in decision.effects if isinstance(effect, Write))
    assert core.wanted(world.rules, decision.state, write, world.now)
    world.now_ns += 5_000_000_000
    assert not core.wanted(world.rules, decision.state, write, world.now)


def test_a_write_that_waited_is_not_carried_out_once_the_machine_is_local(world: World) -> None:
    decision = core.decide(world.rules, world.state, _message(world), world.now)
    write = next(effect for effect in decision.effects if isinstance(effect, Write))
    local = core.decide(
        world.rules, decision.state, LocalMode("battery1", local=True, at_ns=world.now_ns + 1), world.now
    )
    assert not core.wanted(world.rules, local.state, write, world.now)


def test_an_answer_to_an_older_request_counts_for_nothing(world: World) -> None:
    decision = core.decide(world.rules, world.state, _message(world), world.now)
    write = next(effect for effect in decision.effects if isinstance(effect, Write))
    late = core.decide(world.rules, decision.state, WriteDone(POINT, write.ticket - 1), world.now)
    assert late.state is decision.state
    assert not late.effects


def test_an_answer_that_never_comes_counts_as_failed(world: World) -> None:
    world.order(100.0, lease_s=1.0)
    world.now_ns += 1_000_000_000
    decision = core.decide(world.rules, world.state, Tick(), world.now)  # its read gets lost
    world.state = decision.state
    world.now_ns += 31_000_000_000
    world.feed(Tick())
    world.feed(Tick())
    assert world.value() == 0.0


def test_a_shift_of_the_wall_clock_changes_nothing(world: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", wall_ns=5)
    other.start()
    for each, shift_ns in ((world, 0), (other, 86_400_000_000_000)):
        each.order(100.0, id=b"same" * 4)
        each.wait(2.0)
        each.wall_ns += shift_ns
        each.wait(6.0)
    other.store.close()
    assert world.device.writes == other.device.writes


def _message(world: World) -> MessageReceived:
    return MessageReceived(world.command(100.0).sealed(HUB))
