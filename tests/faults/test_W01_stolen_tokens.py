"""W1: no token but a good one opens a route, all are refused alike, a revoked one is refused at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.access_rig import Access, running_access
from benchmarks.rights_matrix import OPEN, cells
from benchmarks.served import served
from hub.api.app import openapi_document
from tests.unit.hub.token_mutants import mutants

pytestmark = pytest.mark.net


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.timeout(60)
async def test_no_mutant_opens_a_route_and_all_are_refused_by_the_same_words(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    found = mutants(access.tokens["admin"], access.api.key)
    every = cells(openapi_document(), [])
    routes = [cell for cell in every if cell.operation not in OPEN and not cell.foreign]
    assert len(found) >= 30
    accepted, words = 0, set()
    for at, route in enumerate(routes):
        for mutant in found if at == 0 else [found[at % len(found)], found[-at % len(found)]]:
            headers = {"Authorization": f"Bearer {mutant}"}
            answer = await access.api.client.request(route.method, route.path, headers=headers)
            accepted += answer.status_code != 401
            words.add(answer.content)
    assert (accepted, len(words)) == (0, 1)
    record_property("figure", f"{len(found)} mutants, {len(routes)} routes, {accepted} accepted")


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_every_mutant_is_refused_by_every_route(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    found, asked, accepted = mutants(access.tokens["admin"], access.api.key), 0, 0
    for route in cells(openapi_document(), []):
        for mutant in [] if route.operation in OPEN else found:
            headers = {"Authorization": f"Bearer {mutant}"}
            answer = await access.api.client.request(route.method, route.path, headers=headers)
            asked, accepted = asked + 1, accepted + (answer.status_code != 401)
    assert accepted == 0
    record_property("figure", f"{accepted} of {asked} accepted")


async def test_a_stolen_refresh_token_that_comes_back_ends_the_whole_family(access: Access) -> None:
    client, auth, clock = access.api.client, access.api.deps.auth, access.api.clock
    stolen = (await access.api.login()).cookies["ems_refresh"]
    given = await auth.refresh(stolen)
    clock.advance(6)
    client.cookies.clear()
    again = await client.post("/api/v1/auth/refresh", headers={"Cookie": f"ems_refresh={stolen}"})
    owner = await client.post("/api/v1/auth/refresh", headers={"Cookie": f"ems_refresh={given.refresh}"})
    assert (again.status_code, owner.status_code) == (401, 401)
    assert (await access.api.get("/sites", given.access)).status_code == 401


async def test_a_person_whose_role_is_taken_away_is_refused_at_once_and_their_socket_ends(
    access: Access,
) -> None:
    admin, token = {"Authorization": f"Bearer {access.tokens['admin']}"}, access.tokens["operator"]
    async with served(access.api.deps) as address, connect(f"ws://{address}/api/v1/live") as socket:
        await socket.send(json.dumps({"type": "auth", "token": token, "site": "demo"}))
        async with asyncio.timeout(10):
            await socket.recv()
        where = "/api/v1/sites/demo/people/operator_here/role"
        answer = await access.api.client.put(where, headers=admin, json={"role": "none"})
        assert answer.status_code == 204, answer.text
        assert (await access.api.get("/sites", token)).status_code == 403
        access.api.clock.advance(5)  # so long may a socket outlive the right to it
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(10):
                while True:
                    await socket.recv()
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 4401
