"""`ems edge audit`: the edge's own chain of writes, as it stands in `control.db`; reads only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Final

import msgpack
import typer

from edge_agent.gate.audit import Entry, broken_at, entries
from protocols.errors import ConfigError, StoreError
from runtime.clock import NS
from runtime.database import open_sqlite

CONTROL: Final = "control.db"
BROKEN: Final = 1
"""Exit code of a chain that does not verify."""


def audit(
    state: Annotated[Path, typer.Argument(metavar="DIR", help="State folder of the agent.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the chain verifies.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For `ems hub audit --edge-entries`.")] = False,
) -> None:
    """Show each write that was asked for and why, oldest first; ends with 1 when the chain does not verify.

    Times are seconds of the kernel's boot clock, which nobody can set. The agent may run meanwhile.

    Example: ems edge audit var/edge --check
    """
    told = read(state)
    broken = told["broken_at"]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
    elif not check:
        for row in told["entries"]:
            value = "release" if row["value"] is None else f"{row['value']:g}"
            typer.echo(
                f"{row['boot'][:8]} {row['at_s']:14.3f}  {row['point']} = {value}  {row['why']}  {row['id']}"
            )
    if check:
        verdict = "the chain verifies" if broken is None else f"the chain is broken at entry {broken}"
        typer.echo(f"{len(told['entries'])} entries; {verdict}", err=as_json)
    if broken is not None:
        raise typer.Exit(BROKEN)


def read(state: Path) -> dict[str, Any]:
    """Entries and the number of the first that does not follow, ready for JSON.

    Raises:
        ConfigError: No agent with write blocks has run in this folder.
        StoreError: The file cannot be read.
    """
    file = state / CONTROL
    if not file.exists():
        raise ConfigError(f"{file} is missing; give the state folder of an agent that has run")
    with closing(open_sqlite(file, read_only=True)) as db:
        try:
            broken, rows = broken_at(db), _entries(db)
        except sqlite3.Error as error:
            raise StoreError(f"cannot read the audit of {file}: {error}") from error
    shown = [
        {
            "point": row.point, "value": row.value, "why": row.why, "id": row.id.hex(), "boot": row.boot,
            "at_s": row.at_ns / NS,
        }
        for row in rows
    ]  # fmt: skip
    return {"entries": shown, "broken_at": broken}


def _entries(db: sqlite3.Connection) -> list[Entry]:
    """All entries; none where one was written over and cannot be read, which breaks the chain too."""
    try:
        return entries(db)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException):
        return []
