"""Orders of people over the API: who may, what is refused and noted, what is written down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from hub.api.app import create_app, openapi_document
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.api.policy import POLICY, may
from hub.auth.passwords import hash_password
from hub.auth.people import ROLES
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import Base, create_engine, embedded_url, sessions_of
from hub.ledger import audit, book, orders
from hub.ledger.tables import CommandRow
from hub.registry.site import load_registry
from hub.registry.writable import Writable, load_writables
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received
from protocols.clock import Instant
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.holder import Holder
from protocols.point import PointId
from protocols.refusal import REFUSAL_TEXTS, Refusal
from protocols.write_block import Duty, FallbackHold, WriteLimits
from runtime.clock import VirtualClock

S = 1_000_000_000
NOW_S = 1_750_000_000
CONFIGS = Path(__file__).parents[3] / "configs"
PASSWORD = "right-horse"  # noqa: S105  of a test
STORED = hash_password(PASSWORD)
PEOPLE = {"admin": "admin", "olga": "operator", "victor": "viewer"}
POINT = "demo/chiller1/supply_set_c"
GATE = "demo/chiller1/permit_set_code"
"""Made a discrete point of two persons for these tests."""


@dataclass
class Running:
    client: httpx.AsyncClient
    deps: ApiDeps
    clock: VirtualClock

    async def token(self, name: str = "admin") -> str:
        body = {"username": name, "password": PASSWORD}
        answer = await self.client.post("/api/v1/auth/login", json=body)
        return str(answer.json()["access_token"])

    async def get(self, path: str, token: str, **query: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.get(f"/api/v1/sites/demo{path}", headers=headers, params=query)  # type: ignore[arg-type]  # texts and numbers

    async def order(self, token: str, **body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.post("/api/v1/sites/demo/orders", headers=headers, json=body)

    async def entries(self) -> list[audit.Entry]:
        return [
            one.entry
            async for one in audit.every(self.deps.sessions, "demo")
            if one.entry.category == "command"
        ]

    def beat(self, **change: dict[str, str]) -> None:
        known = self.deps.control.writables.values()
        hashes = {one.point.device: one.cap_hash_hex for one in known}
        links = dict.fromkeys(hashes, "up")
        links, hashes = links | change.get("links", {}), hashes | change.get("cap_hashes", {})
        beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links=links, cap_hashes=hashes)
        self.deps.edges.hear(beat.encode())


def _two_persons(known: dict[str, Writable]) -> dict[str, Writable]:
    site, device, name = GATE.split("/")
    limits = WriteLimits(
        point=name, unit="code", low=0, high=2, fallback=FallbackHold(),
        duty=Duty(two_step=True, two_persons=True),
    )  # fmt: skip
    gate = Writable(PointId(site, device, name), "edge1", "cooling", known[GATE].cap_hash_hex, limits)
    return known | {GATE: gate}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Running]:
    clock = VirtualClock(wall_ns=NOW_S * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    catalogue = Catalogue("demo", "chiller1", ("supply_set_c",), ("°C",), ("setpoint",))
    store.add_catalogue(catalogue)
    frame = Frame(
        catalogue.hash(), Instant("b", 1, (NOW_S - 2) * S), np.array([7.0]), np.array([0], np.uint8)
    )
    store.append([Received("edge1", "j", 1, (frame,))])
    engine = create_engine(embedded_url(tmp_path))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = sessions_of(engine)
    async with sessions.begin() as session:
        session.add_all(
            UserRow(name=name, role=role, password=STORED, changed_ns=NOW_S * S)
            for name, role in PEOPLE.items()
        )
    registry = load_registry(CONFIGS, "demo")
    edges = EdgeWatch(registry.site.edges, clock)
    control = control_of("demo", _two_persons(load_writables(CONFIGS, registry)), edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock)
    deps = ApiDeps(registry, store, sessions, auth, edges, clock, control, tmp_path / "static")
    transport = httpx.ASGITransport(create_app(deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        running = Running(client, deps, clock)
        running.beat()
        yield running
    await engine.dispose()
    store.close()


def _set(**change: object) -> dict[str, object]:
    return {
        "kind": "set",
        "target": POINT,
        "value": 7.5,
        "unit": "°C",
        "for_s": 900,
        "reason": "test",
    } | change


async def test_every_route_that_needs_a_sign_in_stands_in_the_table_and_no_other() -> None:
    routes = {
        route["operationId"]
        for methods in openapi_document()["paths"].values()
        for route in methods.values()
        if route.get("security")
    }
    assert routes == set(POLICY)
    assert not may("admin", "unknown")
    assert not may("guest", "sites")


@pytest.mark.parametrize("name", PEOPLE)
async def test_each_role_may_use_exactly_the_routes_of_its_table(api: Running, name: str) -> None:
    token, role = await api.token(name), PEOPLE[name]
    assert role in ROLES
    for path, methods in openapi_document()["paths"].items():
        for method, route in methods.items():
            if not route.get("security"):
                continue
            where = path.replace("{site}", "demo").replace("{ident}", "none")
            answer = await api.client.request(method, where, headers={"Authorization": f"Bearer {token}"})
            shut = answer.status_code == 403
            assert shut != may(role, route["operationId"]), (name, path, answer.text)


async def test_a_set_point_tells_limits_value_and_that_it_can_be_set(api: Running) -> None:
    token = await api.token("victor")
    rows = {row["id"]: row for row in (await api.get("/setpoints", token)).json()}
    row = rows[POINT]
    assert (row["value"], row["quality"], row["unit"], row["settable"], row["why_not"]) == (
        7.0, "good", "°C", True, None,
    )  # fmt: skip
    assert row["low"] < 7 < row["high"]
    assert row["holder"] is None
    assert (rows[GATE]["two_step"], rows[GATE]["two_persons"], rows[GATE]["zone"]) == (True, True, "cooling")


async def test_a_point_out_of_reach_says_why_and_is_not_set(api: Running) -> None:
    token = await api.token("olga")
    api.beat(cap_hashes={"chiller1": "00"})
    changed = await api.order(token, **_set())
    api.beat(links={"chiller1": "down"})
    away = await api.order(token, **_set())
    api.deps.edges.hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0).encode())
    unproven = await api.order(token, **_set())
    api.clock.advance(6)
    silent = await api.order(token, **_set())
    answers = [changed, away, unproven, silent]
    assert [answer.status_code for answer in answers] == [409] * 4
    assert [a.json()["code"] for a in answers] == ["cap_hash", "device_away", "not_proven", "edge_silent"]
    rows = {row["id"]: row for row in (await api.get("/setpoints", token)).json()}
    assert rows[POINT]["settable"] is False
    assert rows[POINT]["why_not"]["zh"] == silent.json()["text"]["zh"] != ""


async def test_a_wall_clock_that_is_set_back_does_not_make_a_silent_edge_look_alive(api: Running) -> None:
    api.clock.advance(6)
    api.clock.shift_wall(-3600)
    assert api.deps.edges.edge_link("edge1") == "down"
    assert api.deps.edges.age_s() == pytest.approx(6)


async def test_an_order_is_written_down_with_its_entry_and_can_be_read_again(api: Running) -> None:
    token = await api.token("olga")
    placed = await api.order(token, **_set(expect=7.0))
    assert placed.status_code == 202, placed.text
    order = placed.json()
    assert (order["state"], order["actor"], order["value"], order["commands"]) == ("asked", "olga", 7.5, [])
    assert (await api.get(f"/orders/{order['id']}", token)).json() == order
    assert (await api.get("/orders", token)).json() == [order]
    (entry,) = await api.entries()
    assert (entry.actor, entry.role, entry.old, entry.new) == ("olga", "operator", "7 °C", "7.5 °C")
    assert (entry.result, entry.order) == ("asked", order["id"])
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    assert row.until_ns == (NOW_S + 900) * S


WRONG: list[tuple[dict[str, object], str]] = [
    ({"value": 99.0}, "limits"),
    ({"value": None}, "value"),
    ({"unit": "K"}, "unit"),
    ({"unit": None}, "unit"),
    ({"for_s": None}, "for_s"),
    ({"for_s": 28_801}, "for_s"),
    ({"reason": "  "}, "reason"),
    ({"of": "x"}, "schema"),
    ({"target": GATE, "unit": "code", "value": 1}, "selection"),
    ({"kind": "stop", "target": "demo/nothing"}, "target"),
    ({"kind": "stop", "target": "all"}, "schema"),
    ({"kind": "resume", "target": "all", "value": None, "for_s": None}, "password"),
    ({"target": "demo/chiller1/suply_set_c"}, "target"),
]


async def test_what_is_wrong_is_said_in_both_languages_and_noted(api: Running) -> None:
    token = await api.token("olga")
    for change, code in WRONG:
        api.clock.advance(11)
        api.beat()
        problem = (await api.order(token, **_set(**change))).json()
        assert (problem["status"], problem["code"]) == (404 if code == "target" else 422, code)
        assert problem["text"]["en"] == problem["detail"] != problem["text"]["zh"]
    assert await orders.open_orders(api.deps.sessions, "demo") == []
    assert [entry.result for entry in await api.entries()] == [f"refused: {code}" for _, code in WRONG]


async def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(api: Running) -> None:
    answer = await api.order(await api.token(), **_set(target="demo/chiller1/suply_set_c"))
    assert POINT in answer.json()["detail"]


async def test_numbers_that_are_none_are_not_taken(api: Running) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}"}
    for wrong in ("NaN", "Infinity", "1e999"):
        body = json.dumps(_set()).replace("7.5", wrong)
        answer = await api.client.post("/api/v1/sites/demo/orders", headers=headers, content=body)
        assert answer.status_code == 422, wrong


async def test_a_storm_is_braked_and_a_stop_still_passes(api: Running) -> None:
    token = await api.token("olga")
    codes = [(await api.order(token, **_set())).status_code for _ in range(30)]
    assert codes == [202] * 10 + [429] * 20
    braked = await api.order(token, **_set())
    assert 1 <= int(braked.headers["retry-after"]) <= 10
    stop = await api.order(token, kind="stop", target="all", reason="smoke")
    assert stop.status_code == 202
    results = [entry.result for entry in await api.entries()]
    assert results.count("refused: quota") == 1
    api.clock.advance(4)
    api.beat()
    api.clock.advance(4)
    api.beat()
    api.clock.advance(3)
    api.beat()
    assert (await api.order(token, **_set())).status_code == 202


async def test_a_release_of_a_stop_takes_the_password_again(api: Running) -> None:
    token = await api.token("olga")
    act = {"kind": "resume", "target": "all", "reason": "checked"}
    wrong = await api.order(token, **act, password=PASSWORD[1:])
    right = await api.order(token, **act, password=PASSWORD)
    viewer = await api.order(token, **act, confirm="victor", password=PASSWORD)
    second = await api.order(token, **act, confirm="admin", password=PASSWORD)
    assert [a.status_code for a in (wrong, right, viewer, second)] == [403, 202, 403, 202]
    assert [wrong.json()["code"], viewer.json()["code"]] == ["password", "person"]
    everything = json.dumps([[*map(str, (e.new, e.reason, e.result))] for e in await api.entries()])
    assert PASSWORD not in everything


async def test_a_discrete_point_is_selected_then_operated_by_a_second_person(api: Running) -> None:
    token = await api.token("olga")
    select = (await api.order(token, **_set(kind="select", target=GATE, unit="code", value=1))).json()
    operate = {"kind": "operate", "target": GATE, "of": select["id"], "password": PASSWORD}
    alone = await api.order(token, **operate)
    oneself = await api.order(token, **operate, confirm="olga")
    other = await api.order(token, **operate, confirm="admin", value=2)
    both = await api.order(token, **operate, confirm="admin")
    assert [a.status_code for a in (alone, oneself, other, both)] == [422, 422, 422, 202]
    assert [a.json()["code"] for a in (alone, oneself, other)] == ["person", "person", "selection"]
    done = both.json()
    assert (done["value"], done["unit"], done["of"], done["reason"]) == (1, "code", select["id"], "test")


async def test_an_order_that_cannot_be_noted_is_not_taken(api: Running) -> None:
    token = await api.token()
    async with api.deps.sessions.begin() as session:
        await session.execute(text("ALTER TABLE audit RENAME TO gone"))
    answer = await api.order(token, **_set())
    assert answer.status_code == 503
    assert answer.json()["code"] == "not_noted"
    assert await orders.open_orders(api.deps.sessions, "demo") == []


async def test_the_audit_is_paged_and_a_changed_entry_is_found(api: Running) -> None:
    token = await api.token("olga")
    for _ in range(3):
        await api.order(token, **_set())
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
    await api.order(token, **_set())
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
    ident = (await api.order(token, **_set())).json()["id"]
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
    ident = (await api.order(token, **_set())).json()["id"]
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
    ident = (await api.order(token, **_set())).json()["id"]
    row = (await orders.open_orders(api.deps.sessions, "demo"))[0]
    await orders.move(api.deps.sessions, row, to, code, NOW_S * S)
    shown = (await api.get(f"/orders/{ident}", token)).json()
    assert (shown["state"], shown["code"]) == (state, code)
    assert shown["text"]["en"] != shown["text"]["zh"]


async def test_an_unknown_order_is_not_there(api: Running) -> None:
    assert (await api.get("/orders/none", await api.token())).status_code == 404
