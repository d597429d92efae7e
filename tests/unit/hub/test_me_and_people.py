"""What people do with their own account, and admins with those of others, over both business databases."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from hub.auth.people import Act, remove
from hub.auth.tables import IdentityRow, SiteRoleRow, UserRow
from hub.ledger import audit
from protocols.errors import ConfigError
from tests.unit.hub.api_running import PASSWORD, Running, running_api

PEOPLE = "/api/v1/sites/demo/people"
NEW = "a longer password"


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


class Who:
    """Somebody who is signed in, or a program with a token."""

    def __init__(self, api: Running, token: str) -> None:
        self._api = api
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, **body: object) -> httpx.Response:
        self._api.client.cookies.clear()
        return await self._api.client.request(method, path, headers=self._headers, json=body or None)

    async def __call__(self, method: str, path: str, **body: object) -> Any:  # noqa: ANN401  any JSON
        answer = await self.ask(method, path, **body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


async def _sign_in(api: Running, name: str, password: str) -> httpx.Response:
    api.client.cookies.clear()
    body, headers = {"username": name, "password": password}, {"User-Agent": f"browser of {name}"}
    return await api.client.post("/api/v1/auth/login", json=body, headers=headers)


async def _who(api: Running, name: str, password: str) -> Who:
    return Who(api, (await _sign_in(api, name, password)).json()["access_token"])


async def _added(api: Running, name: str, role: str) -> tuple[Who, Who, str]:
    """The admin, and somebody they have added, with the password of the first sign-in."""
    admin = await _who(api, "admin", PASSWORD)
    password = (await admin("POST", PEOPLE, name=name, role=role))["password"]
    return admin, await _who(api, name, password), password


async def _audited(api: Running) -> list[tuple[str, str, str, str]]:
    entries = [one.entry async for one in audit.every(api.deps.sessions, "demo")]
    return [(one.actor, one.type, one.target, one.new) for one in entries if one.category == "person"]


async def test_an_admin_adds_appoints_and_removes_and_each_act_is_in_the_audit(api: Running) -> None:
    admin, olga, _ = await _added(api, "olga", "operator")
    me = await olga("GET", "/api/v1/me")
    assert (me["username"], me["role"], me["rights"]) == ("olga", "operator", ["command"])
    await admin("PUT", f"{PEOPLE}/olga/role", role="manager")
    assert (await olga("GET", "/api/v1/me"))["rights"] == ["manage"]
    await admin("PUT", f"{PEOPLE}/olga/role", role="none")
    assert (await olga.ask("GET", "/api/v1/sites")).status_code == 403
    assert (await olga("GET", "/api/v1/me"))["role"] == ""
    await admin("DELETE", f"{PEOPLE}/olga")
    assert (await olga.ask("GET", "/api/v1/me")).status_code == 401
    assert await _audited(api) == [
        ("admin", "add", "olga", "operator at demo"), ("admin", "role", "olga", "manager at demo"),
        ("admin", "role", "olga", "none at demo"), ("admin", "remove", "olga", ""),
    ]  # fmt: skip
    assert await audit.broken_at(api.deps.sessions, "demo") is None


async def test_what_cannot_be_done_with_people_is_refused_in_words(api: Running) -> None:
    admin, _, _ = await _added(api, "olga", "admin")
    asked: list[tuple[str, str, dict[str, str], int]] = [
        ("POST", PEOPLE, {"name": "olga", "role": "viewer"}, 409),
        ("POST", PEOPLE, {"name": "Olga", "role": "viewer"}, 422),
        ("POST", PEOPLE, {"name": "otto", "role": "boss"}, 422),
        ("PUT", f"{PEOPLE}/otto/role", {"role": "viewer"}, 404),
        ("PUT", f"{PEOPLE}/admin/role", {"role": "viewer"}, 409),
        ("DELETE", f"{PEOPLE}/admin", {}, 409),
        ("DELETE", f"{PEOPLE}/otto", {}, 404),
        ("DELETE", f"{PEOPLE}/olga/factor", {}, 409),
        ("DELETE", f"{PEOPLE}/olga/sessions/none", {}, 404),
    ]
    for method, path, body, status in asked:
        answer = await admin.ask(method, path, **body)
        assert (answer.status_code, bool(answer.json()["detail"])) == (status, True), (path, answer.text)


async def test_a_person_has_one_role_here_and_another_one_elsewhere(api: Running) -> None:
    _, _, password = await _added(api, "olga", "viewer")
    async with api.deps.sessions.begin() as session:
        row = UserRow(name="otto", role="admin", password="", changed_ns=0)
        session.add(row)
        await session.flush()
        session.add(SiteRoleRow(user_id=row.id, site="demo", role="viewer"))
    admin = await _who(api, "admin", PASSWORD)
    roles = {one["name"]: (one["role"], one["everywhere"]) for one in await admin("GET", PEOPLE)}
    assert roles == {"admin": ("admin", "admin"), "olga": ("viewer", ""), "otto": ("viewer", "admin")}
    assert (await _sign_in(api, "olga", password)).json()["role"] == "viewer"


async def test_a_new_password_ends_everything_but_the_sign_in_that_asked_for_it(api: Running) -> None:
    _, olga, password = await _added(api, "olga", "operator")
    other = await _who(api, "olga", password)
    token = await olga("POST", "/api/v1/me/tokens", label="script", days=1, password=password)
    api.clock.advance(2)
    for old, new, status in (("wrong", NEW, 403), (password, "short", 422), (password, password, 422)):
        answer = await olga.ask("POST", "/api/v1/me/password", old=old, new=new)
        assert answer.status_code == status, answer.text
    mine = (await _sign_in(api, "olga", password)).cookies["ems_refresh"]
    asker = Who(api, (await api.deps.auth.refresh(mine)).access)
    await asker("POST", "/api/v1/me/password", old=password, new=NEW)
    assert (await other.ask("GET", "/api/v1/me")).status_code == 401
    assert (await Who(api, token["secret"]).ask("GET", "/api/v1/me")).status_code == 401
    assert (await _sign_in(api, "olga", password)).status_code == 401
    assert (await _sign_in(api, "olga", NEW)).status_code == 200


async def test_sign_ins_are_listed_with_where_they_came_from_and_ended_one_by_one(api: Running) -> None:
    admin, olga, password = await _added(api, "olga", "operator")
    api.clock.advance(1)
    other = await _who(api, "olga", password)
    found = await olga("GET", "/api/v1/me/sessions")
    assert [(one["agent"], one["way"], one["this"]) for one in found] == [
        ("browser of olga", "password", False), ("browser of olga", "password", True),
    ]  # fmt: skip
    await olga("DELETE", f"/api/v1/me/sessions/{found[0]['id']}")
    assert (await other.ask("GET", "/api/v1/me")).status_code == 401
    (left,) = await admin("GET", f"{PEOPLE}/olga/sessions")
    assert left["id"] == found[1]["id"]
    await admin("DELETE", f"{PEOPLE}/olga/sessions/{left['id']}")
    assert (await olga.ask("GET", "/api/v1/me")).status_code == 401


async def test_a_token_is_shown_once_and_does_what_its_scope_says_until_its_end(api: Running) -> None:
    _, olga, password = await _added(api, "olga", "operator")
    made = await olga("POST", "/api/v1/me/tokens", label="report", scope="viewer", days=2, password=password)
    wider = await olga.ask("POST", "/api/v1/me/tokens", label="wide", scope="engineer", password=password)
    assert (wider.status_code, "beyond" in wider.json()["detail"]) == (422, True)
    for password in ("wrong", ""):
        again = await olga.ask("POST", "/api/v1/me/tokens", label="more", password=password)
        assert again.status_code in {403, 422}
    program = Who(api, made["secret"])
    assert made["secret"].startswith("ems_")
    assert await program("GET", "/api/v1/sites")
    order = await program.ask("POST", "/api/v1/sites/demo/orders", kind="stop", target="all", reason="x")
    assert (order.status_code, "scope" in order.json()["detail"]) == (403, True)
    assert (await program.ask("POST", "/api/v1/me/tokens", label="more")).status_code == 403
    (listed,) = await olga("GET", "/api/v1/me/tokens")
    assert made["secret"] not in str(listed)
    assert listed["used"] is not None
    api.clock.advance(2 * 86_400 + 1)
    assert (await program.ask("GET", "/api/v1/sites")).status_code == 401


async def test_the_audit_names_the_token_a_program_came_by(api: Running) -> None:
    admin, olga, password = await _added(api, "olga", "operator")
    made = await olga("POST", "/api/v1/me/tokens", label="shift", scope="operator", password=password)
    weak = await olga("POST", "/api/v1/me/tokens", label="report", scope="viewer", password=password)
    order = {"kind": "stop", "target": "all", "reason": "x"}
    for secret, person in ((made["secret"], "program"), (weak["secret"], "weak")):
        await Who(api, secret).ask("POST", "/api/v1/sites/demo/orders", **order, confirm=person)
    await olga.ask("POST", "/api/v1/sites/demo/orders", **order)
    told = await admin("GET", "/api/v1/sites/demo/audit")
    by_token = [
        (one["token"], one["result"].partition(":")[0]) for one in told if one["category"] == "command"
    ]
    refused, asked = f"viewer {weak['token']['id']}", f"operator {made['token']['id']}"
    assert [token for token, _ in by_token] == ["", refused, asked]
    assert by_token[1][1] == "refused"
    assert await audit.broken_at(api.deps.sessions, "demo") is None


def test_entries_from_before_tokens_were_named_keep_their_place_in_the_chain() -> None:
    before = audit.Entry(1, "olga", "operator", "::1", "command", "set", "a/b/c", "", "1", "x", "asked")
    assert "token" not in json.loads(before.body())
    ident = "viewer 1"
    named = json.loads(replace(before, token=ident).body())
    assert named == {**json.loads(before.body()), "token": ident}


async def test_a_token_that_was_taken_away_is_refused_at_once(api: Running) -> None:
    _, olga, password = await _added(api, "olga", "operator")
    made = await olga("POST", "/api/v1/me/tokens", label="report", password=password)
    await olga("DELETE", f"/api/v1/me/tokens/{made['token']['id']}")
    assert (await Who(api, made["secret"]).ask("GET", "/api/v1/sites")).status_code == 401
    wanted = [(actor, what) for actor, what, _, _ in await _audited(api) if actor == "olga"]
    assert wanted == [("olga", "token made"), ("olga", "token taken away")]


async def test_an_admin_of_one_site_does_not_reach_who_is_known_elsewhere(api: Running) -> None:
    async with api.deps.sessions.begin() as session:
        for at, name in enumerate(("here", "there", "company"), 10):
            session.add(UserRow(id=at, name=name, role="", password="", changed_ns=0))
            await session.flush()
            session.add(SiteRoleRow(user_id=at, site="demo", role="viewer"))
        session.add(SiteRoleRow(user_id=11, site="plant2", role=""))
        session.add(IdentityRow(issuer="https://id.example", subject="s", user_id=12))
    act = Act("demo", "ana", 1, "admin", "::1", everywhere=False)
    for name in ("there", "company"):
        with pytest.raises(ConfigError, match="known at other sites"):
            await remove(api.deps.sessions, name, act)
    await remove(api.deps.sessions, "here", act)


async def test_a_fault_of_the_database_tells_nothing_of_what_was_written(api: Running) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with api.deps.sessions.begin() as session:
            session.add(UserRow(name="admin", role="admin", password=PASSWORD, changed_ns=0))
    assert PASSWORD not in str(caught.value)


async def test_somebody_who_lost_everything_gets_a_new_password_from_an_admin(api: Running) -> None:
    admin, olga, password = await _added(api, "olga", "operator")
    fresh = (await admin("POST", f"{PEOPLE}/olga/password"))["password"]
    assert (await olga.ask("GET", "/api/v1/me")).status_code == 401
    assert (await _sign_in(api, "olga", password)).status_code == 401
    assert (await _sign_in(api, "olga", fresh)).status_code == 200
