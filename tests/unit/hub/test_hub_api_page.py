"""What the API says of the page, of its own document, and to wrong questions; no database matters here."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.api.app import openapi_document
from hub.database import FILE, embedded_url
from runtime.clock import iso_utc
from tests.unit.hub.api_running import (
    CONFIGS,
    NOW_S,
    Running,
    S,
    running_api,
)


@pytest.fixture
async def api(business_file: Path, tmp_path: Path) -> AsyncIterator[Running]:
    shutil.copyfile(business_file, tmp_path / FILE)
    async with running_api(embedded_url(tmp_path), tmp_path) as running:
        yield running


async def test_a_wrong_question_about_samples_is_refused_with_a_sentence(api: Running) -> None:
    now = iso_utc(NOW_S * S)
    asked = {"from": now, "to": now}
    answer = await api.get("/sites/demo/samples", point="demo/comp1/power_kw", **asked)
    assert answer.status_code == 422
    assert answer.json()["detail"]


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
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "text"}


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
