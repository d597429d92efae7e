"""`ems edge plan`: which requests a site makes, what they cost, and whether each bus can carry them.

Nothing is sent. A serial bus that would be busy for more than four fifths of the time is refused, here, by
`ems edge check` and at the start.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from protocols.device import Device, ModbusSerial, ModbusTcp
from protocols.drivers.modbus.cost import MOST_LOAD_FRAC, exchange_bytes, exchange_s
from protocols.drivers.modbus.make import line_of
from protocols.drivers.modbus.plan import limits_of
from protocols.drivers.modbus.readplan import ReadPlan, make_plan
from protocols.errors import ConfigError
from protocols.profile import Profile
from protocols.units import Seconds
from runtime.site import SiteDevices, devices_file, load_devices

_PIPE_WIDTH: Final = 140


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of one polling class of one device.

    Attributes:
        line: `host:port` or serial port.
        device: Device id.
        every_s: Period. [s]
        table: Which table is read.
        start: First address.
        cells: Registers or bits asked for.
        points: How many points come with it.
        unused: Cells read along that no point needs.
        wire_bytes: Bytes of question and answer.
        busy_s: Time it keeps the line. [s]
    """

    line: str
    device: str
    every_s: Seconds
    table: str
    start: int
    cells: int
    points: int
    unused: int
    wire_bytes: int
    busy_s: Seconds


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """What a line carries.

    Attributes:
        line: `host:port` or serial port.
        serial: Whether its time is limited by a symbol rate.
        requests_per_s: Requests of all its devices.
        load_frac: Part of the time it is busy.
    """

    line: str
    serial: bool
    requests_per_s: float
    load_frac: float


def plan_site(site: SiteDevices) -> tuple[PlannedRequest, ...]:
    """Every request to Modbus devices, in the order of the device list.

    Raises:
        ConfigError: A point contradicts the limits of its device.
    """
    return tuple(
        request
        for device in site.edge.devices
        if isinstance(device.connection, ModbusTcp | ModbusSerial)
        for request in _plan_device(device, device.connection, site.profile_of(device.id))
    )


def plan_lines(site: SiteDevices, requests: Sequence[PlannedRequest]) -> tuple[PlannedLine, ...]:
    """Load of each line, in the order of their first device."""
    serial = {d.connection.port for d in site.edge.devices if isinstance(d.connection, ModbusSerial)}
    lines = dict.fromkeys(request.line for request in requests)
    return tuple(
        PlannedLine(
            line,
            line in serial,
            sum(1.0 / request.every_s for request in requests if request.line == line),
            sum(request.busy_s / request.every_s for request in requests if request.line == line),
        )
        for line in lines
    )


def refuse_overload(site: SiteDevices) -> None:
    """Make sure that every serial bus can carry what is asked of it.

    Raises:
        ConfigError: A bus would be busy for more than `MOST_LOAD_FRAC` of the time, or a point contradicts
            the limits of its device.
    """
    if not any(isinstance(device.connection, ModbusSerial) for device in site.edge.devices):
        return
    faults = [
        f"the serial bus {line.line} would be busy {line.load_frac:.0%} of the time with "
        f"{line.requests_per_s:.1f} requests/s, but {MOST_LOAD_FRAC:.0%} is the most that leaves room for "
        "writes and silent units; poll some points less often (every_s), raise the symbol rate or use a "
        "second bus"
        for line in plan_lines(site, plan_site(site))
        if line.serial and line.load_frac > MOST_LOAD_FRAC
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def plan(
    site: Annotated[str, typer.Argument(help="Site below the configuration.")] = "demo",
    *,
    config: Annotated[Path, typer.Option(help="Folder with sites/ and devices/.")] = Path("configs"),
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Show the Modbus requests of an edge and how busy they keep each bus; nothing is sent.

    Ends with an error where a serial bus would be busy for more than 80 % of the time.

    Example: ems edge plan demo --config configs --edge edge1
    """
    devices = load_devices(config, devices_file(config, site, edge))
    requests = plan_site(devices)
    lines = plan_lines(devices, requests)
    if as_json:
        said = {"requests": [asdict(row) for row in requests], "lines": [asdict(line) for line in lines]}
        typer.echo(json.dumps(said, indent=1))
    else:
        _print(requests, lines)
    refuse_overload(devices)


def _plan_device(device: Device, at: ModbusTcp | ModbusSerial, profile: Profile) -> list[PlannedRequest]:
    found = []
    points = sorted(profile.points, key=lambda spec: spec.every_s)
    for every_s, specs in itertools.groupby(points, key=lambda spec: spec.every_s):
        reads = make_plan(tuple(specs), at.unit, limits_of(profile), ())
        for number, request in enumerate(reads.requests):
            block = reads.blocks[number]
            found.append(
                PlannedRequest(
                    line=line_of(at),
                    device=device.id,
                    every_s=every_s,
                    table=block.table,
                    start=block.start,
                    cells=block.size,
                    points=len(reads.points_of[number]),
                    unused=block.size - _used(reads, number),
                    wire_bytes=exchange_bytes(at, request),
                    busy_s=exchange_s(at, request, profile.modbus.answer_s, profile.modbus.pause_s),
                )
            )
    return found


def _used(reads: ReadPlan, number: int) -> int:
    spans = reads.spans_in(number)
    return len({cell for span in spans for cell in range(span.first, span.end)})


def _print(requests: Sequence[PlannedRequest], lines: Sequence[PlannedLine]) -> None:
    from rich.console import Console  # noqa: PLC0415  the agent itself prints no tables
    from rich.table import Table  # noqa: PLC0415  as above

    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    table = Table(
        "line", "device", "each s", "table", "from", "cells", "points", "unused", "bytes", "busy ms"
    )
    for row in requests:
        table.add_row(
            row.line, row.device, f"{row.every_s:g}", row.table, str(row.start), str(row.cells),
            str(row.points), str(row.unused), str(row.wire_bytes), f"{1000 * row.busy_s:.1f}",
        )  # fmt: skip
    console.print(table)
    load = Table("line", "requests/s", "busy", "bound")
    for line in lines:
        bound = f"{MOST_LOAD_FRAC:.0%}" if line.serial else "none: TCP"
        load.add_row(line.line, f"{line.requests_per_s:.2f}", f"{line.load_frac:.1%}", bound)
    console.print(load)
