"""Signing in at a provider of identities: a real OpenID Connect server in a process of its own."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from hub.auth.people import Act, Post, appoint, let_in, remove
from hub.auth.provider import FILE, Provider, ProviderConfig, as_name, open_provider
from hub.database import FILE as DATABASE
from hub.database import embedded_url
from hub.ledger import audit
from hub.outside.way_out import WayOut
from protocols.errors import ConfigError, NotSignedInError, ProviderError
from runtime.children import free_port
from runtime.clock import SystemClock, VirtualClock
from tests.unit.hub.api_running import Running, running_api
from tests.unit.hub.token_mutants import part

pytestmark = pytest.mark.net
PEOPLE: dict[str, dict[str, object]] = {
    "s-olga": {"preferred_username": "Olga.Smith", "groups": ["staff", "ems-operators"]},
    "s-admin": {"preferred_username": "admin", "groups": ["ems-engineers"]},
    "s-guest": {"preferred_username": "guest", "groups": ["staff"]},
}
ROLES = {"ems-engineers": "engineer", "ems-operators": "operator"}
BACK = "https://hub.example/api/v1/auth/oidc/callback"
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Address of the provider."""
    port = free_port()
    claims = [f"--user-claims={json.dumps({'sub': sub} | told)}" for sub, told in PEOPLE.items()]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", f"--port={port}", *claims]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for(f"http://127.0.0.1:{port}/jwks")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(address: str) -> None:
    until_s = time.monotonic() + 15
    while time.monotonic() < until_s:
        try:
            httpx.get(address, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the provider does not answer")


def here() -> WayOut:
    return WayOut(("127.0.0.1", "localhost"))


def _config(issuer: str, client: str = "ems") -> ProviderConfig:
    told = {"issuer": issuer, "client_id": client, "client_secret": "shared"}
    return ProviderConfig.model_validate(told | {"redirect_url": BACK, "roles": ROLES})


@dataclass
class Hub:
    api: Running
    issuer: str

    async def at_provider(self, subject: str) -> str:
        """Begin here, say yes there; where the provider sends the browser back to."""
        start = await self.api.client.get("/api/v1/auth/oidc")
        assert start.status_code == 303, start.text
        return await _consented(start.headers["location"], subject)

    async def back(self, where: str) -> httpx.Response:
        return await self.api.client.get(where)

    async def known_as(self, subject: str, claims: dict[str, object]) -> None:
        async with httpx.AsyncClient(timeout=10) as browser:
            (await browser.put(f"{self.issuer}/users/{subject}", json=claims)).raise_for_status()

    async def come(self, subject: str) -> httpx.Response:
        self.api.client.cookies.clear()
        return await self.back(await self.at_provider(subject))

    async def session(self) -> httpx.Response:
        return await self.api.client.post("/api/v1/auth/refresh")

    async def entries(self) -> list[tuple[str, str, str]]:
        found = [one.entry async for one in audit.every(self.api.deps.sessions, "demo")]
        return [(one.type, one.target, one.result) for one in found]


async def _consented(address: str, subject: str) -> str:
    async with httpx.AsyncClient(timeout=10) as browser:
        answer = await browser.post(address, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


@pytest.fixture
async def hub(business_file: Path, tmp_path: Path, issuer: str) -> AsyncIterator[Hub]:
    shutil.copyfile(business_file, tmp_path / DATABASE)
    async with running_api(embedded_url(tmp_path), tmp_path) as running:
        running.deps.provider = Provider(_config(issuer), KEY, SystemClock(), here)
        yield Hub(running, issuer)


async def test_a_person_comes_in_with_the_role_of_their_group_and_is_the_same_the_next_time(hub: Hub) -> None:
    answer = await hub.come("s-olga")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    session = (await hub.session()).json()
    assert (session["username"], session["role"]) == ("olga.smith", "operator")
    assert (await hub.api.get("/sites", session["access_token"])).status_code == 200
    await hub.come("s-olga")
    assert (await hub.session()).json()["username"] == "olga.smith"
    assert await hub.entries() == [
        ("add", "olga.smith", "done"), ("role", "olga.smith", "done"),
        ("provider", "olga.smith", "signed in"), ("provider", "olga.smith", "signed in"),
    ]  # fmt: skip


async def test_what_a_group_gives_and_takes_counts_from_the_next_sign_in_on(hub: Hub) -> None:
    await hub.come("s-olga")
    token = (await hub.session()).json()["access_token"]
    try:
        await hub.known_as("s-olga", PEOPLE["s-olga"] | {"groups": ["ems-engineers"]})
        await hub.come("s-olga")
        assert (await hub.session()).json()["role"] == "engineer"
        await hub.known_as("s-olga", PEOPLE["s-olga"] | {"groups": []})
        assert (await hub.come("s-olga")).headers["location"] == "/login?provider=role"
        assert (await hub.api.get("/sites", token)).status_code == 403
    finally:
        await hub.known_as("s-olga", PEOPLE["s-olga"])


async def test_whom_an_admin_removed_does_not_come_back_until_they_are_let_in_again(hub: Hub) -> None:
    await hub.come("s-olga")
    token = (await hub.session()).json()["access_token"]
    act = Act("demo", "admin", 1, "admin", "::1")
    assert await remove(hub.api.deps.sessions, "olga.smith", act)
    assert (await hub.api.get("/me", token)).status_code == 401
    assert (await hub.come("s-olga")).headers["location"] == "/login?provider=blocked"
    assert (await hub.session()).status_code == 401
    with pytest.raises(ConfigError, match="blocked already"):
        await remove(hub.api.deps.sessions, "olga.smith", act)
    with pytest.raises(ConfigError, match="let them in"):
        await appoint(hub.api.deps.sessions, "olga.smith", Post("viewer", "demo"), act)
    await let_in(hub.api.deps.sessions, "olga.smith", act)
    assert (await hub.come("s-olga")).headers["location"] == "/"
    told = await hub.entries()
    assert [what for what, _, _ in told][3:] == ["remove", "provider", "let in", "add", "role", "provider"]


async def test_who_is_called_like_somebody_here_is_not_taken_for_them(hub: Hub) -> None:
    await hub.come("s-admin")
    session = (await hub.session()).json()
    assert session["username"].startswith("admin.")
    assert session["role"] == "engineer"


async def test_who_is_in_no_group_of_the_hub_does_not_come_in(hub: Hub) -> None:
    answer = await hub.come("s-guest")
    assert answer.headers["location"] == "/login?provider=role"
    assert (await hub.session()).status_code == 401
    assert ("provider", "guest", "refused: provider") in await hub.entries()


async def test_only_the_browser_that_began_comes_back_and_once(hub: Hub) -> None:
    where = await hub.at_provider("s-olga")
    attempt = dict(hub.api.client.cookies)
    code = parse_qs(urlsplit(where).query)["code"][0]
    hub.api.client.cookies.clear()
    no_cookie = await hub.back(where)
    hub.api.client.cookies.update({name: value[:-4] + "AAAA" for name, value in attempt.items()})
    other_cookie = await hub.back(where)
    hub.api.client.cookies.clear()
    hub.api.client.cookies.update(attempt)
    other_state = await hub.back(f"/api/v1/auth/oidc/callback?code={code}&state=x")
    hub.api.client.cookies.clear()
    hub.api.client.cookies.update(attempt)
    right = await hub.back(where)
    hub.api.client.cookies.clear()
    hub.api.client.cookies.update(attempt)
    replayed = await hub.back(where)
    came = [one.headers["location"] for one in (no_cookie, other_cookie, other_state, right, replayed)]
    refused = "/login?provider=refused"
    assert came == [refused, refused, refused, "/", refused]


async def _token(provider: Provider, subject: str) -> tuple[str, str]:
    """An ID token of the provider, and the nonce it is for."""
    address, cookie = await provider.start()
    attempt = provider._opened(cookie)
    code = parse_qs(urlsplit(await _consented(address, subject)).query)["code"][0]
    endpoint = provider._known.endpoints["token_endpoint"]
    return await provider._exchanged(endpoint, code, attempt["verifier"]), attempt["nonce"]


def _by_secret(claims: dict[str, object], head: dict[str, object], secret: bytes) -> str:
    """Signed with what everybody may know, as if it were a shared secret."""
    signed = f"{part(head | {'alg': 'HS256'})}.{part(claims)}"
    digest = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


async def test_no_token_but_one_of_the_provider_for_this_hub_and_this_attempt_is_taken(issuer: str) -> None:
    ours, other = (Provider(_config(issuer, client), KEY, SystemClock(), here) for client in ("ems", "other"))
    token, nonce = await _token(ours, "s-olga")
    assert (await ours._claims(token, nonce))["sub"] == "s-olga"
    claims, head = jwt.decode(token, options={"verify_signature": False}), jwt.get_unverified_header(token)
    stranger = generate_private_key(65537, 2048)
    async with httpx.AsyncClient(timeout=10) as browser:
        public = json.dumps((await browser.get(f"{issuer}/jwks")).json()["keys"][0])
    signed, _, tail = token.rpartition(".")
    mutants = [
        jwt.encode(claims, stranger, algorithm="RS256", headers=head),
        jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": "another"}),
        _by_secret(claims, head, public.encode()),
        jwt.encode(claims, "", algorithm="none"),
        f"{signed}.", f"{signed}.{tail[:-4]}AAAA", "", "x.y.z", "x" * 10_000,
    ]  # fmt: skip
    for mutant in mutants:
        with pytest.raises(NotSignedInError):
            await ours._claims(mutant, nonce)
    with pytest.raises(NotSignedInError):
        await ours._claims(token, "another nonce")
    theirs, its_nonce = await _token(other, "s-olga")
    with pytest.raises(NotSignedInError):
        await ours._claims(theirs, its_nonce)


async def test_a_provider_that_is_away_or_another_is_said_and_passwords_go_on(hub: Hub) -> None:
    hub.api.deps.provider = Provider(_config(f"http://127.0.0.1:{free_port()}"), KEY, SystemClock(), here)
    answer = await hub.api.client.get("/api/v1/auth/oidc")
    assert (answer.status_code, "password" in answer.json()["detail"]) == (503, True)
    assert (await hub.api.login()).status_code == 200
    renamed = _config(hub.issuer.replace("127.0.0.1", "localhost")).model_copy(
        update={"issuer": f"{hub.issuer}/"}
    )
    with pytest.raises(ProviderError):
        await Provider(renamed, KEY, SystemClock(), here).start()


async def test_the_page_is_told_whether_there_is_a_provider(hub: Hub) -> None:
    told = (await hub.api.client.get("/api/v1/health")).json()["provider"]
    assert set(told) == {"en", "zh"}
    hub.api.deps.provider = None
    assert "provider" not in (await hub.api.client.get("/api/v1/health")).json()
    assert (await hub.api.client.get("/api/v1/auth/oidc")).status_code == 404


GOOD = f"""issuer: https://id.example
client_id: ems
redirect_url: {BACK}
roles: {{ems-operators: operator}}
"""


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (GOOD, 0o644, "other users"),
        (GOOD.replace("https://id", "http://id"), 0o600, "https"),
        (GOOD.replace("operator}", "boss}"), 0o600, "boss"),
        (GOOD.replace("roles: {ems-operators: operator}", "roles: {}"), 0o600, "roles"),
        (GOOD.replace("callback", "elsewhere"), 0o600, "redirect_url"),
    ],
)
def test_a_file_that_would_let_others_in_is_refused(tmp_path: Path, text: str, mode: int, words: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(mode)
    with pytest.raises(ConfigError) as refused:
        open_provider(tmp_path, KEY, SystemClock())
    assert words in str(refused.value)


def test_a_good_file_is_read_and_none_is_no_provider(tmp_path: Path) -> None:
    assert open_provider(tmp_path, KEY, SystemClock()) is None
    (tmp_path / FILE).write_text(GOOD)
    (tmp_path / FILE).chmod(0o600)
    found = open_provider(tmp_path, KEY, SystemClock())
    assert found is not None
    assert found.config.roles == {"ems-operators": "operator"}


@pytest.mark.parametrize(
    ("told", "name"),
    [("O.Smith@plant.example", "o.smith"), ("张伟", "person"), ("007 Bond", "bond"), ("", "person")],
)
def test_a_name_from_elsewhere_becomes_one_of_here(told: str, name: str) -> None:
    assert as_name(told) == name


@dataclass
class Counting:
    """A web server in the place of a provider; it answers slowly, and as `body` says."""

    address: str = ""
    body: bytes = b"[]"
    asked: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await asyncio.sleep(0.1)  # so that others come meanwhile
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()


@pytest.fixture
async def counting() -> AsyncIterator[Counting]:
    made = Counting()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


async def _many(provider: Provider) -> int:
    """Twenty people come at once; how many were sent to the provider."""

    async def come() -> bool:
        try:
            await provider.start()
        except ProviderError:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        people = [group.create_task(come()) for _ in range(20)]
    return sum(one.result() for one in people)


async def test_a_provider_that_fails_is_asked_by_one_at_a_time_and_not_again_for_a_moment(
    counting: Counting,
) -> None:
    clock = VirtualClock()
    provider = Provider(_config(counting.address), KEY, clock, here)
    assert (await _many(provider), counting.asked) == (0, 1)
    clock.advance(4.0)
    assert (await _many(provider), counting.asked) == (0, 1)
    clock.advance(2.0)
    assert (await _many(provider), counting.asked) == (0, 2)


async def test_what_a_provider_publishes_is_asked_for_once_however_many_come(counting: Counting) -> None:
    key = {"kty": "oct", "k": "c2VjcmV0", "kid": "1"}
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    told = {name: f"{counting.address}/{name}" for name in names}
    counting.body = json.dumps({"issuer": counting.address, **told, "keys": [key]}).encode()
    provider = Provider(_config(counting.address), KEY, VirtualClock(), here)
    assert (await _many(provider), counting.asked) == (20, 2), "its own page, and its keys"
