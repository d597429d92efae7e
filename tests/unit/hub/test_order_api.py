"""Orders of people over the API: who may, what is refused and noted, what is written down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.ledger import orders
from protocols.heartbeat import Heartbeat
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
    changed = await api.order(token, **set_())
    api.beat(links={"chiller1": "down"})
    away = await api.order(token, **set_())
    api.deps.edges.hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0).encode())
    unproven = await api.order(token, **set_())
    api.clock.advance(6)
    silent = await api.order(token, **set_())
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
    placed = await api.order(token, **set_(expect=7.0))
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
        problem = (await api.order(token, **set_(**change))).json()
        assert (problem["status"], problem["code"]) == (404 if code == "target" else 422, code)
        assert problem["text"]["en"] == problem["detail"] != problem["text"]["zh"]
    assert await orders.open_orders(api.deps.sessions, "demo") == []
    assert [entry.result for entry in await api.entries()] == [f"refused: {code}" for _, code in WRONG]


async def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(api: Running) -> None:
    answer = await api.order(await api.token(), **set_(target="demo/chiller1/suply_set_c"))
    assert POINT in answer.json()["detail"]


async def test_numbers_that_are_none_are_not_taken(api: Running) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}"}
    for wrong in ("NaN", "Infinity", "1e999"):
        body = json.dumps(set_()).replace("7.5", wrong)
        answer = await api.client.post("/api/v1/sites/demo/orders", headers=headers, content=body)
        assert answer.status_code == 422, wrong


async def test_a_storm_is_braked_and_a_stop_still_passes(api: Running) -> None:
    token = await api.token("olga")
    codes = [(await api.order(token, **set_())).status_code for _ in range(30)]
    assert codes == [202] * 10 + [429] * 20
    braked = await api.order(token, **set_())
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
    assert (await api.order(token, **set_())).status_code == 202


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
