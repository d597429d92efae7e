"""Orders of people at the dispatcher: policy, coalescing, ends; on real desks, without a bus."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hub.command.desk import Desk
from hub.command.orders import Again, Fresh, Issuer, Out, Wish
from hub.command.people import People
from hub.command.policy import Known
from hub.command.work import Work
from hub.ledger.orders import ENDED, REFUSED, Change, Order
from hub.ledger.tables import CommandRow
from hub.registry.writable import Writable
from protocols.clock import Instant
from protocols.command import Command, CommandKind, Level, Renewal
from protocols.heartbeat import Heartbeat
from protocols.holder import Holder, Holders
from protocols.point import PointId
from protocols.receipt import (
    Expired,
    Mismatch,
    Overridden,
    Receipt,
    Received,
    Refused,
    Released,
    Superseded,
    Verified,
)
from protocols.refusal import Refusal
from protocols.write_block import Duty, FallbackValue, WriteLimits

NS = 1_000_000_000
WHOLE = True
AT = Instant("boot", 1, 1)
POINT, OTHER, STEPPED = "demo/comp1/set_c", "demo/chp1/set_c", "demo/comp1/door_code"
PLANNED = Wish(POINT, 30.0, "°C", "plan", 1, "plan")


def writable(name: str, edge: str, zone: str | None = None, duty: Duty | None = None) -> Writable:
    _, device, point = name.split("/")
    limits = WriteLimits(
        point=point, unit="°C", low=0.0, high=100.0, fallback=FallbackValue(value=20.0), duty=duty
    )
    return Writable(PointId("demo", device, point), edge, zone, "11" * 16, limits)


WRITABLES = {
    POINT: writable(POINT, "edge1", "hall"),
    STEPPED: writable(STEPPED, "edge1", duty=Duty(two_step=True)),
    OTHER: writable(OTHER, "edge2", "hall"),
}
ROLES = {"anna": "operator", "bert": "admin", "carl": "viewer"}


@dataclass
class Office:
    """The people's half with two desks, and a clock."""

    now_s: float = 100.0
    desks: dict[str, Desk] = field(default_factory=dict)
    out: list[Command] = field(default_factory=list)
    count: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for edge in ("edge1", "edge2"):
            self.desks[edge] = Desk(Issuer("hub", "key", "demo", 10.0), edge)
            self.desks[edge].begin_term(7)
            self.desks[edge].want([])
        self.people = People(WRITABLES, self.desks)
        self.beat()

    @property
    def now_ns(self) -> int:
        return round(self.now_s * NS)

    def beat(self, edge: str = "", *leases: Command) -> list[bytes]:
        unknown = []
        for name in (edge,) if edge else ("edge1", "edge2"):
            beat = Heartbeat(
                name, "demo", 3, "boot", round(self.now_s * 1000), 0, 0, [one.id.hex() for one in leases],
                {"comp1": "up", "chp1": "up"}, cap_hashes={"comp1": "22" * 16, "chp1": "22" * 16},
            )  # fmt: skip
            unknown += self.desks[name].heard(beat, self.now_s)
        return unknown

    def ask(self, kind: CommandKind, target: str, value: float | None = None, **more: Any) -> str:  # noqa: ANN401  fields of an order
        timed = kind in {CommandKind.SET, CommandKind.SELECT}
        until_ns = self.now_ns + 600 * NS if timed else None
        unit = None if value is None else "°C"
        plain = Order("demo", kind, target, value, unit, None, "because", "anna", None, until_ns)
        order = replace(plain, id=f"{next(self.count):032x}", **more)
        self.people.take(order, self.now_ns, Known(WRITABLES, ROLES, self.now_ns), self.now_s)
        return order.id

    def turn(self, later_s: float = 0.0) -> list[Command]:
        """Time passes, the people's half looks, the desks send; gives what was sent."""
        self.now_s += later_s
        self.people.look(self.now_ns, self.now_s)
        outs: list[Out] = [out for desk in self.desks.values() for out in desk.next(self.now_s)]
        sent = [out.command for out in outs if isinstance(out, Fresh | Again)]
        self.out += sent
        return sent

    def answer(self, order_id: str, receipt: Receipt) -> None:
        for desk in self.desks.values():
            desk.answered(receipt, self.now_s)
        self.people.answered(order_id, receipt.id.hex(), receipt, self.now_s)

    def granted(self, order_id: str, command: Command) -> None:
        self.answer(order_id, Received(command.id, command.edge, command.point, AT, 10.0))
        self.beat(command.edge, command)

    def override(self, value: float = 50.0) -> tuple[str, Command]:
        ident = self.ask(CommandKind.SET, POINT, value)
        (command,) = self.turn()
        self.granted(ident, command)
        return ident, command

    def said(self) -> list[tuple[str, str, str]]:
        changes, self.people.changes = self.people.changes, []
        return [(change.id, change.state, change.code) for change in changes]


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_order_becomes_a_signed_command_with_name_reason_rung_and_the_limits_that_were_shown(
    office: Office,
) -> None:
    ident = office.ask(CommandKind.SET, POINT, 50.0, expect=49.0)
    (command,) = office.turn()
    assert (command.level, command.actor, command.reason) == (Level.OPERATOR, "anna", "because")
    assert (command.value, command.unit, command.expect, command.cap_hash.hex()) == (
        50.0,
        "°C",
        49.0,
        "11" * 16,
    )
    assert office.turn(0.3) == []
    assert office.people.open == {ident}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"actor": "carl"}, "person"),
        ({"actor": "nobody"}, "person"),
        ({"confirm": "carl"}, "person"),
        ({"reason": " "}, "person"),
        ({"target": "demo/comp9/set_c"}, "not_allowed"),
        ({"target": STEPPED}, "selection"),
        ({"unit": "K"}, "unit"),
        ({"value": None, "unit": "°C"}, "value"),
        ({"value": float("nan")}, "value"),
        ({"expect": float("inf")}, "value"),
        ({"value": 100.1}, "limits"),
        ({"until_ns": None}, "lease"),
        ({"until_ns": 99 * NS}, "lease"),
        ({"until_ns": 100 * NS + 8 * 3600 * NS + 2 * NS}, "lease"),
    ],
)
def test_what_is_wrong_is_refused_with_its_code_and_never_goes_out(
    office: Office, more: dict[str, Any], code: str
) -> None:
    fields: dict[str, Any] = {"target": POINT, "value": 50.0} | more
    ident = office.ask(CommandKind.SET, fields.pop("target"), fields.pop("value"), **fields)
    assert office.said() == [(ident, REFUSED, code)]
    assert office.turn() == []


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda c: Overridden(c.id, c.edge, c.point, AT, "a hand"), "overridden"),
        (lambda c: Expired(c.id, c.edge, c.point, AT), "expired"),
        (lambda c: Superseded(c.id, c.edge, c.point, AT, bytes(16)), "superseded"),
        (lambda c: Refused(c.id, c.edge, c.point, AT, Refusal.RATE, ""), "refused"),
        (lambda c: Mismatch(c.id, c.edge, c.point, AT, 50.0, 1.0), "mismatch"),
        (lambda c: Released(c.id, c.edge, c.point, AT), "released"),
    ],
)
def test_an_override_the_plant_took_away_ends_and_never_comes_back(
    office: Office,
    end: Callable[[Command], Receipt],
    code: str,
) -> None:
    ident, command = office.override()
    office.answer(ident, end(command))
    assert office.said() == [(ident, ENDED, code)]
    office.beat()
    for _ in range(40):
        office.beat()
        assert [one for one in office.turn(0.5) if one.kind is CommandKind.SET] == []


