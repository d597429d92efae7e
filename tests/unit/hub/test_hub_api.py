from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx
import jwt
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.api.app import create_app, openapi_document
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.api.models import to_ns
from hub.auth.passwords import hash_password
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import Base, create_engine, embedded_url, sessions_of
from hub.ledger import tables as ledger_tables
from hub.registry.desired import Wish, note_reported, take_reports, want
from hub.registry.site import load_registry
from hub.registry.versions import Author, keep
from hub.registry.writable import load_writables
from hub.store.engine import StorePlace, open_store
from hub.store.port import Received, SeriesStore
from hub.values.load import known_points, load_values
from protocols.clock import Instant
from protocols.configuration import ConfigurationReport, Outcome, Why
from protocols.frame import Catalogue, Frame
from protocols.heartbeat import Heartbeat
from protocols.source_time import SourceTimes
from protocols.trouble import Trouble, TroubleCode
from runtime.clock import VirtualClock, iso_utc

S = 1_000_000_000
NOW_S = 1_750_000_000
CONFIGS = Path(__file__).parents[3] / "configs"
COMP = Catalogue("demo", "comp1", ("power_kw", "flow_m3_min"), ("kW", "m³/min"), ("measurement",) * 2)
PASSWORD = "right-horse"  # noqa: S105  of a test
WITHIN = ("/history", "/samples", "/series", "/consumption", "/balance")
OPEN = {"/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/health"}


