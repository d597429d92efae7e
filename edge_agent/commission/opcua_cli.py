"""`ems edge opcua`: look into an OPC UA server, and make a profile of what is there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError

from edge_agent.commission.rows import Row
from protocols.device import Device, OpcUa
from protocols.errors import ConfigError
from protocols.profile import OpcuaAddress, Profile

if TYPE_CHECKING:
    from protocols.drivers.opcua.browse import Variable

app = typer.Typer(no_args_is_help=True, help="Look into OPC UA servers.")

Url = Annotated[str, typer.Argument(help="Address of the server, opc.tcp://host:port/path.")]
State = Annotated[Path, typer.Option(help="Folder of the agent's own state, with the trust list.")]
Start = Annotated[str | None, typer.Option(help="Node to begin at, for example ns=2;s=Plc1.")]
Security = Annotated[
    str, typer.Option(help="none, or policy/mode, for example Basic256Sha256/SignAndEncrypt.")
]
User = Annotated[str | None, typer.Option(help="Name of the user; the password stands elsewhere.")]
Password = Annotated[str | None, typer.Option(help="Environment variable that holds the password.")]
_NONE: Final = "none"


@app.callback()
def _group() -> None:
    """Keep `browse` a word of its own beside the commands to come."""


@app.command("browse")
def browse_server(  # noqa: PLR0913  one option each
    url: Url,
    *,
    start: Start = None,
    security: Security = _NONE,
    user: User = None,
    password_env: Password = None,
    state: State = Path("var/edge"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
) -> None:
    """List every variable below a node with type, unit, value and quality; reads only.

    Example: ems edge opcua browse opc.tcp://192.168.1.20:4840 --start "ns=2;s=Plc1"
    """
    found = _browsed(_place(url, security, user, password_env), state, start)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        access = "rw" if one.writable else "r "
        typer.echo(
            f"{access} {one.type or '-':8} {one.path}  {one.value} {one.unit}  {one.quality.name}  {one.node}"
        )
    typer.echo(f"{len(found)} variables, {sum(bool(one.type) for one in found)} of them numbers")


async def browse_device(device: Device, profile: Profile) -> list[Row]:
    """Variables of a configured server with the points of the profile, by the trust list of `var/edge`.

    Raises:
        ConfigError: The device has no OPC UA connection.
        DeviceError: No session, or the server has too many variables.
    """
    from edge_agent.drivers import surroundings  # noqa: PLC0415  other commands need no OPC UA
    from protocols.drivers.opcua.browse import browse  # noqa: PLC0415  other commands need no OPC UA

    if not isinstance(device.connection, OpcUa):
        raise ConfigError(f"device {device.id!r} has no OPC UA connection")
    base = device.connection.base
    names = {
        spec.address.node_at(base): spec.name
        for spec in profile.points
        if isinstance(spec.address, OpcuaAddress)
    }
    found = await browse(device.connection, surroundings(Path("var/edge")))
    return [
        {
            "point": names.get(one.node) or names.get(one.indexed),
            "path": one.path,
            "type": one.type,
            "value": one.value,
            "unit": one.unit,
            "quality": one.quality.name,
            "write": one.writable,
            "node": one.node,
        }
        for one in found
    ]


def from_opcua(  # noqa: PLR0913  one option each
    url: Url,
    out: Annotated[
        Path, typer.Argument(help="Profile to write, for example configs/devices/maker_model.yaml.")
    ],
    *,
    label: Annotated[str, typer.Option(help="What people call the device.")],
    equipment: Annotated[str, typer.Option(help="Kind of equipment, for example meter.")] = "meter",
    start: Start = None,
    security: Security = _NONE,
    user: User = None,
    password_env: Password = None,
    state: State = Path("var/edge"),
) -> None:
    """Make the draft of a profile from what is below a node of an OPC UA server.

    Example: ems edge profile from-opcua opc.tcp://192.168.1.20:4840 configs/devices/plc.yaml --label PLC
    """
    from edge_agent.commission.opcua import profile_text  # noqa: PLC0415  other commands need no OPC UA

    if out.exists():
        raise ConfigError(f"{out} is there already; give another name or move it away")
    found = _browsed(_place(url, security, user, password_env), state, start)
    out.write_text(profile_text(found, out.stem, label, equipment, url), encoding="utf-8")
    typer.echo(f"{out}: complete it, then run: ems edge profile check {out}")


def _place(url: str, security: str, user: str | None, password_env: str | None) -> OpcUa:
    said: dict[str, Any] = {"url": url}
    if security != _NONE:
        policy, _, mode = security.partition("/")
        said["security"] = {"policy": policy, "mode": mode or "SignAndEncrypt"}
    if user is not None:
        said["login"] = {"user": user, "password": {"env": password_env} if password_env else None}
    try:
        return OpcUa.model_validate(said)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"this server cannot be addressed so: {faults}") from error


def _browsed(place: OpcUa, state: Path, start: str | None) -> tuple[Variable, ...]:
    from edge_agent.drivers import surroundings  # noqa: PLC0415  other commands need no OPC UA
    from protocols.drivers.opcua.browse import browse  # noqa: PLC0415  other commands need no OPC UA

    return asyncio.run(browse(place, surroundings(state), start))