def test_verified_is_told_once_and_the_override_is_renewed_until_its_time_and_then_given_back(
    office: Office,
) -> None:
    ident, command = office.override()
    for _ in range(2):
        office.answer(ident, Verified(command.id, "edge1", POINT, AT, 50.0))
    assert office.said() == [(ident, "", "verified")]
    renewed = 0
    for _ in range(590):
        office.now_s += 1.0
        office.beat("edge1", command)
        office.people.look(office.now_ns, office.now_s)
        outs = office.desks["edge1"].next(office.now_s)
        assert all(isinstance(out, Renewal) for out in outs)
        renewed += len(outs)
    assert renewed >= 190
    office.now_s += 10.0
    office.beat("edge1", command)
    (release,) = office.turn()
    assert (release.kind, release.level, release.point) == (CommandKind.RELEASE, Level.OPERATOR, POINT)
    assert office.said() == [(ident, ENDED, "expired")]


def test_of_orders_that_come_together_only_the_newest_goes_out(office: Office) -> None:
    older = [office.ask(CommandKind.SET, POINT, float(value)) for value in range(30)]
    newest = office.ask(CommandKind.SET, POINT, 77.0)
    assert [command.value for command in office.turn()] == [77.0]
    assert office.said() == [(ident, ENDED, "superseded") for ident in older]
    assert office.people.open == {newest}


