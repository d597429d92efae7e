"""What holds for every route, held against the OpenAPI document: problems, ETags, pages, keys, pace."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from benchmarks.openapi_fuzz import Fuzzer
from hub.api.app import openapi_document
from hub.api.once import HEADER, KEPT_S, REPEATABLE, SECRETS
from hub.api.openapi import resolved, streamed
from hub.api.pace import PERSON, STRANGER, Pace
from hub.auth.signed_in import Origin
from hub.auth.tables import OnceRow, UserRow
from hub.database import FILE, embedded_url
from hub.ledger import orders
from hub.registry.versions import Author, keep
from protocols.command import CommandKind
from runtime.clock import VirtualClock
from tests.unit.hub.api_running import NOW_S, PASSWORD, Running, S, running_api

DOCUMENT = openapi_document()
ROUTES = [
    (method, path, route) for path, methods in DOCUMENT["paths"].items() for method, route in methods.items()
]
STOP = {"kind": "stop", "target": "all", "reason": "test"}
ORDERS = "/api/v1/sites/demo/orders"


@pytest.fixture
async def api(business_file: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as running:
        yield running


def _parameters(route: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [resolved(DOCUMENT, one) for one in route.get("parameters", [])]
    return {one["name"]: one for one in found}


@pytest.mark.parametrize(("method", "path", "route"), ROUTES)
def test_every_refusal_of_the_document_is_a_problem(method: str, path: str, route: dict[str, Any]) -> None:
    refusals = {code: one for code, one in route["responses"].items() if code[0] in "45"}
    assert refusals or path.endswith("/health"), (method, path)
    for code, one in refusals.items():
        content = resolved(DOCUMENT, one)["content"]
        assert list(content) == ["application/problem+json"], (path, code)
    if route.get("security"):
        assert {"401", "403", "429", "503"} <= set(refusals), path


def test_every_list_that_is_cut_is_read_on_from_the_last_one_seen() -> None:
    cut = {
        route["operationId"]: _parameters(route) for _, _, route in ROUTES if "limit" in _parameters(route)
    }
    assert {"orders", "commands", "audit", "alarmJournal", "configVersions"} <= set(cut)
    for name, known in cut.items():
        schema = resolved(DOCUMENT, known["limit"]["schema"])
        assert {"maximum", "minimum", "default"} <= set(schema), name
        assert "before" in known or {"from", "to"} <= set(known), name


def test_every_question_that_changes_something_takes_a_key_and_every_look_an_etag() -> None:
    for method, path, route in ROUTES:
        known, name = _parameters(route), route["operationId"]
        if method == "get" and "200" in route["responses"] and not streamed(route):
            assert "If-None-Match" in known, path
            assert "304" in route["responses"], path
        if method == "post" and route.get("security"):
            assert (HEADER in known) != (name in REPEATABLE), path
    assert {route["operationId"] for _, _, route in ROUTES} >= SECRETS | REPEATABLE


async def test_who_has_an_answer_already_is_told_so_without_it(api: Running) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}"}
    first = await api.client.get("/api/v1/sites/demo/devices", headers=headers)
    tag = first.headers["etag"]
    for known in (tag, f'"x", {tag}', "*", tag.removeprefix("W/")):
        again = await api.client.get("/api/v1/sites/demo/devices", headers=headers | {"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await api.client.get("/api/v1/sites/demo/points", headers=headers | {"If-None-Match": tag})
    assert (other.status_code, other.headers["etag"] == tag) == (200, False)
    assert (await api.client.get("/api/v1/sites", headers={"If-None-Match": "*"})).status_code == 401


async def _walked(api: Running, path: str, last: str, **query: object) -> list[Any]:
    token, more = await api.token(), dict(query)
    found: list[Any] = []
    while True:
        page = (await api.get(path, token, limit=3, **more)).json()
        if not page:
            return found
        found += page
        more["before"] = page[-1][last]


async def test_pages_of_orders_and_versions_are_read_whole_and_each_entry_once(api: Running) -> None:
    for at in range(8):
        one = orders.Order(
            site="demo", kind=CommandKind.STOP, target="all", value=None, unit=None, expect=None,
            reason=f"r{at}", actor="admin", confirm=None, until_ns=None, of=None,
        )  # fmt: skip
        await orders.place(api.deps.sessions, one, orders.Origin("admin", "::1"), (NOW_S + at) * S)
        documents = {"sites/demo/site.yaml": f"a: {at}".encode()}
        await keep(api.deps.sessions, "demo", documents, Author("admin", "test"), (NOW_S + at) * S)
    seen = [one["reason"] for one in await _walked(api, "/sites/demo/orders", "id")]
    assert seen == [f"r{at}" for at in reversed(range(8))]
    versions = [one["version"] for one in await _walked(api, "/sites/demo/configuration", "version")]
    assert versions == [8, 7, 6, 5, 4, 3, 2, 1]
    numbers = [one["number"] for one in await _walked(api, "/sites/demo/audit", "number")]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == len(set(numbers)) > 16


async def _keyed(api: Running, path: str, body: dict[str, Any], key: str = "k1") -> Any:  # noqa: ANN401  httpx
    access = (await api.deps.auth.admit(1, Origin())).access  # a password takes long
    headers = {"Authorization": f"Bearer {access}", HEADER: key}
    return await api.client.post(path, headers=headers, json=body)


async def test_a_question_sent_twice_with_one_key_is_carried_out_once(api: Running) -> None:
    first, again = [await _keyed(api, ORDERS, STOP) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert len(await orders.open_orders(api.deps.sessions, "demo")) == 1
    assert (await _keyed(api, ORDERS, STOP, "k2")).json()["id"] != first.json()["id"]
    api.clock.advance(KEPT_S + 1)
    assert (await _keyed(api, ORDERS, STOP)).json()["id"] != first.json()["id"]


async def test_a_key_is_of_one_person_and_one_question(api: Running) -> None:
    assert (await _keyed(api, ORDERS, STOP)).status_code == 202
    other = await _keyed(api, ORDERS, STOP | {"reason": "another"})
    assert (other.status_code, "another question" in other.json()["detail"]) == (422, True)
    for wrong in ("", "x" * 201, "two words"):
        assert (await _keyed(api, ORDERS, STOP, wrong)).status_code == 422
    assert (await api.client.post(ORDERS, headers={HEADER: "k1"}, json=STOP)).status_code == 401


async def test_a_refused_question_leaves_its_key_free_and_a_secret_is_not_kept(api: Running) -> None:
    assert (await _keyed(api, ORDERS, STOP | {"target": "nothing"})).status_code in {404, 422}
    assert (await _keyed(api, ORDERS, STOP)).status_code == 202
    first, again = [
        await _keyed(api, "/api/v1/me/tokens", {"label": "a", "password": PASSWORD}, "t1") for _ in range(2)
    ]
    assert (first.status_code, again.status_code) == (201, 409)
    assert "shown once" in again.json()["detail"]
    headers = {"Authorization": f"Bearer {first.json()['secret']}"}
    assert len((await api.client.get("/api/v1/me", headers=headers)).json()) > 1


async def test_a_question_that_is_not_allowed_is_kept_nowhere_and_counts_once(api: Running) -> None:
    async with api.deps.sessions.begin() as session:
        session.add(UserRow(id=7, name="vera", role="viewer", password="", changed_ns=0))
    access = (await api.deps.auth.admit(7, Origin())).access
    headers = {"Authorization": f"Bearer {access}", HEADER: "k1"}
    before = int(PERSON.most)
    api.deps.pace = Pace(api.clock, PERSON)
    for _ in range(3):
        assert (await api.client.post(ORDERS, headers=headers, json=STOP)).status_code == 403
    left = sum(api.deps.pace.wait_s("vera") == 0 for _ in range(before))
    assert left == before - 3
    answer = await api.client.post(ORDERS, headers=headers, json=STOP)
    assert answer.status_code == 429
    async with api.deps.sessions() as session:
        assert (await session.execute(select(OnceRow))).all() == []


async def test_what_is_kept_of_a_question_cannot_be_guessed_from_the_database(api: Running) -> None:
    assert (await _keyed(api, ORDERS, STOP)).status_code == 202
    async with api.deps.sessions() as session:
        row = (await session.execute(select(OnceRow))).scalar_one()
    assert row.key != hashlib.sha256(b"admin\n\nk1").digest()
    asked = f"{ORDERS}?\n\n".encode() + httpx.Request("POST", "http://hub", json=STOP).content
    assert row.asked != hashlib.sha256(asked).digest()


def test_a_bucket_gives_what_it_has_and_fills_again() -> None:
    clock = VirtualClock(wall_ns=0)
    pace = Pace(clock, STRANGER)
    waits = [pace.wait_s("a") for _ in range(int(STRANGER.most) + 5)]
    assert sum(wait == 0 for wait in waits) == STRANGER.most
    assert max(waits) <= 1 / STRANGER.per_s
    assert pace.wait_s("b") == 0
    clock.advance(1)
    assert [pace.wait_s("a") for _ in range(int(STRANGER.per_s) + 1)].count(0) == STRANGER.per_s


async def test_a_loop_that_runs_wild_is_told_to_wait_and_others_are_not(api: Running) -> None:
    token = await api.token()
    for _ in range(int(PERSON.most)):
        api.deps.pace.wait_s("admin")
    answer = await api.get("/sites", token)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    api.clock.advance(1)
    assert (await api.get("/sites", token)).status_code == 200


@pytest.mark.timeout(60)
async def test_questions_made_and_broken_from_the_document_end_in_no_error_of_the_server(
    api: Running,
) -> None:
    fuzzer, token = Fuzzer(DOCUMENT, seed=1), await api.token()
    quick = {"get": 5, "put": 5}
    methods = {route["operationId"]: quick.get(method, 3) for method, _, route in ROUTES}

    def again() -> str:
        api.clock.advance(0.05)
        return token

    await fuzzer.ask_all(api.client, again, lambda operation: methods[operation])
    found = fuzzer.found
    assert found.requests > 200
    assert found.server_errors == []
    assert dict(found.undocumented) == {}
    assert dict(found.shapeless) == {}