@dataclass
class Running:
    client: httpx.AsyncClient
    deps: ApiDeps
    clock: VirtualClock
    key: Ed25519PrivateKey

    async def login(self, password: str = PASSWORD) -> httpx.Response:
        body = {"username": "admin", "password": password}
        return await self.client.post("/api/v1/auth/login", json=body)

    async def token(self) -> str:
        return str((await self.login()).json()["access_token"])

    async def get(self, path: str, token: str | None = None, **query: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or await self.token()}"}
        return await self.client.get(f"/api/v1{path}", headers=headers, params=query)  # type: ignore[arg-type]  # texts and numbers


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Running]:
    clock = VirtualClock(wall_ns=NOW_S * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    store.add_catalogue(COMP)
    bad = Frame(
        COMP.hash(), Instant("b", 1, (NOW_S - 2) * S), np.array([12.5, np.nan]), np.array([0, 129], np.uint8)
    )
    store.append([Received("edge1", "j", 1, (bad,))])
    engine = create_engine(f"sqlite+aiosqlite:///{tmp_path / 'business.db'}")
    assert ledger_tables.PlanRow.metadata is Base.metadata
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    sessions = sessions_of(engine)
    async with sessions() as session, session.begin():
        session.add(
            UserRow(name="admin", role="admin", password=hash_password(PASSWORD), changed_ns=NOW_S * S)
        )
    registry = load_registry(CONFIGS, "demo")
    key = Ed25519PrivateKey.generate()
    edges = EdgeWatch(registry.site.edges, clock)
    auth = Auth(sessions, Tokens(key, clock), clock)
    static = tmp_path / "static"
    control = control_of("demo", load_writables(CONFIGS, registry), edges, clock)
    values = load_values(CONFIGS, "demo", known_points(registry))
    deps = ApiDeps(registry, store, sessions, auth, edges, clock, control, static, values=values)
    transport = httpx.ASGITransport(create_app(deps), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        yield Running(client, deps, clock, key)
    await engine.dispose()
    store.close()


async def test_every_route_but_the_open_ones_refuses_without_a_token(api: Running) -> None:
    for path, methods in openapi_document()["paths"].items():
        for method in methods:
            answer = await api.client.request(method, path.replace("{site}", "demo"))
            if path in OPEN:
                assert answer.status_code in {200, 204, 401, 422}, path
            else:
                assert answer.status_code == 401, path
                assert answer.headers["content-type"] == "application/problem+json"
                assert methods[method]["security"] == [{"bearer": []}]


async def test_every_get_route_answers_a_signed_in_caller_without_nan(api: Running) -> None:
    token = await api.token()
    window = {"from": iso_utc((NOW_S - 60) * S), "to": iso_utc((NOW_S + 60) * S), "window_s": 20}
    query = window | {"point": "demo/comp1/power_kw", "id": "power"}
    counted = query | {"point": "demo/meter_main/import_kwh"}
    for path, methods in openapi_document()["paths"].items():
        if "get" in methods:
            answer = await api.get(
                path.removeprefix("/api/v1").replace("{site}", "demo").replace("{version}", "1"),
                token,
                **(counted if path.endswith("/consumption") else query if path.endswith(WITHIN) else {}),
            )
            none_yet = path.endswith(("/plan", "/{ident}", "/changes"))
            assert answer.status_code == (404 if none_yet else 200), answer.text
            json.loads(answer.text, parse_constant=pytest.fail)


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(api: Running) -> None:
    wrong = await api.login("wrong")
    unknown = await api.client.post("/api/v1/auth/login", json={"username": "eve", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content


async def test_guessing_is_braked_and_the_brake_ends(api: Running) -> None:
    for _ in range(20):
        assert (await api.login("wrong")).status_code == 401
    braked = await api.login()
    assert braked.status_code == 429
    assert int(braked.headers["retry-after"]) > 3000
    api.clock.advance(3601)
    assert (await api.login()).status_code == 200


async def test_a_hundred_guesses_at_once_are_braked_like_one_after_the_other(api: Running) -> None:
    async with asyncio.TaskGroup() as group:
        guesses = [group.create_task(api.login("wrong")) for _ in range(100)]
    codes = [guess.result().status_code for guess in guesses]
    assert (codes.count(401), codes.count(429)) == (20, 80)


async def test_login_gives_a_short_token_and_a_strict_cookie(api: Running) -> None:
    answer = await api.login()
    body = answer.json()
    assert (body["username"], body["role"], body["expires_in_s"]) == ("admin", "admin", 600.0)
    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/api/v1/auth"))
    assert body["access_token"] not in cookie


async def test_an_expired_token_is_refused(api: Running) -> None:
    token = await api.token()
    assert (await api.get("/sites", token)).status_code == 200
    api.clock.advance(601)
    refused = await api.get("/sites", token)
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


def _mutants(good: str, claims: dict[str, Any], key: Ed25519PrivateKey) -> list[str]:
    head, body, signature = good.split(".")

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    public = key.public_key().public_bytes_raw()
    other = Ed25519PrivateKey.generate()
    changed: list[dict[str, Any]] = [
        {"aud": "other"}, {"iss": "other"}, {"typ": "refresh"}, {"sub": "eve"}, {"sid": "none"},
        {"exp": NOW_S - 1}, {"nbf": NOW_S + 60, "exp": NOW_S + 90}, {"exp": "later"}, {"nbf": None},
    ]  # fmt: skip
    mutants = [jwt.encode(claims | change, key, algorithm="EdDSA") for change in changed]
    mutants += [
        jwt.encode({name: value for name, value in claims.items() if name != gone}, key, algorithm="EdDSA")
        for gone in claims
    ]
    mutants += [
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{part({'alg': 'None', 'typ': 'JWT'})}.{body}.{signature}",
        jwt.encode(claims, public, algorithm="HS256"),
        jwt.encode(claims, other, algorithm="EdDSA"),
        f"{head}.{part(claims | {'sub': 'root'})}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}",
        good[:-4] + "AAAA",
        "x" * 100_000,
    ]
    return mutants


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_no_mutant_of_a_token_is_accepted(api: Running) -> None:
    good = await api.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    for mutant in _mutants(good, claims, api.key):
        answer = await api.get("/sites", mutant)
        assert answer.status_code == 401, mutant[:80]


async def _refresh(api: Running, cookie: str) -> httpx.Response:
    api.client.cookies.clear()
    return await api.client.post("/api/v1/auth/refresh", headers={"Cookie": f"ems_refresh={cookie}"})


async def test_a_refresh_token_used_twice_ends_its_whole_family(api: Running) -> None:
    first = (await api.login()).cookies["ems_refresh"]
    answer = await _refresh(api, first)
    second, token = answer.cookies["ems_refresh"], answer.json()["access_token"]
    api.clock.advance(6)
    assert (await _refresh(api, first)).status_code == 401
    assert (await _refresh(api, second)).status_code == 401
    assert (await api.get("/sites", token)).status_code == 401


async def test_two_tabs_may_refresh_at_the_same_moment(api: Running) -> None:
    first = (await api.login()).cookies["ems_refresh"]
    assert (await _refresh(api, first)).status_code == 200
    assert (await _refresh(api, first)).status_code == 200


async def test_logout_ends_access_and_refresh_at_once(api: Running) -> None:
    login = await api.login()
    token, cookie = login.json()["access_token"], login.cookies["ems_refresh"]
    assert (await api.client.post("/api/v1/auth/logout")).status_code == 204
    assert (await api.get("/sites", token)).status_code == 401
    assert (await _refresh(api, cookie)).status_code == 401


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


async def test_a_wrong_question_about_samples_is_refused_with_a_sentence(api: Running) -> None:
    now = iso_utc(NOW_S * S)
    asked = {"from": now, "to": now}
    answer = await api.get("/sites/demo/samples", point="demo/comp1/power_kw", **asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


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


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"point": "demo/comp1/nothing_kw"}, 404),
        ({"point": "../../etc/passwd"}, 422),
        ({"window_s": 0}, 422),
        ({"from": "2026-01-01"}, 422),
        ({"from": "2020-01-01T00:00:00Z", "to": "2019-01-01T00:00:00Z"}, 422),
        ({"from": "2020-01-01T00:00:00Z", "window_s": 1}, 422),
    ],
)
async def test_a_wrong_question_about_history_is_refused_with_a_sentence(
    api: Running, change: dict[str, Any], status: int
) -> None:
    query: dict[str, Any] = {"from": iso_utc((NOW_S - 60) * S), "to": iso_utc(NOW_S * S), "window_s": 60}
    asked: dict[str, Any] = {"point": "demo/comp1/power_kw"} | query | change
    answer = await api.get("/sites/demo/history", **asked)
    assert answer.status_code == status
    assert set(answer.json()) == {"type", "title", "status", "detail"}


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
        await keep(api.deps.sessions, "demo", files, Author("A. Smith", "a test"), NOW_S * S)
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


async def test_without_a_built_page_the_hub_says_how_to_get_it(api: Running) -> None:
    answer = await api.client.get("/")
    assert "make web" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


async def test_the_built_page_is_served_with_the_right_headers_and_nothing_else(
    api: Running, tmp_path: Path
) -> None:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<p>page</p>")
    (static / "assets" / "app-1f.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    (static / "link.txt").symlink_to(tmp_path / "secret.txt")
    script = await api.client.get("/assets/app-1f.js")
    assert "immutable" in script.headers["cache-control"]
    for path in ("/", "/plan/today", "/index.html"):
        entry = await api.client.get(path)
        assert (entry.text, entry.headers["cache-control"]) == ("<p>page</p>", "no-cache")
    outside = ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/assets/../../secret.txt"]
    outside += [
        "//etc/passwd.",
        "/link.txt",
        "/%2fetc%2fhosts.",
        "/a%00.js",
        "/missing.js",
        "/api/v1/nothing",
    ]
    for path in outside:
        answer = await api.client.get(path)
        assert "secret" not in answer.text
        assert answer.status_code == 404, path


async def test_a_body_beyond_its_bound_is_refused(api: Running) -> None:
    answer = await api.client.post("/api/v1/auth/login", content=b"[" * 1_500_000)
    assert answer.status_code == 413


async def test_deep_json_is_refused_and_not_a_crash(api: Running) -> None:
    answer = await api.client.post(
        "/api/v1/auth/login", content=b"[" * 200_000, headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 413, 422}


def test_the_page_is_built_from_this_very_document() -> None:
    committed = json.loads((CONFIGS.parent / "web" / "openapi.json").read_text(encoding="utf-8"))
    assert committed == openapi_document(), "run: ems hub openapi > web/openapi.json"


def test_the_document_is_the_same_each_time() -> None:
    assert json.dumps(openapi_document()) == json.dumps(openapi_document())
    assert "HTTPValidationError" not in openapi_document()["components"]["schemas"]
