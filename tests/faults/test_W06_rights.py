"""W6: every route by every role and program, here and elsewhere; nothing of others is reached by its id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from benchmarks.access_rig import ELSEWHERE, Access, running_access
from benchmarks.rights_matrix import OPEN, wrong_cells, wrong_sockets
from benchmarks.served import served
from hub.api.app import openapi_document
from hub.api.policy import POLICY, may, who_may
from hub.auth.tokens import Caller
from hub.ledger import audit, orders
from protocols.command import CommandKind
from tests.unit.hub.api_running import NOW_S, S

pytestmark = [pytest.mark.net, pytest.mark.timeout(90)]
QUICK = ("viewer", "operator", "engineer", "manager", "admin", "elsewhere admin", "program operator of admin")


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


@pytest.mark.timeout(300)
async def test_every_route_answers_every_role_as_it_must(
    # every route that takes an id is asked for a real thing of another site, too, which nobody gets
    access: Access,
    record_property: Callable[[str, object], None],
) -> None:
    """Routes that take an id are asked for a real thing of another site, too: nobody gets or changes it."""
    count, wrong = await wrong_cells(access, list(QUICK))
    async with served(access.api.deps) as address:
        sockets, shut = await wrong_sockets(access, f"ws://{address}", list(QUICK))
    assert wrong + shut == []
    record_property("figure", f"{count + sockets} cells, 0 wrong")


def test_the_table_names_every_route_that_needs_a_sign_in_and_only_the_others_are_open() -> None:
    routes = [route for methods in openapi_document()["paths"].values() for route in methods.values()]
    shut = {route["operationId"] for route in routes if route.get("security")}
    assert shut | {"live"} == set(POLICY)
    assert {route["operationId"] for route in routes} - shut == OPEN


def test_what_the_table_does_not_name_is_for_nobody() -> None:
    assert not may(Caller("olga", "s", 0, "admin"), "unknown")
    assert not may(Caller("olga", "s", 0, "guest"), "sites")
    assert who_may("unknown") == ""


def test_a_program_does_no_more_than_its_person_and_no_more_than_its_scope() -> None:
    assert may(Caller("olga", "t", 0, "admin", "operator"), "placeOrder")
    assert not may(Caller("olga", "t", 0, "viewer", "operator"), "placeOrder")
    assert not may(Caller("olga", "t", 0, "admin", "viewer"), "placeOrder")
    assert not may(Caller("olga", "t", 0, "admin", "manager"), "people")
    assert not may(Caller("olga", "t", 0, "admin", "engineer"), "makeToken")


async def test_what_belongs_to_another_site_is_not_there_under_its_id(access: Access) -> None:
    sessions, token = access.api.deps.sessions, access.tokens["admin"]
    there = orders.Order(
        site=ELSEWHERE, kind=CommandKind.STOP, target="all", value=None, unit=None, expect=None,
        reason="test", actor="admin_there", confirm=None, until_ns=None, of=None,
    )  # fmt: skip
    placed = await orders.place(sessions, there, orders.Origin("admin", "::1"), NOW_S * S)
    assert (await access.api.get(f"/sites/demo/orders/{placed.id}", token)).status_code == 404
    assert (await access.api.get(f"/sites/{ELSEWHERE}/orders/{placed.id}", token)).status_code == 404
    assert (await access.api.get("/sites/demo/orders", token)).json() == []
    actors = {one["actor"] for one in (await access.api.get("/sites/demo/audit", token)).json()}
    assert "admin_there" not in actors
    assert [one.entry.actor async for one in audit.every(sessions, ELSEWHERE)] == ["admin_there"]


async def test_nobody_ends_a_sign_in_or_a_token_of_somebody_else(access: Access) -> None:
    client = access.api.client
    mine, theirs = ({"Authorization": f"Bearer {access.tokens[who]}"} for who in ("viewer", "operator"))
    for kind in ("tokens", "sessions"):  # the last one signs them out
        (one, *_) = (await client.get(f"/api/v1/me/{kind}", headers=theirs)).json()
        assert (await client.delete(f"/api/v1/me/{kind}/{one['id']}", headers=mine)).status_code == 404
        assert (await client.delete(f"/api/v1/me/{kind}/{one['id']}", headers=theirs)).status_code == 204


async def test_an_admin_of_one_site_neither_sees_nor_changes_who_belongs_to_another(access: Access) -> None:
    client, headers = access.api.client, {"Authorization": f"Bearer {access.tokens['admin']}"}
    where = "/api/v1/sites/demo/people"
    names = {one["name"] for one in (await client.get(where, headers=headers)).json()}
    assert {"viewer_here", "admin_here", "admin"} <= names  # `admin` is one everywhere
    assert not any(name.endswith("_there") for name in names)
    asked = [
        await client.post(f"{where}/viewer_there/password", headers=headers),
        await client.delete(f"{where}/viewer_there", headers=headers),
        await client.delete(f"{where}/viewer_there/factor", headers=headers),
        await client.get(f"{where}/viewer_there/sessions", headers=headers),
    ]
    assert [one.status_code for one in asked] == [404] * 4
    invited = await client.put(f"{where}/viewer_there/role", headers=headers, json={"role": "viewer"})
    seen = await client.get(f"{where}/viewer_there/sessions", headers=headers)
    assert (invited.status_code, seen.status_code, seen.json()["code"]) == (204, 403, "person_elsewhere")
    assert (await client.post(f"{where}/viewer_there/password", headers=headers)).status_code == 409
    everywhere = await client.post(f"{where}/admin/password", headers=headers)
    assert (everywhere.status_code, "all sites" in everywhere.json()["detail"]) == (409, True)
