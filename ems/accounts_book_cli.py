"""`ems accounts book`: the accounts of a site over a table of readings."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from accounts.ledger import Dimension
    from hub.accounts.media import Shared
    from hub.accounts.statement import Statement

_NS: Final = 1_000_000_000


def book(  # noqa: PLR0913  each is an option of the command
    readings: Annotated[
        Path, typer.Argument(metavar="READINGS.csv", help="time and a column for each meter of the book.")
    ],
    *,
    site: Annotated[str, typer.Option(help="The site.")] = "demo",
    config: Annotated[Path, typer.Option(help="Folder with sites/, contracts/, calendars/.")] = Path(
        "configs"
    ),
    by: Annotated[
        str, typer.Option(help="carrier, area, device, product, shift, meter; by commas.")
    ] = "carrier",
    contract: Annotated[Path | None, typer.Option(help="Another contract than contracts/SITE.yaml.")] = None,
    course: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE.csv", help="Prices it goes by.")
    ] = None,
    invoice: Annotated[str | None, typer.Option(help="Total of the invoice, shared out to the cent.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
) -> None:
    """Accounts of a site over a table of readings: energy, cost, CO2, media, standard coal, products.

    Example: ems accounts book readings.csv --site demo --by area,shift
    """
    from ems.accounts_cli import courses_of, number_of  # noqa: PLC0415  the help needs none of it
    from hub.accounts.book import book_file  # noqa: PLC0415  as above
    from hub.accounts.book_check import load_book  # noqa: PLC0415  as above
    from hub.accounts.contracts import contract_file, load_contract  # noqa: PLC0415  as above
    from hub.accounts.statement import Around, statement  # noqa: PLC0415  as above
    from hub.accounts.tables import read_table  # noqa: PLC0415  as above
    from hub.registry.calendars import load_calendar  # noqa: PLC0415  as above
    from hub.registry.site import load_registry  # noqa: PLC0415  as above

    registry = load_registry(config, site)
    known = load_book(book_file(config, site))
    path = contract or contract_file(config, site)
    around = Around(
        contract=load_contract(path) if contract is not None or path.exists() else None,
        courses=courses_of(course or []),
        calendar=load_calendar(config, site),
        zone=ZoneInfo(registry.site.time_zone),
        invoice=None if invoice is None else number_of(invoice),
    )
    columns = [*(meter.id for meter in known.meters), *(product.counter for product in known.products)]
    table = read_table(readings, [meter.id for meter in known.meters], columns)
    dimensions = _dimensions(by)
    made = statement(known, table, dimensions, around)
    begin = datetime.fromtimestamp(table.start_ns / _NS, UTC).isoformat()
    if as_json:
        plain = {"begin": begin, "by": dimensions, **asdict(made)}
        typer.echo(json.dumps(plain, indent=1, default=str, ensure_ascii=False))
    else:
        _show(made, dimensions, begin)


def _dimensions(text: str) -> list[Dimension]:
    from accounts.ledger import DIMENSIONS  # noqa: PLC0415  as above

    wanted = [part.strip() for part in text.split(",") if part.strip()]
    found = [dimension for part in wanted for dimension in DIMENSIONS if dimension == part]
    if len(found) < len(wanted) or len(set(found)) < len(found):
        raise ConfigError(f"--by is {text!r}; allowed are {', '.join(DIMENSIONS)}, each once, by commas")
    return found


def _show(made: Statement, by: list[Dimension], begin: str) -> None:
    console = Console()
    head = ("carrier", "amount", "unit", "cost", "CO2, kg", "missing")
    table = Table(*by, *head, title=f"accounts from {begin}")
    for one in made.accounts:
        cost, kg = (("-" if value is None else f"{value:,.2f}") for value in (one.cost, one.kg))
        missing = f"{one.missing:.1%}" if one.missing else ""
        key = (part or "-" for part in one.key)
        table.add_row(*key, one.carrier, f"{one.amount:,.3f}", one.unit, cost, kg, missing)
    console.print(table)
    for title, columns, rows in _more(made):
        if rows:
            table = Table(*columns, title=title)
            for row in rows:
                table.add_row(*row)
            console.print(table)
    for note in made.notes:
        detail = f" {note.detail.en}" if note.detail else ""
        console.print(f"note: {note.text.en}{detail}")


def _more(made: Statement) -> list[tuple[str, tuple[str, ...], list[list[str]]]]:
    media = [row for one in made.media for row in _medium_rows(one)]
    coal = [[name, f"{kg / 1000:,.4f}"] for name, kg in made.coal_kg.items()]
    carbon = [
        [row.scope, row.carrier, f"{row.quantity:,.3f} {row.unit}", f"{row.kg:,.3f}", row.kind,
         f"{row.source}, {row.year}"]
        for row in made.carbon
    ]  # fmt: skip
    products = [
        [one.id, f"{one.count:,.3f} {one.unit}", _maybe(one.kwh_per_unit), _maybe(one.cost_per_unit),
         _maybe(one.kg_per_unit)]
        for one in made.products
    ]  # fmt: skip
    goals = [
        [name, one.state, _maybe(one.so_far), _maybe(one.expected), f"{one.elapsed:.1%}"]
        for name, one in made.goals.items()
    ]
    shared = [[name, f"{amount:,}"] for name, amount in made.shared.items()]
    return [
        ("invoice shared out", ("meter", "money"), shared),
        ("media", ("medium", "made", "cost a unit", "CO2 a unit, kg", "for", "cost", "CO2, kg"), media),
        ("standard coal by GB/T 2589", ("carrier", "tce"), coal),
        ("carbon", ("scope", "carrier", "quantity", "kg", "factor", "source"), carbon),
        ("products", ("product", "made", "kWh each", "cost each", "CO2 each, kg"), products),
        ("goals", ("goal", "state", "so far", "at its end", "days known"), goals),
    ]


def _medium_rows(one: Shared) -> list[list[str]]:
    head = [one.id, f"{one.made:,.1f} {one.unit}", _plain(one.cost_per_unit), _plain(one.kg_per_unit)]
    names = list(dict.fromkeys([*one.cost, *one.kg]))
    return [[*head, name, _plain(one.cost.get(name)), _plain(one.kg.get(name))] for name in names]


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:,.5g}" if abs(value) < 1 else f"{value:,.2f}"


def _maybe(value: Decimal | None) -> str:
    return "-" if value is None else str(value)
