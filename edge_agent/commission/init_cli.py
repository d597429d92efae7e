"""`ems edge init`: a commented device list from flags, or from questions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commission.site_file import Wish, make_site_file, parse_wish
from protocols.errors import ConfigError
from runtime.site import devices_file

_ASK_WHERE: Final = (
    "Where (HOST:PORT#UNIT, /dev/ttyUSB0,9600,even#UNIT, HOST#INSTANCE for BACnet, opc.tcp://…, HOST/PREFIX)"
)


def init(
    *,
    site: Annotated[str, typer.Option(help="Id of the site.")],
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    device: Annotated[
        list[str] | None,
        typer.Option(help="ID=PROFILE@WHERE, once for each device; without it, questions are asked."),
    ] = None,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the device list of an edge, commented; nothing is written while something is wrong.

    Example: ems edge init --site plant1 --device meter1=eastron_sdm630@192.168.1.20:502#1
    """
    file = devices_file(config, site, edge)
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; edit it, or give --force to replace it")
    if not device and not _terminal():
        raise ConfigError("nobody is there to be asked; give --device ID=PROFILE@WHERE, once for each device")
    wishes = [parse_wish(text) for text in device] if device else _ask(config)
    text = make_site_file(config, site, edge, wishes)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    typer.echo(f"{file}: {len(wishes)} devices")
    typer.echo(f"next: ems edge check --config {config} --site {site} --edge {edge}")


def _terminal() -> bool:
    return sys.stdin.isatty()


def _ask(config: Path) -> list[Wish]:
    """Ask until a device without id ends it."""
    profiles = ", ".join(sorted(file.stem for file in (config / "devices").glob("*.yaml")))
    typer.echo(f"profiles: {profiles}")
    wishes: list[Wish] = []
    while name := typer.prompt(f"Id of device {len(wishes) + 1} (empty: done)", default="").strip():
        profile = typer.prompt("Profile").strip()
        where = typer.prompt(_ASK_WHERE).strip()
        label = typer.prompt("What people call it", default=name).strip()
        wishes.append(Wish(name, profile, where, label))
    if not wishes:
        raise ConfigError("no device was named; nothing was written")
    return wishes
