"""Versions, marks and backups on both business databases; a dump of PostgreSQL comes back whole."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import make_url

from hub.backup.make import Wanted, make
from hub.backup.manifest import JournalRanges
from hub.backup.marks import Mark, marks, set_marks
from hub.backup.restore import next_steps, restore
from hub.backup.snapshot import DUMP
from hub.database import Sessions, create_engine, remember, sessions_of
from hub.ledger import audit
from hub.registry.versions import Author, documents_of, history, keep, roll_back
from runtime.clock import SystemClock
from runtime.postgres_server import PostgresServer
from tests.needs import missing
from tests.postgres import new_database

_T = TypeVar("_T")
FIRST = {"sites/demo/site.yaml": b"a: 1\n", "devices/x.yaml": b"same\n"}
SECOND = {"sites/demo/site.yaml": b"a: 2\n", "devices/x.yaml": b"same\n"}


def on(url: str, work: Callable[[Sessions], Awaitable[_T]]) -> _T:
    async def whole() -> _T:
        engine = create_engine(url)
        try:
            return await work(sessions_of(engine))
        finally:
            await engine.dispose()

    return asyncio.run(whole())


async def _fill(sessions: Sessions) -> None:
    for at, files in enumerate((FIRST, SECOND), 1):
        assert (await keep(sessions, "demo", files, Author("A. Smith", f"no. {at}"), at)).version == at
    assert not (await keep(sessions, "demo", SECOND, Author("A. Smith"), 3)).fresh
    assert (await roll_back(sessions, "demo", 1, Author("B. Jones"), 4)).version == 3


def test_versions_and_marks_are_the_same_on_both_databases(business_url: str) -> None:
    on(business_url, _fill)
    rows = on(business_url, lambda sessions: history(sessions, "demo", 10))
    assert [(row.version, row.actor, row.back_to) for row in rows] == [
        (3, "B. Jones", 1), (2, "A. Smith", 0), (1, "A. Smith", 0)
    ]  # fmt: skip
    assert on(business_url, lambda sessions: documents_of(sessions, "demo", 3)) == FIRST
    assert on(business_url, lambda sessions: audit.broken_at(sessions, "demo")) is None
    for last in (5, 9):
        told = [JournalRanges(edge="edge1", journal="j1", ranges=((1, last),))]
        on(business_url, lambda sessions, told=told: set_marks(sessions, "demo", told, 1))  # type: ignore[misc]  # bound now
    assert on(business_url, lambda sessions: marks(sessions, "demo")) == [Mark("edge1", "j1", ((1, 9),))]


def test_ten_imports_at_once_are_ten_versions_in_a_row_or_are_refused(business_url: str) -> None:
    async def work(sessions: Sessions) -> list[int]:
        async with asyncio.TaskGroup() as group:
            for at in range(10):
                files = {"sites/demo/site.yaml": f"a: {at}\n".encode()}
                group.create_task(keep(sessions, "demo", files, Author("A. Smith"), at))
        return [row.version for row in await history(sessions, "demo", 20)]

    assert on(business_url, work) == list(range(10, 0, -1))


def test_a_backup_of_a_hub_on_postgresql_has_a_dump_that_comes_back(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    program = shutil.which("pg_restore")
    if program is None or shutil.which("pg_dump") is None:
        missing("postgres", "its client programs are not installed")
    url = new_database(postgres)
    state = tmp_path / "hub"
    state.mkdir()
    remember(state, url)
    on(url, _fill)
    said: list[str] = []
    file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), SystemClock(), said.append)
    assert any("the series: there are none yet" in line for line in said)
    manifest = restore(file, tmp_path / "again")
    assert manifest.business == "postgresql"
    assert any("pg_restore" in step for step in next_steps(manifest, tmp_path / "again"))
    other = new_database(postgres, empty=True)
    address = make_url(other).set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        [program, "--exit-on-error", "--single-transaction", "--no-owner", f"--dbname={address}",
         str(tmp_path / "again" / DUMP)],
        check=True,
    )  # fmt: skip
    assert on(other, lambda sessions: documents_of(sessions, "demo", 3)) == FIRST
    assert on(other, lambda sessions: audit.broken_at(sessions, "demo")) is None
