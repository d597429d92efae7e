"""Short stories under the judge: each leads straight to the place where one property can break.

They find in milliseconds what the random search finds in seconds to minutes; mutants meet them first.
"""

from __future__ import annotations

import math
from typing import Final

from edge_agent.gate import audit
from edge_agent.gate.events import PointRead, Tick
from protocols.command import CommandKind, Echo, Level
from tests.unit.gate.gate_group_stories import (
    a_group_does_not_wait_for_ever,
    a_group_falls_at_once,
    a_group_falls_in_order,
    groups,
)
from tests.unit.gate.gate_plant import (
    BATTERY,
    CHILLER,
    PUMP,
    ROLE,
    TRIM,
)
from tests.unit.gate.gate_storytelling import Story, act, protocol, set_
from tests.unit.gate.test_gate_protocol import Protocol


def limits_and_leases(one: Protocol) -> None:
    for value in (251.0, -251.0, math.nan, math.inf, -math.inf, 250.0):
        set_(one, BATTERY, value)
    for lease_s in (0.0, -1.0, math.nan, math.inf, 10.000001, 10.0):
        set_(one, CHILLER, 8.0, lease_s=lease_s)
    set_(one, PUMP, 60.0, cap_hash=b"d" * 16)
    one.time_passes(44)


def leases_end_on_time(one: Protocol) -> None:
    set_(one, BATTERY, 100.0, lease_s=2.0)
    set_(one, CHILLER, 8.0, lease_s=1.0)
    one.time_passes(12)
    set_(one, BATTERY, 100.0, lease_s=3.0, level=Level.OPERATOR)
    set_(one, BATTERY, 30.0, lease_s=6.0)
    set_(one, BATTERY, -20.0, lease_s=8.0, level=Level.SCHEDULE)
    one.time_passes(36)


def a_lease_held_up_on_its_way(one: Protocol) -> None:
    late = one.world.ask(BATTERY, 100.0, lease_s=3.0)
    one.time_passes(8)
    one.deliver(late)
    one.time_passes(12)


def old_echoes(one: Protocol) -> None:
    world = one.world
    reading_ms = world.now_ns // 1_000_000
    for age_ms in (10_000, 10_001, 10_500, -5_000, -1_000):
        one.deliver(world.ask(BATTERY, 30.0, lease_s=10.0, echo=Echo(world.boot, reading_ms - age_ms)))
    one.deliver(world.ask(BATTERY, 30.0, echo=Echo("other", reading_ms)))
    one.time_passes(4)


def old_leaders_and_late_messages(one: Protocol) -> None:
    world = one.world
    late = world.ask(BATTERY, 30.0)
    set_(one, BATTERY, 100.0)
    one.deliver(late)
    one.a_message_is_replayed(0)
    world.epoch = 5
    set_(one, BATTERY, -20.0)
    one.order_of_an_old_leader(1)
    one.again(new_boot=False)
    one.order_of_an_old_leader(1)
    same = world.ask(PUMP, 60.0, seq=world.seq)
    one.deliver(same)
    set_(one, PUMP, 60.0, seq=world.fence_seen[1])
    one.renew(5.0, honest=True, old=True)
    one.renew(10.5, honest=True, old=False)
    one.renew(10.0, honest=True, old=False)
    one.a_renewal_is_replayed(2)
    one.time_passes(48)


def the_fence_survives(one: Protocol) -> None:
    one.world.epoch = 7
    set_(one, BATTERY, 30.0)
    one.world.epoch = 3
    one.again(new_boot=True)
    set_(one, BATTERY, 100.0)
    one.time_passes(4)


def repeats(one: Protocol) -> None:
    command = set_(one, BATTERY, 30.0)
    one.time_passes(2)
    one.world.tell(command)
    one.a_message_is_replayed(0)


def the_wrong_address(one: Protocol) -> None:
    for change in ({"edge": "edge2"}, {"site": "other"}, {"agent_epoch": 999}):
        one.a_message_gone_astray(change)
    for mangle in (False, True):
        one.a_forger(mangle, 100)
    set_(one, BATTERY, 30.0, issuer="planner", level=Level.OPERATOR)
    set_(one, BATTERY, 30.0, level=Level.CONTROLLER)
    set_(one, TRIM, 6.5, level=Level.OPTIMISER)
    set_(one, BATTERY, 30.0, level=Level.OPERATOR, reason=" ")
    for change in ({"actor": " "}, {"reason": ""}, {"issuer": "planner", "level": Level.OPERATOR}):
        one.a_nameless_act(change)


