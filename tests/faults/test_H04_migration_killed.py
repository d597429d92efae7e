"""H4: a change of the schema that is killed at any statement leaves the old schema whole, or the new one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Engine, MetaData, Table, event, inspect, select, text
from sqlalchemy import create_engine as plain_engine
from sqlalchemy.types import JSON, BigInteger, Boolean, Float, Integer, LargeBinary

import hub.database
from hub.database import create_engine, embedded_url, upgrade
from hub.registry.cli import app as _registry  # the models of every table are loaded by it
from runtime.postgres_server import PostgresServer
from tests.postgres import new_database

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SCRIPTS = Path(hub.database.__file__).parent / "migrations"
STEPS = [
    (str(step.down_revision), step.revision)
    for step in reversed(list(ScriptDirectory(str(SCRIPTS)).walk_revisions()))
    if step.down_revision is not None
]
MOST_STATEMENTS = 60
_ = _registry


def test_there_are_steps_to_try() -> None:
    assert len(STEPS) >= 4


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_newest_step_killed_at_any_statement_leaves_the_old_schema_or_the_new_one_and_all_data(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    _kill_in(STEPS[-1:], kind, tmp_path, request, record_property)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_step_killed_at_any_statement_leaves_the_old_schema_or_the_new_one_and_all_data(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    _kill_in(STEPS, kind, tmp_path, request, record_property)


def _kill_in(
    steps: list[tuple[str, str]],
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    kills = 0
    for number, (before, after) in enumerate(steps):
        url = _empty(kind, tmp_path / str(number), request)
        upgrade(url, before)
        _fill(url)
        old = _state_of(url)
        for statement in range(1, MOST_STATEMENTS):
            killed = _upgrade_killed_at(url, after, statement)
            now = _state_of(url)
            if not killed:
                break
            kills += 1
            if now["schema"] != old["schema"]:
                break  # it was killed behind its commit
            assert now == old, f"{before} to {after}, killed at statement {statement}"
            upgrade(url, before)  # the old version still starts
        upgrade(url, after)
        new = _state_of(url)
        assert new["version"] == after
        assert all(new["rows"][table] == rows for table, rows in old["rows"].items()), f"{after} changed data"
    record_property("figures", f"{len(steps)} steps, {kills} kills on {kind}")
    assert kills >= 3 * len(steps)


async def test_two_hubs_that_start_together_change_the_schema_once(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    for url in (new_database(postgres, empty=True), embedded_url(tmp_path)):
        async with asyncio.TaskGroup() as group:
            for _number in range(3):
                group.create_task(asyncio.to_thread(upgrade_in_a_process, url))
        engine = create_engine(url)
        async with engine.connect() as connection:
            versions = (await connection.execute(text("SELECT version_num FROM alembic_version"))).all()
        await engine.dispose()
        assert [row[0] for row in versions] == [STEPS[-1][1]]


def upgrade_in_a_process(url: str) -> None:
    """Two in one process would share Alembic's context."""
    import subprocess  # noqa: PLC0415  here alone
    import sys  # noqa: PLC0415  here alone

    code = f"from hub.database import upgrade; upgrade({url!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def _empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> str:
    if kind == "postgres":
        return new_database(request.getfixturevalue("postgres"), empty=True)
    folder.mkdir()
    return embedded_url(folder)


def _upgrade_killed_at(url: str, to: str, statement: int) -> bool:
    """Upgrade in a child that gets SIGKILL at its n-th statement or commit; whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            _die_at(statement)
            upgrade(url, to)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(statement: int) -> None:
    count = 0

    def one_more(*_: object) -> None:
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", one_more)
    event.listen(Engine, "after_cursor_execute", one_more)
    event.listen(Engine, "commit", one_more)


def _plain(url: str) -> Engine:
    return plain_engine(url.replace("+aiosqlite", ""))


def _tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def _fill(url: str) -> None:
    """A row with something in every column of every table."""
    engine = _plain(url)
    with engine.begin() as connection:
        for table in _tables(connection):
            connection.execute(table.insert().values({one.name: _value(one) for one in table.columns}))
    engine.dispose()


def _value(column: Column[Any]) -> object:
    kinds: list[tuple[type, object]] = [
        (Boolean, True), (BigInteger, 2**53 + 1), (Integer, 1), (Float, 0.1), (LargeBinary, b"\x00\xff"),
        (JSON, {"a": [1, "é"]}),
    ]  # fmt: skip
    for kind, value in kinds:
        if isinstance(column.type, kind):
            return 1 if column.foreign_keys else value
    return "ünï"[: getattr(column.type, "length", None)]


def _state_of(url: str) -> dict[str, Any]:
    """Schema, version, and a hash of the columns that were there before, by table."""
    engine = _plain(url)
    with engine.connect() as connection:
        looked = inspect(connection)
        schema: dict[str, list[Any]] = {
            name: sorted((one["name"], str(one["type"]), one["nullable"]) for one in looked.get_columns(name))
            for name in sorted(looked.get_table_names())
        }
        schema |= {
            f"indexes of {name}": sorted(str(index["name"]) for index in looked.get_indexes(name))
            for name in sorted(looked.get_table_names())
        }
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        rows = {}
        for table in _tables(connection):
            found = connection.execute(select(table)).mappings().all()
            filled = [{name: value for name, value in row.items() if value is not None} for row in found]
            packed = repr(
                [
                    sorted((name, bytes(v) if isinstance(v, memoryview) else v) for name, v in row.items())
                    for row in filled
                ]
            )
            rows[table.name] = hashlib.sha256(packed.encode()).hexdigest()
    engine.dispose()
    return {"schema": schema, "version": version, "rows": rows}
