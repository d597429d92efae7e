"""`ems accounts close`, `restate` and `closed`: periods that were reported, kept as they were reported."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from accounts.closing import Closed

_BOOK = Annotated[Path, typer.Argument(metavar="CLOSED.jsonl", help="File of closed periods.")]
_FIGURES = Annotated[
    Path,
    typer.Argument(
        metavar="FIGURES.json", help="What `bill --json` or `book --json` wrote, or names with numbers."
    ),
]
_PERIOD = Annotated[str, typer.Option(metavar="2026-01", help="The period.")]
_BY = Annotated[str, typer.Option(help="Who does it.")]


def close(book: _BOOK, figures: _FIGURES, *, period: _PERIOD, by: _BY) -> None:
    """Close a period: from now on its figures stand, and can only be restated.

    Example: ems accounts close closed.jsonl invoice.json --period 2026-01 --by ann
    """
    from accounts import closing  # noqa: PLC0415  the help needs none of it
    from hub.accounts.closed_file import add_closed  # noqa: PLC0415  as above

    known, now_ns = _figures(figures), _now_ns()
    made = add_closed(book, lambda records: closing.close(records, period, known, by, now_ns))
    typer.echo(f"{made.period} is closed with {len(made.figures)} figures, {made.hash[:12]}")


def restate(
    book: _BOOK,
    figures: _FIGURES,
    *,
    period: _PERIOD,
    by: _BY,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the figures.")],
) -> None:
    """Restate a closed period: old, new and difference are told, the old figures stay.

    Example: ems accounts restate closed.jsonl new.json --period 2026-01 --by bob --reason "two hours came
        late"
    """
    from accounts import closing  # noqa: PLC0415  as above
    from hub.accounts.closed_file import add_closed, read_closed  # noqa: PLC0415  as above

    known, now_ns = _figures(figures), _now_ns()
    made = add_closed(book, lambda records: closing.restate(records, period, known, (reason, by), now_ns))
    versions = {one.version: one for one in read_closed(book) if one.period == period}
    _show_changes(versions[made.version - 1], made)


def closed(
    book: _BOOK, *, as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False
) -> None:
    """All closed periods with their restatements; the chain is looked through first.

    Example: ems accounts closed closed.jsonl
    """
    from accounts.closing import changes  # noqa: PLC0415  as above
    from hub.accounts.closed_file import read_closed  # noqa: PLC0415  as above
    from runtime.clock import iso_utc  # noqa: PLC0415  as above

    records = read_closed(book)
    before: dict[str, Closed] = {}
    rows: list[dict[str, Any]] = []
    for one in records:
        old = before.get(one.period)
        differences = [] if old is None else [
            {"figure": change.figure, "old": _text(change.old), "new": _text(change.new),
             "difference": _text(change.difference)}
            for change in changes(old, one)
        ]  # fmt: skip
        rows.append({"period": one.period, "version": one.version, "by": one.by, "at": iso_utc(one.at_ns),
                     "reason": one.reason, "figures": dict(one.figures), "changes": differences})  # fmt: skip
        before[one.period] = one
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    table = Table("period", "version", "by", "at", "reason", "figures changed")
    for row in rows:
        changed = ", ".join(f"{one['figure']} {one['old']} → {one['new']}" for one in row["changes"])
        table.add_row(row["period"], str(row["version"]), row["by"], row["at"], row["reason"], changed)
    Console().print(table)


def _show_changes(old: Closed, new: Closed) -> None:
    from accounts.closing import changes  # noqa: PLC0415  as above

    title = f"{new.period}, version {new.version}: {new.reason}"
    table = Table("figure", "old", "new", "difference", title=title)
    for one in changes(old, new):
        table.add_row(one.figure, *(_text(value) or "-" for value in (one.old, one.new, one.difference)))
    Console().print(table)


def _figures(path: Path) -> dict[str, Decimal]:
    try:
        plain = _flat(path, json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is no JSON that can be read: {error}") from error
    found: dict[str, Decimal] = {}
    for name, value in plain.items():
        try:
            found[name] = Decimal(str(value))
        except InvalidOperation as error:
            raise ConfigError(f"{path}: {name} is {value!r}; allowed are numbers") from error
        if not found[name].is_finite():
            raise ConfigError(f"{path}: {name} is {value!r}; allowed are numbers")
    return found


def _flat(path: Path, plain: object) -> dict[str, Any]:
    """Names with numbers, from what one of the commands wrote or as they are."""
    if not isinstance(plain, dict) or not plain:
        raise ConfigError(
            f"{path} has no figures; allowed are names with numbers, or what `bill --json` writes"
        )
    if {"accounts", "coal_kg"} <= plain.keys():
        return _of_book(plain)
    if not {"groups", "total"} <= plain.keys():
        return plain
    if plain.get("provisional"):
        raise ConfigError(f"{path} is a provisional invoice; a period is closed with a final one")
    return {**{f"group.{name}": amount for name, amount in plain["groups"].items()}, "total": plain["total"]}


def _of_book(plain: dict[str, Any]) -> dict[str, Any]:
    """Figures of what `book --json` wrote."""
    found = {
        f"{'/'.join(part or '-' for part in row['key'])}.{row['carrier']}.{name}": row[name]
        for row in plain["accounts"]
        for name in ("amount", "cost", "kg")
        if row[name] is not None
    }
    return found | {f"coal_kg.{carrier}": kg for carrier, kg in plain["coal_kg"].items()}


def _now_ns() -> int:
    from runtime.clock import SystemClock  # noqa: PLC0415  as above

    return SystemClock().now().wall_ns


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
