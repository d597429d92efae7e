"""A sign-in that was ended stays ended, whatever was under way at that moment."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from hub.auth import signed_in
from hub.auth.passwords import hash_password
from hub.auth.provider import Provider, ProviderConfig
from hub.auth.signed_in import PROVIDER_S, Origin
from hub.auth.tables import IdentityRow, RefreshRow, SignInRow, SiteRoleRow, UserRow
from hub.ledger import audit
from protocols.errors import NotSignedInError
from tests.unit.hub.api_running import PASSWORD, Running, running_api

HERE = Origin("192.0.2.1", "browser")


@pytest.fixture
async def api(clean_business_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_api(clean_business_url, tmp_path) as running:
        yield running


async def test_a_token_given_while_its_sign_in_ended_lets_nobody_in(api: Running) -> None:
    given = await api.deps.auth.login("admin", PASSWORD, HERE)
    now_ns = api.clock.now().wall_ns
    async with api.deps.sessions.begin() as session:
        family = await session.scalar(select(SignInRow.family))
        assert family is not None
        await signed_in.end(session, family, now_ns)
        late = hashlib.sha256(b"late").digest()  # an exchange that had read the sign-in before its end
        session.add(RefreshRow(hash=late, family=family, user_id=1, expires_ns=now_ns + 10**12))
    for token in ("late", given.refresh):
        with pytest.raises(NotSignedInError):
            await api.deps.auth.refresh(token)
    with pytest.raises(NotSignedInError):
        await api.deps.auth.caller(given.access)
    async with api.deps.sessions() as session:
        assert await signed_in.going_on(session, 1, now_ns) == []


async def test_what_a_person_may_counts_from_the_next_request_on_and_is_read_while_somebody_writes(
    api: Running,
) -> None:
    access = (await api.deps.auth.login("admin", PASSWORD, HERE)).access
    roles = []
    for change in (
        update(UserRow).values(role="viewer"),
        insert(SiteRoleRow).values(user_id=1, site="demo", role="engineer"),
        update(SiteRoleRow).values(role=""),
        update(SignInRow).values(ended_ns=1),
    ):
        async with api.deps.sessions.begin() as session:
            await session.execute(change)
            await session.flush()
            roles.append((await api.deps.auth.caller(access)).role)  # not yet: nothing is written down
    assert roles == ["admin", "viewer", "engineer", ""]
    with pytest.raises(NotSignedInError):
        await api.deps.auth.caller(access)


async def test_where_the_file_cannot_be_read_quickly_it_is_read_the_long_way(api: Running) -> None:
    access = (await api.deps.auth.login("admin", PASSWORD, HERE)).access
    if api.deps.auth.quick is not None:
        api.deps.auth.quick.close()
    assert (await api.deps.auth.caller(access)).role == "admin"


async def test_a_password_changed_while_the_old_one_was_looked_at_lets_nobody_in(api: Running) -> None:
    async with api.deps.sessions.begin() as session:
        shown = await session.scalar(select(UserRow.password).where(UserRow.id == 1))
        fresh = hash_password("a longer password")
        await session.execute(update(UserRow).values(password=fresh))
    with pytest.raises(NotSignedInError):
        await api.deps.auth.admit(1, HERE, shown)
    assert (await api.deps.auth.admit(1, HERE, fresh)).name == "admin"


async def _results(api: Running) -> list[tuple[str, str]]:
    found = [one.entry async for one in audit.every(api.deps.sessions, "demo")]
    return [(one.actor, one.result) for one in found]


async def test_a_token_asked_for_again_at_once_gives_the_same_one_and_later_its_theft_is_noted(
    api: Running,
) -> None:
    first = (await api.deps.auth.admit(1, HERE)).refresh
    given = {(await api.deps.auth.refresh(first)).refresh for _ in range(3)}
    assert len(given) == 1
    assert given != {first}
    api.clock.advance(6)
    with pytest.raises(NotSignedInError):
        await api.deps.auth.refresh(first, "192.0.2.66")
    with pytest.raises(NotSignedInError):
        await api.deps.auth.refresh(given.pop())
    assert await _results(api) == [("admin", "refused: used twice")]


async def test_a_sign_in_by_a_provider_ends_after_twelve_hours(api: Running) -> None:
    given = await api.deps.auth.admit(1, Origin("192.0.2.1", "browser", "provider"))
    api.clock.advance(PROVIDER_S - 60)
    given = await api.deps.auth.refresh(given.refresh)
    api.clock.advance(60)
    with pytest.raises(NotSignedInError):
        await api.deps.auth.refresh(given.refresh)


async def test_a_person_of_a_provider_does_not_come_in_by_a_password_and_acts_with_it(api: Running) -> None:
    async with api.deps.sessions.begin() as session:
        session.add(IdentityRow(issuer="https://id.example", subject="s", user_id=1))
    with pytest.raises(NotSignedInError):
        await api.deps.auth.login("admin", PASSWORD, HERE)
    assert await api.deps.auth.person("admin", PASSWORD, HERE.address) == "admin"


async def test_what_is_typed_as_a_name_nobody_has_is_not_in_the_audit(api: Running) -> None:
    for name in ("admin", "Correct-horse-7"):
        await api.client.post("/api/v1/auth/login", json={"username": name, "password": "wrong"})
    assert await _results(api) == [("admin", "refused: password"), ("unknown name", "refused: password")]


async def test_who_began_nothing_at_the_provider_leaves_nothing_in_the_audit(api: Running) -> None:
    told = {
        "issuer": "http://127.0.0.1:9", "client_id": "ems", "roles": {"a": "viewer"},
        "redirect_url": "https://hub.example/api/v1/auth/oidc/callback",
    }  # fmt: skip
    api.deps.provider = Provider(ProviderConfig.model_validate(told), bytes(32), api.clock)
    for _ in range(30):
        answer = await api.client.get("/api/v1/auth/oidc/callback?state=x&code=y")
        assert answer.headers["location"] == "/login?provider=refused"
    assert await _results(api) == []
