"""`ems edge profile from-sunspec`: a profile from what a SunSpec device says about itself; reads only."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.commission.advice import summary
from edge_agent.commission.checking import check_profile
from edge_agent.commission.profile_text import profile_yaml
from edge_agent.commission.rawread import RawPoint
from edge_agent.commission.sunspec_chain import BASES
from edge_agent.commission.sunspec_models import ModelTable
from edge_agent.commission.sunspec_profile import Survey, Wish, make_profile, survey
from edge_agent.commission.target import Framing, Line, Parity, connected, connection_of
from protocols.config import ID_PART
from protocols.drivers.modbus.make import At, line_of
from protocols.drivers.modbus.plan import Limits
from protocols.errors import ConfigError
from protocols.profile import Profile
from protocols.quality import Quality

_MOST_REGISTERS: Final = 125


def from_sunspec(  # noqa: PLR0913  one option each
    target: Annotated[str, typer.Argument(metavar="HOST", help="HOST[:PORT] or a serial port.")],
    out: Annotated[
        Path, typer.Argument(help="Profile to write, for example configs/devices/maker_model.yaml.")
    ],
    *,
    unit: Annotated[int, typer.Option("--unit", "--unit-id", help="Unit id.")] = 1,
    label: Annotated[str, typer.Option(help="What people call the device; else as it says.")] = "",
    label_zh: Annotated[str, typer.Option(help="The same in Chinese.")] = "",
    equipment: Annotated[str, typer.Option(help="Kind of equipment; else by its models.")] = "",
    curves: Annotated[bool, typer.Option("--curves", help="Make points of curves too (705-712).")] = False,
    framing: Annotated[Framing, typer.Option(help="Over TCP: mbap or rtu.")] = "mbap",
    baud: Annotated[int, typer.Option(help="Of a serial port.")] = 9600,
    parity: Annotated[Parity, typer.Option(help="Of a serial port.")] = "none",
    timeout_s: Annotated[float, typer.Option(help="How long one answer may take.")] = 1.0,
    max_registers: Annotated[
        int, typer.Option(min=2, max=_MOST_REGISTERS, help="Most registers in one request.")
    ] = _MOST_REGISTERS,
    take_good: Annotated[
        bool, typer.Option("--take-good", help="Keep what is sound of a faulty list.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a profile of this name.")] = False,
    config: Annotated[Path, typer.Option("--config", help="Folder with sunspec/.")] = Path("configs"),
) -> None:
    """Make a profile of a SunSpec device from its own list of models, and compare all readings once.

    Example: ems edge profile from-sunspec 192.168.1.20 configs/devices/acme_inv.yaml --unit 126
    """
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already; give another name, or --force to replace it")
    if re.match(ID_PART, out.stem) is None:
        raise ConfigError(f"{out}: the name of the file is the profile's id; allowed are a-z, 0-9 and _")
    at = connection_of(target, Line(unit, framing, baud, parity, timeout_s))
    table = ModelTable(config / "sunspec")
    wish = Wish(out.stem, label, label_zh, equipment, max_registers, curves)
    found, profile, read = asyncio.run(_made(at, table, wish, take_good=take_good))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(profile_yaml(profile, _comment(found)), encoding="utf-8")
    typer.echo(f"{line_of(at)} unit {at.unit}: {found.who or 'tells no name'}; models {_models(found)}")
    for text in (*found.faults, *found.notes):
        typer.echo(f"left out: {text}")
    typer.echo(f"{out}: {len(profile.points)} points; {summary(read)}")
    for text in check_profile(out).lines():
        typer.echo(text)


async def _made(
    at: At, table: ModelTable, wish: Wish, *, take_good: bool
) -> tuple[Survey, Profile, list[RawPoint]]:
    """Survey, profile of it, and one poll of that profile by the driver that will read it from now on."""
    async with connected(at, Limits(max_registers=wish.max_registers)) as driver:
        found = await survey(driver, table, wish)
        _must_be_sound(found, line_of(at), at.unit, take_good=take_good)
        profile = make_profile(found, table, wish)
        reading = await driver.read(profile.points)
    rows = zip(profile.points, reading.values, reading.qualities, strict=True)
    return (
        found,
        profile,
        [RawPoint(spec, b"", float(value), Quality(int(code))) for spec, value, code in rows],
    )


def _must_be_sound(found: Survey, line: str, unit: int, *, take_good: bool) -> None:
    where = f"{line} unit {unit}"
    if found.chain.base is None:
        raise ConfigError(
            f'{where} is no SunSpec device: "SunS" stands at none of {", ".join(map(str, BASES))}; '
            "try the unit id (often 1 or 126), and whether SunSpec is switched on in the device"
        )
    if found.faults and not take_good:
        advice = "nothing was written; look at the device, or give --take-good to keep what is sound"
        raise ConfigError("\n".join([*(f"{where}: {fault}" for fault in found.faults), advice]))
    if not found.points:
        told = "\n".join([*found.faults, *found.notes])
        raise ConfigError(f"{where}: none of its models ({_models(found)}) gives a point\n{told}".rstrip())


def _models(found: Survey) -> str:
    return ", ".join(f"{place.model} at {place.at}" for place in found.chain.places) or "none"


def _comment(found: Survey) -> list[str]:
    return [
        f"Made from the SunSpec models of {found.who or 'a device'}: {_models(found)}.",
        "Compare the sign of each power with the display.",
        "A set-point is written only with a signed write block.",
    ]
