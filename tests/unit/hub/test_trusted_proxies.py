"""Where a request comes from: the word of a proxy counts where it was named, nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from benchmarks.access_rig import Access, running_access
from benchmarks.served import served
from hub.api.server import checked_proxies
from hub.ledger import audit
from protocols.errors import ConfigError
from tests.unit.hub.api_running import PASSWORD

pytestmark = pytest.mark.net

_LOGIN = "/api/v1/auth/login"


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


async def _signed_in(access: Access, proxies: tuple[str, ...], headers: dict[str, str]) -> tuple[str, str]:
    """Where the audit says that somebody signed in from, and the cookie they were given."""
    said = {"username": "admin", "password": PASSWORD}
    async with served(access.api.deps, proxies=proxies) as address, httpx.AsyncClient() as client:
        answer = await client.post(f"http://{address}{_LOGIN}", json=said, headers=headers)
    assert answer.status_code == 200, answer.text
    async with access.api.deps.sessions() as session:
        (newest,) = await audit.page(session, "demo", None, 1)
    return newest.entry.source, answer.headers["set-cookie"]


_FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


async def test_nobody_is_believed_who_was_not_named(access: Access) -> None:
    source, cookie = await _signed_in(access, (), _FORWARDED)
    assert source == "127.0.0.1"
    assert "secure" not in cookie.lower()
    source, _ = await _signed_in(access, ("10.0.0.0/8",), _FORWARDED)
    assert source == "127.0.0.1"


async def test_a_named_proxy_says_where_a_request_comes_from_and_how(access: Access) -> None:
    source, cookie = await _signed_in(access, ("127.0.0.0/8",), _FORWARDED)
    assert source == "203.0.113.7"
    assert "secure" in cookie.lower()


async def test_what_a_client_wrote_before_the_proxy_counts_for_nothing(access: Access) -> None:
    told = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 127.0.0.9"}
    source, _ = await _signed_in(access, ("127.0.0.0/8",), told)
    assert source == "203.0.113.7"


@pytest.mark.parametrize("told", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.1.2.3/16", ""])
def test_everybody_or_nobody_is_no_proxy(told: str) -> None:
    with pytest.raises(ConfigError, match="--trusted-proxy"):
        checked_proxies([told])
