"""`ems doctor`: what could keep a box from its work, each with a sentence what to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from edge_agent.box import become_agent, read_box
from edge_agent.box_health import Finding, check_clock, check_flash, check_port, check_serial, check_state
from edge_agent.clock_notes import clock_is_synced
from edge_agent.drivers import make_drivers
from edge_agent.lines import Lines
from edge_agent.local_server import PORT_FILE
from edge_agent.settings import Accepted, Place, bus_login, load_accepted
from edge_agent.top import Figures, one, read_metrics
from protocols.device import Device
from protocols.errors import ConfigError, EmsError
from runtime.bus import BusLogin, connect
from runtime.clock import SystemClock

_SPOILED_FRAC: Final = 0.001
"""Part of the calls to a line whose answer may be spoiled before it is worth a look."""

_REACH_S: Final = 4.0
_DEVICE_S: Final = 10.0
_ELSEWHERE: Final = Place(
    Path("configs"), "demo", "edge1", Path("var/edge"), Path("var/keys"), "nats://127.0.0.1:4222"
)
_MARKS: Final = {"ok": "[green]ok  [/green]", "look": "[yellow]look[/yellow]", "bad": "[red]bad [/red]"}


async def check_bus(accepted: Accepted) -> Finding:
    """Whether the bus answers and takes this edge's key."""
    place = accepted.place
    try:
        login = bus_login(place)
    except ConfigError as error:
        return Finding("bus", "bad", "there is no key to sign in with", str(error))
    address = urlsplit(login.url)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        do = "check the cable, the route and the firewall (one outgoing TCP connection); samples are kept"
        return Finding("bus", "bad", f"{login.url} is not reached ({str(error) or 'no answer'})", do)
    fault = await _sign_in(login)
    return fault or Finding("bus", "ok", f"{login.url} takes {place.edge}")


async def _sign_in(login: BusLogin) -> Finding | None:
    try:
        async with asyncio.timeout(_REACH_S):
            client = await connect(login)
            await client.close()
    except TimeoutError:
        do = f"bring the box in again: `ems bus token {login.name}` at the hub, `ems edge join TOKEN` here"
        return Finding("bus", "bad", f"{login.url} answers, but does not take {login.name}", do)
    except ConfigError as error:
        return Finding("bus", "bad", "the bus cannot be told from another one", str(error))
    return None


async def check_devices(accepted: Accepted, *, running: bool) -> list[Finding]:
    """Whether each device answers: by the running agent's own figures, else by one read of one point."""
    if running:
        figures = await asyncio.to_thread(read_metrics, accepted.place.state)
        states = {d.id: one(figures, "device_up", device=d.id) > 0 for d in accepted.site.edge.devices}
        told = [
            _device(name, "" if up else "the running agent gets no answer") for name, up in states.items()
        ]
        return [*told, *check_checksums(figures)]
    drivers = make_drivers(accepted.site, accepted.place.state)
    async with Lines(accepted.site, drivers, SystemClock()) as lines, asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(_ask(accepted, lines, device)) for device in accepted.site.edge.devices]
    return [task.result() for task in asked]


async def check_outlet(accepted: Accepted, *, running: bool) -> list[Finding]:
    """Whether the broker of the outlet takes us; nothing where there is no outlet."""
    outlet, state = accepted.site.edge.outlet, accepted.place.state
    if outlet is None:
        return []
    if running:
        figures = await asyncio.to_thread(read_metrics, state)
        why = "" if one(figures, "outlet_connected") else "the running agent has no session there"
    else:
        from edge_agent.outlet.session import Account, greet  # noqa: PLC0415  loads the package for MQTT only then

        edge = accepted.site.edge
        name = f"ems_{edge.site}_{edge.edge}_try"
        why = await greet(outlet, Account(name, state, networks=edge.networks))
    where = f"{outlet.host}:{outlet.port}"
    if not why:
        return [Finding("outlet", "ok", f"{where} takes us")]
    do = "check address, user, password, certificates: `ems edge outlet --connect`; the hub misses nothing"
    return [Finding("outlet", "bad", f"{where}: {why}", do)]


