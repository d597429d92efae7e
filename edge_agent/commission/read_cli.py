"""`ems edge read`: live values with unit and raw bytes, and help where they look wrong."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commission.advice import NO_ANSWER, advice, explanation, summary
from edge_agent.commission.presence import names_of
from edge_agent.commission.rawread import Candidate, RawPoint, read_candidates, read_point
from edge_agent.commission.reading import chosen, read_points
from edge_agent.commission.target import Framing, Line, Parity, connected, connection_of, is_address
from edge_agent.commission.textread import read_text
from protocols.config import Text
from protocols.device import ModbusSerial, ModbusTcp
from protocols.drivers.modbus.codec import modbus_address
from protocols.drivers.modbus.driver import ModbusDriver
from protocols.drivers.modbus.make import At
from protocols.drivers.modbus.plan import limits_of
from protocols.errors import ConfigError, DeviceError
from protocols.profile import DataType, ModbusAddress, PointSpec, WordOrder
from protocols.units import unit as unit_named
from runtime.clock import iso_utc
from runtime.site import SiteDevices, devices_file, load_devices
from runtime.yaml_config import as_config

_OBJECTS: Final = {
    0: "vendor",
    1: "product",
    2: "revision",
    3: "address of the vendor",
    4: "name",
    5: "model",
}


def read(  # noqa: PLR0913  one option each
    targets: Annotated[
        list[str],
        typer.Argument(help="HOST[:PORT] or a serial port; or a DEVICE of the site, then its POINTs."),
    ],
    *,
    address: Annotated[int | None, typer.Option(min=0, max=65535, help="Address on the wire.")] = None,
    data_type: Annotated[DataType, typer.Option("--type", help="How the bits are read.")] = DataType.U16,
    table: Annotated[str, typer.Option(help="holding, input, coil or discrete.")] = "holding",
    order: Annotated[WordOrder, typer.Option(help="Byte and word order.")] = WordOrder.ABCD,
    unit: Annotated[str, typer.Option(help="Unit that is expected, for example V; for the hints.")] = "",
    scale: Annotated[float, typer.Option(help="Raw value times this is the value.")] = 1.0,
    text: Annotated[
        int | None,
        typer.Option(min=1, max=125, help="So many registers as text, for example a model's name."),
    ] = None,
    unit_id: Annotated[int, typer.Option(min=0, max=255, help="Unit id.")] = 1,
    framing: Annotated[Framing, typer.Option(help="Over TCP: mbap or rtu.")] = "mbap",
    baud: Annotated[int, typer.Option(help="Of a serial port.")] = 9600,
    parity: Annotated[Parity, typer.Option(help="Of a serial port.")] = "none",
    timeout_s: Annotated[float, typer.Option(help="How long one answer may take.")] = 1.0,
    config: Annotated[Path, typer.Option("--config", help="Folder with sites/ and devices/.")] = Path(
        "configs"
    ),
    site: Annotated[str, typer.Option(help="Site below the configuration.")] = "demo",
    edge: Annotated[str, typer.Option(help="Id of this edge.")] = "edge1",
    state: Annotated[Path, typer.Option(help="Folder of the agent's own state.")] = Path("var/edge"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of a device's points.")] = False,
) -> None:
    """Read live values with their raw bytes; in all byte orders and beside the address where it helps.

    Example: ems edge read 192.168.1.20 --address 3027 --type f32 --unit V
    """
    if is_address(targets[0]):
        line = Line(unit_id, framing, baud, parity, timeout_s)
        ats = [connection_of(target, line) for target in targets]
        spec = None
        if address is not None:
            place = {"table": table, "address": address, "type": data_type, "order": order}
            spec = _spec(place, unit, scale)
        reads = [_read_line(at, spec) if text is None else read_text(at, spec, text) for at in ats]
        failed = [told for one in reads if (told := asyncio.run(one)) is not None]
    else:
        devices = load_devices(config, devices_file(config, site, edge))
        if as_json:
            _, specs = chosen(devices, targets[0], targets[1:])
            found = asyncio.run(read_points(devices, targets[0], specs, state))
            typer.echo(json.dumps([_row(point) for point in found], ensure_ascii=False))
            return
        told = asyncio.run(_read_device(devices, targets[0], targets[1:], state))
        failed = [] if told is None else [told]
    if failed:
        raise ConfigError("\n".join(failed))


def _spec(place: dict[str, object], unit: str, scale: float) -> PointSpec:
    """A point made of options.

    Raises:
        ConfigError: The options do not fit together.
    """
    named = unit_named(unit)
    data = {"name": f"value{named.suffix}", "label": Text(en="", zh=""), "unit": unit, "scale": scale}
    return as_config("--address, --type, --table", data | {"address": {"kind": "modbus", **place}}, PointSpec)


async def _read_line(at: At, spec: PointSpec | None) -> str | None:
    """Print what one unit says; gives a sentence when it could not be read."""
    name = at.port if isinstance(at, ModbusSerial) else f"{at.host}:{at.port}"
    async with connected(at) as driver:
        if spec is None:
            return await _identify(driver, name, at.unit)
        try:
            own = await read_point(driver, spec)
            candidates = await read_candidates(driver, spec)
        except DeviceError as error:
            return f"{name}\n{explanation(error, modbus_address(spec), at.unit)}"
    typer.echo(f"{name} unit {at.unit}, {_where(spec)}: {own.data.hex(' ') or own.fault}")
    typer.echo(_grid(spec, candidates))
    typer.echo(advice(spec, candidates))
    return None if own.error is None else f"{name}\n{explanation(own.error, modbus_address(spec), at.unit)}"


async def _identify(driver: ModbusDriver, name: str, unit_id: int) -> str | None:
    try:
        objects = await names_of(driver)
    except DeviceError as error:
        return f"{name} unit {unit_id}: {error}; {NO_ANSWER}"
    if not any(objects.values()):
        typer.echo(f"{name} unit {unit_id}: answers, but tells no name; give --address, --type and --table")
    for number, text in sorted(objects.items()):
        typer.echo(f"{name} unit {unit_id}: {_OBJECTS.get(number, f'object {number}')}: {text}")
    return None


async def _read_device(devices: SiteDevices, name: str, points: Sequence[str], state: Path) -> str | None:
    """Print the points of a device of the site; gives a sentence when it did not answer."""
    profile, specs = chosen(devices, name, points)
    at = devices.device(name).connection
    if not isinstance(at, ModbusTcp | ModbusSerial):
        try:
            _show(await read_points(devices, name, specs, state))
        except DeviceError as error:
            return f"{name}: {error}"
        return None
    async with connected(at, limits_of(profile)) as driver:
        found = []
        for spec in specs:
            try:
                found.append(await read_point(driver, spec))
            except DeviceError as error:
                return f"{name}\n{explanation(error, modbus_address(spec), at.unit)}"
        _show(found)
        for point in found if points else [p for p in found if not p.usual and p.data]:
            candidates = await read_candidates(driver, point.spec)
            typer.echo(f"{point.spec.name}, {_where(point.spec)}:")
            typer.echo(_grid(point.spec, candidates))
            typer.echo(advice(point.spec, candidates))
    return None


def _show(points: Sequence[RawPoint]) -> None:
    width = max(len(point.spec.name) for point in points)
    for point in points:
        value = f"{point.value:>14.6g}" if math.isfinite(point.value) else f"{'-':>14}"
        raw = point.data.hex(" ") or (f"device clock {iso_utc(point.source_ns)}" if point.source_ns else "")
        mark = "" if point.usual else "  ?"
        typer.echo(
            f"{point.spec.name:<{width}} {value} {_symbol(point.spec):<6} {point.quality.name.lower():<18} "
            f"{_where(point.spec):<24} {raw}{mark}".rstrip()
        )
    typer.echo(summary(points))


def _row(point: RawPoint) -> dict[str, object]:
    return {
        "point": point.spec.name,
        "value": point.value if math.isfinite(point.value) else None,
        "unit": point.spec.unit,
        "quality": point.quality.name.lower(),
        "usual": point.usual,
        "raw_hex": point.data.hex(),
        "source_time": iso_utc(point.source_ns) if point.source_ns else None,
        "where": _where(point.spec),
        "fault": point.fault,
    }


def _symbol(spec: PointSpec) -> str:
    return "" if spec.unit == "1" else spec.unit


def _where(spec: PointSpec) -> str:
    if not isinstance(spec.address, ModbusAddress):
        return ""
    at = modbus_address(spec)
    field = "" if at.bit is None else f" bit {at.bit}" + (f"+{at.bits}" if at.bits > 1 else "")
    return f"{at.table} {at.address} {at.type} {at.order}{field}"


def _grid(spec: PointSpec, candidates: Sequence[Candidate]) -> str:
    """All orders side by side, one address a line; `*` marks the one that was asked for, `<` usual values."""
    orders = list(dict.fromkeys(one.order for one in candidates))
    lines = [" " * 8 + "".join(f"{order:>16}" for order in orders)]
    asked = modbus_address(spec)
    for address in dict.fromkeys(one.address for one in candidates):
        cells = [_cell(one, asked) for one in candidates if one.address == address]
        lines.append(f"{address:>8}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def _cell(one: Candidate, asked: ModbusAddress) -> str:
    number = f"{one.value:.6g}" if math.isfinite(one.value) else "-"
    star = "*" if (one.address, one.order) == (asked.address, asked.order) else ""
    return f"{star}{number}{'<' if one.usual else ''}"
