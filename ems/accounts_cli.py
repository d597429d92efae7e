"""`ems accounts`: invoices, prices, advice and accounts from contracts, books and tables of readings."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from ems.accounts_book_cli import book
from ems.accounts_closing_cli import close, closed, restate
from ems.accounts_fetch_cli import readings as fetched
from ems.accounts_figures_cli import chp, factor
from protocols.errors import ConfigError

if TYPE_CHECKING:
    from accounts.invoice import Courses, Invoice
    from accounts.readings import Readings
    from accounts.used import Period

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_COLUMNS: Final = ("import_kwh", "export_kwh", "kvarh")
_FILE = Annotated[Path, typer.Argument(metavar="CONTRACT.yaml", help="A contract, as in configs/contracts/.")]
_READ = Annotated[
    Path,
    typer.Argument(metavar="READINGS.csv", help="time,import_kwh[,export_kwh][,kvarh]; times with offset."),
]
_JSON = Annotated[bool, typer.Option("--json", help="For a machine to read.")]
_ZH = Annotated[bool, typer.Option("--zh", help="Labels in Chinese.")]


app.command()(book)
app.command("readings")(fetched)
for command in (close, restate, closed, chp, factor):
    app.command()(command)


@app.callback()
def accounts() -> None:
    """What energy cost and emitted: invoices, prices, advice, accounts.

    Example: ems accounts bill configs/contracts/cn_hubei_10kv.yaml readings.csv --month 2026-01
    """


@app.command()
def check(files: Annotated[list[Path], typer.Argument(metavar="CONTRACT.yaml…")]) -> None:
    """Look contracts through: overlapping hours, gaps, sheets, bands, zones; all faults with their line.

    Example: ems accounts check configs/contracts/cn_hubei_10kv.yaml
    """
    from hub.accounts.contracts import load_contract  # noqa: PLC0415  the help needs none of it

    faults: list[str] = []
    for path in files:
        try:
            contract = load_contract(path)
        except ConfigError as error:
            faults.append(str(error))
            continue
        held = f"{contract.sheets[0].first} to {contract.sheets[-1].last}"
        typer.echo(f"{path}: {contract.label.en}, {contract.currency}, prices for {held}")
    if faults:
        raise ConfigError("\n".join(faults))


@app.command()
def bill(  # noqa: PLR0913  each is an option of the command
    contract: _FILE,
    readings: _READ,
    *,
    month: Annotated[str | None, typer.Option(metavar="2026-01", help="A month.")] = None,
    first: Annotated[str | None, typer.Option(metavar="DAY", help="First day, with --last.")] = None,
    last: Annotated[str | None, typer.Option(metavar="DAY", help="Last day.")] = None,
    course: Annotated[
        list[str] | None, typer.Option(metavar="NAME=FILE.csv", help="Prices: time,per_kwh; may be repeated.")
    ] = None,
    peaks_kw: Annotated[
        str, typer.Option(help="Highest demand of earlier months, the newest last: 310,295")
    ] = "",
    year_kwh: Annotated[str, typer.Option(help="Taken since the begin of the year. [kWh]")] = "0",
    provisional: Annotated[
        bool, typer.Option("--provisional", help="Bill although readings are missing.")
    ] = False,
    as_json: _JSON = False,
    zh: _ZH = False,
) -> None:
    """The invoice of a period, line by line.

    Example: ems accounts bill configs/contracts/cn_hubei_10kv.yaml readings.csv --month 2026-01
    """
    from accounts import invoice  # noqa: PLC0415  as above
    from accounts.used import Before  # noqa: PLC0415  as above
    from hub.accounts.contracts import load_contract  # noqa: PLC0415  as above

    known = load_contract(contract)
    before = Before(
        tuple(number_of(text) for text in peaks_kw.split(",") if text.strip()), number_of(year_kwh)
    )
    beside = invoice.Beside(courses_of(course or []), before, provisional)
    made = invoice.bill(known, _readings(readings), _period(month, first, last), beside)
    if as_json:
        typer.echo(json.dumps(_plain(made), indent=1, ensure_ascii=False))
    else:
        _show(made, zh=zh)


@app.command()
def price(
    contract: _FILE,
    *,
    day: Annotated[str, typer.Option(metavar="2026-01-15", help="The day.")],
    step_min: Annotated[int, typer.Option(help="Length of a row; 15, 30 or 60. [min]")] = 60,
    course: Annotated[list[str] | None, typer.Option(metavar="NAME=FILE.csv", help="As of bill.")] = None,
    as_json: _JSON = False,
) -> None:
    """What one more kilowatt-hour costs through a day: what the planner goes by.

    Example: ems accounts price configs/contracts/cn_hubei_10kv.yaml --day 2026-01-15
    """
    import numpy as np  # noqa: PLC0415  as above

    from accounts.invoice import midnight_ns  # noqa: PLC0415  as above
    from accounts.pricing import price_series  # noqa: PLC0415  as above
    from hub.accounts.contracts import load_contract  # noqa: PLC0415  as above
    from runtime.clock import iso_utc  # noqa: PLC0415  as above

    if step_min not in {15, 30, 60}:
        raise ConfigError("--step-min is 15, 30 or 60")
    known, date_of = load_contract(contract), _day(day, "--day")
    begin, end = (midnight_ns(one, known.zone) for one in (date_of, date_of + timedelta(days=1)))
    starts = np.arange(begin, end, step_min * 60 * 10**9, dtype=np.int64)
    prices = price_series(known, starts, courses_of(course or []))
    bands = known.bands
    rows = [
        {"time": iso_utc(int(at)), "band": bands.names[int(band)], "per_kwh": round(float(one), 6)}
        for at, band, one in zip(starts, bands.at(starts), prices, strict=True)
    ]
    if as_json:
        typer.echo(json.dumps({"currency": known.currency, "prices": rows}, indent=1))
        return
    table = Table("time, UTC", "band", f"{known.currency}/kWh", title=known.label.en)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


@app.command()
def advice(  # noqa: PLR0913  as above
    contract: _FILE,
    *,
    day: Annotated[str, typer.Option(metavar="DAY", help="A day whose prices hold.")],
    peak_kw: Annotated[str, typer.Option(help="Demand that is expected next month. [kW]")],
    high_kw: Annotated[str | None, typer.Option(help="Demand to be reckoned with. [kW]")] = None,
    month_kwh: Annotated[str, typer.Option(help="Energy that is expected. [kWh]")] = "0",
    as_json: _JSON = False,
) -> None:
    """Which basic charge is cheapest next month: by capacity, by contract or by measured demand.

    Example: ems accounts advice configs/contracts/cn_hubei_10kv.yaml --day 2026-01-31 --peak-kw 1500
    """
    from accounts.contract import basic_of  # noqa: PLC0415  as above
    from accounts.power_parts import advice as ways  # noqa: PLC0415  as above
    from hub.accounts.contracts import load_contract  # noqa: PLC0415  as above

    known, at = load_contract(contract), _day(day, "--day")
    basic = basic_of(known.sheet_of(at, at + timedelta(days=1)).parts)
    if basic is None:
        raise ConfigError(f"{contract}: the prices of {at} have no basic charge to choose")
    expected = number_of(peak_kw)
    found = ways(basic, expected, number_of(high_kw) if high_kw else expected, number_of(month_kwh))
    if as_json:
        said = [
            {"mode": one.mode, "contract_kw": _text(one.contract_kw), "expected": str(one.expected),
             "at_high": str(one.at_high)}
            for one in found
        ]  # fmt: skip
        typer.echo(json.dumps({"currency": known.currency, "in_use": basic.mode, "ways": said}, indent=1))
        return
    table = Table(
        "way", "contract, kW", "expected", "at the high demand", title=f"{known.label.en}, {known.currency}"
    )
    for one in found:
        label = one.label.en + (" (in use)" if one.mode == basic.mode else "")
        table.add_row(label, _text(one.contract_kw) or "", f"{one.expected:,}", f"{one.at_high:,}")
    Console().print(table)


def _period(month: str | None, first: str | None, last: str | None) -> Period:
    from accounts.invoice import month_of  # noqa: PLC0415  as above
    from accounts.used import Period  # noqa: PLC0415  as above

    if month is not None and first is None and last is None:
        found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month)
        if found is None:
            raise ConfigError(f"--month is {month!r}; allowed is a month such as 2026-01")
        return month_of(int(found[1]), int(found[2]))
    if month is None and first is not None and last is not None:
        return Period(_day(first, "--first"), _day(last, "--last") + timedelta(days=1))
    raise ConfigError("give --month, or --first and --last")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} is {text!r}; allowed is a day such as 2026-01-31") from error


def number_of(text: str) -> Decimal:
    """A number from 0 on.

    Raises:
        ConfigError: It is none.
    """
    try:
        found = Decimal(text.strip())
    except InvalidOperation as error:
        raise ConfigError(f"{text!r} is no number") from error
    if not found.is_finite() or found < 0:
        raise ConfigError(f"{text!r} is no number from 0 on")
    return found


def _readings(path: Path) -> Readings:
    from accounts.readings import Readings  # noqa: PLC0415  as above
    from hub.accounts.tables import read_table  # noqa: PLC0415  as above

    table = read_table(path, ("import_kwh",), _COLUMNS)
    return Readings(table.start_ns, table.step_s, *(table.column(name) for name in _COLUMNS))


def courses_of(given: list[str]) -> dict[str, Courses]:
    """Prices by their name, from `NAME=FILE.csv` each.

    Raises:
        ConfigError: A text is no such pair, or a file cannot be read.
    """
    from accounts.invoice import Courses  # noqa: PLC0415  as above
    from hub.accounts.tables import read_table  # noqa: PLC0415  as above

    found: dict[str, Courses] = {}
    for text in given:
        name, sign, file = text.partition("=")
        if not sign:
            raise ConfigError(f"--course is {text!r}; allowed is NAME=FILE.csv")
        table = read_table(Path(file), ("per_kwh",), ("per_kwh",))
        found[name] = Courses(table.start_ns, table.step_s, table.column("per_kwh"))
    return found


def _plain(made: Invoice) -> dict[str, Any]:
    """An invoice for a machine; numbers stay text, so that no digit is lost."""
    return {
        "contract": made.contract,
        "currency": made.currency,
        "first": made.period.first.isoformat(),
        "last": (made.period.after - timedelta(days=1)).isoformat(),
        "source": made.source,
        "provisional": made.missing > 0,
        "missing_intervals": made.missing,
        "intervals": made.intervals,
        "peak_kw": _text(made.peak_kw),
        "lines": [
            {"part": line.part, "label": line.label.model_dump(), "group": line.group, "band": line.band,
             "quantity": str(line.quantity), "unit": line.unit, "price": str(line.price),
             "amount": str(line.amount), "counted": line.counted, "note": line.note}
            for line in made.lines
        ],
        "groups": {name: str(amount) for name, amount in made.of_groups().items()},
        "total": str(made.total),
    }  # fmt: skip


def _show(made: Invoice, *, zh: bool) -> None:
    last = made.period.after - timedelta(days=1)
    table = Table(
        "",
        "",
        "quantity",
        "",
        "price",
        made.currency,
        title=f"{made.contract}, {made.period.first} to {last}",
    )
    for line in made.lines:
        band = made.bands[line.band].label if line.band else None
        amount = f"{line.amount:,}" if line.counted else f"({line.amount:,})"
        table.add_row(
            line.label.zh if zh else line.label.en,
            "" if band is None else (band.zh if zh else band.en),
            f"{line.quantity:,}", line.unit, str(line.price), amount,
        )  # fmt: skip
    table.add_row("合计" if zh else "Total", "", "", "", "", f"{made.total:,}")
    console = Console()
    console.print(table)
    console.print(made.source)
    if made.missing:
        console.print(f"PROVISIONAL: {made.missing} of {made.intervals} intervals have no reading.")


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