def check_checksums(figures: Figures) -> Iterator[Finding]:
    """Whether serial lines bring spoiled bytes more often than now and then."""
    for labels, spoiled in figures.get("crc_errors_total", []):
        bus = labels["bus"]
        calls = sum(count for at, count in figures.get("calls_total", []) if at.get("bus") == bus)
        found = f"{spoiled:,.0f} answers without a right checksum in {calls:,.0f} reads and writes"
        if spoiled <= _SPOILED_FRAC * calls:
            yield Finding(f"line {bus}", "ok", found)
        else:
            do = (
                "compare baud rate and parity with the devices, look for two of one unit number, for a "
                "missing 120 ohm at either end, for A and B changed over, and for the cable of a drive nearby"
            )
            yield Finding(f"line {bus}", "look", found, do)


async def _ask(accepted: Accepted, lines: Lines, device: Device) -> Finding:
    first = accepted.site.profile_of(device.id).points[0].name
    try:
        async with asyncio.timeout(_DEVICE_S):
            await lines.read(device.id, [first])
    except (EmsError, TimeoutError) as error:
        return _device(device.id, str(error) or "no answer")
    return _device(device.id, "")


def _device(name: str, fault: str) -> Finding:
    if not fault:
        return Finding(f"device {name}", "ok", "it answers")
    do = f"check power, cable, address and unit id; `ems edge read {name}` shows what comes back"
    return Finding(f"device {name}", "bad", fault, do)


def _runs(state: Path) -> bool:
    if not (state / PORT_FILE).exists():
        return False
    try:
        return bool(read_metrics(state))
    except ConfigError:
        return False  # it was killed and could not take its file along


async def examine(place: Place, metrics_port: int = 0) -> list[Finding]:
    """All checks, in the order in which a person should mend; with a faulty device list those of the box."""
    running = await asyncio.to_thread(_runs, place.state)
    findings = [
        check_clock(SystemClock(), synced=clock_is_synced()),
        *check_state(place.state), *check_flash(), *check_port(metrics_port, running=running),
    ]  # fmt: skip
    try:
        accepted = load_accepted(place)
    except ConfigError as error:
        do = f"`ems edge init` writes a device list; check one: ems edge check --site {place.site}"
        return [*findings, Finding("configuration", "bad", str(error), do)]
    findings += check_serial(accepted.site.edge.devices)
    findings += await check_devices(accepted, running=running)
    findings.append(await check_bus(accepted))
    return [*findings, *await check_outlet(accepted, running=running)]


def doctor(  # noqa: PLR0913  one option each
    *,
    config: Annotated[Path | None, typer.Option("--config", help="Folder with sites/ and devices/.")] = None,
    site: Annotated[str | None, typer.Option(help="Site below the configuration.")] = None,
    edge: Annotated[str | None, typer.Option(help="Id of this edge.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of the agent's own state.")] = None,
    keys: Annotated[Path | None, typer.Option(help="Folder of the keys.")] = None,
    bus: Annotated[str | None, typer.Option(help="Address of the bus.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check clock, disk, flash, ports, serial rights, devices and bus; each fault comes with what to do.

    On a box that the package set up no option is needed: /etc/ems/edge.env has them. Elsewhere it looks at
    configs, site demo, edge1, var/edge.

    Example: ems doctor --site demo --edge edge1 --state var/edge
    """
    box = read_box() if state is None else None
    usual = box.place if box else _ELSEWHERE
    place = Place(
        config or usual.config, site or usual.site, edge or usual.edge, state or usual.state,
        keys or usual.keys, bus or usual.bus,
    )  # fmt: skip
    if box:
        become_agent()
    findings = asyncio.run(examine(place, box.metrics_port if box else 0))
    _tell(findings, as_json=as_json)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(1)


def _tell(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
        return
    console = Console()
    for finding in findings:
        console.print(f"{_MARKS[finding.verdict]} {escape(finding.what)}: {escape(finding.found)}")
        if finding.do:
            console.print(f"     → {escape(finding.do)}")