def tests_and_expectations(one: Protocol) -> None:
    one.test_only(BATTERY, 2)
    one.time_passes(4)
    one.compare_and_set(100.0)
    one.compare_and_set(0.0)
    one.compare_and_set(30.0)


def local_hand_and_safety(one: Protocol) -> None:
    for what in ("local", "safety"):
        one.time_passes(12)
        set_(one, BATTERY, 100.0)
        act(one, ROLE, 2.0)
        one.time_passes(2)
        one.an_input(what, value=True)
        one.time_passes(4)
        set_(one, BATTERY, 30.0)
        act(one, ROLE, 2.0)
        one.an_input(what, value=False)
        one.time_passes(12)
        set_(one, BATTERY, 30.0)
        one.again(new_boot=True)
        set_(one, BATTERY, 30.0)


def the_interlock(one: Protocol) -> None:
    for what in ("dew", "dew_good"):
        set_(one, BATTERY, 100.0)
        one.an_input(what, value=True)
        one.time_passes(4)
        set_(one, BATTERY, 30.0)
        one.an_input(what, value=False)
        one.time_passes(4)


def stops_and_lock_outs(one: Protocol) -> None:
    for kind, undo in ((CommandKind.STOP, CommandKind.RESUME), (CommandKind.LOCK_OUT, CommandKind.LIFT)):
        for scope in ("all", "zone:east", "demo/battery1", BATTERY):
            set_(one, BATTERY, 100.0)
            set_(one, CHILLER, 8.0)
            one.deliver(one.world.act_command(kind, scope))
            one.time_passes(2)
            set_(one, BATTERY, 30.0)
            one.again(new_boot=scope == "all")
            set_(one, BATTERY, 30.0)
            one.deliver(
                one.world.act_command(undo, scope, confirm=None if undo is CommandKind.LIFT else "bob")
            )
            if undo is CommandKind.RESUME:
                one.a_person_releases(undo, scope, 24)
                one.a_person_releases(undo, scope, 4)
            set_(one, BATTERY, 30.0)


def declined(one: Protocol) -> None:
    for level in (Level.OPERATOR, Level.SCHEDULE, Level.OPTIMISER):
        set_(one, BATTERY, 30.0, level=level, lease_s=9.0)
    one.deliver(one.world.act_command(CommandKind.OPT_OUT, "all", lease_s=3.0))
    for level in (Level.SCHEDULE, Level.OPTIMISER):
        set_(one, BATTERY, 100.0, level=level)
    one.deliver(
        one.world.command(None, point=BATTERY, kind=CommandKind.RELEASE, unit=None, level=Level.OPERATOR)
    )
    one.time_passes(16)
    set_(one, BATTERY, 100.0)


def bounds(one: Protocol) -> None:
    set_(one, BATTERY, 100.0, lease_s=9.0)
    one.grid_limit(CommandKind.AT_MOST, 50.0)
    one.time_passes(2)
    set_(one, BATTERY, 250.0, level=Level.OPERATOR, lease_s=2.0)
    one.time_passes(12)
    one.grid_limit(CommandKind.AT_LEAST, -30.0)
    set_(one, BATTERY, -250.0)
    one.grid_limit(CommandKind.AT_MOST, -50.0)
    one.time_passes(40)


def a_short_renewal(one: Protocol) -> None:
    set_(one, BATTERY, 30.0)
    one.renew(1.0, honest=True, old=False)
    one.time_passes(12)
    one.again(new_boot=False)
    one.time_passes(40)


def timetables(one: Protocol) -> None:
    one.timetable([80.0, -50.0, 30.0], 3.0, 15.0)
    one.time_passes(16)
    one.renew(3.0, honest=True, old=False)
    one.time_passes(50)
    one.timetable([80.0, 80.0], 0.0, 15.0)
    one.timetable([80.0, 300.0], 1.0, 15.0)
    one.timetable([80.0], 1.0, 20.1)
    one.timetable([80.0], 1.0, 20.0)
    one.renew(10.0, honest=True, old=False)
    one.time_passes(90)
    one.timetable([80.0], 1.0, 5.0)
    one.renew(10.0, honest=True, old=False)
    one.time_passes(40)


