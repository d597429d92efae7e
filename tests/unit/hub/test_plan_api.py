from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from hub.ledger import book
from hub.ledger.approvals import Approval, ApprovalRow, Over, approvals, approve, let_go
from hub.ledger.tables import PlanRow
from optimizer.dispatch import plan_day
from optimizer.problem import DispatchProblem
from optimizer.solve import Optimal
from optimizer.written import written
from runtime.clock import iso_utc
from tests.unit.hub.api_running import NOW_S, PASSWORD, Running, S, running_api
from tests.unit.optimizer import cases


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


NOTE = {"en": "comp1 is planned as it stands", "zh": "comp1 按现状计划"}


def _asked() -> DispatchProblem:
    """Two compressors of the demo, too small together in the last step."""
    need = cases.flat(4, 12.0)
    need[-1] = 26.0
    machines = (cases.fixed_speed("comp1"), cases.fixed_speed("comp2"))
    return replace(cases.with_need(cases.problem(4), air_m3_min=need), compressors=machines)


def _row(ident: str, asked: DispatchProblem, *, kept: bool) -> PlanRow:
    outcome = plan_day(asked)
    assert isinstance(outcome, Optimal)
    plan = outcome.plan
    part = {"name": "starts", "label": {"en": "starts", "zh": "启停"}, "value": 1.5}
    body = {
        "step_s": 900,
        "times": [iso_utc(plan.start_ns + step * 900 * S) for step in range(plan.steps)],
        "series": [],
        "machines": [
            {"device": name, "label": {"en": name, "zh": name}, "on": [1] * 4, "role": ["on"] * 4}
            for name in plan.machines
        ],
        "reason": "first plan",
        "notes": [*(note.model_dump() for note in plan.notes), NOTE, "of an earlier version"],
        "shortages": [{"name": s.name, "step": s.step, "amount": s.amount} for s in plan.shortages],
    }
    if kept:
        body["made"] = written(asked, plan)
        body["saving"] = {
            "total": 1.5,
            "peak": 0.0,
            "parts": [part],
            "sentence": {"en": "saves", "zh": "节省"},
        }
    money = {"gap": 0.0, "bound": 1.0, "cost": 1.0, "baseline_cost": 2.0, "co2_kg": 0.0, "solve_s": 0.1}
    about = {"site": "demo", "revision": 1, "created_ns": NOW_S * S, "status": "optimal", "currency": "EUR"}
    return PlanRow(id=ident, steps=4, binary_steps=4, body=body, **about, **money)


@pytest.mark.timeout(60)
async def test_a_machine_of_a_plan_is_explained_and_what_is_short_is_traced(api: Running) -> None:
    asked = _asked()
    await book.save_plan(api.deps.sessions, _row("p1", asked, kept=True))
    token = await api.token()
    at = iso_utc(asked.start_ns + 1000 * S)
    why = (await api.get("/sites/demo/plans/p1/why", token, unit="comp1", at=at)).json()
    assert (why["unit"], why["step"]) == ("comp1", 1)
    assert datetime.fromisoformat(why["at"]).timestamp() == asked.start_ns / S + 900
    label = api.deps.registry.devices["comp1"].device.label
    assert why["sentence"]["en"].startswith(label.en)
    assert label.zh in why["sentence"]["zh"]
    assert why["alternative"]["missing"] != []
    report = (await api.get("/sites/demo/plans/p1", token)).json()
    assert report["saving"]["parts"][0]["value"] == 1.5
    short = report["short"][0]
    assert (short["name"], round(short["amount"], 3), short["unit"]) == ("air_short", 6.0, "m³/min")
    assert datetime.fromisoformat(short["at"]).timestamp() == asked.start_ns / S + 2700
    assert short["limits"][0]["en"].endswith("give at most 20.0 m³/min together")
    plan = (await api.get("/sites/demo/plan", token)).json()
    assert "made" not in plan


async def test_a_question_outside_the_plan_or_about_an_older_one_is_refused_in_words(api: Running) -> None:
    asked = _asked()
    await book.save_plan(api.deps.sessions, _row("p1", asked, kept=True))
    await book.save_plan(api.deps.sessions, _row("old", asked, kept=False))
    token = await api.token()
    inside = {"unit": "comp1", "at": iso_utc(asked.start_ns)}
    for path, query, status, words in (
        ("p1/why", inside | {"unit": "pump1"}, 422, "the plan has no machine 'pump1'; it has comp1, comp2"),
        ("p1/why", inside | {"at": iso_utc(asked.start_ns + 3600 * S)}, 422, "ask inside it"),
        ("p1/why", inside | {"at": iso_utc(asked.start_ns - 1)}, 422, "ask inside it"),
        ("p1/why", {"unit": "comp1", "at": "2026-01-01T10:00:00"}, 422, ""),
        ("p1/why", {"unit": "comp1"}, 422, ""),
        ("p2/why", inside, 404, "there is no such plan"),
        ("p2", {}, 404, "there is no such plan"),
        ("old/why", inside, 404, "made by an earlier version"),
    ):
        answer = await api.get(f"/sites/demo/plans/{path}", token, **query)
        assert answer.status_code == status, answer.text
        assert words in answer.json()["detail"]
    report = (await api.get("/sites/demo/plans/old", token)).json()
    assert (report["saving"], report["short"]) == (None, [])


