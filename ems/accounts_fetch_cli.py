"""`ems accounts readings`: what counters counted, from the hub into a table that `bill` and `book` read."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO
from zoneinfo import ZoneInfo

import typer

from protocols.errors import ConfigError

if TYPE_CHECKING:
    from ems.command_desk import Desk

WINDOWS: Final = 4000
"""Windows asked for at once; the hub gives 5000."""
LEAST_PCT: Final = 90.0
"""A window with fewer readings is left empty: what it counted may belong to its neighbours. [%]"""
_HUB: Final = "http://127.0.0.1:8080"

Rows = dict[int, dict[str, float]]
"""Begin of a window, in milliseconds since 1970, to what each column counted in it."""


def readings(  # noqa: PLR0913  each is an option of the command
    columns: Annotated[
        list[str] | None, typer.Argument(metavar="[COLUMN=DEVICE/POINT]…", help="None: those of the book.")
    ] = None,
    *,
    site: Annotated[str, typer.Option(help="The site.")] = "demo",
    first: Annotated[str, typer.Option(metavar="DAY", help="First day, by the site's clock.")],
    last: Annotated[str, typer.Option(metavar="DAY", help="Last day.")],
    config: Annotated[Path, typer.Option(help="Folder with sites/, for the book.")] = Path("configs"),
    step_min: Annotated[int, typer.Option(help="Length of an interval. [min]", min=1, max=1440)] = 15,
    out: Annotated[Path | None, typer.Option(help="File; none: standard output.")] = None,
    hub: Annotated[str, typer.Option(help="Address of the hub.")] = _HUB,
    user: Annotated[
        str, typer.Option(help="Who signs in; password asked for, or in EMS_PASSWORD.")
    ] = "admin",
    ca: Annotated[Path | None, typer.Option(help="Certificate of the installation's CA, for https.")] = None,
) -> None:
    """What counters counted in equal intervals, as a table for `bill` and `book`.

    Example: ems accounts readings import_kwh=meter_main/import_kwh --first 2026-01-01 --last 2026-01-31
    """
    from ems.command_desk import Call, run  # noqa: PLC0415  the help needs none of it
    from ems.hub_client import HubLogin  # noqa: PLC0415  as above

    wanted = dict(_pair(text) for text in columns) if columns else _of_book(config, site)
    days = (_day(first, "--first"), _day(last, "--last"))
    if days[1] < days[0]:
        raise ConfigError(f"--last is {last}, before --first")

    def work(desk: Desk) -> int:
        zone = ZoneInfo(_zone_of(desk.hub.get("/sites"), site))
        begin, end = (
            datetime.combine(day, time(), zone).astimezone(UTC)
            for day in (days[0], days[1] + timedelta(days=1))
        )
        asked = wanted if columns else _counters(desk, site, wanted)
        rows = _asked(desk, (site, asked), (begin, end), step_min)
        if out is None:
            write(sys.stdout, rows, list(wanted))
        else:
            with out.open("w", encoding="utf-8", newline="") as file:
                write(file, rows, list(wanted))
        return 0

    run(Call(HubLogin(hub, user, "", ca), as_json=True), f"site:{site}", work)


def _counters(desk: Desk, site: str, wanted: dict[str, str]) -> dict[str, str]:
    """Those of the book that are counted; columns of powers stay empty, which is told."""
    points = desk.hub.get(f"/sites/{site}/points")
    counted = {point["id"].partition("/")[2] for point in points if point["kind"] == "counter"}
    found = {name: point for name, point in wanted.items() if point in counted}
    if others := ", ".join(name for name in wanted if name not in found):
        typer.echo(f"left empty, since their points are no counters: {others}", err=True)
    return found


def write(file: TextIO, rows: Rows, columns: list[str]) -> None:
    """Write a table as `hub.accounts.tables` reads it; what nobody counted stays empty."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["time", *columns])
    for begin_ms, counted in sorted(rows.items()):
        at = datetime.fromtimestamp(begin_ms / 1000, UTC).isoformat()
        lines.writerow([at, *(counted.get(name, "") for name in columns)])


def _asked(
    desk: Desk, what: tuple[str, dict[str, str]], span: tuple[datetime, datetime], step_min: int
) -> Rows:
    site, wanted = what
    rows: Rows = {}
    begin, step = span[0], timedelta(minutes=step_min)
    while begin < span[1]:
        end = min(begin + WINDOWS * step, span[1])
        for name, point in wanted.items():
            answer = desk.hub.get(
                f"/sites/{site}/consumption",
                point=f"{site}/{point}", window_s=step_min * 60, **{"from": begin.isoformat(), "to":
                end.isoformat()},
            )  # fmt: skip
            take(rows, name, answer, step_min * 60_000)
        begin = end
    return rows


def take(rows: Rows, name: str, answer: dict[str, Any], step_ms: int) -> None:
    """Put what one answer of the hub tells into the rows; windows that are not over yet are left out."""
    edges = answer["edges_ms"]
    told = zip(edges, edges[1:], answer["amount"], answer["complete_pct"], strict=False)
    for begin_ms, end_ms, amount, complete in told:
        if end_ms - begin_ms != step_ms:
            continue
        row = rows.setdefault(begin_ms, {})
        if amount is not None and complete >= LEAST_PCT:
            row[name] = amount


def _of_book(config: Path, site: str) -> dict[str, str]:
    from hub.accounts.book import book_file, columns_of  # noqa: PLC0415  the help needs none of it
    from hub.accounts.book_check import load_book  # noqa: PLC0415  as above

    found = columns_of(load_book(book_file(config, site)))
    if not found:
        raise ConfigError(f"no meter in {book_file(config, site)} has a point; give COLUMN=DEVICE/POINT")
    return found


def _pair(text: str) -> tuple[str, str]:
    name, sign, point = text.partition("=")
    if not sign or point.count("/") != 1 or not name:
        raise ConfigError(
            f"{text!r} names no column; allowed is COLUMN=DEVICE/POINT, as import_kwh=meter1/import_kwh"
        )
    return name, point


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{option} is {text!r}; allowed is a day such as 2026-01-31") from error


def _zone_of(sites: list[dict[str, Any]], site: str) -> str:
    for one in sites:
        if one["id"] == site:
            return str(one["time_zone"])
    raise ConfigError(f"the hub has no site {site!r}; it has {', '.join(str(one['id']) for one in sites)}")