def discrete_acts(one: Protocol) -> None:
    one.half_of_a_discrete_act(2.0, CommandKind.SET)
    one.half_of_a_discrete_act(2.0, CommandKind.OPERATE)
    one.a_discrete_act(2.0, "test", 1)
    one.a_discrete_act(2.0, None, 1)
    one.a_discrete_act(2.0, "bob", 14)
    one.deliver(one.world.ask(ROLE, 2.0, kind=CommandKind.SELECT))
    one.deliver(one.world.ask(ROLE, 0.0, kind=CommandKind.OPERATE, confirm="bob"))
    one.again(new_boot=False)
    act(one, ROLE, 2.0)
    one.time_passes(30)


def the_value_that_rests_there_starts_no_dwell(one: Protocol) -> None:
    """An output equal to the fallback it finds changes nothing, so a change right after it is not held up."""
    one.the_controller(5.2)
    one.time_passes(20)
    one.the_controller(6.0)
    one.the_controller(7.0)
    assert one.world.value(TRIM) == 7.0, "I8: held up by a write that changed nothing"
    one.the_controller(6.5)
    assert one.world.value(TRIM) == 7.0, "I13: changed within its dwell"


def dwell_and_starts(one: Protocol) -> None:
    for value in (0.0, 2.0, 0.0, 1.0, 0.0, 2.0, 0.0, 2.0, 0.0, 1.0):
        act(one, ROLE, value)
        act(one, ROLE, 1.0 if value != 1.0 else 2.0)
        one.time_passes(9)
    one.again(new_boot=False)
    act(one, ROLE, 0.0)
    one.again(new_boot=True)
    act(one, ROLE, 2.0)
    one.time_passes(50)


def dwell_of_a_re_exposed_rung(one: Protocol) -> None:
    act(one, ROLE, 2.0)
    world = one.world
    one.time_passes(9)
    for level, value, lease_s in ((Level.OPTIMISER, 0.0, 9.0), (Level.OPERATOR, 2.0, 1.0)):
        one.deliver(world.ask(ROLE, value, kind=CommandKind.SELECT, level=level, lease_s=lease_s))
        one.deliver(
            world.ask(ROLE, value, kind=CommandKind.OPERATE, level=level, lease_s=lease_s, confirm="bob")
        )
        one.time_passes(9)
    one.time_passes(40)


def dwell_over_a_start(one: Protocol) -> None:
    for boot in (False, True):
        act(one, ROLE, 2.0)
        one.again(new_boot=boot)
        act(one, ROLE, 0.0)
        one.time_passes(60)


def a_change_of_the_boot_before(one: Protocol) -> None:
    """A lease ends, the box starts anew at once: how long ago that change was is not known, so it counts."""
    one.deliver(one.world.ask(TRIM, 6.5, level=Level.OPERATOR, lease_s=2.0))
    one.time_passes(8)
    assert one.world.value(TRIM) == 6.0
    one.again(new_boot=True)
    one.deliver(one.world.ask(TRIM, 6.5, level=Level.OPERATOR))
    one.time_passes(20)
    one.release(kind=CommandKind.RELEASE, level=Level.OPERATOR, point=TRIM)
    one.time_passes(8)
    one.again(new_boot=True)
    one.time_passes(16)
    one.again(new_boot=False)
    one.deliver(one.world.ask(TRIM, 6.5, level=Level.OPERATOR))  # counted anew once a boot, not a start
    one.time_passes(4)


def a_change_between_select_and_operate(one: Protocol) -> None:
    """What was free when it was selected may be inside its dwell when it is operated."""
    world = one.world
    for kind, confirm in ((CommandKind.SELECT, None), (CommandKind.OPERATE, "bob")):
        one.deliver(world.ask(ROLE, 2.0, kind=kind, lease_s=3.0, confirm=confirm))
    one.time_passes(9)
    one.deliver(world.ask(ROLE, 0.0, kind=CommandKind.SELECT))
    one.time_passes(4)
    assert world.value(ROLE) == 1.0
    one.deliver(world.ask(ROLE, 0.0, kind=CommandKind.OPERATE, confirm="bob"))
    one.time_passes(40)


