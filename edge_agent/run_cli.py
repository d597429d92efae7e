"""`ems edge run`, alone in its module: the agent need not keep the other commands in memory for years."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from runtime.lock import StateLock
from runtime.logs import setup_logging

Configs = Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")]
Site = Annotated[str, typer.Option(help="Site below the configuration.")]
Edge = Annotated[str, typer.Option(help="Id of this edge.")]
State = Annotated[Path, typer.Option(help="Folder of the agent's own state.")]
Keys = Annotated[Path, typer.Option(help="Folder of the keys.")]
Bus = Annotated[str, typer.Option(help="Address of the bus.")]

app = typer.Typer(no_args_is_help=True)


@app.command()
def run(  # noqa: PLR0913  one option each
    *,
    config: Configs = Path("configs"),
    site: Site = "demo",
    edge: Edge = "edge1",
    state: State = Path("var/edge"),
    keys: Keys = Path("var/keys"),
    bus: Bus = "nats://127.0.0.1:4222",
    metrics_port: Annotated[int, typer.Option(help="Port of the metrics on loopback; 0: a free one.")] = 0,
    journal_mb: Annotated[int, typer.Option(min=1, help="Most MB of rows that wait for the hub.")] = 2000,
    trial_s: Annotated[
        float, typer.Option(min=1, max=600, help="How long a configuration of the hub is tried.")
    ] = 60.0,
) -> None:
    """Poll, journal, send and obey until Ctrl-C or SIGTERM.

    Example: ems edge run --config configs --site demo --edge edge1 --state var/edge --keys var/keys
    """
    from edge_agent.options import Options  # noqa: PLC0415  as below
    from edge_agent.running import run_until_signal  # noqa: PLC0415  other commands take the options alone
    from edge_agent.settings import Place  # noqa: PLC0415  as above

    setup_logging("edge")
    with StateLock(state):
        options = Options(metrics_port, journal_mb * 1_000_000, trial_s)
        run_until_signal(Place(config, site, edge, state, keys, bus), options)
