"""W2: guessing is braked per account and per address, nobody is locked out by it, and no name can be told."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import argon2
import numpy as np
import pytest
from sqlalchemy import event

from benchmarks.access_rig import Access, running_access
from hub.auth import passwords
from hub.auth.line import MOST_WAITING
from hub.auth.signed_in import Origin
from hub.auth.throttle import ACCOUNT_FAILURES, Throttle
from protocols.errors import NotSignedInError, TooManyGuessesError
from runtime.clock import VirtualClock
from tests.unit.hub.api_running import PASSWORD

pytestmark = pytest.mark.timeout(90)

_TRIES = 10_000
_STORM = 500
_TIMED = 3000


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


async def test_of_a_storm_from_everywhere_so_many_wait_and_it_stands_before_nobody_who_is_known(
    access: Access, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    auth, go, real = access.api.deps.auth, asyncio.Event(), passwords.matches

    async def held(stored: str | None, password: str) -> bool:
        if password == "wrong":  # noqa: S105  of a test
            await go.wait()
        return await real(stored, password)

    async def guess(at: int) -> int:
        try:
            await auth.login(f"guess{at}", "wrong", Origin(f"10.1.{at // 250}.{at % 250}"))
        except TooManyGuessesError as error:
            return int(str(error.context["wait_s"]))
        except NotSignedInError:
            return 0
        raise AssertionError("a wrong password was right")

    monkeypatch.setattr("hub.auth.sessions.matches", held)
    async with asyncio.TaskGroup() as group:
        storm = [group.create_task(guess(at)) for at in range(_STORM)]
        async with asyncio.timeout(60):
            while sum(task.done() for task in storm) < _STORM - MOST_WAITING:
                await asyncio.sleep(0.01)
        here = await access.api.login(PASSWORD)  # from this machine itself, while the storm waits
        monkeypatch.setattr("hub.auth.sessions.matches", _no)
        go.set()
    waits = [task.result() for task in storm]
    assert here.status_code == 200
    assert (waits.count(0), min(filter(None, waits)) > 0) == (MOST_WAITING, True)
    record_property("figure", f"{MOST_WAITING} of {_STORM} wait, the others are sent away at once")


async def _no(_stored: str | None, _password: str) -> bool:
    return False


async def test_a_wrong_guess_is_the_same_work_whomever_it_names(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is timed may differ by chance; what is done is counted: hashes, their cost, and statements."""
    work: list[object] = []
    engine, real = access.api.deps.sessions.kw["bind"].sync_engine, passwords._verify

    def hashed(stored: str, password: str) -> bool:
        work.append(argon2.extract_parameters(stored))
        return real(stored, password)

    def asked(*told: object) -> None:
        work.append(told[2])

    monkeypatch.setattr(passwords, "_verify", hashed)
    event.listen(engine, "before_cursor_execute", asked)
    done = []
    for name in ("admin", "viewer_here", "viewer_there", "nobody", "admin2"):
        work.clear()
        answer = await access.api.client.post(
            "/api/v1/auth/login", json={"username": name, "password": "wrong"}
        )
        assert (answer.status_code, answer.json()["detail"]) == (401, "wrong name or password")
        done.append(list(work))
    assert sum(isinstance(one, argon2.Parameters) for one in done[0]) == 1
    assert all(one == done[0] for one in done)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_nobody_can_tell_a_known_name_by_the_time_it_takes(
    access: Access, record_property: Callable[[str, object], None]
) -> None:
    auth, dice = access.api.deps.auth, random.Random(1)  # noqa: S311  no secret
    took: tuple[list[float], list[float]] = ([], [])
    for at in range(_TIMED):
        access.api.clock.advance(400.0)  # no brake
        known = dice.random() < 0.5
        origin = Origin(f"10.1.{at // 250}.{at % 250}")
        began_s = time.perf_counter()
        with pytest.raises(NotSignedInError):
            await auth.login("admin" if known else f"nobody{at % 100}", "wrong", origin)
        took[known].append(time.perf_counter() - began_s)
    unknown, known_s = (np.sort(np.array(times)) for times in took)
    below = np.searchsorted(unknown, known_s, "left") + np.searchsorted(unknown, known_s, "right")
    auc = float(below.mean()) / 2 / len(unknown)
    record_property("figure", f"AUC {auc:.3f} of {_TIMED} tries, {np.median(known_s) * 1000:.0f} ms a try")
    assert abs(auc - 0.5) < 0.05
