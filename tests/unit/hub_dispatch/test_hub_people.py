"""Orders of people at the dispatcher: policy, coalescing, ends; on real desks, without a bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.ledger.orders import ENDED, REFUSED
from protocols.command import Command, CommandKind, Level, Renewal
from protocols.receipt import (
    Expired,
    Mismatch,
    Overridden,
    Receipt,
    Refused,
    Released,
    Superseded,
    Verified,
)
from protocols.refusal import Refusal
from tests.unit.hub_dispatch.people_office import (
    AT,
    NS,
    POINT,
    STEPPED,
    Office,
)


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


def test_an_order_of_which_a_copy_went_out_is_never_called_refused_because_nobody_answers(
    office: Office,
) -> None:
    ident = office.ask(CommandKind.RELEASE, POINT, reason="")
    (command,) = office.turn()
    office.now_s += 6.0  # its edge is not heard any more
    office.answer(ident, Refused(command.id, "edge1", POINT, AT, Refusal.OUT_OF_ORDER, ""))
    told = [one for _ in range(40) for one in (office.turn(1.0), office.said())[1]]
    assert told == [(ident, ENDED, "no_answer")]


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