def the_controller(one: Protocol) -> None:
    for value in (6.5, 8.5, math.nan, 7.0, 5.2, 5.8, 6.6, 7.4, 6.8, 6.0, 6.9, 7.5, 6.5, 7.2, 6.3, 7.0):
        one.the_controller(value)
        one.time_passes(5)
    one.the_controller(None)
    one.time_passes(8)


def the_controllers_limits(one: Protocol) -> None:
    for value in (6.9, 7.8, 8.5):
        one.the_controller(value)
        one.time_passes(5)


def quota(one: Protocol) -> None:
    one.world.rules.__dict__["quota_per_s"]
    for value in (30.0, 100.0, 30.0, 100.0, -20.0, 30.0, 250.0, 100.0):
        set_(one, BATTERY, value)
    one.time_passes(4)


def crashes(one: Protocol) -> None:
    for boot in (False, True):
        for steps in range(9):
            one.the_agent_is_killed(steps, 1, boot, 2)
        one.all_is_well_again()
    set_(one, BATTERY, 100.0)
    one.again(new_boot=True)
    one.time_passes(4)
    set_(one, BATTERY, 100.0)
    one.again(new_boot=False)
    one.time_passes(4)
    one.deliver(one.world.ask(ROLE, 2.0, kind=CommandKind.SELECT))
    one.again(new_boot=False)


def a_death_before_the_commit(one: Protocol) -> None:
    """An order that never became durable displaces nothing: the lease before it goes on, and is refreshed."""
    for pick, quarters, steps in ((2, 6, 7), (3, 2, 2), (3, 2, 2), (0, 8, 7), (0, 0, 3), (0, 0, 0)):
        one.the_agent_is_killed(steps, quarters, new_boot=False, pick=pick)
    world, ours = one.world, [-250.0]
    assert [held.value(world.now_ns) for held in world.live(BATTERY)] == ours
    assert [lease.value for lease in world.state.points[BATTERY].leases] == ours, "I10: a kept lease was lost"
    writes = len(world.device.writes)
    one.time_passes(12)
    fed = [value for _, point, value in world.device.writes[writes:] if point == BATTERY]
    assert fed, "I14: its watchdog was not fed while its lease lived"
    assert set(fed) == set(ours), "I8: its watchdog was fed with another value"
    one.time_passes(12)
    assert world.value(BATTERY) == 0.0, "I3: it goes on after the end of the grant"
    writes = len(world.device.writes)
    one.time_passes(24)
    assert len(world.device.writes) == writes, "I2: a watchdog was fed after the end of the grant"


def lines_cut(one: Protocol) -> None:
    set_(one, BATTERY, 100.0, lease_s=2.0)
    set_(one, CHILLER, 8.0, lease_s=2.0)
    one.the_line(cut=True)
    one.time_passes(16)
    one.the_line(cut=False)
    one.time_passes(2)
    world = one.world
    assert world.value(BATTERY) == 0.0, "I14: not on its fallback three ticks after the line was well again"
    assert world.value(CHILLER) is None, (
        "I14: its slot is not empty three ticks after the line was well again"
    )


def queued_requests(one: Protocol) -> None:
    for quarters in (1, 12, 24):
        one.requests_wait_in_the_queue(quarters)
        one.all_is_well_again()


def a_queued_request_that_was_outranked(one: Protocol) -> None:
    """A lower rung's start comes while a write waits for its line: what waited is not written."""
    one.order_for_later(BATTERY, 2.0, Level.SCHEDULE)
    one.requests_wait_in_the_queue(8)
    assert one.world.value(BATTERY) == -20.0, "I8: the scheduled start does not have the point"
    assert 100.0 not in [value for _, point, value in one.world.device.writes if point == BATTERY], (
        "I2: the value of an outranked lease was written"
    )


def the_watchdog(one: Protocol) -> None:
    set_(one, BATTERY, 100.0, lease_s=9.0)
    one.time_passes(44)


