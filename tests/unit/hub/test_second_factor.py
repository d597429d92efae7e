"""Codes of a time-based generator by the vectors of RFC 6238, and what becomes of them at a sign-in."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hub.auth.factor import STEP_S, Seal, code_at, step_of, uri_of
from hub.auth.throttle import ACCOUNT_FAILURES, ADDRESS_FAILURES, Throttle
from hub.ledger import audit
from protocols.errors import KeyFileError
from runtime.clock import VirtualClock
from tests.unit.hub.api_running import PASSWORD, Running, running_api

SECRET = b"12345678901234567890"
LOGIN = "/api/v1/auth/login"


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "94287082"), (1_111_111_109, "07081804"), (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"), (20_000_000_000, "65353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_rfc_6238_appendix_b(at_s: int, code: str) -> None:
    assert code_at(SECRET, at_s // STEP_S, digits=8) == code


def test_a_code_is_good_in_its_step_and_the_one_before_and_after_it() -> None:
    now_ns = 1_750_000_000 * 10**9
    step = now_ns // 10**9 // STEP_S
    good = [step_of(SECRET, code_at(SECRET, step + away), now_ns) for away in (-2, -1, 0, 1, 2)]
    assert good == [None, step - 1, step, step + 1, None]
    assert step_of(SECRET, "", now_ns) is None
    assert step_of(SECRET, "٣٣٣٣٣٣", now_ns) is None


def test_a_sealed_secret_opens_for_its_person_and_its_installation_alone() -> None:
    seal = Seal(bytes(32))
    sealed = seal.close(SECRET, 7)
    assert SECRET not in sealed
    assert seal.open(sealed, 7) == SECRET
    for other, owner in ((seal, 8), (Seal(b"1" * 32), 7)):
        with pytest.raises(KeyFileError):
            other.open(sealed, owner)


def test_the_address_for_a_generator_has_the_secret_and_says_whose_it_is() -> None:
    uri = uri_of(SECRET, "o.smith", "demo")
    assert uri.startswith("otpauth://totp/EMS%20demo%3Ao.smith?secret=GEZDGNBV")
    assert uri.endswith("&issuer=EMS%20demo&digits=6")


class Owner:
    """The admin with a second factor."""

    def __init__(self, api: Running, token: str, secret: bytes) -> None:
        self.api = api
        self.headers = {"Authorization": f"Bearer {token}"}
        self.secret = secret

    def code(self) -> str:
        return code_at(self.secret, self.api.clock.now().wall_ns // 10**9 // STEP_S)

    async def login(self, **more: str) -> httpx.Response:
        self.api.client.cookies.clear()
        return await self.api.client.post(LOGIN, json={"username": "admin", "password": PASSWORD} | more)

    async def post(self, what: str, **body: str) -> httpx.Response:
        return await self.api.client.post(f"/api/v1/me/{what}", headers=self.headers, json=body)


async def _with_factor(api: Running) -> Owner:
    owner = Owner(api, await api.token(), b"")
    begun = (await owner.post("factor", password=PASSWORD)).json()
    owner.secret = base64.b32decode(begun["secret"] + "=" * (-len(begun["secret"]) % 8))
    return owner


async def test_a_factor_counts_once_a_code_was_shown_and_then_a_password_is_not_enough(api: Running) -> None:
    owner = await _with_factor(api)
    assert (await owner.login()).status_code == 200  # begun, not proven
    assert (await owner.post("factor/prove", code="000000")).status_code == 422
    assert (await owner.post("factor/prove", code=owner.code())).status_code == 204
    alone = await owner.login()
    assert (alone.status_code, alone.json()["code"]) == (401, "second_factor")
    assert "set-cookie" not in alone.headers
    api.clock.advance(STEP_S)
    assert (await owner.login(code=owner.code())).status_code == 200
    assert (await owner.post("factor", password=PASSWORD)).status_code == 409


async def test_a_code_is_taken_once_and_wrong_ones_are_braked_like_passwords(api: Running) -> None:
    owner = await _with_factor(api)
    await owner.post("factor/prove", code=owner.code())
    assert (await owner.login(code=owner.code())).status_code == 401  # it proved the factor
    api.clock.advance(STEP_S)
    code = owner.code()
    assert [(await owner.login(code=code)).status_code for _ in range(2)] == [200, 401]
    for _ in range(ACCOUNT_FAILURES - 3):
        api.deps.auth.throttle.failed("admin", "127.0.0.1")
    wrong = [(await owner.login(code=f"{at:06d}")).status_code for at in range(6)]
    assert (wrong[0], wrong[-1]) == (401, 429)


async def test_a_right_password_without_the_right_code_is_counted_and_noted_whatever_else_comes(
    api: Running,
) -> None:
    owner = await _with_factor(api)
    await owner.post("factor/prove", code=owner.code())
    api.clock.advance(STEP_S)
    assert (await owner.login()).status_code == 401
    entries = [one.entry.result async for one in audit.every(api.deps.sessions, "demo")]
    assert entries[-1] == "password right, code wanted"
    for _ in range(ACCOUNT_FAILURES - 2):
        api.deps.auth.throttle.code_failed("admin")
    assert (await owner.login(code="000000")).status_code == 401
    assert await api.deps.auth.person("admin", PASSWORD, "192.0.2.7") == "admin"  # clears no codes
    assert (await owner.login(code=owner.code())).status_code == 429
    api.clock.advance(3601)
    assert (await owner.login(code=owner.code())).status_code == 200
    assert api.deps.auth.throttle.code_wait_s("admin") == 0


def test_guesses_from_one_network_of_ipv6_are_counted_together() -> None:
    throttle = Throttle(VirtualClock(wall_ns=0))
    for at in range(ADDRESS_FAILURES):
        throttle.failed(f"p{at}", f"2001:db8::{at:x}")
    assert throttle.wait_s("new", "2001:db8::ffff:1") > 0
    assert throttle.wait_s("new", "2001:db8:0:1::1") == 0


async def test_a_factor_is_dropped_and_a_token_made_by_password_and_code(api: Running) -> None:
    owner = await _with_factor(api)
    await owner.post("factor/prove", code=owner.code())
    assert (await owner.post("factor/drop", password=f"not {PASSWORD}")).status_code == 403
    api.clock.advance(STEP_S)
    for what, more in (("factor/drop", {}), ("tokens", {"label": "script"})):
        alone = await owner.post(what, password=PASSWORD, **more)
        assert (alone.status_code, alone.json()["detail"][:4]) == (403, "code"), alone.text
    made = await owner.post("tokens", password=PASSWORD, code=owner.code(), label="script")
    assert made.status_code == 201
    api.clock.advance(STEP_S)
    assert (await owner.post("factor/drop", password=PASSWORD, code=owner.code())).status_code == 204
    assert (await owner.login()).status_code == 200