async def test_a_plan_is_a_page_that_needs_nothing_beside_itself(api: Running) -> None:
    asked = _asked()
    await book.save_plan(api.deps.sessions, _row("p1", asked, kept=True))
    await book.save_plan(api.deps.sessions, _row("old", asked, kept=False))
    token = await api.token()
    answer = await api.get("/sites/demo/plans/p1/page", token, lang="zh")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert '<html lang="zh">' in answer.text
    assert api.deps.registry.devices["comp1"].device.label.zh in answer.text
    assert "compressed air is short" in answer.text
    assert "压缩空气不足" in answer.text
    assert all(note in answer.text for note in (NOTE["en"], NOTE["zh"], "of an earlier version"))
    report = (await api.get("/sites/demo/plans/p1", token)).json()
    assert report["notes"][-2:] == [NOTE, {"en": "of an earlier version", "zh": "of an earlier version"}]
    assert report["reason"] == {"en": "first plan", "zh": "首份计划"}
    assert "<script" not in answer.text
    for ident, words in (("old", "nothing for a page"), ("p2", "there is no such plan")):
        refused = await api.get(f"/sites/demo/plans/{ident}/page", token)
        assert (refused.status_code, words in refused.json()["detail"]) == (404, True)


def _now(ident: str) -> PlanRow:
    """A plan of two machines that began a minute ago."""
    row = _row(ident, _asked(), kept=False)
    begin_ns = (NOW_S - 60) * S
    times = [iso_utc(begin_ns + step * 900 * S) for step in range(4)]
    forward = {"device": "comp1", "label": {"en": "c", "zh": "c"}, "quantity": "electricity"}
    row.body = row.body | {
        "times": times,
        "exact_steps": 2,
        "currency": "EUR",
        "cost_band": [90.5, 120.0],
        "forward": [forward | {"planned_kwh": 10.0, "simulated_kwh": 11.5}],
    }
    return row


def _waiting(api: Running, *names: str) -> None:
    site = api.deps.registry.site.model_copy(update={"machine_modes": dict.fromkeys(names, "approve")})
    api.deps.registry = replace(api.deps.registry, site=site)


async def _say(api: Running, token: str, ident: str, **body: object) -> httpx.Response:
    path = f"/api/v1/sites/demo/plans/{ident}/approval"
    return await api.client.post(path, headers={"Authorization": f"Bearer {token}"}, json=body)


async def test_a_report_shows_what_each_machine_did_when_the_plan_was_run_forward_and_its_band(
    api: Running,
) -> None:
    await book.save_plan(api.deps.sessions, _now("p1"))
    report = (await api.get("/sites/demo/plans/p1")).json()
    assert report["band"] == {"cheap": 90.5, "dear": 120.0, "currency": "EUR"}
    assert report["forward"][0]["simulated_kwh"] == 11.5
    assert datetime.fromisoformat(report["until"]).timestamp() == NOW_S - 60 + 1800
    assert report["approvals"] == []


async def test_a_person_lets_a_machine_follow_a_plan_and_takes_it_back(api: Running) -> None:
    await book.save_plan(api.deps.sessions, _now("p1"))
    _waiting(api, "comp1")
    token = await api.token()
    (waiting,) = (await api.get("/sites/demo/plans/p1", token)).json()["approvals"]
    assert (waiting["device"], waiting["approved"], waiting["person"]) == ("comp1", False, None)
    said = await _say(api, token, "p1", machines=["comp1"], reason="looks right")
    assert said.status_code == 200, said.text
    assert said.json()[0] | {"label": None, "at": None} == {
        "device": "comp1", "label": None, "approved": True, "person": "admin", "at": None,
        "ended": None, "ended_at": None,
    }  # fmt: skip
    known = await approvals(api.deps.sessions, "demo")
    assert known == {"comp1": Approval("p1", "admin", NOW_S * S)}
    assert (await _say(api, token, "p1", machines=["comp1"], approve=False)).json()[0]["approved"] is False
    assert await approvals(api.deps.sessions, "demo") == {}
    bearer = {"Authorization": f"Bearer {token}"}
    own = {"label": "script", "scope": "engineer", "password": PASSWORD}
    made = await api.client.post("/api/v1/me/tokens", headers=bearer, json=own)
    assert (await _say(api, made.json()["secret"], "p1", machines=["comp1"])).status_code == 403
    entries = (await api.get("/sites/demo/audit", token)).json()
    told = [
        (one["type"], one["target"], one["new"], one["reason"])
        for one in entries
        if one["category"] == "plan"
    ]
    assert sorted(told) == [("approve", "comp1", "p1", "looks right"), ("withdraw", "comp1", "p1", "")]


