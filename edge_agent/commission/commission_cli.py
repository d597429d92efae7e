"""`ems edge commission`: readings are compared with the machine's display, and that is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from edge_agent.commission.comparing import Comparer, compare_live
from edge_agent.commission.person import a_name
from edge_agent.commission.reading import chosen
from edge_agent.commission.record import parse_shown
from runtime.site import devices_file, load_devices


def commission(  # noqa: PLR0913  one option each
    device: Annotated[str, typer.Argument(help="Device of the site file.")],
    *,
    person: Annotated[str, typer.Option(callback=a_name, help="Who stands beside the machine.")],
    shown: Annotated[
        list[str], typer.Option(help="POINT=NUMBER as the machine's own display shows it; once for each.")
    ],
    tolerance_pct: Annotated[
        float, typer.Option(min=0, max=50, help="Difference that is taken for the same; readings move.")
    ] = 2.0,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
) -> None:
    """Compare readings with the display and record who did it; nothing is recorded while one differs.

    Example: ems edge commission meter1 --person "A. Smith" --shown power_kw=8.4 --shown voltage_l1_v=231
    """
    devices = load_devices(config, devices_file(config, site, edge))
    profile, _ = chosen(devices, device, ())
    numbers = parse_shown(shown, profile)
    by = Comparer(person, tolerance_pct / 100.0)
    record, file = asyncio.run(compare_live(devices, device, numbers, by, state))
    for one in record.comparisons:
        typer.echo(f"{one.point}: read {one.read:g}, shown {one.shown:g} {one.unit}")
    typer.echo(f"recorded in {file}")
