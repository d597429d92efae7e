"""What becomes of orders over the API: two steps, the audit, states, scopes, brakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.ledger import audit, book, orders
from hub.ledger.tables import CommandRow
from protocols.holder import Holder
from protocols.refusal import REFUSAL_TEXTS, Refusal
from tests.unit.hub.orders_running import (
    GATE,
    NOW_S,
    PASSWORD,
    POINT,
    Running,
    S,
    running_orders,
    set_,
)


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_orders(clean_business_url, tmp_path) as running:
        yield running


async def test_a_discrete_point_is_selected_then_operated_by_a_second_person(api: Running) -> None:
    token = await api.token("olga")
    select = (await api.order(token, **set_(kind="select", target=GATE, unit="code", value=1))).json()
    operate = {"kind": "operate", "target": GATE, "of": select["id"], "password": PASSWORD}
    alone = await api.order(token, **operate)
    oneself = await api.order(token, **operate, confirm="olga")
    other = await api.order(token, **operate, confirm="admin", value=2)
    both = await api.order(token, **operate, confirm="admin")
    assert [a.status_code for a in (alone, oneself, other, both)] == [422, 422, 422, 202]
    assert [a.json()["code"] for a in (alone, oneself, other)] == ["person", "person", "selection"]
    done = both.json()
    assert (done["value"], done["unit"], done["of"], done["reason"]) == (1, "code", select["id"], "test")


async def _rename(api: Running, old: str, new: str) -> None:
    async with api.deps.sessions.begin() as session:
        await session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))


async def test_an_order_that_cannot_be_noted_is_not_taken(api: Running) -> None:
    token = await api.token()
    await _rename(api, "audit", "gone")
    answer = await api.order(token, **set_())
    await _rename(api, "gone", "audit")
    assert answer.status_code == 503
    assert answer.json()["code"] == "not_noted"
    assert await orders.open_orders(api.deps.sessions, "demo") == []


async def test_the_audit_is_paged_and_a_changed_entry_is_found(api: Running) -> None:
    token = await api.token("olga")
    for _ in range(3):
        await api.order(token, **set_())
    newest = (await api.get("/audit", token, limit=2)).json()
    older = (await api.get("/audit", token, before=newest[-1]["number"])).json()
    assert [row["number"] for row in newest + older] == [4, 3, 2, 1]
    assert (older[-1]["category"], older[-1]["result"], older[-1]["actor"]) == (
        "sign_in",
        "signed in",
        "olga",
    )
    assert (await api.get("/audit/check", token)).json() == {"whole": True, "broken_at": None, "entries": 4}
    async with api.deps.sessions.begin() as session:
        await session.execute(text("UPDATE audit SET body = replace(body, '7.5', '7.6') WHERE number = 3"))
    assert (await api.get("/audit/check", token)).json() == {"whole": False, "broken_at": 3, "entries": 4}


async def test_wrong_passwords_are_in_the_audit_without_the_password(api: Running) -> None:
    body = {"username": "olga", "password": "guess-123"}
    assert (await api.client.post("/api/v1/auth/login", json=body)).status_code == 401
    (entry,) = [one.entry async for one in audit.every(api.deps.sessions, "demo")]
    assert (entry.category, entry.actor, entry.result) == ("sign_in", "olga", "refused: password")
    assert "guess-123" not in entry.body()


async def test_holders_grow_old_when_their_edge_is_silent_and_strangers_are_not_believed(
    api: Running,
) -> None:
    token, book_ = await api.token("victor"), api.deps.control.holders
    held = Holder(POINT, "operator", 7.5, 10.0, "olga", "test")
    assert book_.hear("edge2", [held]) == []
    assert [one.point for one in book_.hear("edge1", [held, held._replace(point="demo/x/y")])] == [POINT]
    api.clock.advance(4)
    (fresh,) = (await api.get("/holders", token)).json()
    assert (fresh["rung"], fresh["actor"], fresh["until_s"], fresh["age_s"], fresh["old"]) == (
        "operator", "olga", 6.0, 4.0, False,
    )  # fmt: skip
    api.clock.advance(2)
    (silent,) = (await api.get("/holders", token)).json()
    assert silent["old"] is True
    api.clock.advance(60)
    api.beat()
    (forgotten,) = (await api.get("/holders", token)).json()
    assert (forgotten["old"], forgotten["until_s"]) == (True, 0.0)


async def test_what_is_left_of_an_override_goes_by_its_order_and_of_a_plan_nothing_is_said(
    api: Running,
) -> None:
    token = await api.token("olga")
    await api.order(token, **set_())
    api.clock.advance(100)
    api.deps.control.holders.hear("edge1", [Holder(POINT, "operator", 7.5, 9.0, "olga", "test")])
    (override,) = (await api.get("/holders", token)).json()
    assert override["until_s"] == 800.0
    api.deps.control.holders.hear("edge1", [Holder(POINT, "optimiser", 7.5, 9.0, "dispatch", "plan")])
    (plan,) = (await api.get("/holders", token)).json()
    assert plan["until_s"] is None


@pytest.mark.parametrize(
    ("rung", "code"),
    [("stopped", "stopped"), ("local", "local_mode"), ("operator", None), ("optimiser", None)],
)
async def test_a_point_held_above_a_person_says_why_it_cannot_be_set(
    api: Running, rung: str, code: str | None
) -> None:
    api.deps.control.holders.hear("edge1", [Holder(POINT, rung, None, None, "olga", "why")])
    rows = {row["id"]: row for row in (await api.get("/setpoints", await api.token())).json()}
    assert rows[POINT]["settable"] is (code is None)
    assert rows[POINT]["why_not"] == (None if code is None else REFUSAL_TEXTS[Refusal(code)].model_dump())


def _command(order: str, number: int, **change: object) -> CommandRow:
    fields: dict[str, Any] = {
        "id": bytes([number]) * 16, "site": "demo", "edge": "edge1", "point": POINT, "kind": "set",
        "value": 7.5, "unit": "°C", "level": "operator", "reason": "test", "actor": "olga", "epoch": 1,
        "seq": number, "issued_ns": NOW_S * S, "lease_s": 10.0, "body": b"", "chain": b"", "state": "issued",
        "order_id": order,
    }  # fmt: skip
    return CommandRow(**fields | change)


@pytest.mark.parametrize(
    ("command", "state", "code"),
    [
        ({}, "sent", None),
        ({"state": "received"}, "received", None),
        ({"state": "written"}, "written", None),
        (
            {"state": "verified", "verdict": "verified", "readback": 7.5, "readback_ns": NOW_S * S},
            "verified",
            None,
        ),
        ({"state": "refused", "verdict": "refused", "code": "local_mode"}, "refused", "local_mode"),
        ({"state": "failed", "verdict": "failed", "code": "no_answer"}, "failed", "no_answer"),
    ],
)
async def test_an_order_under_way_shows_how_far_its_command_is(
    api: Running, command: dict[str, object], state: str, code: str | None
) -> None:
    token = await api.token("olga")
    ident = (await api.order(token, **set_())).json()["id"]
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, orders.TAKEN, None, NOW_S * S)
    async with api.deps.sessions.begin() as session:
        session.add(_command(ident, 1, **command))
    shown = (await api.get(f"/orders/{ident}", token)).json()
    assert (shown["state"], shown["code"], shown["commands"]) == (state, code, ["01" * 16])
    assert shown["text"]["zh"]
    assert shown["readback"] == command.get("readback")


async def test_an_act_is_done_only_when_every_edge_has_done_it(api: Running) -> None:
    token = await api.token("olga")
    ident = (await api.order(token, kind="stop", target="all", reason="smoke")).json()["id"]
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, orders.TAKEN, None, NOW_S * S)
    done = {"kind": "stop", "point": "all", "value": None, "state": "released", "verdict": "verified"}
    async with api.deps.sessions.begin() as session:
        session.add_all(
            [_command(ident, 1, **done), _command(ident, 2, **done | {"state": "received", "verdict": None})]
        )
    assert (await api.get(f"/orders/{ident}", token)).json()["state"] == "received"
    async with api.deps.sessions.begin() as session:
        await session.execute(text("UPDATE command SET state = 'released', verdict = 'verified'"))
    shown = (await api.get(f"/orders/{ident}", token)).json()  # a third edge may be away
    assert (shown["state"], shown["text"]["en"]) == ("received", "Not every edge has done it yet.")
    await orders.move(api.deps.sessions, row, orders.ENDED, "done", NOW_S * S)
    shown = (await api.get(f"/orders/{ident}", token)).json()
    assert (shown["state"], shown["text"]["en"]) == ("verified", "Done.")
    assert await book.open_commands(api.deps.sessions, "demo") == []


@pytest.mark.parametrize(
    ("kind", "command", "state"),
    [
        ("stop", {"state": "failed", "verdict": "failed", "code": "no_answer"}, "sent"),
        ("stop", {"state": "refused", "verdict": "refused", "code": "stale_echo"}, "sent"),
        ("lift", {"state": "refused", "verdict": "refused", "code": "selection"}, "sent"),
        ("lift", {"state": "failed", "verdict": "failed", "code": "no_answer"}, "failed"),
    ],
)
async def test_what_is_still_sent_is_not_over(
    api: Running, kind: str, command: dict[str, object], state: str
) -> None:
    token = await api.token("olga")
    asked = await api.order(token, kind=kind, target="all", reason="smoke", password=PASSWORD)
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, orders.TAKEN, None, NOW_S * S)
    ident = asked.json()["id"]
    async with api.deps.sessions.begin() as session:
        session.add(_command(ident, 1, kind=kind, point="all", value=None, **command))
    assert (await api.get(f"/orders/{ident}", token)).json()["state"] == state


@pytest.mark.parametrize(
    ("command", "state", "code"),
    [
        ({"state": "refused", "verdict": "refused", "code": "quota"}, "sent", None),
        ({"state": "overridden", "verdict": "verified"}, "ended", "overridden"),
    ],
)
async def test_a_set_point_under_way_is_refused_or_verified_only_where_it_is(
    api: Running, command: dict[str, object], state: str, code: str | None
) -> None:
    token = await api.token("olga")
    ident = (await api.order(token, **set_())).json()["id"]
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, orders.TAKEN, None, NOW_S * S)
    async with api.deps.sessions.begin() as session:
        session.add(_command(ident, 1, **command))
    shown = (await api.get(f"/orders/{ident}", token)).json()
    assert (shown["state"], shown["code"]) == (state, code)


async def test_each_scope_can_be_stopped_however_many_were_stopped_just_now(api: Running) -> None:
    token = await api.token("olga")
    scopes = list(api.deps.control.scopes)
    assert len(scopes) > 20
    for scope in scopes:
        assert (await api.order(token, kind="stop", target=scope, reason="smoke")).status_code == 202
    codes = [
        (await api.order(token, kind="stop", target=target, reason="smoke")).status_code
        for target in [*["all"] * 10, *(f"zone:{n}" for n in range(20))]
    ]
    assert codes == [202] * 9 + [429] + [404] * 10 + [429] * 10


async def test_a_number_that_no_entry_can_have_is_refused(api: Running) -> None:
    assert (await api.get("/audit", await api.token(), before=2**63)).status_code == 422


async def test_an_order_of_somebody_who_may_only_look_is_in_the_audit(api: Running) -> None:
    token = await api.token("victor")
    for _ in range(3):
        assert (await api.order(token, kind="stop", target="all", reason="smoke")).status_code == 403
    (entry,) = await api.entries()
    assert (entry.actor, entry.role, entry.result) == ("victor", "viewer", "refused: role")


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # the time goes into hashes
async def test_guesses_that_are_braked_are_in_the_audit(api: Running) -> None:
    token = await api.token("olga")
    act = {"kind": "resume", "target": "all", "reason": "checked", "password": PASSWORD[1:]}
    for _ in range(2):
        for _ in range(10):
            assert (await api.order(token, **act)).status_code == 403
        api.clock.advance(11)
    braked = await api.order(token, **act)
    assert (braked.status_code, braked.json()["code"]) == (429, "guesses")
    assert [entry.result for entry in await api.entries()][-1] == "refused: guesses"


@pytest.mark.parametrize(
    ("to", "code", "state"),
    [
        (orders.REFUSED, "limits", "refused"),
        (orders.ENDED, "expired", "ended"),
        (orders.ENDED, "superseded", "ended"),
        (orders.ENDED, "mismatch", "failed"),
    ],
)
async def test_an_order_that_is_over_says_how(api: Running, to: str, code: str, state: str) -> None:
    token = await api.token("olga")
    ident = (await api.order(token, **set_())).json()["id"]
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, to, code, NOW_S * S)
    shown = (await api.get(f"/orders/{ident}", token)).json()
    assert (shown["state"], shown["code"]) == (state, code)
    assert shown["text"]["en"] != shown["text"]["zh"]


async def test_an_unknown_order_is_not_there(api: Running) -> None:
    assert (await api.get("/orders/none", await api.token())).status_code == 404