async def test_a_unit_that_is_no_device_waits_with_the_devices_that_take_its_set_points(api: Running) -> None:
    row = _now("p1")
    machines = [
        one | {"device": "booster" if one["device"] == "comp2" else "comp1"} for one in row.body["machines"]
    ]
    row.body = row.body | {"machines": machines, "through": {"booster": ["comp3", "comp4"]}}
    await book.save_plan(api.deps.sessions, row)
    token = await api.token()
    assert (await api.get("/sites/demo/plans/p1", token)).json()["approvals"] == []
    _waiting(api, "comp3")
    (waiting,) = (await api.get("/sites/demo/plans/p1", token)).json()["approvals"]
    assert (waiting["device"], waiting["label"]) == ("booster", {"en": "comp2", "zh": "comp2"})
    assert (await _say(api, token, "p1", machines=["booster"])).status_code == 200
    assert set(await approvals(api.deps.sessions, "demo")) == {"booster"}


async def test_what_waits_for_nobody_or_is_over_cannot_be_approved(api: Running) -> None:
    await book.save_plan(api.deps.sessions, _now("p1"))
    _waiting(api, "comp1")
    token = await api.token()
    for ident, machines, status, words in (
        ("p1", ["comp2"], 422, "'comp2' waits for no approval; machines of this plan that do: comp1"),
        ("p1", [], 422, ""),
        ("p1", ["chp1"], 422, "'chp1' waits for no approval"),
        ("p1", ["comp1", "comp1"], 422, "named twice"),
        ("p9", ["comp1"], 404, "there is no such plan"),
    ):
        answer = await _say(api, token, ident, machines=machines)
        assert answer.status_code == status, answer.text
        assert words in str(answer.json()["detail"])
    api.clock.advance(1800.0)
    token = await api.token()
    over = await _say(api, token, "p1", machines=["comp1"])
    assert (over.status_code, "approve the newest" in over.text) == (409, True)
    assert await approvals(api.deps.sessions, "demo") == {}


async def test_set_points_that_were_chosen_are_told_where_they_change(api: Running) -> None:
    row = _row("p1", _asked(), kept=True)
    label = {"en": "network pressure", "zh": "管网压力"}
    chosen = {"name": "air_bar_g", "label": label, "unit": "bar(g)", "devices": ["comp4", "gone"]}
    row.body = row.body | {"exact_steps": 2, "setpoints": [chosen | {"values": [6.5, 6.5, 6.8, 6.8]}]}
    await book.save_plan(api.deps.sessions, row)
    token = await api.token()
    (told,) = (await api.get("/sites/demo/plans/p1", token)).json()["setpoints"]
    assert told["label"] == label
    assert told["devices"] == [api.deps.registry.devices["comp4"].device.label.model_dump()]
    assert [(one["value"], one["outlook"]) for one in told["changes"]] == [(6.5, False), (6.8, True)]
    times = [datetime.fromisoformat(one["at"]).timestamp() for one in told["changes"]]
    assert times == [_asked().start_ns / S, _asked().start_ns / S + 1800]
    assert "setpoints" not in (await api.get("/sites/demo/plan", token)).json()


async def test_an_approval_the_hub_took_back_is_told_beside_the_machine(api: Running) -> None:
    await book.save_plan(api.deps.sessions, _now("p1"))
    gone = Approval("p0", "ana", (NOW_S - 120) * S)
    word = ApprovalRow(site="demo", machine="comp1", plan_id="p0", person="ana", at_ns=gone.at_ns)
    await approve(api.deps.sessions, "demo", [word], [])
    await let_go(api.deps.sessions, "demo", [Over("comp1", gone, "mode")], (NOW_S - 60) * S)
    await let_go(api.deps.sessions, "demo", [Over("comp1", gone, "right")], (NOW_S - 50) * S)
    _waiting(api, "comp1")
    token = await api.token()
    (told,) = [
        one
        for one in (await api.get("/sites/demo/plans/p1", token)).json()["approvals"]
        if one["device"] == "comp1"
    ]
    assert told["approved"] is False
    assert told["ended"]["en"] == "the approval of ana was taken back: the mode of the machine was changed"
    assert "ana 的批准已收回" in told["ended"]["zh"]
    assert datetime.fromisoformat(told["ended_at"]).timestamp() == NOW_S - 60
