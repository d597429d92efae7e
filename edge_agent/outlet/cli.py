"""`ems edge outlet`: what would be told to whom, and whether the broker takes us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.outlet.newest import Newest
from edge_agent.outlet.stage import made_teller
from edge_agent.outlet.teller import DeviceTeller, Message, PointTeller, Teller
from edge_agent.poll import poll_groups
from protocols.errors import ConfigError, DeviceUnreachableError
from protocols.networks import DeviceNetworks
from protocols.outlet import Outlet
from runtime.clock import SystemClock
from runtime.site import SiteDevices, devices_file, load_devices

_MOST: Final = 40


def outlet(  # noqa: PLR0913  one option each
    *,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
    connect: Annotated[
        bool, typer.Option("--connect", help="Sign in at the broker and leave again; publishes nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Show what the outlet of this edge tells: its broker, its topics and the points in each.

    Example: ems edge outlet --site demo --edge edge1 --connect
    """
    known = load_devices(config, devices_file(config, site, edge))
    told = known.edge.outlet
    if told is None:
        raise ConfigError(
            f"{devices_file(config, site, edge)} names no outlet; add `outlet: {{host: BROKER}}` beside "
            "`devices`, docs/mqtt-outlet.md says what may stand in it"
        )
    topics = dict(_topics(known, told))
    if as_json:
        typer.echo(json.dumps({"host": told.host, "port": told.port, "topics": topics}, ensure_ascii=False))
    else:
        typer.echo(f"{told.host}:{told.port}, {sum(map(len, topics.values()))} points")
        _show(topics)
    if connect:
        name = f"{told.client_id or f'ems_{site}_{edge}'}_try"
        _sign_in(told, name, state, known.edge.networks)


def _topics(site: SiteDevices, told: Outlet) -> Iterator[tuple[str, list[str]]]:
    """Topic to the points in its messages."""
    newest = Newest(told, poll_groups(site))
    teller = made_teller(site.edge, told, newest, SystemClock())
    for state in newest.devices.values():
        if isinstance(teller, PointTeller):
            yield from zip(teller.topics(state), ([name] for name in state.points), strict=True)
        elif isinstance(teller, DeviceTeller):
            yield teller.topic(state), list(state.points)
        else:
            yield _sparkplug_topic(teller, state.device), list(state.points)


def _sparkplug_topic(teller: Teller, device: str) -> str:
    death: Message | None = teller.will(0)
    return "" if death is None else death.topic.replace("/NDEATH/", "/DDATA/") + f"/{device}"


def _show(topics: Mapping[str, list[str]]) -> None:
    for topic, names in list(topics.items())[:_MOST]:
        typer.echo(f"  {topic}" + (f"  {', '.join(names)}" if len(names) > 1 else ""))
    if len(topics) > _MOST:
        typer.echo(f"  … and {len(topics) - _MOST} more (--json shows all)")


def _sign_in(told: Outlet, identifier: str, state: Path, networks: DeviceNetworks) -> None:
    from edge_agent.outlet.session import Account, greet  # noqa: PLC0415  `ems edge run` may need no MQTT

    why = asyncio.run(greet(told, Account(identifier, state, networks=networks)))
    if why:
        raise DeviceUnreachableError(
            f"{told.host}:{told.port} does not take us: {why}; check address, port, user, password and "
            f"certificates (files are sought below {state})"
        )
    typer.echo("the broker takes us")
