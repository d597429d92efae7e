"""`ems edge scan modbus`: which units answer on a line, who they are, which profile fits them. Reads only.

A unit is there when anything comes back, a refusal too. Its identity (function 43/14) and SunSpec's list of
models are read where it has them. With `--fit` every Modbus profile is tried: one fits when its readings are
usual for their units, and not for the reason that all of them are 0.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commission.advice import NO_ANSWER
from edge_agent.commission.presence import names_of
from edge_agent.commission.rawread import RawPoint, RawReader, read_point
from edge_agent.commission.rows import Row, show
from edge_agent.commission.sunspec_chain import HEAD, walk
from edge_agent.commission.target import Framing, Line, Parity, connected, connection_of
from protocols.drivers.modbus.driver import ModbusDriver
from protocols.drivers.modbus.make import line_of
from protocols.errors import ConfigError, DeviceError, DeviceUnreachableError
from protocols.profile import PointSpec, Profile
from runtime.yaml_config import load_config

_LAST_UNIT: Final = 255
_SAMPLE: Final = 6
_MOST_FITS: Final = 3
_HALF: Final = 0.5


def scan(  # noqa: PLR0913  one option each
    targets: Annotated[list[str], typer.Argument(help="HOST[:PORT] or a serial port.")],
    *,
    units: Annotated[str, typer.Option(help="Unit ids, for example 1-10 or 1,2,247.")] = "1-10",
    fit: Annotated[bool, typer.Option("--fit", help="Try which profile fits.")] = False,
    framing: Annotated[Framing, typer.Option(help="Over TCP: mbap or rtu.")] = "mbap",
    baud: Annotated[int, typer.Option(help="Of a serial port.")] = 9600,
    parity: Annotated[Parity, typer.Option(help="Of a serial port.")] = "none",
    timeout_s: Annotated[float, typer.Option(help="How long one answer may take.")] = 1.0,
    config: Annotated[Path, typer.Option("--config", help="Folder with devices/, for --fit.")] = Path(
        "configs"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Look for Modbus units: who answers, what it is, and which profile fits it.

    Example: ems edge scan modbus 192.168.1.20 --units 1-20 --fit
    """
    ids = parse_units(units)
    profiles = _modbus_profiles(config) if fit else []
    rows: list[Row] = []
    for target in targets:
        for unit_id in ids:
            line = Line(unit_id, framing, baud, parity, timeout_s)
            row = asyncio.run(_scan_unit(target, line, profiles))
            if row is not None:
                rows.append(row)
    if not rows and not as_json:
        raise DeviceUnreachableError(f"no unit of {units} answers at {', '.join(targets)}; try {NO_ANSWER}")
    typer.echo(json.dumps(rows, ensure_ascii=False) if as_json else show(rows))


def parse_units(text: str) -> list[int]:
    """Read `1-10,247`.

    Raises:
        ConfigError: No numbers from 0 to 255.

    Example:
        >>> parse_units("1-3,247")
        [1, 2, 3, 247]
    """
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        high = high or low
        if not (low.isdecimal() and high.isdecimal() and int(low) <= int(high) <= _LAST_UNIT):
            raise ConfigError(
                f"--units {text!r}: found {part!r}; allowed are numbers and ranges from 0 to 255, as 1-10"
            )
        found += range(int(low), int(high) + 1)
    return list(dict.fromkeys(found))


async def _scan_unit(target: str, line: Line, profiles: Sequence[Profile]) -> Row | None:
    at = connection_of(target, line)
    row: Row = {"line": line_of(at), "unit": float(at.unit), "device": "", "sunspec": "", "fits": ""}
    async with connected(at) as driver:
        try:
            row["device"] = await _identity(driver) or "tells no name"
            row["sunspec"] = " ".join(str(model) for model, _ in await sunspec_models(driver))
            row["fits"] = ", ".join(name for name, _ in await fitting(driver, profiles))
        except DeviceUnreachableError:
            return row if row["device"] else None  # it was there: what it told counts
        except DeviceError as error:
            row["device"] = str(error)
    return row


async def _identity(driver: ModbusDriver) -> str:
    objects = await names_of(driver)
    return " ".join(text for _, text in sorted(objects.items()) if text)


async def sunspec_models(reader: RawReader) -> list[tuple[int, int]]:
    """Models of a SunSpec device with the address of their first point; empty when it is none.

    Raises:
        DeviceUnreachableError: No answer.
    """
    chain = await walk(reader)
    return [(place.model, place.at + HEAD) for place in chain.places]


async def fitting(reader: RawReader, profiles: Sequence[Profile]) -> list[tuple[str, int]]:
    """Profiles all of whose readings are usual, the one with most points first.

    Raises:
        DeviceUnreachableError: No answer.
    """
    found = [
        (profile.id, len(profile.points))
        for profile in profiles
        if await _fits(reader, _sample(profile.points)) and await _fits(reader, profile.points)
    ]
    return sorted(found, key=lambda one: -one[1])[:_MOST_FITS]


def _sample(points: Sequence[PointSpec]) -> Sequence[PointSpec]:
    return points[:: max(1, len(points) // _SAMPLE)]


async def _fits(reader: RawReader, points: Sequence[PointSpec]) -> bool:
    read: list[RawPoint] = []
    for spec in points:
        point = await read_point(reader, spec)
        if not point.usual:
            return False
        read.append(point)
    return sum(point.value != 0.0 for point in read) > _HALF * len(read)


def _modbus_profiles(config: Path) -> list[Profile]:
    profiles = [load_config(file, Profile) for file in sorted((config / "devices").glob("*.yaml"))]
    return [profile for profile in profiles if profile.protocol == "modbus"]
