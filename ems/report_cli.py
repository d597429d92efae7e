"""`ems report`: reports through the hub's API: ask, watch, fetch the files; have them made each time."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from ems.command_desk import NOT_DONE, Call, Desk, run
from ems.hub_client import HubLogin
from protocols.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    help="Reports as Excel and PDF: made now, or each day, week, month or year, and mailed.\n\n"
    "Example: ems report make carbon 2026-10 --language zh --out reports",
)
schedules = typer.Typer(
    no_args_is_help=True,
    help="Reports that are made by themselves.\n\n"
    "Example: ems report schedule add carbon month --language zh --to manager@plant.example",
)
app.add_typer(schedules, name="schedule")

Hub = Annotated[str, typer.Option(help="Address of the hub's page and API.")]
User = Annotated[str, typer.Option(help="Who signs in; the password is asked for, or in EMS_PASSWORD.")]
Ca = Annotated[Path | None, typer.Option(help="Certificate of the installation's CA, PEM, for https.")]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="energy, carbon, alarms or plan.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
Formats = Annotated[str, typer.Option("--format", help="xlsx, pdf, or both by a comma.")]
To = Annotated[list[str] | None, typer.Option(help="Address it is mailed to; may be given again.")]
Sender = Annotated[str, typer.Option(help="Entry of the hub's senders.yaml it goes out by.")]
Json = Annotated[bool, typer.Option("--json", help="For a machine to read.")]

_HUB: Final = "http://127.0.0.1:8080"
_USER: Final = "admin"
_BOTH: Final = "xlsx,pdf"
_LOOK_S: Final = 1.0


@app.command()
def make(  # noqa: PLR0913  a command line
    kind: Kind,
    period: Annotated[
        str, typer.Argument(metavar="PERIOD", help="2026-10-22, 2026-W43, 2026-10, 2026, or A..B.")
    ],
    *,
    language: Language = "en",
    formats: Formats = _BOTH,
    to: To = None,
    sender: Sender = "mail",
    out: Annotated[Path, typer.Option(help="Folder the files are put into.")] = Path(),
    wait: Annotated[float, typer.Option(help="How long to wait for it. [s]", min=0, max=86_400)] = 600.0,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Make a report and fetch its files; ends with 0 only when they are here.

    Example: ems report make carbon 2026-10 --language zh --out reports
    """
    body = _wish(kind, language, formats, (to, sender)) | {"period": period}

    def work(desk: Desk) -> int:
        made = desk.hub.post(f"/sites/{desk.site}/reports", body)
        found = _follow(desk, made)
        for file in found["files"]:
            _save(desk, found["id"], file, out)
        return _end(desk, found)

    run(Call(HubLogin(hub, user, "", ca), as_json, wait), "all", work)


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=200)] = 20,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Reports, the newest first.

    Example: ems report list --limit 5
    """

    def work(desk: Desk) -> int:
        rows = desk.hub.get(f"/sites/{desk.site}/reports", limit=limit)
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False))
            return 0
        table = Table("id", "report", "period", "state", "data", "asked", "by")
        for row in rows:
            done = row["progress"]
            known = "" if done["completeness_pct"] is None else f"{done['completeness_pct']:.1f} %"
            state = f"{done['state']}{' (stalled)' if done['stalled'] else ''}"
            table.add_row(
                row["id"], row["title"]["en"], row["period"], state, known, row["asked"], row["asked_by"]
            )
        Console().print(table)
        return 0

    run(Call(HubLogin(hub, user, "", ca), as_json), "all", work)


@app.command()
def get(
    ident: Annotated[str, typer.Argument(metavar="ID", help="Id of a report, as `list` shows it.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder the files are put into.")] = Path(),
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
) -> None:
    """Fetch the files of a report that is done.

    Example: ems report get 5f0c2a9be1d04c7a9f3e1b2c --out reports
    """

    def work(desk: Desk) -> int:
        found = desk.hub.get(f"/sites/{desk.site}/reports/{ident}")
        for file in found["files"]:
            _save(desk, ident, file, out)
        return _end(desk, found)

    run(Call(HubLogin(hub, user, "", ca), as_json=False), "all", work)


@schedules.command("add")
def add(  # noqa: PLR0913  a command line
    kind: Kind,
    every: Annotated[str, typer.Argument(metavar="EVERY", help="day, week, month or year.")],
    *,
    at: Annotated[
        str, typer.Option(help="Time of day on the site's clock, of the first day after.")
    ] = "06:00",
    language: Language = "en",
    formats: Formats = _BOTH,
    to: To = None,
    sender: Sender = "mail",
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Have a report made each day, week, month or year, and mailed.

    Example: ems report schedule add carbon month --language zh --to manager@plant.example
    """
    body = _wish(kind, language, formats, (to, sender)) | {"every": every, "at": at}

    def work(desk: Desk) -> int:
        made = desk.hub.post(f"/sites/{desk.site}/report-schedules", body)
        typer.echo(
            json.dumps(made, ensure_ascii=False) if as_json else f"{made['id']}  next at {made['next']}"
        )
        return 0

    run(Call(HubLogin(hub, user, "", ca), as_json), "all", work)


