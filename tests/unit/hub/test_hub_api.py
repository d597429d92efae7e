"""What the API answers, over both business databases."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from hub.api.app import openapi_document
from hub.api.models import to_ns
from hub.database import create_engine, embedded_url, sessions_of
from hub.ledger import tables as ledger_tables
from hub.registry.desired import Wish, note_reported, take_reports, want
from hub.registry.versions import Author, keep
from hub.store.port import Received, SeriesStore
from protocols.clock import Instant
from protocols.configuration import ConfigurationReport, Outcome, Why
from protocols.frame import Frame
from protocols.heartbeat import Heartbeat
from protocols.source_time import SourceTimes
from protocols.trouble import Trouble, TroubleCode
from runtime.clock import iso_utc
from tests.unit.hub.api_running import (
    COMP,
    NOW_S,
    WITHIN,
    Running,
    S,
    running_api,
)

NONE_YET = (
    "/plan", "/forecast", "/{ident}", "/why", "/page", "/changes", "/documents", "/document", "/export",
    "/{form}",
)  # fmt: skip
"""Ends of routes that answer 404 while there is no plan, forecast, report or accepted configuration."""


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_every_get_route_answers_a_signed_in_caller_without_nan(api: Running) -> None:
    token = await api.token()
    window = {"from": iso_utc((NOW_S - 60) * S), "to": iso_utc((NOW_S + 60) * S), "window_s": 20}
    query = window | {"point": "demo/comp1/power_kw", "id": "power", "file": "sites/demo/site.yaml"}
    query |= {"unit": "comp1", "at": iso_utc(NOW_S * S)}
    counted = query | {"point": "demo/meter_main/import_kwh"}
    for path, methods in openapi_document()["paths"].items():
        if "get" in methods and path not in {"/api/v1/auth/oidc", "/api/v1/auth/oidc/callback"}:
            where = path.removeprefix("/api/v1").replace("{site}", "demo").replace("{version}", "1")
            answer = await api.get(
                where.replace("{name}", "admin").replace("{form}", "pdf"),
                token,
                **(counted if path.endswith("/consumption") else query if path.endswith(WITHIN) else {}),
            )
            no_book = "/accounts/" in path and not path.endswith("/closed")
            none_yet = path.endswith(NONE_YET) or no_book
            assert answer.status_code == (404 if none_yet else 200), answer.text
            if not path.endswith(("/review", "/download")):  # tables
                json.loads(answer.text, parse_constant=pytest.fail)


async def test_values_show_a_bad_sample_without_a_number(api: Running) -> None:
    rows = {row["point"]: row for row in (await api.get("/sites/demo/values")).json()}
    good, bad = rows["demo/comp1/power_kw"], rows["demo/comp1/flow_m3_min"]
    assert (good["value"], good["quality_class"], good["age_s"]) == (12.5, "good", 2.0)
    assert (bad["value"], bad["quality_class"], bad["quality"]) == (None, "bad", 129)
    assert good["time"].endswith("Z")


async def test_values_and_samples_tell_what_the_device_told(api: Running) -> None:
    at = Instant("b", 2, (NOW_S - 1) * S)
    told = SourceTimes(S, np.array([(NOW_S - 1) * S - 250_000_000, (NOW_S - 7200) * S]))
    frame = Frame(COMP.hash(), at, np.array([13.0, 4.0]), np.zeros(2, np.uint8), None, told)
    cast("SeriesStore", api.deps.series).append([Received("edge1", "j", 2, (frame,))])
    values = {value["point"]: value for value in (await api.get("/sites/demo/values")).json()}
    power, flow = values["demo/comp1/power_kw"], values["demo/comp1/flow_m3_min"]
    assert power["time"] == power["source_time"]
    assert power["age_s"] == 1.25
    assert (flow["age_s"], to_ns(datetime.fromisoformat(flow["source_time"]))) == (1.0, (NOW_S - 7200) * S)
    span = {"from": iso_utc((NOW_S - 60) * S), "to": iso_utc(NOW_S * S)}
    found = (await api.get("/sites/demo/samples", point="demo/comp1/flow_m3_min", **span)).json()
    assert (found["values"], found["qualities"]) == ([None, 4.0], [129, 0])
    assert found["source_times"] == [None, flow["source_time"]]
    assert found["times"][1] == flow["time"]


async def test_an_edge_shows_what_is_wanted_what_runs_and_what_was_edited_at_the_box(api: Running) -> None:
    assert (await api.get("/sites/demo/edges")).json() == [
        {"id": "edge1", "link": "down", "clock_ahead_s": None, "second_agent": False, "reported": None,
         "troubles": [], "wanted": []}
    ]  # fmt: skip
    files = {"sites/demo/edge1.yaml": b"devices: []"}
    said = (
        ("one more meter", Outcome.ACCEPTED, Why.NONE, ""),
        ("a faster poll", Outcome.ROLLED_BACK, Why.WORSE, "meter1: 3 of 10 polls in time, 10 before"),
    )
    for version, (note, outcome, why, detail) in enumerate(said, 1):
        await want(api.deps.sessions, Wish("demo", "edge1", files, "A. Smith", note), api.key, NOW_S * S)
        at = Instant("b", 1, (NOW_S + version) * S)
        report = ConfigurationReport("edge1", version, outcome, why, detail, "00", at)
        await take_reports(api.deps.sessions, "demo", [(version, report)])
    await want(api.deps.sessions, Wish("demo", "edge1", files, "B. Jones", ""), api.key, NOW_S * S)
    beat = replace(
        Heartbeat("edge1", "demo", 1, "b", 1, NOW_S * 1000 - 3_600_000, 0),
        config_version=1, config_seen=2, config_trial=3, config_edited=["devices/meter.yaml"],
        troubles=[Trouble(TroubleCode.BUS_REFUSES, "the bus takes no samples (full)")],
    )  # fmt: skip
    await note_reported(api.deps.sessions, "demo", [(NOW_S * S, beat)])
    api.deps.edges.hear(beat.encode())
    twin = replace(beat, agent_epoch=1, read_only=True, wall_ms=0, links={"comp1": "down"})
    api.deps.edges.hear(twin.encode())
    (edge,) = (await api.get("/sites/demo/edges")).json()
    assert edge["second_agent"] is True
    assert [(one["code"], one["detail"]) for one in edge["troubles"]] == [
        ("bus_refuses", "the bus takes no samples (full)"), ("second_agent", ""),
    ]  # fmt: skip
    assert "nothing is lost yet" in edge["troubles"][0]["text"]["en"]
    assert edge["troubles"][0]["text"]["zh"]
    assert (edge["link"], edge["reported"]["version"], edge["reported"]["trial"]) == ("up", 1, 3)
    assert edge["clock_ahead_s"] == -3600.0
    assert edge["reported"]["edited"] == ["devices/meter.yaml"]
    assert [(one["version"], one["state"]) for one in edge["wanted"]] == [
        (3, "wanted"), (2, "rolled_back"), (1, "accepted"),
    ]  # fmt: skip
    rolled_back = edge["wanted"][1]
    assert (rolled_back["note"], rolled_back["actor"]) == ("a faster poll", "A. Smith")
    assert rolled_back["text"]["en"].startswith("Polling got worse")
    assert rolled_back["text"]["zh"]
    assert rolled_back["detail"] == "meter1: 3 of 10 polls in time, 10 before"
    assert edge["wanted"][2]["text"] is None
    assert "envelope" not in edge["wanted"][0]


async def test_history_is_time_weighted_and_says_how_complete_it_is(api: Running) -> None:
    query: dict[str, Any] = {"from": iso_utc((NOW_S - 8) * S), "to": iso_utc((NOW_S + 60) * S), "window_s": 4}
    answer = (await api.get("/sites/demo/history", point="demo/comp1/power_kw", **query)).json()
    assert answer["mean"] == [None, 12.5]
    assert answer["completeness_pct"] == 25.0
    assert answer["unit"] == "kW"


async def test_a_device_s_link_is_unknown_until_its_edge_speaks(api: Running) -> None:
    found = (await api.get("/sites/demo/devices")).json()
    assert {row["link"] for row in found if row["kind"] != "virtual"} == {"unknown"}
    beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, links={"comp1": "up", "comp2": "down"})
    api.deps.edges.hear(beat.encode())
    rows = {row["id"]: row["link"] for row in (await api.get("/sites/demo/devices")).json()}
    assert (rows["comp1"], rows["comp2"], rows["comp3"]) == ("up", "down", "unknown")
    api.clock.advance(6)
    rows = {row["id"]: row["link"] for row in (await api.get("/sites/demo/devices")).json()}
    assert rows["comp1"] == "unknown"


async def test_plan_and_commands_come_from_the_ledger_without_nan(api: Running) -> None:
    body = {
        "step_s": 900, "times": [iso_utc(NOW_S * S)], "reason": "more than the page is promised",
        "series": [{"name": "import_kw", "unit": "kW", "label": {"en": "a", "zh": "b"}, "values": [1.5]}],
        "machines": [{"device": "comp1", "label": {"en": "a", "zh": "b"}, "on": [1], "role": ["base"]}],
    }  # fmt: skip
    plan = ledger_tables.PlanRow(
        id="p1", site="demo", revision=1, created_ns=NOW_S * S, status="optimal", gap=0.01,
        bound=float("inf"), cost=10.0, baseline_cost=11.0, co2_kg=5.0, solve_s=1.0, currency="EUR", steps=1,
        binary_steps=1, body=body,
    )  # fmt: skip
    commands = [
        ledger_tables.CommandRow(
            id=bytes([number]) * 16, site="demo", edge="edge1", point="demo/comp1/role_set_code", kind=kind,
            value=value, unit="code", level="optimiser", reason="r", actor="dispatch", epoch=1, seq=number,
            issued_ns=NOW_S * S, lease_s=10.0, body=b"", chain=b"", state="superseded",
            lease_until_ns=NOW_S * S,
        )
        for number, kind, value in ((1, "set", 2.0), (2, "release", None))
    ]  # fmt: skip
    async with api.deps.sessions() as session, session.begin():
        session.add_all([plan, *commands])
    answer = (await api.get("/sites/demo/plan")).json()
    assert (answer["id"], answer["bound"], answer["machines"][0]["on"]) == ("p1", None, [1])
    rows = (await api.get("/sites/demo/commands", limit=10)).json()
    assert [(row["value"], row["state"], row["code"]) for row in rows] == [(2.0, "released", "superseded")]
    assert (await api.get("/sites/demo/commands", limit=0)).status_code == 422


async def test_another_site_is_not_found(api: Running) -> None:
    assert (await api.get("/sites/other/values")).status_code == 404


async def test_health_shows_its_parts_only_to_signed_in_callers(api: Running) -> None:
    assert (await api.client.get("/api/v1/health")).json() == {"status": "degraded"}
    api.deps.edges.bus = "up"
    api.deps.edges.hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0).encode())
    assert (await api.client.get("/api/v1/health")).json() == {"status": "ok"}
    parts = (await api.get("/health")).json()["parts"]
    assert {part["name"] for part in parts} == {"series", "database", "bus", "edge"}


async def test_versions_of_the_configuration_and_what_each_changed_can_be_read(api: Running) -> None:
    first, second = (
        {"sites/demo/site.yaml": b"a: 1\n"},
        {"sites/demo/site.yaml": b"a: 2\n", "devices/x.yaml": b"\n"},
    )
    for files in (first, second, first):
        await keep(api.deps.sessions, "demo", files, Author("A. Smith", "a test"), (NOW_S - 60) * S)
    api.deps.config_version = 2
    rows = (await api.get("/sites/demo/configuration")).json()
    assert [(row["version"], row["used"]) for row in rows] == [(3, False), (2, True), (1, False)]
    changes = (await api.get("/sites/demo/configuration/2/changes")).json()
    assert [(one["path"], one["kind"]) for one in changes] == [
        ("devices/x.yaml", "added"), ("sites/demo/site.yaml", "changed")
    ]  # fmt: skip
    assert "-a: 1\n+a: 2" in changes[1]["text"]
    assert (await api.get("/sites/demo/configuration/3/changes", against=1)).json() == []
    assert (await api.get("/sites/demo/configuration/9/changes")).status_code == 404
    parts = {part["name"]: part for part in (await api.get("/health")).json()["parts"]}
    assert parts["bus"]["status"] == "degraded"
    assert parts["configuration"]["detail"] == "version 3 is accepted, the hub goes by 2"


async def test_what_is_ill_comes_with_what_it_means_for_the_plant(api: Running) -> None:
    api.deps.config_version = 1
    parts = {part["name"]: part for part in (await api.get("/health")).json()["parts"]}
    assert parts["bus"]["status"] == "degraded"
    assert "goes to its proven fallback" in parts["bus"]["effect"]["en"]
    assert parts["bus"]["effect"]["zh"]
    assert "effect" not in parts["series"]


async def test_liveness_needs_nothing_and_readiness_its_databases(api: Running, tmp_path: Path) -> None:
    assert (await api.client.get("/api/v1/health/live")).status_code == 204
    assert (await api.client.get("/api/v1/health/ready")).status_code == 204
    api.deps.sessions = sessions_of(create_engine(embedded_url(tmp_path / "none")))
    assert (await api.client.get("/api/v1/health/ready")).status_code == 503
    assert (await api.client.get("/api/v1/health/live")).status_code == 204


async def test_figures_are_for_this_machine_or_for_who_knows_the_token(api: Running) -> None:
    api.deps.metrics_token = "right"  # noqa: S105  of a test
    api.deps.edges.hear(Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, pending=7).encode())
    found = await api.client.get("/metrics")
    assert found.status_code == 200
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert re.search(r'^ems_hub_edge_backlog_rows\{edge="edge1",.*role="api"\} 7$', found.text, re.MULTILINE)
    assert "ems_hub_ledger_open_commands{" in found.text
    far = {"X-Forwarded-For": "10.0.0.9"}
    for headers in (far, far | {"Authorization": "Bearer wrong"}, far | {"Authorization": "Bearer "}):
        assert (await api.client.get("/metrics", headers=headers)).status_code == 403
    right = far | {"Authorization": "Bearer right"}
    assert (await api.client.get("/metrics", headers=right)).status_code == 200
    api.deps.metrics_token = ""
    assert (await api.client.get("/metrics", headers=far | {"Authorization": "Bearer "})).status_code == 403
