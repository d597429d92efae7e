"""Who may sign in: `ems hub person` on a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from hub.auth.admin import ensure_admin
from hub.auth.sessions import Auth
from hub.auth.signed_in import Origin
from hub.auth.tokens import Tokens
from hub.cli import app
from hub.database import create_engine, remember, sessions_of, url_of
from hub.ledger import audit
from protocols.errors import ConfigError, NotSignedInError
from runtime.clock import SystemClock

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def state(clean_business_url: str, tmp_path: Path) -> Path:
    """The folder of a hub, whose business data is in it or on PostgreSQL."""
    if not clean_business_url.startswith("sqlite"):
        remember(tmp_path, clean_business_url)
    ensure_admin(clean_business_url, SystemClock())
    return tmp_path


def _person(state: Path, *arguments: str) -> Result:
    return RUN.invoke(app, ["person", *arguments, f"--state={state}"])


RUN = CliRunner()


def _role_of(state: Path, name: str, password: str) -> str:
    async def sign_in() -> str:
        engine, clock = create_engine(url_of(state)), SystemClock()
        try:
            auth = Auth(sessions_of(engine), Tokens(KEY, clock), clock, "demo")
            return (await auth.login(name, password, Origin("::1"))).role
        finally:
            await engine.dispose()

    return asyncio.run(sign_in())


def _audited(state: Path) -> list[tuple[str, str, str]]:
    async def read() -> list[tuple[str, str, str]]:
        engine = create_engine(url_of(state))
        rows = [one.entry async for one in audit.every(sessions_of(engine), "demo")]
        await engine.dispose()
        return [(row.type, row.target, row.new) for row in rows]

    return asyncio.run(read())


def test_a_person_is_added_gets_a_new_password_and_is_removed(state: Path) -> None:
    first = _person(state, "add", "olga", "--role=operator").output.split()[1]
    assert _role_of(state, "olga", first) == "operator"
    assert _person(state, "list").output == "admin  admin\nolga  operator\n"
    second = _person(state, "password", "olga").output.split()[1]
    with pytest.raises(NotSignedInError):
        _role_of(state, "olga", first)
    assert _role_of(state, "olga", second) == "operator"
    assert _person(state, "remove", "olga").exit_code == 0
    with pytest.raises(NotSignedInError):
        _role_of(state, "olga", second)
    assert _audited(state) == [("add", "olga", "operator"), ("password", "olga", ""), ("remove", "olga", "")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "admin", "--role=admin"], "already"),
        (["add", "olga", "--role=boss"], "no role"),
        (["add", "Olga S", "--role=viewer"], "no name"),
        (["password", "nobody"], "no person"),
        (["remove", "nobody"], "no person"),
        (["remove", "admin"], "stays"),
    ],
)
def test_what_cannot_be_is_said_and_not_noted(state: Path, arguments: list[str], words: str) -> None:
    error = _person(state, *arguments).exception
    assert isinstance(error, ConfigError)
    assert words in str(error)
    assert _audited(state) == []


def test_a_role_counts_everywhere_or_at_one_site(state: Path) -> None:
    olga = _person(state, "add", "olga", "--role=viewer").output.split()[1]
    otto = _person(state, "add", "otto", "--role=manager", "--at=plant2").output.split()[1]
    assert (_role_of(state, "olga", olga), _role_of(state, "otto", otto)) == ("viewer", "")
    assert _person(state, "role", "olga", "engineer", "--at=demo").output == "olga: engineer at demo\n"
    assert _person(state, "role", "otto", "operator").exit_code == 0
    assert (_role_of(state, "olga", olga), _role_of(state, "otto", otto)) == ("engineer", "operator")
    assert _person(state, "role", "olga", "none", "--at=demo").exit_code == 0
    assert _role_of(state, "olga", olga) == ""
    assert _person(state, "list").output.splitlines() == [
        "admin  admin", "olga  viewer, none at demo", "otto  operator, manager at plant2",
    ]  # fmt: skip
    wanted = ("role", "olga", "none at demo")
    assert wanted in _audited(state)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["role", "admin", "viewer"], "stays"),
        (["role", "nobody", "viewer"], "no person"),
        (["role", "admin", "boss"], "no role"),
        (["no-factor", "admin"], "no second factor"),
    ],
)
def test_what_cannot_be_of_a_role_is_said(state: Path, arguments: list[str], words: str) -> None:
    error = _person(state, *arguments).exception
    assert isinstance(error, ConfigError)
    assert words in str(error)
