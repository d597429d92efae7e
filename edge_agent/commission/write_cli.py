"""`ems edge write`: one write by hand, taken back by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commission.testwrite import Permit, permit, write_and_return
from edge_agent.drivers import make_drivers
from edge_agent.lines import Lines
from edge_agent.settings import Accepted, Place, load_accepted
from protocols.units import Seconds
from runtime.clock import SystemClock
from runtime.lock import StateLock


def write(  # noqa: PLR0913  one option each
    device: Annotated[str, typer.Argument(help="Device of the site file.")],
    point: Annotated[str, typer.Argument(help="Set-point with signed limits and a proven fallback.")],
    value: Annotated[float, typer.Argument(help="What to write, in the unit of the point.")],
    *,
    hold_s: Annotated[
        float, typer.Option(min=0, max=60, help="How long it stays before the point is given back.")
    ] = 3.0,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
    keys: Annotated[Path, typer.Option(help="Folder of the keys.")] = Path("var/keys"),
) -> None:
    """Write a set-point once, see it on the device, and give it back; the agent must not run meanwhile.

    Example: ems edge write comp1 role_set_code 1 --hold-s 5
    """
    with StateLock(state):
        accepted = load_accepted(Place(config, site, edge, state, keys, ""))
        asyncio.run(_write(accepted, permit(accepted, device, point, value), hold_s))


async def _write(accepted: Accepted, allowed: Permit, hold_s: Seconds) -> None:
    clock, site = SystemClock(), accepted.site
    async with Lines(site, make_drivers(site, accepted.place.state), clock) as lines:
        await write_and_return(allowed, lines, clock, hold_s, typer.echo)
