from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.gate.rules import Rules
from hub.command.desk import Desk
from hub.command.wishes import Again, Errand, Fresh, Issuer, Out, Wish
from protocols.clock import Instant
from protocols.command import Command, CommandKind, Level, Renewal, lease_list_hash
from protocols.heartbeat import Heartbeat
from protocols.receipt import Expired, Overridden, Received, Refused, Released, Verified
from protocols.refusal import Refusal

POINT = "demo/comp1/role_set_code"
OTHER = "demo/chp1/power_set_kw"
CAPS = {"comp1": "11" * 16, "chp1": "22" * 16}


def beat(*leases: bytes, reading_ms: int = 1000, **more: Any) -> Heartbeat:  # noqa: ANN401  fields by name  # noqa: ANN401  fields of a heartbeat
    plain = Heartbeat(
        edge="edge1",
        site="demo",
        agent_epoch=3,
        boot="boot",
        reading_ms=reading_ms,
        wall_ms=0,
        fence=0,
        leases=[ident.hex() for ident in leases],
        links={"comp1": "up", "chp1": "up"},
        cap_hashes=CAPS,
    )
    return replace(plain, **more)


def wish(value: float = 2.0, point: str = POINT) -> Wish:
    return Wish(point, value, "code", "because", 1, "plan")


@pytest.fixture
def desk() -> Desk:
    made = Desk(Issuer("hub", "key", "demo", 10.0), "edge1")
    made.begin_term(7)
    return made


def commands(outs: list[Out]) -> list[Command]:
    return [out.command for out in outs if isinstance(out, Fresh | Again)]


def at() -> Instant:
    return Instant("boot", 1, 1)


def accepted(desk: Desk, value: float = 2.0) -> Command:
    desk.heard(beat(), 0.0)
    desk.want([wish(value)])
    (command,) = commands(desk.next(0.0))
    desk.answered(Received(command.id, "edge1", POINT, at(), 10.0), 0.1)
    desk.heard(beat(command.id), 1.0)
    return command


def test_an_order_carries_echo_epoch_and_limits_of_the_newest_heartbeat(desk: Desk) -> None:
    desk.heard(beat(reading_ms=4711), 0.0)
    desk.want([wish()])
    (command,) = commands(desk.next(0.5))
    assert (command.echo.boot, command.echo.reading_ms, command.agent_epoch) == ("boot", 4711, 3)
    assert (command.epoch, command.seq, command.cap_hash.hex()) == (7, 1, CAPS["comp1"])
    assert (command.value, command.unit, command.kind, command.lease_s) == (
        2.0,
        "code",
        CommandKind.SET,
        10.0,
    )


def test_nothing_is_sent_on_an_old_heartbeat(desk: Desk) -> None:
    desk.heard(beat(), 0.0)
    desk.want([wish()])
    assert desk.next(5.1) == []
    desk.heard(beat(), 6.0)
    assert len(desk.next(6.1)) == 1


@pytest.mark.parametrize("more", [{"links": {"comp1": "down"}}, {"cap_hashes": {}}, {"links": {}}])
def test_no_order_to_a_device_that_is_down_or_not_proven(desk: Desk, more: dict[str, Any]) -> None:
    desk.heard(beat(**more), 0.0)
    desk.want([wish()])
    assert desk.next(0.1) == []


def test_an_order_nobody_answered_is_sent_again_with_the_same_id_and_all_else_new(desk: Desk) -> None:
    desk.heard(beat(), 0.0)
    desk.want([wish()])
    (first,) = commands(desk.next(0.0))
    assert desk.next(1.9) == []
    desk.heard(beat(reading_ms=3000), 2.0)
    (out,) = desk.next(2.1)
    assert isinstance(out, Again)
    assert out.command.id == first.id
    assert (out.command.seq, out.command.echo.reading_ms) == (2, 3000)


def test_a_lease_is_renewed_every_three_seconds_while_it_is_wanted(desk: Desk) -> None:
    command = accepted(desk)
    renewed: list[float] = []
    for second in range(1, 13):
        desk.heard(beat(command.id), float(second))
        for out in desk.next(second + 0.1):
            assert isinstance(out, Renewal)
            assert (out.list_hash, out.valid_for_s) == (lease_list_hash([command.id]), 10.0)
            renewed.append(second)
    assert renewed == [1, 4, 7, 10]


def test_renewals_stop_and_a_release_goes_out_when_nothing_is_wanted(desk: Desk) -> None:
    command = accepted(desk)
    desk.want([])
    (release,) = commands(desk.next(1.1))
    assert (release.kind, release.value, release.point) == (CommandKind.RELEASE, None, POINT)
    for second in range(2, 8):
        desk.heard(beat(command.id), float(second))
        assert not any(isinstance(out, Renewal) for out in desk.next(second + 0.1))
    desk.heard(beat(), 9.0)
    assert desk.idle


def test_the_late_answer_to_a_release_does_not_end_what_was_asked_for_since(desk: Desk) -> None:
    desk.heard(beat(), 0.0)
    desk.ask(Errand(CommandKind.RELEASE, POINT, "given back", "ann", "order1"))
    (release,) = commands(desk.next(0.0))
    desk.heard(beat(), 1.0)
    desk.want([replace(wish(), order_id="order2", level=Level.OPERATOR, actor="ann")], Level.OPERATOR)
    (command,) = commands(desk.next(1.1))
    desk.answered(Released(release.id, "edge1", POINT, at()), 1.4)
    assert desk.holds("order2")
    assert commands(desk.next(1.5)) == []
    desk.heard(beat(command.id), 2.0)
    assert desk.holds("order2")


