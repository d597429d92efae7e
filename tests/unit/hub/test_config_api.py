"""The configuration over REST: checked whole, accepted on what was looked at, in use without a restart."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.api.app import create_app
from hub.api.control import control_of
from hub.api.deps import ApiDeps
from hub.api.edges import EdgeWatch
from hub.api.feed import Feed
from hub.api.live import LiveHub
from hub.api.renewal import follow
from hub.api.static import MOST_CONFIGURATION_BYTES
from hub.auth.passwords import hash_password
from hub.auth.sessions import Auth
from hub.auth.tables import UserRow
from hub.auth.tokens import Tokens
from hub.database import Base, create_engine, embedded_url, sessions_of
from hub.ledger import audit
from hub.registry.desired import note_reported
from hub.registry.documents import read_documents
from hub.registry.edge_files import digests
from hub.registry.follow import Follower
from hub.registry.versions import Author, keep
from hub.registry.view import SiteView, load_view
from hub.store.engine import StorePlace, open_store
from hub.values.cleaning import RuleMarker
from protocols.errors import ConfigError
from protocols.heartbeat import Heartbeat
from runtime.clock import VirtualClock

S = 1_000_000_000
NOW_S = 1_750_000_000
CONFIGS = Path(__file__).parents[3] / "configs"
PASSWORD = "right-horse"  # noqa: S105  of a test
EDGE = "sites/demo/edge1.yaml"
BASE = "/api/v1/sites/demo/configuration"


@dataclass
class Hub:
    client: httpx.AsyncClient
    deps: ApiDeps
    follower: Follower[SiteView]
    documents: dict[str, bytes]
    tokens: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        who: str = "admin",
        match: str | None = None,
        **more: Any,  # noqa: ANN401  as httpx has it
    ) -> httpx.Response:
        if who not in self.tokens:
            body = {"username": who, "password": PASSWORD}
            answer = await self.client.post("/api/v1/auth/login", json=body)
            self.tokens[who] = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} | (
            {} if match is None else {"If-Match": match}
        )
        return await self.client.request(method, path, headers=headers, **more)

    async def accept(self, path: str, old: str, new: str, match: str = '"1"') -> httpx.Response:
        return await self.call("POST", BASE, match=match, json=self.proposal(path, old, new))

    def proposal(self, path: str, old: str, new: str, reason: str = "a clearer name") -> dict[str, Any]:
        text = self.documents[path].decode()
        assert old in text
        return {"files": [{"path": path, "text": text.replace(old, new, 1)}], "reason": reason}

    async def trail(self) -> list[audit.Entry]:
        async with self.deps.sessions() as session:
            return [one.entry for one in await audit.page(session, "demo", None, 20)]


@cache
def shipped() -> SiteView:
    return load_view(CONFIGS, "demo")


@cache
def hashed() -> str:
    return hash_password(PASSWORD)


@asynccontextmanager
async def hub_on(url: str, folder: Path) -> AsyncIterator[Hub]:
    clock = VirtualClock(wall_ns=NOW_S * S)
    engine = create_engine(url)
    sessions = sessions_of(engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sessions() as session, session.begin():
        session.add_all(
            UserRow(name=name, role=role, password=hashed(), changed_ns=NOW_S * S)
            for name, role in (("admin", "admin"), ("olga", "operator"))
        )
    documents, view = read_documents(CONFIGS, "demo"), shipped()
    await keep(sessions, "demo", documents, Author("first start"), NOW_S * S)
    marker = RuleMarker(view.values.cleaning)
    store = open_store(StorePlace(folder / "series.db"), clock, marker)
    edges = EdgeWatch(view.registry.site.edges, clock)
    auth = Auth(sessions, Tokens(Ed25519PrivateKey.generate(), clock), clock, "demo")
    control = control_of("demo", view.writables, edges, clock)
    deps = ApiDeps(
        view.registry, store, sessions, auth, edges, clock, control, folder, values=view.values,
        places=view.places,
    )  # fmt: skip
    deps.config_version = 1
    live = LiveHub(deps)
    follower = follow(deps, Feed(deps, live), marker)
    transport = httpx.ASGITransport(create_app(deps, live), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", timeout=60) as client:
        yield Hub(client, deps, follower, documents)
    await engine.dispose()
    store.close()


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_on(embedded_url(tmp_path), tmp_path) as running:
        yield running


@pytest.fixture
async def anywhere(tmp_path: Path, business_url: str) -> AsyncIterator[Hub]:
    """On each of both databases."""
    async with hub_on(business_url, tmp_path) as running:
        yield running


async def test_a_new_version_is_in_use_at_once_and_says_what_is_left_to_do(anywhere: Hub) -> None:
    answer = await anywhere.accept(EDGE, "Main meter", "Incoming meter")
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"2"'
    told = answer.json()
    assert (told["version"]["version"], told["version"]["used"], told["fresh"]) == (2, True, True)
    left = [one["text"] for one in told["effects"] if one["when"] == "person"]
    assert any("ems hub configuration send --edge edge1" in one["en"] for one in left)
    assert all(one["zh"] for one in left)
    devices = (await anywhere.call("GET", "/api/v1/sites/demo/devices")).json()
    assert {one["label"]["en"] for one in devices} >= {"Incoming meter"}
    entry = (await anywhere.trail())[0]
    assert (entry.actor, entry.role, entry.category, entry.type, entry.old, entry.new, entry.reason) == (
        "admin", "admin", "configuration", "import", "1", "2", "a clearer name",
    )  # fmt: skip
    assert await audit.broken_at(anywhere.deps.sessions, "demo") is None


async def test_values_limits_areas_and_marks_change_without_a_restart(hub: Hub) -> None:
    files = [
        hub.proposal(*change)["files"][0]
        for change in (
            ("sites/demo/values.yaml", "id: plant/air_specific_kw_m3_min", "id: plant/air_effort_kw_m3_min"),
            ("sites/demo/areas.yaml", "Chiller room", "Cold station"),
            ("sites/demo/write/comp4.yaml", "high: 7.5", "high: 7.2"),
        )
    ]
    answer = await hub.call("POST", BASE, match='"1"', json={"files": files, "reason": "names"})
    assert answer.status_code == 201, answer.text
    points = [one["id"] for one in (await hub.call("GET", "/api/v1/sites/demo/points")).json()]
    assert "demo/plant/air_effort_kw_m3_min" in points
    assert "demo/plant/air_specific_kw_m3_min" not in points
    shown = (await hub.call("GET", "/api/v1/sites/demo/areas")).json()
    assert [one["label"]["en"] for one in shown if one["within"] == "utilities"] == [
        "Compressor room", "Cold station",
    ]  # fmt: skip
    setpoints = (await hub.call("GET", "/api/v1/sites/demo/setpoints")).json()
    assert {one["high"] for one in setpoints if one["id"].endswith("comp4/pressure_set_bar_g")} == {7.2}


async def test_all_faults_of_all_files_are_told_at_once_and_nothing_changes(hub: Hub) -> None:
    files = [
        *hub.proposal(EDGE, "profile: hexa_pm4", "profile: hexa_pm5")["files"],
        *hub.proposal("tariffs/demo.yaml", "demand_per_kw: 9.0", "demand_per_kw: dear")["files"],
        *hub.proposal("calendars/demo.yaml", '"06:00"', '"26:00"')["files"],
        {"path": "sites/demo/extra.yaml", "text": "id: extra\n"},
        {"path": "devices/spare.yaml", "text": "id: spare\nid: spare\n"},
    ]
    for path, match in ((f"{BASE}/check", None), (BASE, '"1"')):
        answer = await hub.call("POST", path, match=match, json={"files": files, "reason": "try"})
        assert answer.status_code == (200 if match is None else 422), answer.text
        told = answer.json()
        places = {(one["file"], one["line"] is not None) for one in told["faults"]}
        assert {
            (EDGE, True), ("tariffs/demo.yaml", True), ("calendars/demo.yaml", True),
            ("devices/spare.yaml", True),
        } <= places  # fmt: skip
        assert told.get("detail", "it has faults, nothing was changed").startswith("it has faults, nothing")
    assert (await hub.trail())[0].result.startswith("refused: ")
    (version,) = (await hub.call("GET", BASE)).json()
    assert version["version"] == 1


async def test_a_check_changes_nothing_and_tells_what_would_differ(hub: Hub) -> None:
    answer = await hub.call("POST", f"{BASE}/check", json=hub.proposal(EDGE, "Main meter", "Incoming meter"))
    told = answer.json()
    assert (told["base"], told["acceptable"], told["faults"]) == (1, True, [])
    assert [one["path"] for one in told["changes"]] == [EDGE]
    assert "+    label: {en: Incoming meter, zh: 总表}" in told["changes"][0]["text"]
    assert len((await hub.call("GET", BASE)).json()) == 1
    assert [one.type for one in await hub.trail()] == ["login", "import"]


@pytest.mark.parametrize(
    ("match", "reason", "status"),
    [
        (None, "why", 428), ('"0"', "why", 412), ('"7"', "why", 412), ("*", "why", 412), ('"1"', " ", 422),
        ('"' + "9" * 40 + '"', "why", 412), ('W/"1"', "why", 201),
    ],
)  # fmt: skip
async def test_only_what_was_looked_at_can_be_replaced_and_only_with_a_reason(
    hub: Hub, match: str | None, reason: str, status: int
) -> None:
    body = hub.proposal(EDGE, "Main meter", "Incoming meter", reason)
    answer = await hub.call("POST", BASE, match=match, json=body)
    assert answer.status_code == status, answer.text
    assert len((await hub.call("GET", BASE)).json()) == (2 if status == 201 else 1)


async def test_of_two_who_looked_at_the_same_version_the_second_is_told(anywhere: Hub) -> None:
    assert (await anywhere.accept(EDGE, "Main meter", "Incoming meter")).status_code == 201
    late = await anywhere.accept(EDGE, "Main meter", "Grid meter")
    assert late.status_code == 412
    assert "version 2 is in force" in late.json()["detail"]
    assert (await anywhere.call("GET", BASE)).headers["etag"] == '"2"'


async def test_the_same_files_make_no_new_version(hub: Hub) -> None:
    body = {"files": [{"path": EDGE, "text": hub.documents[EDGE].decode()}], "reason": "again"}
    answer = await hub.call("POST", BASE, match='"1"', json=body)
    assert (answer.status_code, answer.json()["fresh"], answer.json()["version"]["version"]) == (
        200,
        False,
        1,
    )


async def test_a_roll_back_is_a_new_version_with_the_old_files_in_use_at_once(anywhere: Hub) -> None:
    assert (await anywhere.accept(EDGE, "Main meter", "Incoming meter")).status_code == 201
    for match, body, status in (
        ('"1"', {"reason": "wrong"}, 412), ('"2"', {"reason": ""}, 422), ('"2"', {"reason": "wrong"}, 201),
    ):  # fmt: skip
        answer = await anywhere.call("POST", f"{BASE}/1/rollback", match=match, json=body)
        assert answer.status_code == status, answer.text
    versions = (await anywhere.call("GET", BASE)).json()
    assert [one["back_to"] for one in versions] == [1, None, None]
    devices = (await anywhere.call("GET", "/api/v1/sites/demo/devices")).json()
    assert "Main meter" in {one["label"]["en"] for one in devices}
    assert (await anywhere.trail())[0].type == "roll_back"
    gone = await anywhere.call("POST", f"{BASE}/99/rollback", match='"3"', json={"reason": "wrong"})
    assert gone.status_code == 404


async def test_an_operator_may_look_and_not_change_and_that_is_in_the_audit(hub: Hub) -> None:
    for path in (BASE, f"{BASE}/state", f"{BASE}/1/documents", f"{BASE}/1/export"):
        assert (await hub.call("GET", path, "olga")).status_code == 200
    body = hub.proposal(EDGE, "Main meter", "Incoming meter")
    for path in (BASE, f"{BASE}/check", f"{BASE}/rows", f"{BASE}/rows/check", f"{BASE}/1/rollback"):
        answer = await hub.call("POST", path, "olga", '"1"', json=body)
        assert answer.status_code == 403
        assert "ask an engineer or an admin" in answer.json()["detail"]
    refused = [one for one in await hub.trail() if one.result == "refused: role"]
    assert [(one.actor, one.category) for one in refused] == [("olga", "configuration")]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{", b'{"files": []}', b'{"files": [{"path": "a.yaml"}]}', b'{"files": 1, "more": 2}',
        b'{"files": [{"path": "' + b"a" * 300 + b'.yaml", "text": ""}]}',
        b'{"files": [{"path": "a.yaml", "text": "\\ud800"}]}',
    ],
)  # fmt: skip
async def test_a_body_that_is_none_is_refused_in_words(hub: Hub, body: bytes) -> None:
    answer = await hub.call("POST", f"{BASE}/check", content=body)
    told = answer.json()
    assert answer.status_code in {200, 422}, answer.text
    assert told.get("acceptable", False) is False


async def test_a_place_outside_of_the_site_is_refused(hub: Hub) -> None:
    files = [{"path": "../../etc/passwd.yaml", "text": "a: 1"}]
    told = (await hub.call("POST", f"{BASE}/check", json={"files": files})).json()
    assert (told["acceptable"], len(told["faults"])) == (False, 1)


async def test_a_file_that_is_sent_twice_is_a_fault(hub: Hub) -> None:
    files = [{"path": EDGE, "text": text} for text in ("a: 1", None)]
    told = (await hub.call("POST", f"{BASE}/check", json={"files": files})).json()
    assert [one["text"] for one in told["faults"]] == [
        {
            "en": f"{EDGE} stands twice among the files; send it once",
            "zh": f"文件中 {EDGE} 出现两次；请只发一次",
        }
    ]


async def test_a_body_without_end_is_cut_off(hub: Hub) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MOST_CONFIGURATION_BYTES // 1_000_000 + 2):
            yield b"x" * 1_000_000

    answer = await hub.call("POST", f"{BASE}/check", content=endless())
    assert answer.status_code == 413


async def test_what_goes_out_comes_in_again_without_a_difference(hub: Hub) -> None:
    packed = await hub.call("GET", f"{BASE}/1/export")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        files = [{"path": name, "text": archive.read(name).decode()} for name in archive.namelist()]
    assert {one["path"]: one["text"].encode() for one in files} == hub.documents
    answer = await hub.call("POST", f"{BASE}/check", json={"files": files, "whole": True})
    assert (answer.json()["acceptable"], answer.json()["changes"]) == (True, [])
    fewer = [one for one in files if one["path"] != "calendars/demo.yaml"]
    answer = await hub.call("POST", f"{BASE}/check", json={"files": fewer, "whole": True})
    assert [(one["path"], one["kind"]) for one in answer.json()["changes"]] == [
        ("calendars/demo.yaml", "removed")
    ]


async def test_files_of_a_version_have_kinds_and_their_text(hub: Hub) -> None:
    listed = (await hub.call("GET", f"{BASE}/1/documents")).json()
    kinds = {one["path"]: one["kind"] for one in listed}
    assert kinds["sites/demo/areas.yaml"] == "areas"
    assert kinds["sites/demo/write/comp1.yaml"] == "write_limits"
    assert None not in kinds.values()
    one = await hub.call("GET", f"{BASE}/1/document", params={"file": EDGE})
    assert one.json()["text"].encode() == hub.documents[EDGE]
    for params in ({"file": "sites/demo/none.yaml"}, {"file": "../x"}):
        assert (await hub.call("GET", f"{BASE}/1/document", params=params)).status_code == 404


@pytest.mark.nightly
@pytest.mark.timeout(120)
async def test_three_bad_rows_of_ten_thousand_are_all_told_and_nothing_or_the_good_ones_taken(
    hub: Hub,
) -> None:
    head = "id,label.en,label.zh,profile,connection.kind,connection.host,connection.port,connection.unit"
    rows = [
        f"m{at},Meter {at},电表 {at},hexa_pm4,modbus,10.1.{at // 200}.{at % 200 + 1},502,1"
        for at in range(10_000)
    ]
    rows[41] = rows[41].replace(",502,", ",70000,")
    rows[4_000] = rows[4_000].replace("m4000,", "M 4000,")
    rows[9_998] = rows[9_998].replace("m9998,", "m17,")
    body = {
        "of": "device", "name": "edge1", "file": "meters.csv", "text": "\n".join([head, *rows]),
        "reason": "meters",
    }  # fmt: skip
    refused = await hub.call("POST", f"{BASE}/rows", match='"1"', json=body)
    assert refused.status_code == 422
    faults = [(one["file"], one["line"], one["field"]) for one in refused.json()["faults"]]
    assert faults == [
        ("meters.csv", 43, "connection.port"), ("meters.csv", 4002, "id"), ("meters.csv", 10_000, "id"),
    ]  # fmt: skip
    assert len((await hub.call("GET", BASE)).json()) == 1
    taken = await hub.call("POST", f"{BASE}/rows", match='"1"', json={**body, "take_good": True})
    assert taken.status_code == 201, taken.text
    assert (taken.json()["rows"], len(taken.json()["faults"])) == (9_997, 3)
    assert len((await hub.call("GET", "/api/v1/sites/demo/devices")).json()) > 9_997


async def test_the_state_tells_each_edge_and_process_apart(anywhere: Hub) -> None:
    named = digests(anywhere.documents, "demo", ["edge1"])["edge1"]
    state = (await anywhere.call("GET", f"{BASE}/state")).json()
    assert [(one["role"], one["version"]) for one in state["roles"]] == [("api", 1)]
    assert [(one["edge"], one["same"]) for one in state["edges"]] == [("edge1", None)]
    beat = Heartbeat("edge1", "demo", 1, "b", 1, 1, 0, config_digest=named)
    await note_reported(anywhere.deps.sessions, "demo", [(NOW_S * S, beat)])
    (edge,) = (await anywhere.call("GET", f"{BASE}/state")).json()["edges"]
    assert (edge["same"], edge["reported"]) == (True, 0)
    assert (await anywhere.accept(EDGE, "Main meter", "Incoming meter")).status_code == 201
    state = (await anywhere.call("GET", f"{BASE}/state")).json()
    assert (state["version"], state["edges"][0]["same"], state["roles"][0]["version"]) == (2, False, 2)


async def test_a_version_that_cannot_be_used_here_never_takes_effect_and_says_why(hub: Hub) -> None:
    broken = hub.documents | {"sites/demo/site.yaml": b"id: demo\n"}
    await keep(hub.deps.sessions, "demo", broken, Author("a newer hub"), NOW_S * S)
    for _ in range(2):
        with pytest.raises(
            ConfigError, match=r"version 2 cannot be used, 1 stays in use: sites/demo/site\.yaml:1: "
        ):
            await hub.follower.look()
    assert len((await hub.call("GET", "/api/v1/sites/demo/devices")).json()) > 10
    assert (await hub.call("GET", f"{BASE}/state")).json()["roles"][0]["version"] == 1
    mended = await hub.call("POST", f"{BASE}/1/rollback", match='"2"', json={"reason": "broken"})
    assert mended.status_code == 201
    assert hub.deps.config_version == 3


async def test_a_folder_that_was_never_accepted_is_not_followed(hub: Hub) -> None:
    hub.follower.version = 0
    await keep(hub.deps.sessions, "demo", hub.documents | {"tariffs/demo.yaml": b"x"}, Author("a"), NOW_S * S)
    assert await hub.follower.look() is False


async def test_the_calendar_tells_days_and_shifts(hub: Hub) -> None:
    days = await hub.call("GET", "/api/v1/sites/demo/calendar", params={"from": "2026-12-22", "days": 4})
    kinds = [(one["date"], one["kind"], len(one["shifts"])) for one in days.json()]
    assert kinds == [
        ("2026-12-22", "working", 3), ("2026-12-23", "working", 3), ("2026-12-24", "holiday", 0),
        ("2026-12-25", "holiday", 0),
    ]  # fmt: skip
    for params in ({"from": "0001-01-01"}, {"from": "x"}, {"days": "0"}, {"days": "100000"}):
        answer = await hub.call("GET", "/api/v1/sites/demo/calendar", params=params)
        assert answer.status_code == 422
