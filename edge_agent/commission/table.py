"""What each protocol offers to a person who commissions: one line here adds a command.

ems edge scan PROTOCOL …          `SCANS`: a function with its own options
ems edge browse DEVICE            `BROWSERS`: gives rows of one configured device
ems edge profile from-… FILE …    `IMPORTS`: a function with its own options
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from edge_agent.commission import bacnet, modbus_scan, opcua_cli, sunspec_cli, telegraf_cli
from edge_agent.commission.rows import Row, show
from protocols.device import Device, protocol_of
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.site import devices_file, load_devices

Browser = Callable[[Device, Profile], Coroutine[Any, Any, list[Row]]]

SCANS: Final[dict[str, Callable[..., None]]] = {"bacnet": bacnet.scan, "modbus": modbus_scan.scan}
"""Protocol to the command that looks for devices."""

BROWSERS: Final[dict[str, Browser]] = {"bacnet": bacnet.browse, "opcua": opcua_cli.browse_device}
"""Protocol to what lists the contents of a device."""

IMPORTS: Final[dict[str, Callable[..., None]]] = {
    "from-ede": bacnet.from_ede,
    "from-opcua": opcua_cli.from_opcua,
    "from-sunspec": sunspec_cli.from_sunspec,
    "from-telegraf": telegraf_cli.from_telegraf,
}
"""Name to the command that makes a profile of a list."""


def mount(app: typer.Typer, profile: typer.Typer) -> None:
    """Put the commands of the table below `ems edge` and `ems edge profile`."""
    scans = typer.Typer(no_args_is_help=True, help="Look for devices on the wire; reads only.")
    scans.callback()(_group)
    for name, command in SCANS.items():
        scans.command(name)(command)
    app.add_typer(scans, name="scan")
    app.command("browse")(browse)
    for name, command in IMPORTS.items():
        profile.command(name)(command)


def _group() -> None:
    """Keep the protocol a word of its own while there is only one."""


def browse(
    device: Annotated[str, typer.Argument(help="Id of a configured device.")],
    *,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List what a device holds, with names, values and units, beside its profile; reads only.

    Example: ems edge browse chiller1 --config configs --site demo
    """
    known = load_devices(config, devices_file(config, site, edge))
    found = {one.id: one for one in known.edge.devices}
    if device not in found:
        raise ConfigError(f"{site}/{edge} has no device {device!r}; it has {', '.join(found)}")
    protocol = protocol_of(found[device].connection)
    if protocol not in BROWSERS:
        raise ConfigError(
            f"{device!r} speaks {protocol}, which cannot be browsed; these can: {', '.join(BROWSERS)}"
        )
    rows = asyncio.run(BROWSERS[protocol](found[device], known.profile_of(device)))
    typer.echo(json.dumps(rows, ensure_ascii=False) if as_json else show(rows))
