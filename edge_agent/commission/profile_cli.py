"""`ems edge profile`: profiles are checked and made from tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commission.checking import check_profile
from protocols.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Device profiles: checked, and made from tables.")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Profile files.")],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
) -> None:
    """Check profiles: every error and every warning of all files in one run, with file, line and field.

    Example: ems edge profile check configs/devices/*.yaml
    """
    bad = 0
    for file in files:
        found = check_profile(file)
        for text in found.errors:
            typer.echo(f"error: {text}")
        for text in found.warnings:
            typer.echo(f"warning: {text}")
        for text in found.notes:
            typer.echo(f"ok: {text}")
        bad += bool(found.errors or (strict and found.warnings))
    if bad:
        raise ConfigError(f"{bad} of {len(files)} profiles cannot be used as they are")