def test_a_newer_order_that_is_refused_leaves_the_older_override_in_place(office: Office) -> None:
    first, command = office.override()
    second = office.ask(CommandKind.SET, POINT, 60.0)
    (newer,) = office.turn()
    assert office.beat("edge1", command) == [command.id]
    office.answer(second, Refused(newer.id, "edge1", POINT, AT, Refusal.RATE, ""))
    assert office.said() == [(second, ENDED, "refused")]
    assert office.beat("edge1", command) == [command.id]
    office.desks["edge1"].adopt(command, office.now_s, accepted=True, order_id=first)
    assert office.turn(1.0) == []
    assert office.people.open == {first}


def test_a_refusal_that_says_nothing_of_the_order_is_asked_anew_a_little_later(office: Office) -> None:
    ident = office.ask(CommandKind.SET, POINT, 50.0)
    (command,) = office.turn()
    office.answer(ident, Refused(command.id, "edge1", POINT, AT, Refusal.QUOTA, ""))
    assert office.turn(0.1) == []
    (again,) = office.turn(0.5)
    assert again.id != command.id
    assert (again.value, office.said()) == (50.0, [])


def test_the_end_of_a_command_does_not_end_the_order_a_newer_command_carries(office: Office) -> None:
    ident = office.ask(CommandKind.SET, POINT, 50.0)
    (first,) = office.turn()
    office.answer(ident, Refused(first.id, "edge1", POINT, AT, Refusal.OUT_OF_ORDER, ""))
    (second,) = office.turn(1.0)
    office.answer(ident, Superseded(first.id, "edge1", POINT, AT, second.id))
    assert office.said() == []
    office.answer(ident, Superseded(second.id, "edge1", POINT, AT, bytes(16)))
    assert office.said() == [(ident, ENDED, "superseded")]


def test_a_stop_goes_to_every_edge_until_the_last_one_has_it(office: Office) -> None:
    ident = office.ask(CommandKind.STOP, "zone:hall")
    first, second = office.turn()
    assert {first.edge, second.edge} == {"edge1", "edge2"}
    assert (first.kind, first.point, first.value) == (CommandKind.STOP, "zone:hall", None)
    office.answer(ident, Released(first.id, first.edge, "zone:hall", AT))
    assert office.said() == []
    sent = []
    for _ in range(60):
        office.beat()
        sent += office.turn(1.0)
    assert {command.id for command in sent} == {second.id}
    assert len(sent) > 20
    office.answer(ident, Released(second.id, second.edge, "zone:hall", AT))
    assert office.said() == [(ident, ENDED, "done")]


def test_a_resume_takes_back_a_stop_that_has_not_arrived_everywhere_and_does_not_wait_for_ever(
    office: Office,
) -> None:
    stop = office.ask(CommandKind.STOP, "all")
    office.turn()
    resume = office.ask(CommandKind.RESUME, "all", confirm="bert")
    first, _ = office.turn()
    assert (first.kind, office.said()) == (CommandKind.RESUME, [])
    office.answer(resume, Released(first.id, first.edge, "all", AT))
    assert office.said() == [(stop, ENDED, "superseded")]
    for _ in range(35):
        office.beat()
        assert CommandKind.STOP not in {command.kind for command in office.turn(1.0)}
    assert office.said() == [(resume, ENDED, "no_answer")]


def test_a_resume_that_is_refused_takes_no_stop_back(office: Office) -> None:
    stop = office.ask(CommandKind.STOP, "all")
    first, second = office.turn()
    office.answer(stop, Released(first.id, first.edge, "all", AT))
    resume = office.ask(CommandKind.RESUME, "all", confirm="bert")
    for sent in office.turn():
        office.answer(resume, Refused(sent.id, sent.edge, "all", AT, Refusal.SELECTION, ""))
    assert office.said() == [(resume, ENDED, "refused")]
    office.beat()
    assert [command.id for command in office.turn(2.5)] == [second.id]
    assert office.people.open == {stop}


def test_a_release_of_a_stop_that_one_edge_alone_still_has_is_armed_there(office: Office) -> None:
    armed = office.ask(CommandKind.RESUME, "all")
    first, second = office.turn()
    office.answer(armed, Refused(first.id, first.edge, "all", AT, Refusal.SELECTION, ""))
    office.answer(armed, Released(second.id, second.edge, "all", AT))
    assert office.said() == [(armed, ENDED, "done")]


