"""`ems demo`: the command behind `make demo`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from protocols.errors import ConfigError
from runtime.logs import setup_logging

LEAST_S = 75.0

app = typer.Typer(invoke_without_command=True)


@app.callback()
def demo(  # noqa: PLR0913, PLR0917  a command line
    context: typer.Context,
    for_s: Annotated[
        float | None, typer.Option("--for", help="End by itself after so many seconds, at least 75.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write what happened as JSON; needs --for.")] = None,
    state: Annotated[Path, typer.Option(help="Folder of everything the demo keeps.")] = Path("var"),
    config: Annotated[Path, typer.Option(help="Shipped configuration.")] = Path("configs"),
    store: Annotated[str, typer.Option(help="Where series stand: embedded or influx.")] = "embedded",
    db: Annotated[str, typer.Option(help="Where business data stand: sqlite or postgres.")] = "sqlite",
) -> None:
    """Run a whole plant on this machine until Ctrl-C.

    Example: ems demo --for 90 --out demo.json
    """
    if context.invoked_subcommand is not None:
        return
    _check(for_s, out)
    if store not in {"embedded", "influx"}:
        raise ConfigError(f"STORE={store}: it is embedded or influx")
    if db not in {"sqlite", "postgres"}:
        raise ConfigError(f"DB={db}: it is sqlite or postgres")
    from ems.demo.run import run_demo  # noqa: PLC0415  the help needs none of it

    setup_logging("demo", "WARNING")
    raise typer.Exit(run_demo((state, config), for_s, out, store, db))


def _check(for_s: float | None, out: Path | None) -> None:
    """Refuse at the start what would only be found out at the end."""
    if for_s is not None and not LEAST_S <= for_s < math.inf:
        raise ConfigError(
            f"FOR={for_s:g} is too short (or no time): the hub is killed and comes back inside it; "
            "give at least 75"
        )
    if out is None:
        return
    if for_s is None:
        raise ConfigError("OUT needs FOR: without an end there is nothing to write")
    if out.is_dir():
        raise ConfigError(f"OUT={out} is a folder; give a file in it")
    if not out.parent.is_dir():
        raise ConfigError(f"OUT={out}: there is no folder {out.parent}; make it first or give another file")
    there = out.exists()
    try:
        out.open("ab").close()  # asking for rights does not tell of a read-only or foreign file system
    except OSError as error:
        raise ConfigError(f"OUT={out} cannot be written: {error.strerror}; give another file") from error
    if not there:
        out.unlink()


@app.command(hidden=True)
def seed(
    state: Annotated[Path, typer.Option(help="The demo's state folder.")] = Path("var"),
    store: Annotated[str, typer.Option(help="embedded or influx.")] = "embedded",
) -> None:
    """Simulate thirty days and keep their means; the demo runs this once in a process of its own."""
    from ems.demo.history import seed_history  # noqa: PLC0415  a process of its own, so that its memory goes with it
    from ems.demo.layout import Layout  # noqa: PLC0415  as above
    from ems.demo.startup import SEED  # noqa: PLC0415  as above

    layout = Layout(state.resolve(), state.resolve())
    points = seed_history(layout.config, layout.state("hub"), SEED, on_server=store == "influx")
    typer.echo(f"{points} series have 30 days of past")
