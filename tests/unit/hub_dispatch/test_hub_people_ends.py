"""Orders of people that run: their ends, what comes late, plans beside them, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.command.policy import Known
from hub.command.work import Work
from hub.ledger.orders import ENDED, REFUSED, Change, Order
from hub.ledger.tables import CommandRow
from hub.registry.writable import Writable
from protocols.command import Command, CommandKind, Level, Renewal
from protocols.holder import Holder, Holders
from protocols.receipt import (
    Overridden,
    Received,
    Refused,
    Released,
)
from protocols.refusal import Refusal
from tests.unit.hub_dispatch.people_office import (
    AT,
    NS,
    OTHER,
    PLANNED,
    POINT,
    ROLES,
    STEPPED,
    WHOLE,
    WRITABLES,
    Office,
)


@pytest.fixture
def office() -> Office:
    return Office()


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


def test_what_a_person_holds_ends_with_the_right_to_command_and_a_stop_stays(office: Office) -> None:
    held, _ = office.override()
    stop = office.ask(CommandKind.STOP, "all")
    office.people.dismiss({"anna": "operator"})
    assert office.said() == []
    office.people.dismiss({"anna": "viewer"})
    assert office.said() == [(held, ENDED, "person")]
    assert office.people.open == {stop}
    assert CommandKind.RELEASE in {one.kind for _ in range(3) for one in office.turn(1.0)}


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
    told = [Change(ident, "", "verified"), Change(ident, ENDED, "expired")]
    assert [Change(*one) for one in again.said()] == told


def test_after_a_restart_what_a_person_gave_back_is_not_kept_alive_although_nobody_has_answered(
    office: Office,
) -> None:
    held, command = office.override()
    release = office.ask(CommandKind.RELEASE, POINT, reason="")
    (sent,) = office.turn(1.0)
    again = Office(now_s=office.now_s + 40.0)  # long enough for the release itself to be too old
    for kind, ident, made in ((CommandKind.SET, held, command), (CommandKind.RELEASE, release, sent)):
        until_ns = 900 * NS if kind is CommandKind.SET else None
        order = Order(
            "demo", kind, POINT, made.value, "°C", None, "because", "anna", None, until_ns, id=ident
        )
        row = CommandRow(
            id=made.id, edge="edge1", point=POINT, kind=kind.value, state="issued", body=made.body(),
            order_id=ident,
        )  # fmt: skip
        again.people.adopt(Work(order, office.now_ns, again.now_s), [row], again.now_ns)
    assert again.beat("edge1", command) == [command.id]
    again.desks["edge1"].adopt(command, again.now_s, accepted=True, order_id=held)
    (out,) = again.turn(0.5)
    assert (out.kind, out.point, out.level) == (CommandKind.RELEASE, POINT, Level.OPERATOR)
    again.answer(held, Released(command.id, "edge1", POINT, AT))
    again.beat("edge1")
    assert (held, ENDED, "released") in again.said()
    assert again.turn(1.0) == []


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


def narrowed(high: float, unit: str = "°C") -> dict[str, Writable]:
    one = WRITABLES[POINT]
    limits = one.limits.model_copy(update={"high": high, "unit": unit})
    return WRITABLES | {POINT: replace(one, limits=limits)}


def test_an_override_that_new_limits_do_not_allow_ends_and_is_given_back(office: Office) -> None:
    ident, command = office.override(30.0)
    office.people.take_limits(narrowed(40.0))
    office.turn()
    assert office.said() == []
    office.people.take_limits(narrowed(25.0))
    assert (ident, ENDED, Refusal.LIMITS.value) in office.said()
    (back,) = office.turn(1.0)
    assert (back.kind, back.point) == (CommandKind.RELEASE, command.point)


@pytest.mark.parametrize("gone", [True, False])
def test_an_override_on_a_point_that_is_gone_or_has_another_unit_ends(office: Office, gone: bool) -> None:  # noqa: FBT001  both cases
    ident, _ = office.override(30.0)
    left = {name: one for name, one in WRITABLES.items() if name != POINT} if gone else narrowed(100.0, "K")
    office.people.take_limits(left)
    code = Refusal.NOT_ALLOWED if gone else Refusal.UNIT
    assert (ident, ENDED, code.value) in office.said()
    office.turn(1.0)


def test_other_limits_leave_acts_and_other_points_as_they_are(office: Office) -> None:
    office.ask(CommandKind.LOCK_OUT, "demo/comp1")
    kept = office.ask(CommandKind.SET, OTHER, 30.0)
    office.turn()
    office.people.take_limits(narrowed(25.0))
    assert office.said() == []
    assert kept in office.people.open
