"""`ems bus`: the plant bus as a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from runtime.children import check_port_free
from runtime.nats_server import BusConfig, server_binary, write_config

app = typer.Typer(no_args_is_help=True, help="The plant bus (NATS JetStream).")


@app.callback()
def _root() -> None:
    """Keep `run` a sub-command although it is alone."""


@app.command()
def run(
    state: Annotated[Path, typer.Option(help="Folder of the streams and the written configuration.")],
    keys: Annotated[Path, typer.Option(help="Folder of the nkey seeds; missing ones are made.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Client port on loopback.")] = 4222,
    edge: Annotated[list[str] | None, typer.Option(help="Edge that may log in; may be repeated.")] = None,
) -> None:
    """Run the bus until it is ended.

    Example: ems bus run --state var/bus --keys var/keys --port 4222 --edge edge1
    """
    config = BusConfig(state.resolve(), keys.resolve(), port, tuple(edge or ()))
    check_port_free(config.host, port, "the bus")
    path = write_config(config)
    binary = server_binary()
    os.execv(binary, [str(binary), "-c", str(path)])  # noqa: S606  the server takes this process's place and pid
