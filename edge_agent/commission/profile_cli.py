"""`ems edge profile`: profiles are checked and made from tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commission.checking import Findings, check_profile
from edge_agent.commission.csv_profile import Head, make_profile, read_table
from edge_agent.commission.profile_text import profile_yaml
from protocols.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Device profiles: checked, and made from tables.")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Profile files.")],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list, an entry a file.")] = False,
) -> None:
    """Check profiles: every error and every warning of all files in one run, with file, line and field.

    Example: ems edge profile check configs/devices/*.yaml
    """
    checked = {str(file): check_profile(file) for file in files}
    if as_json:
        rows = [{"file": file, **_row(found)} for file, found in checked.items()]
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for found in checked.values():
            _tell(found)
    bad = sum(bool(found.errors or (strict and found.warnings)) for found in checked.values())
    if bad:
        raise ConfigError(f"{bad} of {len(files)} profiles cannot be used as they are")


@app.command()
def from_csv(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="Table of points: name, unit, address and more columns.")],
    *,
    profile_id: Annotated[str, typer.Option("--id", help="Id of the profile, maker_model.")],
    label: Annotated[str, typer.Option(help="What people call the device.")] = "",
    label_zh: Annotated[str, typer.Option(help="The same in Chinese.")] = "",
    equipment: Annotated[str, typer.Option(help="Kind of equipment: meter, chiller, drive …")] = "meter",
    source: Annotated[str, typer.Option(help="The maker's document the table was taken from.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the profiles.")] = Path("configs/devices"),
    take_good: Annotated[bool, typer.Option("--take-good", help="Leave wrong rows out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a profile of this name.")] = False,
) -> None:
    """Make a Modbus profile of a table; nothing is written while a row is wrong.

    Example: ems edge profile from-csv meter.csv --id acme_m1 --label "Acme M1"
    """
    target = out / f"{profile_id}.yaml"
    if target.exists() and not force:
        raise ConfigError(f"{target} is there already; give another --id, or --force to replace it")
    head = Head(profile_id, label or profile_id, label_zh or label or profile_id, equipment, source)
    profile, faults = make_profile(file, read_table(file), head)
    if faults and not take_good:
        raise ConfigError("\n".join([*faults, "nothing was written; correct the rows or give --take-good"]))
    for fault in faults:
        typer.echo(f"left out: {fault}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(profile_yaml(profile, [f"Made from {file.name}."]), encoding="utf-8")
    typer.echo(f"{target}: {len(profile.points)} points")
    _tell(check_profile(target))


def _row(found: Findings) -> dict[str, list[str]]:
    return {"errors": found.errors, "warnings": found.warnings, "notes": found.notes}


def _tell(found: Findings) -> None:
    for text in found.lines():
        typer.echo(text)
