"""Business data goes to another database whole or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from hub.auth.admin import ensure_admin
from hub.cli import app
from hub.database import create_engine as create_async
from hub.database import create_sync_engine, embedded_url, known_url, sessions_of, upgrade, url_of
from hub.ledger import audit
from hub.moving.business import move_business
from hub.registry.accepted import accepted_folder
from protocols.errors import ConfigError, StoreDeniedError, StoreLockedError
from runtime.clock import SystemClock
from runtime.lock import StateLock
from runtime.postgres_server import PostgresServer
from tests.postgres import new_database

pytestmark = [pytest.mark.net, pytest.mark.timeout(60)]

CONFIGS = Path(__file__).parents[3] / "configs"


def nobody(_words: str) -> None:
    """Is told and does not care."""


def a_hub(state: Path) -> str:
    """A hub with a person, a configuration and what the audit says of it."""
    state.mkdir()
    url = embedded_url(state)
    upgrade(url)
    assert ensure_admin(url, SystemClock())
    accepted_folder(url, ("demo", state, CONFIGS), SystemClock(), nobody)
    return url


def rows_of(url: str, table: str) -> list[tuple[object, ...]]:
    engine = create_sync_engine(url, writing=False)
    with engine.begin() as connection:
        rows = [tuple(row) for row in connection.execute(text(f'SELECT * FROM "{table}"'))]  # noqa: S608  of this test
    engine.dispose()
    return sorted(rows, key=repr)


def test_every_row_is_in_postgresql_and_the_hub_goes_on_there(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    state = tmp_path / "hub"
    old = a_hub(state)
    new = new_database(postgres, empty=True)
    said: list[str] = []
    moved = move_business(state, new, said.append)
    assert known_url(state) == new
    assert moved >= 3
    for table in ("user", "registry_version", "registry_file", "audit"):
        assert rows_of(new, table) == rows_of(old, table), table
    before = len(rows_of(new, "audit"))

    async def go_on() -> None:
        engine = create_async(new)
        try:
            assert await audit.broken_at(sessions_of(engine), "demo") is None
        finally:
            await engine.dispose()

    asyncio.run(go_on())
    assert before
    accepted_folder(new, ("demo", state, CONFIGS), SystemClock(), said.append)
    with pytest.raises(ConfigError, match="already"):
        move_business(state, new, nobody)


def test_what_cannot_be_moved_is_refused_and_nothing_is_changed(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    state = tmp_path / "hub"
    old = a_hub(state)
    full = new_database(postgres)
    ensure_admin(full, SystemClock())
    with pytest.raises(StoreDeniedError, match="holds rows in user already"):
        move_business(state, full, nobody)
    with StateLock(state), pytest.raises(StoreLockedError):
        move_business(state, new_database(postgres), nobody)
    assert url_of(state) == old
    ended = CliRunner().invoke(app, ["store", "business", "--to", "sqlite", "--state", str(state)])
    assert isinstance(ended.exception, ConfigError)
    assert "there is no way" in str(ended.exception)