@schedules.command("list")
def list_schedules(*, hub: Hub = _HUB, user: User = _USER, ca: Ca = None, as_json: Json = False) -> None:
    """Reports that are made by themselves.

    Example: ems report schedule list
    """

    def work(desk: Desk) -> int:
        rows = desk.hub.get(f"/sites/{desk.site}/report-schedules")
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False))
            return 0
        table = Table("id", "report", "at", "language", "next", "to")
        for row in rows:
            to = ", ".join(row["to"]) or "-"
            table.add_row(row["id"], row["title"]["en"], row["at"], row["language"], row["next"], to)
        Console().print(table)
        return 0

    run(Call(HubLogin(hub, user, "", ca), as_json), "all", work)


@schedules.command("end")
def end(
    ident: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a schedule, as `schedule list` shows it.")
    ],
    *,
    hub: Hub = _HUB,
    user: User = _USER,
    ca: Ca = None,
) -> None:
    """End a schedule; its reports stay.

    Example: ems report schedule end 5f0c2a9be1d04c7a9f3e1b2c
    """

    def work(desk: Desk) -> int:
        desk.hub.delete(f"/sites/{desk.site}/report-schedules/{ident}")
        return 0

    run(Call(HubLogin(hub, user, "", ca), as_json=False), "all", work)


def _wish(kind: str, language: str, formats: str, mail: tuple[list[str] | None, str]) -> dict[str, Any]:
    to, sender = mail
    wanted = [part.strip() for part in formats.split(",") if part.strip()]
    for what, found, allowed in (
        ("KIND", [kind], ("energy", "carbon", "alarms", "plan")),
        ("--language", [language], ("en", "zh")),
        ("--format", wanted or [formats], ("xlsx", "pdf")),
    ):
        wrong = [one for one in found if one not in allowed]
        if wrong:
            raise ConfigError(f"{what} is {wrong[0]!r}; allowed are {', '.join(allowed)}")
    body: dict[str, Any] = {"kind": kind, "language": language, "formats": wanted}
    return body | ({"sender": sender, "to": to} if to else {})


def _follow(desk: Desk, report: dict[str, Any]) -> dict[str, Any]:
    """Watch a report to its end, or as long as the person waits."""
    until_s, told = time.monotonic() + desk.call.wait_s, ""
    while report["progress"]["state"] in {"waiting", "running"} and time.monotonic() < until_s:
        done = report["progress"]
        line = f"{done['state']} {done['step']} {done['progress_frac']:.0%}".replace("  ", " ")
        if line != told:
            desk.tell(line)
        told = line
        time.sleep(_LOOK_S)
        report = desk.hub.get(f"/sites/{desk.site}/reports/{report['id']}")
    return report


def _save(desk: Desk, ident: str, file: dict[str, Any], out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = out / Path(file["name"]).name
        path.write_bytes(desk.hub.fetch(f"/sites/{desk.site}/reports/{ident}/files/{file['form']}"))
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror}") from error
    desk.tell(str(path))


def _end(desk: Desk, report: dict[str, Any]) -> int:
    if desk.call.as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    done = report["progress"]
    if done["state"] == "done":
        if done["incomplete"]:
            sys.stderr.write(
                f"ems: only {done['completeness_pct']:.1f} % of the data are there; the report is marked\n"
            )
        return 0
    why = (
        done["error"]["en"]
        if done["error"]
        else f"it is {done['state']}; `ems report get {report['id']}` fetches it"
    )
    sys.stderr.write(f"ems: {why}\n")
    return NOT_DONE
