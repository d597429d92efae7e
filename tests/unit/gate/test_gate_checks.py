"""Each check of a message, in order; what fails before check 8 leaves the state as it was, to the bit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.gate import core
from edge_agent.gate.events import LocalMode, MessageReceived, PointRead, RenewalReceived, Tick
from edge_agent.gate.state import GateState
from protocols.command import PURPOSE_COMMAND, PURPOSE_RENEWAL, CommandKind, Echo, Level, Step
from protocols.receipt import Received, Refused
from protocols.refusal import Refusal
from protocols.signing import seal
from tests.unit.gate.gate_world import FALLBACK_KW, HUB, POINT, SLOT, STRANGER, World, rules_of


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.start()
    yield world
    world.store.close()


def _code(world: World, **changes: object) -> Refusal | None:
    answer = world.send(world.command(**changes))
    return answer.code if isinstance(answer, Refused) else None


def test_a_good_command_is_received_written_and_verified_in_this_order(world: World) -> None:
    command = world.order(100.0)
    assert world.kinds(command.id) == ["received", "written", "verified"]
    assert world.value() == 100.0


EARLY: list[tuple[dict[str, object], Refusal]] = [
    ({"agent_epoch": 0}, Refusal.ADDRESSEE),
    ({"point": "demo/battery1/other_kw"}, Refusal.NOT_ALLOWED),
    ({"level": Level.SCHEDULE}, Refusal.NOT_ALLOWED),
    ({"level": Level.CONTROLLER}, Refusal.NOT_ALLOWED),
    ({"level": Level.GRID_LIMIT}, Refusal.NOT_ALLOWED),
    ({"issuer": "planner", "level": Level.OPERATOR}, Refusal.NOT_ALLOWED),
    ({"steps": (Step(0.0, 1.0),)}, Refusal.UNSUPPORTED),
    ({"valid_for_s": 60.0}, Refusal.UNSUPPORTED),
    ({"group": b"g" * 16}, Refusal.UNSUPPORTED),
    ({"group_size": 2}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.SELECT, "group": b"g" * 16, "group_size": 1}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.SELECT, "group": b"short", "group_size": 2}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.AT_MOST}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.RELEASE}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.CANCEL}, Refusal.UNSUPPORTED),
    ({"kind": CommandKind.STOP, "point": "all"}, Refusal.NOT_ALLOWED),
    ({"kind": CommandKind.STOP, "point": "zone:nowhere", "level": Level.OPERATOR}, Refusal.NOT_ALLOWED),
    ({"confirm": "second"}, Refusal.UNSUPPORTED),
    ({"level": Level.OPERATOR, "actor": " "}, Refusal.PERSON),
    ({"level": Level.OPERATOR, "reason": ""}, Refusal.PERSON),
    ({"epoch": 0}, Refusal.FENCED),
    ({"echo": Echo("bootz", 100_000)}, Refusal.STALE_ECHO),
    ({"echo": Echo("boota", 100_000 - 10_001)}, Refusal.STALE_ECHO),
    ({"echo": Echo("boota", 100_000 + 5000)}, Refusal.STALE_ECHO),
    ({"seq": 1}, Refusal.OUT_OF_ORDER),
    ({"seq": 0}, Refusal.OUT_OF_ORDER),
]


@pytest.mark.parametrize(("changes", "code"), EARLY)
def test_a_message_that_fails_before_check_8_changes_nothing(
    world: World, changes: dict[str, object], code: Refusal
) -> None:
    world.order(10.0)
    before, writes = world.state, len(world.device.writes)
    assert _code(world, value=20.0, **changes) is code
    assert world.state is before
    assert len(world.device.writes) == writes


LATE: list[tuple[dict[str, object], Refusal]] = [
    ({"cap_hash": b"d" * 16}, Refusal.CAP_HASH),
    ({"unit": "W"}, Refusal.UNIT),
    ({"unit": None}, Refusal.UNIT),
    ({"value": math.nan}, Refusal.VALUE),
    ({"value": math.inf}, Refusal.VALUE),
    ({"value": None}, Refusal.VALUE),
    ({"expect": 55.0}, Refusal.EXPECT),
    ({"lease_s": math.inf}, Refusal.LEASE),
    ({"lease_s": math.nan}, Refusal.LEASE),
    ({"lease_s": 0.0}, Refusal.LEASE),
    ({"lease_s": -1.0}, Refusal.LEASE),
    ({"lease_s": 10.000001}, Refusal.LEASE),
    ({"start_in_s": -0.1}, Refusal.LEASE),
    ({"start_in_s": math.nan}, Refusal.LEASE),
    ({"start_in_s": 5.0}, Refusal.LEASE),
    ({"value": 250.001}, Refusal.LIMITS),
    ({"value": -250.001}, Refusal.LIMITS),
]


@pytest.mark.parametrize(("changes", "code"), LATE)
def test_a_message_that_fails_after_check_8_moves_the_fence_and_nothing_else(
    world: World, changes: dict[str, object], code: Refusal
) -> None:
    first = world.order(10.0)
    writes = len(world.device.writes)
    refused = world.command(**{"value": 20.0, **changes})
    answer = world.send(refused)
    assert isinstance(answer, Refused)
    assert answer.code is code
    assert world.state.fences["hub"].seq == refused.seq
    assert world.store.load().fences["hub"].seq == refused.seq
    assert [lease.id for lease in world.state.points[POINT].leases] == [first.id]
    assert len(world.device.writes) == writes


@pytest.mark.parametrize("lease_s", [10.0, 1e-6])
def test_the_longest_and_the_shortest_lease_are_granted(world: World, lease_s: float) -> None:
    assert isinstance(world.send(world.command(lease_s=lease_s)), Received)


@pytest.mark.parametrize("value", [-250.0, 250.0])
def test_the_limits_themselves_may_be_written(world: World, value: float) -> None:
    world.order(value)
    assert world.value() == value


ORDERED: list[dict[str, object]] = [
    {"agent_epoch": 0}, {"level": Level.SCHEDULE}, {"confirm": "x"}, {"epoch": 0},
    {"echo": Echo("bootz", 0)}, {"seq": 1},
    {"cap_hash": b"d" * 16}, {"unit": "W"}, {"value": math.nan}, {"lease_s": 0.0},
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(len(ORDERED)), 2)))
def test_of_two_faults_the_earlier_check_speaks(world: World, one: int, other: int) -> None:
    world.order(10.0)
    alone = _code(world, **ORDERED[one])
    both = _code(world, **{**ORDERED[other], **ORDERED[one]})
    assert alone is both is not None


def test_an_unsigned_message_is_dropped_without_an_answer(world: World) -> None:
    before = world.state
    assert world.send(world.command(), key=STRANGER) is None
    assert [d.code for d in world.dropped] == [Refusal.SIGNATURE]
    assert world.state is before


def test_a_command_read_as_a_renewal_is_dropped(world: World) -> None:
    before = world.state
    world.feed(RenewalReceived(world.command().sealed(HUB)))
    world.feed(RenewalReceived(seal(PURPOSE_COMMAND, world.renewal([]).body(), HUB)))
    world.feed(MessageReceived(seal(PURPOSE_RENEWAL, world.command().body(), HUB)))
    assert [d.code for d in world.dropped] == [Refusal.SCHEMA, Refusal.SIGNATURE, Refusal.SIGNATURE]
    assert world.state is before


@pytest.mark.parametrize("changes", [{"key_id": "unknown"}, {"issuer": "nobody"}])
def test_a_key_that_is_not_the_issuers_is_not_accepted(world: World, changes: dict[str, object]) -> None:
    assert world.send(world.command(**changes)) is None
    assert world.dropped[-1].code is Refusal.SIGNATURE


@pytest.mark.parametrize("changes", [{"site": "other"}, {"edge": "edge2"}])
def test_a_message_for_another_edge_gets_no_answer_from_this_one(
    world: World, changes: dict[str, object]
) -> None:
    before = world.state
    assert world.send(world.command(**changes)) is None
    assert world.dropped[-1].code is Refusal.ADDRESSEE
    assert world.state is before


@pytest.mark.parametrize(
    "changes", [{"v": 2}, {"epoch": 2**63}, {"seq": -1}, {"epoch": -1}, {"id": b"short"}]
)
def test_what_does_not_follow_the_schema_is_dropped(world: World, changes: dict[str, object]) -> None:
    assert world.send(world.command(**changes)) is None
    assert world.dropped[-1].code is Refusal.SCHEMA


@given(st.binary(max_size=400))
def test_no_bytes_from_a_stranger_disturb_the_gate(data: bytes) -> None:
    rules, state = rules_of(), GateState()
    now = World.now.fget(_Still())  # type: ignore[attr-defined]  # the property without a store
    for event in (
        MessageReceived(data),
        RenewalReceived(data),
        MessageReceived(seal("ems.command", data, HUB)),
    ):
        assert core.decide(rules, state, event, now).state is state


class _Still:
    boot, now_ns, wall_ns = "boota", 1, 1


ANY_SCALAR = (
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3) | st.binary(max_size=16)
)


@given(st.recursive(ANY_SCALAR,
                    lambda inner: st.lists(inner, max_size=30), max_leaves=40))  # fmt: skip
def test_no_signed_nonsense_disturbs_the_gate(row: object) -> None:
    rules, state = rules_of(), GateState()
    now = World.now.fget(_Still())  # type: ignore[attr-defined]  # the property without a store
    data = seal(PURPOSE_COMMAND, msgpack.packb(row), HUB)
    assert core.decide(rules, state, MessageReceived(data), now).state is state


def test_a_machine_in_local_mode_takes_nothing(world: World) -> None:
    world.device.local = True
    world.feed(LocalMode("battery1", local=True, at_ns=world.now_ns + 1))
    assert _code(world) is Refusal.LOCAL_MODE


def test_a_switch_that_was_not_read_yet_counts_as_local(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert _code(world) is Refusal.LOCAL_MODE
    world.store.close()


def test_a_point_that_was_not_read_well_and_lately_takes_nothing(world: World) -> None:
    world.feed(PointRead(POINT, math.nan, good=False, at_ns=world.now_ns + 1))
    assert _code(world) is Refusal.BAD_INPUT
    world.feed(PointRead(POINT, 0.0, good=True, at_ns=world.now_ns + 2))
    assert _code(world) is None
    world.now_ns += 3_000_000_003
    world.feed(LocalMode("battery1", local=False, at_ns=world.now_ns))
    assert _code(world) is Refusal.BAD_INPUT
    world.feed(PointRead(POINT, 100.0, good=True, at_ns=world.now_ns))
    world.now_ns += 3_000_000_000
    assert _code(world) is None


def test_a_switch_that_was_not_read_lately_is_not_trusted(world: World) -> None:
    world.now_ns += 3_000_000_000
    world.feed(PointRead(POINT, 0.0, good=True, at_ns=world.now_ns))
    assert _code(world) is None
    world.now_ns += 1
    assert _code(world) is Refusal.BAD_INPUT


def test_a_switch_that_cannot_be_read_keeps_no_point_from_its_fallback(world: World) -> None:
    world.order(100.0, lease_s=5.0)
    for _ in range(24):
        world.now_ns += 250_000_000
        world.feed(Tick())
    assert world.value() == FALLBACK_KW


def test_an_older_reading_of_the_switch_counts_for_nothing(world: World) -> None:
    before = world.state
    world.feed(LocalMode("battery1", local=True, at_ns=world.now_ns - 1))
    assert world.state is before


def test_a_message_held_up_on_its_way_lives_no_longer_than_its_sender_meant(world: World) -> None:
    sent = world.command(50.0, lease_s=5.0)
    until_ns = world.now_ns + 5_000_000_000
    world.wait(2.0)
    answer = world.send(sent)
    assert isinstance(answer, Received)
    assert answer.lease_s == 3.0
    assert world.state.points[POINT].leases[0].until_ns == until_ns


def test_a_message_whose_lease_was_over_before_it_arrived_is_refused(world: World) -> None:
    sent = world.command(50.0, lease_s=5.0)
    world.wait(5.0)
    answer = world.send(sent)
    assert isinstance(answer, Refused)
    assert answer.code is Refusal.LEASE
    assert world.value() == FALLBACK_KW


def test_a_point_never_read_takes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.feed(LocalMode("battery1", local=False, at_ns=world.now_ns))
    assert _code(world) is Refusal.BAD_INPUT
    world.store.close()


def test_a_point_without_a_valid_proof_takes_nothing(world: World) -> None:
    points = {name: replace(point, proven=False) for name, point in world.rules.points.items()}
    world.rules = replace(world.rules, points=points)
    assert _code(world) is Refusal.NOT_PROVEN


def test_a_repeat_gets_the_first_receipt_and_writes_nothing(world: World) -> None:
    command = world.command(50.0)
    first = world.send(command)
    world.wait(1.0)
    before, writes = world.state, len(world.device.writes)
    again = replace(command, seq=command.seq + 5, value=90.0, echo=Echo("boota", world.now_ns // 1_000_000))
    assert world.send(again) == first
    assert world.state is before
    assert len(world.device.writes) == writes


def test_a_repeat_of_a_refused_command_is_refused_alike(world: World) -> None:
    command = world.command(999.0)
    first = world.send(command)
    assert world.send(replace(command, seq=command.seq + 1, value=1.0)) == first


def test_a_repeat_after_a_restart_gets_the_first_receipt(world: World) -> None:
    command = world.command(50.0)
    first = world.send(command)
    world.restart()
    assert world.send(command) == first


def test_an_older_command_never_seen_is_withheld_after_a_newer_one(world: World) -> None:
    late = world.command(40.0)
    world.order(60.0)
    answer = world.send(late)
    assert isinstance(answer, Refused)
    assert answer.code is Refusal.OUT_OF_ORDER
    assert world.value() == 60.0


def test_a_leader_out_of_office_is_refused_on_every_point(world: World) -> None:
    world.order(60.0, epoch=5, seq=1)
    assert _code(world, epoch=4, seq=99) is Refusal.FENCED
    assert _code(world, epoch=4, seq=100, point=SLOT, value=8.0) is Refusal.FENCED
    world.restart()
    assert _code(world, epoch=4, seq=101) is Refusal.FENCED


def test_a_stale_command_of_a_high_epoch_does_not_move_the_fence(world: World) -> None:
    assert _code(world, epoch=99, echo=Echo("boota", 1)) is Refusal.STALE_ECHO
    assert world.state.fence < 99
    assert _code(world) is None


def test_a_new_epoch_counts_from_the_start(world: World) -> None:
    world.order(60.0, seq=50)
    assert _code(world, epoch=2, seq=1) is None


def test_an_echo_of_another_boot_is_refused_even_when_it_looks_fresh(world: World) -> None:
    world.restart(boot="bootb")
    assert _code(world, echo=Echo("boota", world.now_ns // 1_000_000)) is Refusal.STALE_ECHO


def test_the_table_of_answers_is_bounded(world: World) -> None:
    world.rules = replace(world.rules, most_ids=5)
    sent = [world.order(float(n)) for n in range(9)]
    assert set(world.state.answers) == {command.id for command in sent[-5:]}
    assert [ident for ident, _ in world.store.load().answers] == [command.id for command in sent[-5:]]