@pytest.mark.parametrize("sent_before", [True, False])
def test_a_release_of_a_stop_is_not_carried_out_by_an_edge_that_comes_back_an_hour_later(
    office: Office,
    sent_before: bool,  # noqa: FBT001  a case
) -> None:
    office.now_s += 0.0 if sent_before else 6.0
    office.beat("edge1")
    resume = office.ask(CommandKind.RESUME, "all", confirm="bert")
    sent = office.turn()
    assert {command.edge for command in sent} == ({"edge1", "edge2"} if sent_before else {"edge1"})
    office.answer(resume, Released(sent[0].id, "edge1", "all", AT))
    for _ in range(60):
        office.beat("edge1")
        office.turn(1.0)
    assert office.said() == [(resume, ENDED, "no_answer")]
    office.now_s += 3600.0
    office.beat()
    assert office.turn(0.1) == []


def test_a_set_point_that_was_sent_once_is_not_carried_out_by_an_edge_that_comes_back_an_hour_later(
    office: Office,
) -> None:
    office.ask(CommandKind.SET, POINT, 50.0, until_ns=office.now_ns + 7200 * NS)
    assert len(office.turn()) == 1
    for _ in range(60):
        office.turn(60.0)
    office.beat()
    assert office.turn(0.1) == []


def test_an_edge_that_could_not_take_a_stop_is_asked_anew_although_another_has_not_answered_yet(
    office: Office,
) -> None:
    stop = office.ask(CommandKind.STOP, "all")
    first, second = office.turn()
    for _ in range(9):
        office.answer(stop, Refused(first.id, first.edge, "all", AT, Refusal.STALE_ECHO, ""))
        office.turn(0.1)
        for _ in range(6):
            office.beat()
            first = next((one for one in office.turn(1.0) if one.edge == first.edge), first)
    office.answer(stop, Released(second.id, second.edge, "all", AT))
    assert office.said() == []
    office.answer(stop, Released(first.id, first.edge, "all", AT))
    assert office.said() == [(stop, ENDED, "done")]


def test_a_wall_clock_that_is_set_back_makes_no_override_longer(office: Office) -> None:
    ident, command = office.override()
    office.now_s += 601.0
    office.beat("edge1", command)
    office.people.look(office.now_ns - 3600 * NS, office.now_s)
    assert office.said() == [(ident, ENDED, "expired")]


def test_an_opt_out_that_comes_late_is_as_long_as_what_is_left_of_it(office: Office) -> None:
    office.now_s += 6.0
    office.ask(CommandKind.OPT_OUT, POINT, until_ns=office.now_ns + 600 * NS)
    assert office.turn(300.0) == []
    office.beat()
    (sent,) = office.turn()
    office.now_s += 4.0
    office.beat()
    (again,) = office.turn()
    assert (sent.lease_s, again.lease_s, again.id) == (300.0, 296.0, sent.id)


def test_an_opt_out_whose_time_is_over_is_not_begun_any_more(office: Office) -> None:
    office.now_s += 6.0
    ident = office.ask(CommandKind.OPT_OUT, "all", until_ns=office.now_ns + 600 * NS)
    assert office.turn() == []
    office.turn(601.0)
    assert office.said() == [(ident, ENDED, "expired")]
    office.beat()
    assert office.turn(0.1) == []


def test_an_order_for_a_silent_edge_is_refused_before_long_but_a_stop_waits_for_it(office: Office) -> None:
    office.now_s += 6.0
    order, stop = office.ask(CommandKind.SET, POINT, 50.0), office.ask(CommandKind.STOP, "all")
    for _ in range(10):
        assert office.turn(1.0) == []
    assert office.said() == [(order, REFUSED, "no_answer")]
    office.beat()
    assert {command.kind for command in office.turn(0.1)} == {CommandKind.STOP}
    assert office.people.open == {stop}


def test_what_was_asked_while_nobody_was_there_is_not_carried_out_later_unless_it_takes_away(
    office: Office,
) -> None:
    asked_ns = office.now_ns
    office.now_s += 60.0
    office.beat()
    known = Known(WRITABLES, ROLES, office.now_ns)
    for kind, target in ((CommandKind.LIFT, "all"), (CommandKind.STOP, "all")):
        order = Order("demo", kind, target, None, None, None, "because", "anna", id=kind.value)
        office.people.take(order, asked_ns, known, office.now_s)
    assert office.said() == [("lift", REFUSED, "no_answer")]
    assert {command.kind for command in office.turn()} == {CommandKind.STOP}


