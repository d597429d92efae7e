"""Commissioning of BACnet devices: find them, look into them, make profiles of EDE lists."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import yaml

from edge_agent.commission.rows import Row, show
from protocols.device import Device
from protocols.drivers.bacnet.client import BacnetClient, name_of
from protocols.drivers.bacnet.discover import (
    SEGMENTATION,
    Described,
    Found,
    Search,
    describe,
    find_devices,
    introduce,
    object_list,
    same_instance,
)
from protocols.drivers.bacnet.driver import connection_of, peer_of
from protocols.drivers.bacnet.ede import Imported, Wanted, read_ede
from protocols.drivers.bacnet.packet import Peer
from protocols.drivers.bacnet.services import ALL_INSTANCES, TYPES
from protocols.drivers.bacnet.tags import ObjectId
from protocols.drivers.bacnet.units import NO_UNITS, Pressure, house_unit
from protocols.drivers.bacnet.values import Flag
from protocols.errors import ConfigError, DeviceUnreachableError
from protocols.profile import BacnetAddress, PointSpec, Profile

PORT: Final = 47808
_NAMES: Final = {number: name for name, number in TYPES.items()}
_MOST_BYTES: Final = 20_000_000


def scan(  # noqa: PLR0913  one option each
    *,
    to: Annotated[
        list[str] | None, typer.Option(help="Address to ask, host or host:port; repeat it.")
    ] = None,
    broadcast: Annotated[str | None, typer.Option(help="Broadcast address of a local network.")] = None,
    bbmd: Annotated[str | None, typer.Option(help="BBMD to register at as a foreign device.")] = None,
    low: Annotated[int, typer.Option(help="Lowest device instance.", min=0, max=ALL_INSTANCES)] = 0,
    high: Annotated[
        int, typer.Option(help="Highest device instance.", min=0, max=ALL_INSTANCES)
    ] = ALL_INSTANCES,
    bind: Annotated[
        str | None, typer.Option(help="Own address; answers to a broadcast come to port 47808.")
    ] = None,
    wait_s: Annotated[float, typer.Option("--wait", help="Time for answers. [s]", min=0.1, max=60)] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """Ask BACnet devices of a range of instances to name themselves.

    Example: ems edge scan bacnet --to 192.168.1.20 --low 3000 --high 3999
    """
    if low > high:
        raise ConfigError(f"--low {low} is above --high {high}; no device instance lies between")
    search = Search(
        targets=tuple(_peer(text) for text in to or ()),
        broadcast=None if broadcast is None else _peer(broadcast),
        bbmd=None if bbmd is None else _peer(bbmd),
        low=low,
        high=high,
        wait_s=wait_s,
    )
    if not (search.targets or search.broadcast or search.bbmd):
        raise ConfigError("say whom to ask: --to 192.168.1.20, --broadcast 192.168.1.255 or --bbmd 10.0.0.1")
    own = _peer(bind or (f"0.0.0.0:{PORT}" if broadcast else "0.0.0.0:0"), 0)
    rows = asyncio.run(_scanned(search, own))
    if not rows and not as_json:
        raise DeviceUnreachableError(_nobody(search))
    typer.echo(json.dumps(rows, ensure_ascii=False) if as_json else show(rows))


async def browse(device: Device, profile: Profile) -> list[Row]:
    """Objects of a configured device as they describe themselves, with the points of the profile.

    Raises:
        ConfigError: The device has no BACnet connection.
        DeviceError: It does not answer, or tells no object list.
    """
    place = connection_of(device)
    peer, client = peer_of(place), BacnetClient()
    points = {
        (TYPES[spec.address.object], spec.address.instance): spec
        for spec in profile.points
        if isinstance(spec.address, BacnetAddress)
    }
    try:
        listed = await object_list(client, peer, place.device_instance, place.timeout_s)
        wanted = list(dict.fromkeys((*listed.objects, *map(ObjectId._make, points))))
        told = await describe(client, peer, wanted, place.timeout_s)
    finally:
        client.close()
        await asyncio.sleep(0)
    rows = [_row(one, points.get((one.object.kind, one.object.instance))) for one in told]
    if not listed.complete:
        missing = f"{len(set(listed.objects))} of {listed.stated} objects were listed"
        rows.append(dict.fromkeys(rows[0] if rows else ("object",), None) | {"object": missing})
    return rows


def from_ede(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="The EDE list, CSV.")],
    out: Annotated[
        Path, typer.Argument(help="Profile to write, for example configs/devices/maker_ahu.yaml.")
    ],
    *,
    equipment: Annotated[str, typer.Option(help="Kind of equipment, for example chiller.")],
    device: Annotated[int | None, typer.Option(help="Device instance, where the list has several.")] = None,
    pressure: Annotated[
        Pressure | None, typer.Option(help="What pressures are; BACnet does not say it.")
    ] = None,
    every_s: Annotated[float, typer.Option("--every", help="How often points are read. [s]", min=0.1)] = 10.0,
) -> None:
    """Make a profile of an EDE list; every line that cannot be used is named.

    Example: ems edge profile from-ede plant_EDE.csv configs/devices/maker_ahu.yaml --equipment air_handler
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; give another name or move it away")
    if file.stat().st_size > _MOST_BYTES:
        raise ConfigError(f"{file}: is too large for an EDE list; allowed are {_MOST_BYTES} bytes")
    wanted = Wanted(out.stem, equipment, device, pressure, every_s)
    made = read_ede(file.read_bytes(), str(file), wanted)
    out.write_text(profile_text(made, file.name), encoding="utf-8")
    typer.echo(
        f"{out}: {len(made.profile.points)} points, {len(made.left_out)} lines left out; check them with"
    )
    typer.echo(f"ems edge profile check {out}")


