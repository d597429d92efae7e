"""Who may sign in: `ems hub person` on a real database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner, Result

from hub.auth.admin import ensure_admin
from hub.auth.sessions import Auth
from hub.auth.tokens import Tokens
from hub.cli import app
from hub.database import create_engine, embedded_url, sessions_of, upgrade
from hub.ledger import audit
from protocols.errors import ConfigError, NotSignedInError
from runtime.clock import SystemClock

KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    upgrade(embedded_url(tmp_path))
    ensure_admin(embedded_url(tmp_path), SystemClock())
    return tmp_path


def _person(state: Path, *arguments: str) -> Result:
    return RUN.invoke(app, ["person", *arguments, f"--state={state}"])


RUN = CliRunner()


def _role_of(state: Path, name: str, password: str) -> str:
    async def sign_in() -> str:
        engine, clock = create_engine(embedded_url(state)), SystemClock()
        try:
            auth = Auth(sessions_of(engine), Tokens(KEY, clock), clock)
            return (await auth.login(name, password, "::1")).role
        finally:
            await engine.dispose()

    return asyncio.run(sign_in())


def _audited(state: Path) -> list[tuple[str, str, str]]:
    async def read() -> list[tuple[str, str, str]]:
        engine = create_engine(embedded_url(state))
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
