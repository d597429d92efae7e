"""W4: the hub asks nobody because somebody wrote an address: what it connects to stands in its own folder.

A provider of identities names further addresses; each is https, or on this machine, and nothing is followed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from hub.auth.provider import Provider, ProviderConfig, _ask, _safe
from protocols.errors import ProviderError
from runtime.clock import SystemClock

pytestmark = pytest.mark.net

_HOSTS = (
    "169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "100.100.100.200", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "0.0.0.0:80", "[::]", "127.1",
    "127.0.1", "127.0.0.2", "0x7f.1", "0x7f000001", "2130706433",
    "017700000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
    "[0:0:0:0:0:0:0:2]", "[fe80::1]", "localhost.localdomain", "localhost.", "LOCALHOST.evil.example",
    "127.0.0.1.nip.io", "127.0.0.1@evil.example", "evil.example#@127.0.0.1", "\uff11\uff12\uff17.0.0.1",
    "\u2460\u2461\u2466.0.0.1",
)  # fmt: skip
_SCHEMES = ("http://", "ftp://", "file://", "gopher://", "//", "HTTP://")
SPELLINGS = [f"{scheme}{host}/x" for scheme in ("http://", "HTTP://") for host in _HOSTS]
SPELLINGS += [f"{scheme}127.0.0.1/x" for scheme in _SCHEMES if "http" not in scheme.lower()]


def test_sixty_spellings_of_inner_addresses_are_none_a_provider_may_name(
    record_property: Callable[[str, object], None],
) -> None:
    assert len(SPELLINGS) >= 60
    taken = []
    for address in SPELLINGS:
        try:
            taken.append(_safe(address))
        except ProviderError:
            continue
    assert taken == []
    record_property("figure", f"{len(taken)} of {len(SPELLINGS)} asked")


@asynccontextmanager
async def _listening(answer: Callable[[str], bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that says the same to everybody, and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(address))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield address, asked


def _http(status: str, body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def _provider(issuer: str) -> Provider:
    told = {"issuer": issuer, "client_id": "ems", "roles": {"a": "viewer"}}
    back = {"redirect_url": "https://hub.example/api/v1/auth/oidc/callback"}
    return Provider(ProviderConfig.model_validate(told | back), bytes(32), SystemClock())


async def test_a_redirect_of_the_provider_is_not_followed() -> None:
    async with (
        _listening(lambda _: _http("200 OK", b"{}")) as (inner, reached),
        _listening(lambda _: _http("302 Found", b"", f"Location: {inner}/x\r\n")) as (issuer, asked),
    ):
        with pytest.raises(ProviderError):
            await _provider(issuer).start()
    assert (len(asked), reached) == (1, [])


async def test_an_address_of_somebody_else_in_what_a_provider_publishes_is_not_asked() -> None:
    async with _listening(lambda _: _http("200 OK", b"{}")) as (inner, reached):

        def published(issuer: str) -> bytes:
            told = {"issuer": issuer, "authorization_endpoint": "http://169.254.169.254/", "jwks_uri": inner}
            return _http("200 OK", json.dumps(told).encode())

        async with _listening(published) as (issuer, asked):
            with pytest.raises(ProviderError) as error:
                await _provider(issuer).start()
    assert "not https" in str(error.value)
    assert (len(asked), reached) == (1, [])


async def test_an_answer_without_end_is_given_up() -> None:
    async with _listening(lambda _: _http("200 OK", b'"' + b"x" * 2_000_000 + b'"')) as (address, _):
        with pytest.raises(ProviderError) as error:
            await _ask("GET", address)
    assert "too long" in str(error.value)
