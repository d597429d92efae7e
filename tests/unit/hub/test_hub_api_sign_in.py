"""Signing in, tokens and their mutants, over both business databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hub.api.app import openapi_document
from protocols.errors import NotSignedInError
from tests.unit.hub.api_running import (
    OPEN,
    Running,
    running_api,
)
from tests.unit.hub.token_mutants import mutants


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_every_route_but_the_open_ones_refuses_without_a_token(api: Running) -> None:
    for path, methods in openapi_document()["paths"].items():
        for method in methods:
            answer = await api.client.request(method, path.replace("{site}", "demo"))
            if path in OPEN:
                assert answer.status_code in {200, 303, 401, 404, 422}, path
            else:
                assert answer.status_code == 401, path
                assert answer.headers["content-type"] == "application/problem+json"
                assert methods[method]["security"] == [{"bearer": []}]


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(api: Running) -> None:
    wrong = await api.login("wrong")
    unknown = await api.client.post("/api/v1/auth/login", json={"username": "eve", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # the time goes into hashes
async def test_guessing_is_braked_and_the_brake_ends(api: Running) -> None:
    for _ in range(20):
        assert (await api.login("wrong")).status_code == 401
    braked = await api.login()
    assert braked.status_code == 429
    assert int(braked.headers["retry-after"]) > 3000
    api.clock.advance(3601)
    assert (await api.login()).status_code == 200


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # the time goes into hashes
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


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)  # the time goes into hashes
async def test_no_mutant_of_a_token_is_accepted(api: Running) -> None:
    good = await api.token()
    for mutant in mutants(good, api.key):
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


@pytest.mark.parametrize("clean_business_url", ["sqlite"], indirect=True)
async def test_a_sign_in_that_is_prolonged_again_and_again_ends_after_thirty_days(api: Running) -> None:
    given = (await api.login()).cookies["ems_refresh"]
    for _ in range(30 * 3 - 1):
        api.clock.advance(8 * 3600)
        given = (await api.deps.auth.refresh(given)).refresh
    api.clock.advance(8 * 3600)
    with pytest.raises(NotSignedInError):
        await api.deps.auth.refresh(given)


async def test_a_name_that_no_database_can_hold_is_refused_in_words(api: Running) -> None:
    headers = {"Authorization": f"Bearer {await api.token()}"}
    named = await api.client.post("/api/v1/auth/login", json={"username": "a\x00b", "password": "x"})
    asked = await api.client.get("/api/v1/sites/demo/orders/a%00b", headers=headers)
    ended = await api.client.delete("/api/v1/me/tokens/a%00b", headers=headers)
    assert {named.status_code, asked.status_code, ended.status_code} <= {401, 404, 422}
    assert (await api.login()).status_code == 200
