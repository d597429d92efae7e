"""`ems edge trust`: which OPC UA servers the edge believes, and who it says it is itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protocols.drivers.opcua.trust import TrustList, application_uri, fingerprint

app = typer.Typer(no_args_is_help=True, help="Certificates of OPC UA servers, and our own.")

State = Annotated[Path, typer.Option(help="Folder of the agent's own state.")]
Print = Annotated[
    str, typer.Argument(help="SHA-256 fingerprint of the server's certificate, 16 digits or more.")
]


@app.command("list")
def list_servers(*, state: State = Path("var/edge")) -> None:
    """Show every server that was met: whether it is trusted, its fingerprint, its name.

    Example: ems edge trust list --state var/edge
    """
    known = list(TrustList(state).servers())
    for one in known:
        word = "trusted" if one.trusted else "refused"
        typer.echo(f"{word}  SHA-256 {one.fingerprint}  SHA-1 {one.thumbprint}  {one.subject}")
    if not known:
        typer.echo("no server was met yet")


@app.command()
def accept(begin: Print, *, state: State = Path("var/edge")) -> None:
    """Trust a server that was refused; the running agent connects within seconds.

    Example: ems edge trust accept 3f1c0a9be2d47c55 --state var/edge
    """
    one = TrustList(state).accept(begin)
    typer.echo(f"trusted from now on: {one.subject}, SHA-256 {one.fingerprint}")


@app.command()
def withdraw(begin: Print, *, state: State = Path("var/edge")) -> None:
    """Trust a server no longer; the agent refuses it from its next connection on.

    Example: ems edge trust withdraw 3f1c0a9be2d47c55 --state var/edge
    """
    one = TrustList(state).withdraw(begin)
    typer.echo(f"not trusted any more: {one.subject}, SHA-256 {one.fingerprint}")


@app.command()
def own(*, state: State = Path("var/edge")) -> None:
    """Show our own certificate, made now if there is none, so that it can be trusted at a server.

    Example: ems edge trust own --state var/edge
    """
    certificate, _ = TrustList(state).own()
    typer.echo(f"{certificate}  SHA-256 {fingerprint(certificate.read_bytes())}  {application_uri()}")
