"""`ems edge doctor`: what could keep a box from its work, each with a sentence what to do."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from edge_agent.clock_notes import clock_is_synced
from edge_agent.drivers import make_drivers
from edge_agent.lines import Lines
from edge_agent.local_server import PORT_FILE
from edge_agent.settings import Accepted, Place, bus_login, load_accepted
from edge_agent.top import Figures, one, read_metrics
from protocols.clock import Clock
from protocols.device import Device, ModbusSerial
from protocols.errors import ConfigError, EmsError
from runtime.bus import connect
from runtime.clock import NS, SystemClock, iso_utc

_Verdict = Literal["ok", "look", "bad"]

_PLAUSIBLE_S: Final = 1_577_836_800
_LOW_DISK_BYTES: Final = 500_000_000
_WORN: Final = 8
"""Life-time estimate of an eMMC in tenths (JEDEC 84-B51, EXT_CSD 268): 80 to 90 % used."""

_SPOILED_FRAC: Final = 0.001
"""Part of the calls to a line whose answer may be spoiled before it is worth a look."""

_REACH_S: Final = 4.0
_DEVICE_S: Final = 10.0
_MARKS: Final = {"ok": "[green]ok  [/green]", "look": "[yellow]look[/yellow]", "bad": "[red]bad [/red]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        what: What was looked at.
        verdict: `ok`, `look` (works, but not for long or not well) or `bad` (does not work).
        found: What was found.
        do: What to do; empty when ok.
    """

    what: str
    verdict: _Verdict
    found: str
    do: str = ""


def check_clock(clock: Clock, *, synced: bool) -> Finding:
    """Whether the wall clock can be right and something keeps it so."""
    wall_ns = clock.now().wall_ns
    if wall_ns < _PLAUSIBLE_S * NS:
        do = "set the time (`timedatectl set-time`) or let the box reach a time server; samples are kept"
        return Finding("clock", "bad", f"it says {iso_utc(wall_ns)}", do)
    if not synced:
        do = "`timedatectl set-ntp true`, and let UDP port 123 out; until then the hub puts the times right"
        return Finding("clock", "look", f"{iso_utc(wall_ns)}, but no time source keeps it", do)
    return Finding("clock", "ok", f"{iso_utc(wall_ns)}, kept by a time source")


def check_state(state: Path) -> Iterator[Finding]:
    """Whether the state folder can be written and has room."""
    there = next((folder for folder in (state, *state.parents) if folder.exists()), Path("/"))
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("state", "bad", f"{there} cannot be written by {_user()}", f"chown {_user()} {there}")
        return
    free = shutil.disk_usage(there).free
    found = f"{free / 1e9:.1f} GB free at {there}"
    if free < _LOW_DISK_BYTES:
        do = "free some space, or start with a smaller --journal-mb; 1,000 points/s are 0.4 GB a day"
        yield Finding("disk", "bad", found, do)
    else:
        yield Finding("disk", "ok", found)


def check_flash(sys_block: Path = Path("/sys/block")) -> Iterator[Finding]:
    """Wear of eMMC chips, where the kernel tells."""
    for file in sorted(sys_block.glob("*/device/life_time")):
        worst = max((int(part, 16) for part in file.read_text(encoding="ascii").split()), default=0)
        found = f"{file.parts[-3]}: about {worst * 10} % of its writes are used"
        if worst >= _WORN:
            yield Finding(
                "flash wear", "look", found, "plan to replace the box; keep a copy of its state folder"
            )
        elif worst:
            yield Finding("flash wear", "ok", found)


def check_serial(devices: tuple[Device, ...]) -> Iterator[Finding]:
    """Whether each serial port is there and may be used."""
    ports = {device.connection.port for device in devices if isinstance(device.connection, ModbusSerial)}
    for port in sorted(ports):
        path = Path(port)
        if not path.exists():
            seen = ", ".join(sorted(str(found) for found in Path("/dev/serial/by-id").glob("*"))) or "none"
            do = f"plug the adapter in, or name another port in the site file; adapters here: {seen}"
            yield Finding(f"serial {port}", "bad", "it is not there", do)
        elif not os.access(path, os.R_OK | os.W_OK):
            group = grp.getgrgid(path.stat().st_gid).gr_name
            do = f"`usermod -aG {group} {_user()}`, then start the agent again"
            yield Finding(f"serial {port}", "bad", f"{_user()} may not use it", do)
        else:
            yield Finding(f"serial {port}", "ok", "it is there and may be used")


async def check_bus(accepted: Accepted) -> Finding:
    """Whether the bus answers and takes this edge's key."""
    place = accepted.place
    address = urlsplit(place.bus)
    try:
        async with asyncio.timeout(_REACH_S):
            _, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        do = "check the cable, the route and the firewall (one outgoing TCP connection); samples are kept"
        return Finding("bus", "bad", f"{place.bus} is not reached ({str(error) or 'no answer'})", do)
    try:
        async with asyncio.timeout(_REACH_S):
            client = await connect(bus_login(place))
            await client.close()
    except TimeoutError:
        do = f"start the bus with `--edge {place.edge}` and copy the seed that it made to this box"
        return Finding("bus", "bad", f"{place.bus} answers, but does not take {place.edge}", do)
    except ConfigError as error:
        return Finding("bus", "bad", "there is no key to sign in with", str(error))
    return Finding("bus", "ok", f"{place.bus} takes {place.edge}")


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

        why = await greet(outlet, Account(f"ems_{accepted.place.site}_{accepted.place.edge}_try", state))
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


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _runs(state: Path) -> bool:
    if not (state / PORT_FILE).exists():
        return False
    try:
        return bool(read_metrics(state))
    except ConfigError:
        return False  # it was killed and could not take its file along


async def examine(accepted: Accepted) -> list[Finding]:
    """All checks, in the order in which a person should mend."""
    devices, state = accepted.site.edge.devices, accepted.place.state
    running = await asyncio.to_thread(_runs, state)
    findings = [
        check_clock(SystemClock(), synced=clock_is_synced()),
        *check_state(state), *check_flash(), *check_serial(devices),
    ]  # fmt: skip
    findings += await check_devices(accepted, running=running)
    findings.append(await check_bus(accepted))
    return [*findings, *await check_outlet(accepted, running=running)]


def doctor(  # noqa: PLR0913  one option each
    *,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
    keys: Annotated[Path, typer.Option(help="Folder of the keys.")] = Path("var/keys"),
    bus: Annotated[str, typer.Option(help="Address of the bus.")] = "nats://127.0.0.1:4222",
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check clock, disk, serial rights, ports, devices and bus; each fault comes with what to do.

    Example: ems edge doctor --site demo --edge edge1 --state var/edge
    """
    findings = asyncio.run(examine(load_accepted(Place(config, site, edge, state, keys, bus))))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        console = Console()
        for finding in findings:
            console.print(f"{_MARKS[finding.verdict]} {escape(finding.what)}: {escape(finding.found)}")
            if finding.do:
                console.print(f"     → {escape(finding.do)}")
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(1)