def profile_text(made: Imported, source: str) -> str:
    """The profile as YAML, with what was left out as comments."""
    profile = made.profile
    said = profile.model_dump(mode="json", exclude_defaults=True) | {
        "points": [_point_text(spec) for spec in profile.points]
    }
    head = f"# Made of {source}. Names, units and ranges are the list's; not yet tried on a device.\n"
    left = "".join(f"# line {line} was left out: {why}\n" for line, why in made.left_out.items())
    body = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110)
    return head + left + str(body)


def _point_text(spec: PointSpec) -> dict[str, Any]:
    said = spec.model_dump(mode="json", exclude_defaults=True)
    said["address"] = {"kind": "bacnet", **said["address"]}
    return said


async def _scanned(search: Search, own: Peer) -> list[Row]:
    client = BacnetClient(own.host, own.port, broadcast=search.broadcast is not None)
    try:
        found = [await introduce(client, one) for one in await find_devices(client, search)]
    finally:
        client.close()
        await asyncio.sleep(0)
    twice = same_instance(found)
    return [_device_row(one, twice=one.said.instance in twice) for one in found]


def _device_row(found: Found, *, twice: bool) -> Row:
    said = found.said
    segmented = SEGMENTATION[said.segmentation] if said.segmentation < len(SEGMENTATION) else "unknown"
    return {
        "instance": str(said.instance),
        "address": name_of(found.peer),
        "name": found.name,
        "vendor": found.vendor or f"vendor {said.vendor}",
        "model": found.model,
        "max_apdu": str(said.max_apdu),
        "segmentation": segmented,
        "fault": "this instance answers at more than one address; give each device its own" if twice else "",
    }


def _row(one: Described, spec: PointSpec | None) -> Row:
    kind = _NAMES.get(one.object.kind, f"type {one.object.kind}")
    value = None if one.value is None or math.isnan(one.value) else one.value
    return {
        "object": f"{kind} {one.object.instance}",
        "name": one.name,
        "value": value,
        "unit": _unit(one.unit),
        "flags": " ".join(_flags(one.flags)),
        "commandable": one.commandable,
        "point": "" if spec is None else spec.name,
        "point_value": None if spec is None or value is None else value * spec.scale + spec.offset,
        "point_unit": "" if spec is None else spec.unit,
        "description": one.description,
    }


def _unit(code: int | None) -> str:
    if code is None or code == NO_UNITS:
        return ""
    found = house_unit(code, Pressure.DIFFERENCE)
    if isinstance(found, str):
        return f"unit {code}"
    return found.symbol if found.scale == 1.0 else f"{found.scale:g} {found.symbol}"


def _flags(octet: int) -> Iterator[str]:
    for flag in Flag:
        if octet & flag:
            yield flag.name.lower()


def _peer(text: str, port: int = PORT) -> Peer:
    host, _, behind = text.partition(":")
    parts = host.split(".")
    if len(parts) != 4 or not all(part.isdigit() and int(part) <= 255 for part in parts):  # noqa: PLR2004  IPv4
        raise ConfigError(f"{text!r} is no address; give an IPv4 address, with :port where it is not {PORT}")
    if behind and not (behind.isdigit() and int(behind) <= 65535):  # noqa: PLR2004  the highest port
        raise ConfigError(f"{text!r}: {behind!r} is no port; allowed are 0 to 65535")
    return Peer(host, int(behind) if behind else port)


def _nobody(search: Search) -> str:
    asked = [name_of(one) for one in (*search.targets, search.broadcast, search.bbmd) if one is not None]
    return (
        f"a Who-Is for instances {search.low} to {search.high} went to {', '.join(asked)} and nothing came "
        f"back within {search.wait_s:g} s; try a longer --wait, --bind 0.0.0.0:{PORT} for devices that "
        "answer by broadcast, --bbmd for another subnet, and check the port and that BACnet/IP is switched on"
    )