def test_a_lease_that_is_gone_without_a_word_ends_its_order(office: Office) -> None:
    ident, _ = office.override()
    for _ in range(5):
        office.beat()
        assert office.turn(1.0) == []
    assert office.said() == [(ident, ENDED, "expired")]


def test_while_its_edge_is_silent_nothing_is_known_and_the_override_stays_open(office: Office) -> None:
    ident, _ = office.override()
    for _ in range(30):
        assert office.turn(1.0) == []
    assert office.people.open == {ident}


def test_a_release_of_a_person_ends_the_override_and_is_done_itself(office: Office) -> None:
    held, command = office.override()
    release = office.ask(CommandKind.RELEASE, POINT, reason="")
    (sent,) = office.turn(1.0)
    assert (sent.kind, sent.level, sent.actor) == (CommandKind.RELEASE, Level.OPERATOR, "anna")
    office.answer(held, Released(command.id, "edge1", POINT, AT))
    office.answer(release, Released(sent.id, "edge1", POINT, AT))
    assert office.said() == [(held, ENDED, "released"), (release, ENDED, "done")]
    office.beat()
    assert office.turn(1.0) == []


def test_a_selection_becomes_a_lease_under_its_own_id_once_it_is_operated(office: Office) -> None:
    chosen = office.ask(CommandKind.SELECT, STEPPED, 1.0)
    (select,) = office.turn()
    assert (select.kind, select.lease_s) == (CommandKind.SELECT, 40.0)
    office.answer(chosen, Received(select.id, "edge1", STEPPED, AT, 40.0))
    operate = office.ask(CommandKind.OPERATE, STEPPED, 1.0, of=chosen, reason="", confirm="bert")
    (sent,) = office.turn()
    assert (sent.kind, sent.value, sent.confirm, sent.reason) == (CommandKind.OPERATE, 1.0, "bert", "because")
    office.answer(operate, Released(sent.id, "edge1", STEPPED, AT))
    assert office.said() == [(operate, ENDED, "done")]
    office.now_s += 1.0
    assert office.beat("edge1", select) == []
    office.people.look(office.now_ns, office.now_s)
    (renewal,) = office.desks["edge1"].next(office.now_s)
    assert isinstance(renewal, Renewal)
    assert office.desks["edge1"].holds(chosen)


def test_a_second_copy_that_comes_too_late_says_nothing_of_a_selection_that_was_taken(office: Office) -> None:
    chosen = office.ask(CommandKind.SELECT, STEPPED, 1.0)
    (select,) = office.turn()
    office.beat()
    (copy,) = office.turn(2.5)
    assert copy.id == select.id
    office.answer(chosen, Received(select.id, "edge1", STEPPED, AT, 40.0))
    office.answer(chosen, Refused(select.id, "edge1", STEPPED, AT, Refusal.OUT_OF_ORDER, ""))
    office.beat()
    assert office.turn(1.0) == []
    assert office.said() == []
    office.ask(CommandKind.OPERATE, STEPPED, 1.0, of=chosen)
    assert [command.kind for command in office.turn()] == [CommandKind.OPERATE]


def test_an_operate_without_its_selection_never_goes_out(office: Office) -> None:
    ident = office.ask(CommandKind.OPERATE, STEPPED, 1.0, of="ff" * 16)
    assert office.said() == [(ident, REFUSED, "selection")]
    assert office.turn() == []


def test_the_plan_orders_nothing_new_on_a_point_a_person_or_the_plant_holds(office: Office) -> None:
    desk = office.desks["edge1"]
    held, command = office.override()
    desk.want([PLANNED])
    assert office.turn(1.0) == []
    office.answer(held, Released(command.id, "edge1", POINT, AT))
    office.beat()
    holders = Holders("edge1", AT, WHOLE, (Holder(POINT, "stopped", None, None, "anna", "why"),))
    desk.told(holders, office.now_s)
    assert office.turn(1.0) == []
    desk.told(replace(holders, holders=(Holder(POINT, "fallback", 20.0, None, "", ""),)), office.now_s)
    assert [one.level for one in office.turn(0.1)] == [Level.OPTIMISER]


