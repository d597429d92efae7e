"""`ems sim`: the demo plant on real protocols."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from runtime.clock import SystemClock
from runtime.logs import setup_logging
from simulator import faults
from simulator.device import Fault
from simulator.history import simulate_history
from simulator.profile_cli import profile
from simulator.running import clear_sentence, until_signalled
from simulator.service import SimulatorSettings, load_flowsheet, load_timeline, serve

app = typer.Typer(
    name="sim", help="A factory whose devices speak Modbus, BACnet, OPC UA and MQTT.", no_args_is_help=True
)

app.command()(profile)

Site = Annotated[str, typer.Option(help="Site below the configuration.")]
Configs = Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")]
State = Annotated[Path, typer.Option(help="Folder for the simulator's own state.")]
Seed = Annotated[
    int, typer.Option(min=0, help="Draws the true machines, weather and loads; same seed, same plant.")
]


@app.command()
def run(
    site: Site = "demo",
    config: Configs = Path("configs"),
    state: State = Path("var/sim"),
    seed: Seed = 1,
) -> None:
    """Serve every device of the site until Ctrl-C.

    Example: ems sim run --site demo --config configs --state var/sim
    """
    setup_logging("sim")
    with clear_sentence():
        asyncio.run(_until_signal(SimulatorSettings(config, site, state, seed)))


@app.command()
def fault(
    device: Annotated[str, typer.Argument(help="Id of the device.")],
    kind: Annotated[Fault, typer.Argument(help="What goes wrong; none ends it.")],
    state: State = Path("var/sim"),
) -> None:
    """Put a fault on a device of the running simulator, within a second.

    Example: ems sim fault comp1 silent --state var/sim
    """
    with clear_sentence():
        faults.request(state, device, kind)
    typer.echo(f"{device}: {kind}")


@app.command()
def history(
    out: Annotated[Path, typer.Option(help="NPZ file to write.")],
    site: Site = "demo",
    config: Configs = Path("configs"),
    seed: Seed = 1,
    days: Annotated[int, typer.Option(min=1, max=366, help="How far back.")] = 30,
) -> None:
    """Write the past of the plant as mean values of 60 s.

    Example: ems sim history --out var/history.npz --days 30
    """
    with clear_sentence():
        wall_ns = SystemClock().now().wall_ns
        settings = SimulatorSettings(config, site, out.parent, seed)
        flowsheet, series = load_flowsheet(config, site), load_timeline(settings, wall_ns)
        past = simulate_history(flowsheet, series, seed, wall_ns, days)
        out.parent.mkdir(parents=True, exist_ok=True)
        past.save(out)
    typer.echo(f"{len(past.times_ns)} minutes of {len(past.values)} series in {out}")


async def _until_signal(settings: SimulatorSettings) -> None:
    await until_signalled(serve(settings, SystemClock(), _ready))


def _ready(count: int) -> None:
    typer.echo(f"simulator ready: {count} devices")
