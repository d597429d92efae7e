"""`ems hub keys …`: the key that signs access tokens, on the machine of the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="The key that signs access tokens.\n\nExample: ems hub keys renew"
)


@app.callback()
def _keys() -> None:
    """Keep `renew` a sub-command though it is the only one."""


@app.command()
def renew(
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Refuse tokens of the key before: it is known to others.")
    ] = False,
    state: Annotated[Path, typer.Option(help="The hub's own folder.")] = Path("var/hub"),
) -> None:
    """Make another key; it signs from the next start of the hub on. Nobody has to sign in again.

    Example: ems hub keys renew --state var/hub
    """
    from hub.auth.tokens import renew_signing  # noqa: PLC0415  the help needs none of it

    name = renew_signing(state, at_once=at_once)
    typer.echo(f"key {name} signs from the next start of the hub on")