def test_a_plan_that_was_overridden_comes_back_as_soon_as_the_edge_says_that_nobody_holds_the_point(
    office: Office,
) -> None:
    desk = office.desks["edge1"]
    desk.want([PLANNED])
    (command,) = office.turn()
    stopped = Holder(POINT, "stopped", None, None, "anna", "why")
    desk.told(Holders("edge1", AT, WHOLE, (stopped,)), office.now_s)
    desk.answered(Overridden(command.id, "edge1", POINT, AT, "stopped"), office.now_s)
    office.now_s += 5.0
    office.beat()
    assert office.turn() == []
    desk.told(Holders("edge1", AT, not WHOLE, (stopped._replace(rung="fallback"),)), office.now_s)
    assert [one.value for one in office.turn()] == [30.0]


def test_a_plan_s_lease_under_an_override_is_renewed_with_it(office: Office) -> None:
    desk = office.desks["edge1"]
    desk.want([PLANNED])
    (planned,) = office.turn()
    desk.answered(Received(planned.id, "edge1", POINT, AT, 10.0), office.now_s)
    office.beat("edge1", planned)
    ident = office.ask(CommandKind.SET, POINT, 50.0)
    (command,) = office.turn()
    office.answer(ident, Received(command.id, "edge1", POINT, AT, 10.0))
    office.now_s += 3.0
    office.beat("edge1", planned, command)
    office.people.look(office.now_ns, office.now_s)
    (renewal,) = desk.next(office.now_s)
    assert isinstance(renewal, Renewal)
    assert desk.renewed == {planned.id, command.id}


def test_a_storm_of_orders_does_not_keep_renewals_away(office: Office) -> None:
    desk = office.desks["edge1"]
    desk.want([PLANNED])
    (planned,) = office.turn()
    desk.answered(Received(planned.id, "edge1", POINT, AT, 10.0), office.now_s)
    newest: dict[str, Command] = {}
    last_s, longest_s = office.now_s, 0.0
    for step in range(120):
        office.now_s += 0.25
        ident = office.ask(CommandKind.SET, STEPPED.replace("door_code", "set_c"), 1.0 + step % 50)
        office.people.look(office.now_ns, office.now_s)
        for out in desk.next(office.now_s):
            if isinstance(out, Renewal):
                longest_s, last_s = max(longest_s, office.now_s - last_s), office.now_s
            elif out.command.kind is CommandKind.SET:
                newest["set"] = out.command
                office.answer(ident, Received(out.command.id, "edge1", POINT, AT, 10.0))
        if step % 4 == 3:
            office.beat("edge1", planned, *newest.values())
    assert 0.0 < longest_s < 8.0


def test_after_a_restart_an_override_is_adopted_by_its_row_and_one_that_is_gone_ends(office: Office) -> None:
    ident, command = office.override()
    again = Office(now_s=office.now_s)
    order = Order(
        "demo", CommandKind.SET, POINT, 50.0, "°C", None, "because", "anna", None, 900 * NS, id=ident
    )
    row = CommandRow(
        id=command.id, edge="edge1", point=POINT, kind="set", state="verified", verdict="verified",
        body=command.body(), order_id=ident,
    )  # fmt: skip
    again.people.adopt(Work(order, 0, again.now_s), [row], again.now_ns)
    assert again.beat("edge1", command) == [command.id]
    again.desks["edge1"].adopt(command, again.now_s, accepted=True, order_id=ident)
    assert again.turn(0.5) == []
    assert again.desks["edge1"].holds(ident)
    for _ in range(5):
        again.beat()
        assert again.turn(1.0) == []
    assert [Change(*one) for one in again.said()] == [Change(ident, ENDED, "expired")]


def test_after_a_restart_a_stop_goes_on_with_its_id_and_to_the_edge_it_was_never_sent_to(
    office: Office,
) -> None:
    ident = office.ask(CommandKind.STOP, "all")
    first, _ = office.turn()
    again = Office(now_s=office.now_s + 40.0)
    order = Order("demo", CommandKind.STOP, "all", None, None, None, "because", "anna", id=ident)
    row = CommandRow(
        id=first.id,
        edge=first.edge,
        point="all",
        kind="stop",
        state="issued",
        body=first.body(),
        order_id=ident,
    )
    again.people.adopt(Work(order, office.now_ns, again.now_s), [row], again.now_ns)
    sent = again.turn(0.1)
    assert {command.edge for command in sent} == {"edge1", "edge2"}
    assert first.id in {command.id for command in sent}
