"""W2: guessing is braked per account and per address, nobody is locked out by it, and no name can be told."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import argon2
import pytest

from benchmarks.access_rig import Access, running_access
from hub.auth import passwords
from hub.auth.throttle import ACCOUNT_FAILURES, Throttle
from runtime.clock import VirtualClock
from tests.unit.hub.api_running import PASSWORD

_TRIES = 10_000


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    async with running_access(tmp_path) as running:
        yield running


def test_of_ten_thousand_tries_from_everywhere_twenty_an_hour_are_guesses(
    record_property: Callable[[str, object], None],
) -> None:
    clock = VirtualClock(wall_ns=0)
    throttle, guesses = Throttle(clock), 0
    for at in range(_TRIES):
        address = f"10.{at % 250}.{at // 250 % 250}.7"
        if throttle.wait_s("admin", address) == 0:
            guesses += 1
            throttle.failed("admin", address)
        clock.advance(0.3)  # ten thousand in fifty minutes
    assert guesses <= ACCOUNT_FAILURES
    record_property("figure", f"{guesses} guesses an hour of {_TRIES} tries")


async def test_a_storm_of_sign_ins_does_not_lock_the_last_admin_out(access: Access) -> None:
    auth = access.api.deps.auth
    for at in range(ACCOUNT_FAILURES * 2):
        auth.throttle.failed("admin", f"10.0.0.{at}")
    access.api.client.cookies.clear()
    here = await access.api.login(PASSWORD)  # from this machine itself
    assert here.status_code == 200
    assert auth.throttle.wait_s("admin", "10.0.0.99") > 0


async def test_a_storm_from_one_address_is_refused_before_it_costs_a_hash(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def counted(_stored: str | None, _password: str) -> bool:
        nonlocal asked
        asked += 1
        return False

    monkeypatch.setattr("hub.auth.sessions.matches", counted)
    codes = []
    for at in range(400):
        body = {"username": f"guess{at}", "password": "wrong"}
        codes.append((await access.api.client.post("/api/v1/auth/login", json=body)).status_code)
    assert set(codes) == {401, 429}
    assert codes.count(429) > 300
    assert asked == codes.count(401) <= 60


def test_an_unknown_name_is_hashed_with_the_cost_of_a_known_one() -> None:
    known = argon2.extract_parameters(passwords.hash_password("x"))
    assert argon2.extract_parameters(passwords._NOBODY) == known
    assert known.type is argon2.Type.ID
    assert known.memory_cost >= 46 * 1024  # OWASP's least for one pass


@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_nobody_can_tell_a_known_name_by_the_time_it_takes(
    record_property: Callable[[str, object], None],
) -> None:
    stored = passwords.hash_password("right")
    took: tuple[list[float], list[float]] = ([], [])
    for at in range(1000):
        began_s = time.perf_counter()
        await passwords.matches(stored if at % 2 else None, "wrong")
        took[at % 2].append(time.perf_counter() - began_s)
    unknown, known = took
    higher = sum((a > b) + (a == b) / 2 for a in known for b in unknown) / len(known) / len(unknown)
    record_property("figure", f"AUC {higher:.3f}, {statistics.median(known) * 1000:.0f} ms a try")
    assert abs(higher - 0.5) < 0.06
