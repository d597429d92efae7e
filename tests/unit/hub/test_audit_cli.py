"""`ems hub audit` and `ems edge audit` on real files: shown, verified, compared."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from edge_agent.cli import app as edge
from edge_agent.gate.events import SaveEntry
from edge_agent.gate.store import ControlStore
from hub.cli import app as hub
from hub.database import Sessions, create_engine, remember, sessions_of, url_of
from hub.ledger import orders
from hub.ledger.tables import CommandRow
from protocols.command import CommandKind
from protocols.errors import ConfigError
from runtime.clock import SystemClock

S = 1_000_000_000
POINT = "demo/comp4/pressure_set_bar_g"
RUN = CliRunner()
ID = bytes(range(16))


def _ledger(folder: Path, work: Callable[[Sessions], Awaitable[None]]) -> None:
    async def run() -> None:
        engine = create_engine(url_of(folder))
        await work(sessions_of(engine))
        await engine.dispose()

    asyncio.run(run())


@pytest.fixture
def state(clean_business_url: str, tmp_path: Path) -> Path:
    """The folder of a hub, whose business data is in it or on PostgreSQL."""
    if not clean_business_url.startswith("sqlite"):
        remember(tmp_path, clean_business_url)
    now_ns = SystemClock().now().wall_ns

    async def fill(sessions: Sessions) -> None:
        for age_s, reason in ((7200, "old"), (60, "=line 2")):
            order = orders.Order("demo", CommandKind.SET, POINT, 6.6, "bar(g)", None, reason, "olga")
            at_ns = now_ns - age_s * S
            await orders.place(sessions, order, orders.Origin("operator", "::1", "6.4 bar(g)"), at_ns)
        async with sessions.begin() as session:
            session.add(
                CommandRow(
                    id=ID, site="demo", edge="edge1", point=POINT, kind="set", level="operator", reason="",
                    actor="olga", epoch=1, seq=1, issued_ns=1, lease_s=1.0, body=b"", chain=b"",
                    state="issued",
                )
            )  # fmt: skip

    _ledger(tmp_path, fill)
    return tmp_path


def _hub(state: Path, *arguments: str) -> Result:
    return RUN.invoke(hub, ["audit", f"--state={state}", *arguments])


def test_who_did_what_is_shown_and_a_span_cuts_what_is_older(state: Path) -> None:
    lines = _hub(state).output.splitlines()
    assert len(lines) == 2
    assert all(
        word in lines[1] for word in ("olga", "set", POINT, "6.4 bar(g) -> 6.6 bar(g)", "line 2", "asked")
    )
    assert len(_hub(state, "--since=1h").output.splitlines()) == 1


def test_for_a_machine_it_is_json_and_for_a_spreadsheet_no_cell_is_a_formula(state: Path) -> None:
    rows = json.loads(_hub(state, "--json").output)
    assert [(row["number"], row["reason"]) for row in rows] == [(1, "old"), (2, "=line 2")]
    cells = list(csv.DictReader(io.StringIO(_hub(state, "--csv").output)))
    assert [row["reason"] for row in cells] == ["old", "'=line 2"]


def test_a_chain_that_was_touched_ends_with_1(state: Path) -> None:
    whole = _hub(state, "--check")
    assert (whole.exit_code, whole.output) == (0, "2 entries; the chain verifies\n")

    async def touch(sessions: Sessions) -> None:
        async with sessions.begin() as session:
            await session.execute(
                text("UPDATE audit SET body = replace(body, 'olga', 'eve') WHERE number = 2")
            )

    _ledger(state, touch)
    broken = _hub(state, "--check")
    assert broken.exit_code == 1
    assert "broken at entry 2" in broken.output
    assert _hub(state).exit_code == 1


def _edge(folder: Path, *entries: SaveEntry) -> Path:
    store = ControlStore(folder / "control.db")
    for entry in entries:
        store.commit([entry], [])
    store.close()
    return folder


def test_the_edges_chain_is_shown_and_verified(tmp_path: Path) -> None:
    state = _edge(tmp_path, SaveEntry(POINT, 6.6, "operator", ID, "boot", 5 * S))
    shown = RUN.invoke(edge, ["audit", str(state)])
    assert all(word in shown.output for word in (POINT, "6.6", "operator", ID.hex()))
    assert RUN.invoke(edge, ["audit", str(state), "--check"]).output == "1 entries; the chain verifies\n"
    with sqlite3.connect(state / "control.db") as db:
        db.execute("UPDATE audit SET body = ?", (b"\x96",))
    db.close()
    told = RUN.invoke(edge, ["audit", str(state), "--check"])
    assert (told.exit_code, told.output.strip()) == (1, "0 entries; the chain is broken at entry 1")


def test_a_write_of_the_edge_without_a_command_of_the_hub_is_found(state: Path, tmp_path: Path) -> None:
    own = [
        SaveEntry(POINT, 6.6, "operator", ID, "boot", 5 * S),
        SaveEntry(POINT, 6.0, "fallback", b"\x09" * 16, "boot", 6 * S),
        SaveEntry(POINT, 6.1, "controller", b"\x08" * 16, "boot", 7 * S),
    ]
    box = _edge(tmp_path / "edge", *own)
    file = tmp_path / "entries.json"
    file.write_text(RUN.invoke(edge, ["audit", str(box), "--json"]).output)
    fine = _hub(state, f"--edge-entries={file}")
    assert (fine.exit_code, fine.output) == (0, "3 writes of the edge, 0 without a command of this hub\n")
    _edge(box, SaveEntry(POINT, 7.0, "optimiser", b"\x07" * 16, "boot", 8 * S))
    file.write_text(RUN.invoke(edge, ["audit", str(box), "--json"]).output)
    found = _hub(state, f"--edge-entries={file}")
    assert found.exit_code == 1
    assert f"no command: {POINT} = 7.0  optimiser  {'07' * 16}" in found.output


@pytest.mark.parametrize("words", ["{}", "[]", '{"entries": [{"point": 1}]}', "no json"])
def test_a_file_that_is_none_is_named(state: Path, tmp_path: Path, words: str) -> None:
    file = tmp_path / "entries.json"
    file.write_text(words)
    assert isinstance(_hub(state, f"--edge-entries={file}").exception, ConfigError)


def test_a_folder_without_hub_or_agent_is_named(tmp_path: Path) -> None:
    assert isinstance(_hub(tmp_path).exception, ConfigError)
    assert isinstance(RUN.invoke(edge, ["audit", str(tmp_path)]).exception, ConfigError)
