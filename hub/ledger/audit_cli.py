"""`ems hub audit`: who did what on a site, whether it verifies, and whether each write has a command."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from protocols.errors import ConfigError
from runtime import spans, spreadsheet
from runtime.clock import SystemClock, iso_utc
from runtime.plain import one_line

NOT_WHOLE: Final = 1
"""Exit code: the chain does not verify, or a write has no command."""
RUNGS: Final = frozenset({"operator", "grid_limit", "schedule", "optimiser"})
"""Rungs whose writes at an edge rest on a command of a hub; the others are the edge's own."""
_NS: Final = 1_000_000_000


def audit(  # noqa: PLR0913  one option each
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the chain verifies.")] = False,
    since: Annotated[str | None, typer.Option(help="How far back, like 24h; without: all.")] = None,
    edge_entries: Annotated[
        Path | None,
        typer.Option(help="What `ems edge audit --json` wrote: each write must have its command."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    site: Annotated[str, typer.Option(help="Id of the site.")] = "demo",
    state: Annotated[Path, typer.Option(help="The hub's own folder.")] = Path("var/hub"),
) -> None:
    """Show who did what, oldest first; ends with 1 when the chain does not verify or a write has no command.

    Example: ems hub audit --since 24h --csv
    """
    if edge_entries is not None:
        _compare(state, edge_entries)
    after_ns = 0 if since is None else SystemClock().now().wall_ns - round(spans.seconds(since) * _NS)
    rows, broken = asyncio.run(_read(state, site))
    shown = [row for row in rows if row["time_ns"] >= after_ns]
    if not check:
        _print(shown, as_json=as_json, as_csv=as_csv)
    if check:
        verdict = "the chain verifies" if broken is None else f"the chain is broken at entry {broken}"
        typer.echo(f"{len(rows)} entries; {verdict}")
    if broken is not None:
        typer.echo(f"ems: the audit of {site} does not verify from entry {broken} on", err=True)
        raise typer.Exit(NOT_WHOLE)


def orphans(entries: Iterable[dict[str, Any]], known: Iterable[str]) -> list[dict[str, Any]]:
    """Writes of an edge that rest on a command of which no hub has a row.

    Example:
        >>> orphans([{"why": "operator", "id": "aa"}, {"why": "fallback", "id": "aa"}], ["bb"])
        [{'why': 'operator', 'id': 'aa'}]
    """
    ids = set(known)
    return [row for row in entries if row["why"] in RUNGS and row["id"] not in ids]


def _compare(state: Path, file: Path) -> None:
    entries = _entries_of(file)
    lost = orphans(entries, asyncio.run(_command_ids(state)))
    for row in lost:
        typer.echo(f"no command: {row['point']} = {row['value']}  {row['why']}  {row['id']}")
    typer.echo(f"{len(entries)} writes of the edge, {len(lost)} without a command of this hub")
    raise typer.Exit(NOT_WHOLE if lost else 0)


def _entries_of(file: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["entries"]
        fits = all({"point", "value", "why", "id"} <= set(row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file} is not what `ems edge audit --json` writes") from error
    if not fits:
        raise ConfigError(f"{file} is not what `ems edge audit --json` writes")
    return rows


async def _read(state: Path, site: str) -> tuple[list[dict[str, Any]], int | None]:
    from hub.database import create_engine, sessions_of  # noqa: PLC0415  the help needs none of it
    from hub.ledger import audit as chain  # noqa: PLC0415  as above

    engine = create_engine(_url(state))
    try:
        sessions = sessions_of(engine)
        rows = [
            {"number": row.number, **asdict(row.entry), "chain": row.chain_hex}
            async for row in chain.every(sessions, site)
        ]
        return rows, await chain.broken_at(sessions, site)
    finally:
        await engine.dispose()


async def _command_ids(state: Path) -> list[str]:
    from sqlalchemy import select  # noqa: PLC0415  the help needs none of it

    from hub.database import create_engine, sessions_of  # noqa: PLC0415  as above
    from hub.ledger.tables import CommandRow  # noqa: PLC0415  as above

    engine = create_engine(_url(state))
    try:
        async with sessions_of(engine)() as session:
            return [ident.hex() for ident in (await session.execute(select(CommandRow.id))).scalars()]
    finally:
        await engine.dispose()


def _url(state: Path) -> str:
    from hub.database import known_url  # noqa: PLC0415  the help needs none of it

    return known_url(state)


def _print(rows: Sequence[dict[str, Any]], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    elif as_csv:
        told = [{"time": iso_utc(row["time_ns"]), **_cells(row)} for row in rows]
        # with another end of line a bare carriage return in a reason would not be quoted, and begin a row
        writer = csv.DictWriter(sys.stdout, list(told[0]) if told else ["number"], lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(told)
    else:
        for row in rows:
            typer.echo(_line(row))


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    """For a spreadsheet, without what stands there as a time."""
    return {name: spreadsheet.cell(value) for name, value in row.items() if name != "time_ns"}


def _line(row: dict[str, Any]) -> str:
    change = " -> ".join(part for part in (row["old"], row["new"]) if part)
    words = [
        row["actor"],
        row["type"],
        row["target"],
        change,
        row["reason"] and f'"{row["reason"]}"',
        row["result"],
    ]
    told = "  ".join(one_line(word) for word in words if word)
    return f"{row['number']:>6}  {iso_utc(row['time_ns'])}  {told}"
