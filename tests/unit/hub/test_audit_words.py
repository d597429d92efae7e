"""What people wrote, on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from ems import command_tables
from hub.database import create_engine, embedded_url, sessions_of, upgrade
from hub.ledger import audit_cli, orders
from protocols.command import CommandKind

FORGED = "leak\n     7  2026-01-01T00:00:00Z  admin  stop  all \x1b[2J\u202e"


async def _place(state: Path) -> None:
    engine = create_engine(embedded_url(state))
    order = orders.Order("demo", CommandKind.STOP, "all", None, None, None, FORGED, "anna")
    await orders.place(sessions_of(engine), order, orders.Origin("operator", "::1"), 1)
    await engine.dispose()


async def test_a_reason_makes_no_line_of_its_own_in_the_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upgrade(embedded_url(tmp_path))
    await _place(tmp_path)
    rows, broken = await audit_cli._read(tmp_path, "demo")
    assert broken is None
    audit_cli._print(rows, as_json=False, as_csv=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert "leak" in line


def test_a_reason_makes_no_line_of_its_own_in_a_table() -> None:
    order = {"id": "a", "asked": "2026-01-01T00:00:00Z", "actor": "anna", "kind": "stop", "target": "all",
             "value": None, "unit": None, "state": "asked", "code": None, "reason": FORGED}  # fmt: skip
    assert all(line.isprintable() for line in command_tables.orders([order]))