def test_no_renewal_while_an_order_is_under_way_or_the_lists_differ(desk: Desk) -> None:
    command = accepted(desk)
    desk.want([wish(), wish(-200.0, OTHER)])
    (second,) = commands(desk.next(1.1))
    desk.heard(beat(command.id), 2.0)
    assert desk.next(2.1) == []
    desk.heard(beat(command.id, second.id), 3.0)
    assert [type(out) for out in desk.next(3.1)] == [Renewal]
    desk.heard(beat(command.id, second.id, b"x" * 16), 6.1)
    assert desk.next(6.2) == []
    desk.leave_alone([b"x" * 16])
    assert [type(out) for out in desk.next(6.3)] == [Renewal]


def test_another_value_supersedes_the_lease_and_the_same_value_sends_nothing(desk: Desk) -> None:
    command = accepted(desk)
    desk.want([wish(2.0)])
    assert commands(desk.next(1.2)) == []
    desk.want([wish(1.0)])
    (newer,) = commands(desk.next(1.3))
    assert newer.id != command.id
    assert newer.value == 1.0


def test_one_open_order_a_point_at_a_time(desk: Desk) -> None:
    desk.heard(beat(), 0.0)
    desk.want([wish(2.0)])
    assert len(commands(desk.next(0.0))) == 1
    desk.want([wish(1.0)])
    assert commands(desk.next(0.5)) == []


def test_a_refused_point_is_left_alone_for_a_minute_and_an_overridden_one_for_a_quarter_hour(
    desk: Desk,
) -> None:
    command = accepted(desk)
    desk.answered(Overridden(command.id, "edge1", POINT, at(), "a person"), 2.0)
    desk.heard(beat(), 800.0)
    assert desk.next(800.1) == []
    desk.heard(beat(), 903.0)
    (newer,) = commands(desk.next(903.1))
    desk.answered(Refused(newer.id, "edge1", POINT, at(), Refusal.LIMITS, ""), 904.0)
    desk.heard(beat(), 960.0)
    assert desk.next(960.1) == []
    desk.heard(beat(), 965.0)
    assert len(desk.next(965.1)) == 1


def test_a_lease_the_edge_no_longer_lists_is_ordered_anew_a_little_later(desk: Desk) -> None:
    command = accepted(desk)
    desk.answered(Verified(command.id, "edge1", POINT, at(), 2.0), 1.0)
    desk.heard(beat(), 20.0)
    assert desk.next(20.1) == []
    desk.heard(beat(), 26.0)
    assert len(commands(desk.next(26.1))) == 1


def test_an_expired_lease_that_is_still_wanted_is_ordered_anew_at_once(desk: Desk) -> None:
    command = accepted(desk)
    desk.answered(Expired(command.id, "edge1", POINT, at()), 2.0)
    assert len(commands(desk.next(2.1))) == 1


def test_an_edge_that_gives_a_lease_back_by_itself_gets_no_new_order_at_once(desk: Desk) -> None:
    command = accepted(desk)
    desk.answered(Released(command.id, "edge1", POINT, at()), 2.0)
    desk.heard(beat(), 2.1)
    assert desk.next(2.2) == []
    desk.heard(beat(), 12.5)
    assert len(commands(desk.next(12.6))) == 1


def test_a_live_lease_of_the_last_term_is_taken_over_and_renewed(desk: Desk) -> None:
    command = accepted(desk)
    later = Desk(Issuer("hub", "key", "demo", 10.0), "edge1")
    later.begin_term(8)
    later.want([wish()])
    assert later.heard(beat(command.id), 3.0) == [command.id]
    later.adopt(command, 3.0, accepted=True)
    (renewal,) = later.next(3.1)
    assert isinstance(renewal, Renewal)
    assert (renewal.epoch, renewal.list_hash) == (8, lease_list_hash([command.id]))


def test_a_row_of_the_last_term_that_was_never_sent_is_sent_with_its_id(desk: Desk) -> None:
    desk.heard(beat(), 0.0)
    desk.want([wish()])
    (command,) = commands(desk.next(0.0))
    later = Desk(Issuer("hub", "key", "demo", 10.0), "edge1")
    later.begin_term(8)
    later.adopt(command, 1.0, accepted=False)
    later.heard(beat(), 1.0)
    later.want([wish()])
    (again,) = later.next(1.1)
    assert isinstance(again, Again)
    assert (again.command.id, again.command.epoch) == (command.id, 8)


def test_many_set_points_go_out_in_turns_below_the_quota_of_the_edge(desk: Desk) -> None:
    points = [f"demo/comp1/point{number}_set_kw" for number in range(20)]
    desk.want([wish(point=point) for point in points])
    sent: list[tuple[float, str]] = []
    for turn in range(17):
        now_s = turn * 0.25
        desk.heard(beat(), now_s)
        for command in commands(desk.next(now_s)):
            sent.append((now_s, command.point))
            desk.answered(Received(command.id, "edge1", command.point, at(), 10.0), now_s)
    assert {point for _, point in sent} == set(points)
    most = max(sum(start <= s < start + 1.0 for s, _ in sent) for start, _ in sent)
    assert most < Rules.quota_per_s
