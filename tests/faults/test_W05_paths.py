"""W5: no spelling of a path reaches a file outside the built page, nor one of the hub's own folder."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hub.database import FILE, embedded_url
from hub.registry.documents import check_path
from protocols.errors import ConfigError
from tests.unit.hub.api_running import Running, running_api

_STEPS = (
    "../", "..\\", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "%252e%252e%252f", "....//", "..;/", ".%00./",
    "%c0%ae%c0%ae/", "%u002e%u002e/", "/", "//", "\\", "file:///", "~/", "./../",
)  # fmt: skip
_TARGETS = ("secret.txt", FILE, "etc/passwd", "api_token.key")
_FOUND = (b"TOP-SECRET", b"SQLite format", b"root:x:0", b"PRIVATE KEY")
PAYLOADS = [step * deep + target for step, deep, target in itertools.product(_STEPS, (1, 2, 6), _TARGETS)]
ROUTES = (
    "/{}", "/assets/{}", "/api/v1/sites/{}/values", "/api/v1/sites/demo/orders/{}",
    "/api/v1/sites/demo/plans/{}", "/api/v1/join/{}/ca", "/api/v1/me/tokens/{}",
    "/api/v1/sites/demo/configuration/1/document?file={}", "/api/v1/sites/demo/alarms/acts/{}",
)  # fmt: skip


@pytest.fixture
async def api(business_file: Path, tmp_path: Path) -> AsyncIterator[Running]:
    state = tmp_path / "state"
    static = state / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<p>page</p>")
    shutil.copyfile(business_file, state / FILE)
    for place in (tmp_path, state):
        (place / "secret.txt").write_text("TOP-SECRET")
        (place / "api_token.key").write_text("PRIVATE KEY of the tokens")
    (static / "link.txt").symlink_to(state / "secret.txt")
    async with running_api(embedded_url(state), state) as running:
        yield running


@pytest.mark.timeout(60)
async def test_two_hundred_spellings_of_a_path_reach_nothing(
    api: Running, record_property: Callable[[str, object], None]
) -> None:
    assert len(PAYLOADS) >= 200
    headers = {"Authorization": f"Bearer {await api.token()}"}
    outside = []
    asked = [*itertools.product(ROUTES[:1], PAYLOADS), *itertools.product(ROUTES[1:], PAYLOADS[::8])]
    for route, payload in asked:
        answer = await api.client.get(f"http://hub{route.format(payload)}", headers=headers)
        assert answer.status_code < 500, (route, payload)
        if any(mark in answer.content for mark in _FOUND):
            outside.append((route, payload))
    assert outside == []
    record_property("figure", f"{len(outside)} of {len(asked)} reached a file")


async def test_a_link_inside_the_page_that_leads_out_of_it_is_not_followed(api: Running) -> None:
    answer = await api.client.get("/link.txt")
    assert (answer.status_code, b"TOP-SECRET" in answer.content) == (404, False)


def test_a_file_of_a_proposed_configuration_stays_in_its_folder() -> None:
    for payload in (one for one in PAYLOADS if "/" in one):
        for name in (payload, f"sites/demo/{payload}.yaml"):
            with pytest.raises(ConfigError):
                check_path(name)