def restored(one: Protocol) -> None:
    world = one.world
    act(one, ROLE, 2.0)
    one.time_passes(10)
    act(one, ROLE, 0.0)
    one.time_passes(50)
    assert world.value(ROLE) == 1.0, "I2: what was read before our first write was not given back"
    act(one, ROLE, 2.0)
    one.time_passes(10)
    for _ in range(2):  # no poll between: the last one shows our own value
        one.release(ROLE, CommandKind.RELEASE, Level.OPTIMISER)
        assert world.value(ROLE) == 1.0, "I2: our own value was given back as the one found"
        act(one, ROLE, 1.0)


def a_first_write_waits_until_it_can_be_taken_back(one: Protocol) -> None:
    """A lease granted in good order begins while the point cannot be read: it waits for a reading."""
    world = one.world
    one.deliver(world.ask(ROLE, 2.0, kind=CommandKind.SELECT, start_in_s=2.0, lease_s=9.0))
    one.deliver(world.ask(ROLE, 2.0, kind=CommandKind.OPERATE, confirm="bob"))
    world.feed(PointRead(ROLE, math.nan, good=False, at_ns=world.now_ns + 1))
    world.now_ns += 2_100_000_000
    world.feed(Tick())
    assert world.value(ROLE) == 1.0, "I2: written without knowing what to give back"
    world.poll()
    assert world.value(ROLE) == 2.0, "I8: the lease has the point once it can be read"
    one.time_passes(40)
    assert world.value(ROLE) == 1.0, "I2: what was read before our first write was not given back"


def unsigned_chain(one: Protocol) -> None:
    set_(one, BATTERY, 100.0, lease_s=1.0)
    set_(one, CHILLER, 8.0, lease_s=1.0)
    one.time_passes(8)
    db = one.world.store._db
    (first,) = db.execute("SELECT before FROM audit WHERE n = 1").fetchone()
    db.execute("UPDATE audit SET before = ? WHERE n = 1", (b"z" * 32,))
    assert audit.broken_at(db) == 1, "I17: another beginning of the chain was not found"
    db.execute("UPDATE audit SET before = ? WHERE n = 1", (first,))
    db.execute("UPDATE audit SET hash = ?, body = ? WHERE n = 1", (b"x" * 32, b"x"))
    assert audit.broken_at(db) == 1, "I17: a changed entry was not found"
    db.execute("DELETE FROM audit WHERE n = 1")
    db.execute("UPDATE audit SET before = ? WHERE n = 3", (b"y" * 32,))
    (body,) = db.execute("SELECT body FROM audit WHERE n = 3").fetchone()
    db.execute("UPDATE audit SET hash = ? WHERE n = 3", (audit._hash(b"y" * 32, body),))
    found = audit.broken_at(db)
    db.execute("DELETE FROM audit")
    assert found == 3, "I17: an entry that does not follow was not found"


STORIES: Final[tuple[Story, ...]] = (
    limits_and_leases,
    leases_end_on_time,
    a_lease_held_up_on_its_way,
    old_echoes,
    old_leaders_and_late_messages,
    the_fence_survives,
    repeats,
    the_wrong_address,
    tests_and_expectations,
    local_hand_and_safety,
    the_interlock,
    stops_and_lock_outs,
    declined,
    bounds,
    a_short_renewal,
    timetables,
    discrete_acts,
    groups,
    a_group_falls_in_order,
    a_group_falls_at_once,
    a_group_does_not_wait_for_ever,
    the_value_that_rests_there_starts_no_dwell,
    dwell_and_starts,
    dwell_of_a_re_exposed_rung,
    dwell_over_a_start,
    a_change_of_the_boot_before,
    a_change_between_select_and_operate,
    the_controller,
    the_controllers_limits,
    quota,
    crashes,
    a_death_before_the_commit,
    lines_cut,
    queued_requests,
    a_queued_request_that_was_outranked,
    the_watchdog,
    restored,
    a_first_write_waits_until_it_can_be_taken_back,
    unsigned_chain,
)


def tell(story: Story) -> None:
    """One story, under the judge."""
    few = 6 if story is quota else 100
    with protocol(6.0 if story in {the_watchdog, a_death_before_the_commit} else None, few) as one:
        story(one)
