"""`ems sim`: the demo plant on real protocols."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from protocols.errors import EmsError
from protocols.profile import Profile
from runtime.clock import SystemClock
from runtime.logs import setup_logging
from runtime.yaml_config import load_config
from simulator import faults
from simulator.device import Fault
from simulator.history import simulate_history
from simulator.service import SimulatorSettings, load_flowsheet, load_timeline, serve

app = typer.Typer(
    name="sim", help="A factory whose devices speak Modbus, BACnet, OPC UA and MQTT.", no_args_is_help=True
)

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
    with _clear_sentence():
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
    with _clear_sentence():
        faults.request(state, device, kind)
    typer.echo(f"{device}: {kind}")


@app.command()
def profile(
    file: Annotated[Path, typer.Argument(help="A Modbus profile.")],
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 5020,
    unit_id: Annotated[int, typer.Option(min=0, max=255, help="Unit id it answers for.")] = 1,
) -> None:
    """Serve one device as its profile describes it, with values that move, until Ctrl-C.

    Example: ems sim profile configs/devices/eastron_sdm630.yaml --port 5020
    """
    from simulator.profile_server import profile_server  # noqa: PLC0415  the other commands do without

    device = load_config(file, Profile)

    async def work() -> None:
        async with profile_server(device, host, port, unit_id):
            typer.echo(f"{device.id}: {len(device.points)} points at {host}:{port} unit {unit_id}")
            await asyncio.Event().wait()

    with _clear_sentence():
        asyncio.run(_until_signalled(work()))


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
    with _clear_sentence():
        wall_ns = SystemClock().now().wall_ns
        settings = SimulatorSettings(config, site, out.parent, seed)
        flowsheet, series = load_flowsheet(config, site), load_timeline(settings, wall_ns)
        past = simulate_history(flowsheet, series, seed, wall_ns, days)
        out.parent.mkdir(parents=True, exist_ok=True)
        past.save(out)
    typer.echo(f"{len(past.times_ns)} minutes of {len(past.values)} series in {out}")


@contextmanager
def _clear_sentence() -> Iterator[None]:
    """Take an error raised on purpose out of the groups it comes in; `ems.main` prints it as one sentence."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, EmsError):
            raise error from None
        raise


async def _until_signal(settings: SimulatorSettings) -> None:
    await _until_signalled(serve(settings, SystemClock(), _ready))


async def _until_signalled(running: Coroutine[None, None, None]) -> None:
    loop = asyncio.get_running_loop()
    with suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            work = group.create_task(running)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, work.cancel)


def _ready(count: int) -> None:
    typer.echo(f"simulator ready: {count} devices")
