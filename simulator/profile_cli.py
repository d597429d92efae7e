"""`ems sim profile`: one device of any protocol, made from nothing but its profile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.logs import setup_logging
from runtime.yaml_config import load_config
from simulator import faults
from simulator.device import Fault
from simulator.profile_place import PORTS, Place
from simulator.profile_service import Serving, serving
from simulator.profile_values import told_values, where
from simulator.running import clear_sentence, until_signalled

_SITE: Final = "sim"


def profile(  # noqa: PLR0913  one option each
    file: Annotated[Path, typer.Argument(help="A profile of any protocol.")],
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port; usual: Modbus 5020, BACnet 47808, OPC UA 4840, MQTT 1883."
        ),
    ] = None,
    unit_id: Annotated[
        int | None,
        typer.Option(min=0, help="Unit id of Modbus (usual: 1), device instance of BACnet (usual: 3001)."),
    ] = None,
    line: Annotated[
        Literal["tcp", "rtu-tcp", "serial"],
        typer.Option(help="Modbus TCP, RTU frames over TCP, or RTU at a pseudo-terminal made for it."),
    ] = "tcp",
    broker: Annotated[
        str, typer.Option(help="HOST:PORT of an MQTT broker; without it, one is started at --port.")
    ] = "",
    prefix: Annotated[
        str, typer.Option(help="Before each MQTT topic; of Sparkplug B GROUP/NODE or GROUP/NODE/DEVICE.")
    ] = "",
    still: Annotated[bool, typer.Option("--still", help="Values do not move.")] = False,
    fault: Annotated[Fault, typer.Option(help="What goes wrong from the start.")] = Fault.NONE,
    state: Annotated[
        Path | None, typer.Option(help="Folder for faults and the broker; usual: var/sim/profile/….")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line instead of the table.")] = False,
) -> None:
    """Serve one device as its profile describes it, with values that move, until Ctrl-C.

    Example: ems sim profile configs/devices/eastron_sdm630.yaml --port 5020
    """
    setup_logging("sim")
    made = load_config(file, Profile)
    at = _broker(broker) if broker else (host, port or PORTS[made.protocol])
    folder = state or Path("var/sim/profile") / f"{made.id}_{line if line == 'serial' else at[1]}"
    place = Place(*at, unit_id, line, bool(broker), prefix, folder)

    def tell(served: Serving) -> None:
        if fault is not Fault.NONE:
            faults.request(folder, made.id, fault)
            served.device.fault = fault
        typer.echo(_as_json(served) if as_json else "\n".join(_lines(served, file, folder)))

    with clear_sentence():
        asyncio.run(until_signalled(_serve(made, place, still, tell)))


def _serve(
    made: Profile,
    place: Place,
    still: bool,  # noqa: FBT001  what the option said
    tell: Callable[[Serving], None],
) -> Coroutine[None, None, None]:
    async def work() -> None:
        async with serving(made, place, still=still) as served:
            tell(served)
            async with asyncio.TaskGroup() as group:
                for loop in served.loops:
                    group.create_task(loop())

    return work()


def _broker(text: str) -> tuple[str, int]:
    """Read `HOST` or `HOST:PORT`.

    Raises:
        ConfigError: Another form.
    """
    host, colon, port = text.partition(":")
    number = int(port) if port.isdecimal() else 0
    if not host or (colon and not 0 < number <= 65535):  # noqa: PLR2004  the last port
        raise ConfigError(f"--broker {text!r} is not HOST:PORT, for example 127.0.0.1:1883")
    return host, number or 1883


def _as_json(served: Serving) -> str:
    return json.dumps(
        {"at": served.place.at, "wish": served.place.wish, "values": told_values(served.device)}
    )


def _lines(served: Serving, file: Path, state: Path) -> list[str]:
    """What is served and how it is read, for a person."""
    device = served.device
    points = device.profile.points
    values = told_values(device)
    wide = max(len(spec.name) for spec in points)
    lines = [f"{device.id}: {len(points)} points, {served.place.at}"]
    for spec in points:
        number = f"{values[spec.name]:.7g} {spec.unit}"
        writable = " (set-point)" if spec.kind == "setpoint" else ""
        lines.append(f"  {spec.name:{wide}}  {number:18} {where(spec.address)}{writable}")
    lines.append("read it from a second terminal:")
    if served.place.direct:
        lines.append(f"  ems edge read {served.place.direct}")
    return [*lines, *_with_site(served, file), *_with_faults(device.id, state), "Ctrl-C ends it"]


def _with_site(served: Serving, file: Path) -> list[str]:
    name = served.device.id
    config = file.parent.parent
    if file.parent.name != "devices" or file.stem != name:
        return [f"  copy {file} to configs/devices/{name}.yaml to read all points through a site file"]
    options = f"--site {_SITE}" + ("" if config == Path("configs") else f" --config {config}")
    return [
        f"  ems edge init {options} --force --device {name}={name}@{served.place.wish}",
        f"  ems edge read {name} {options}",
    ]


def _with_faults(name: str, state: Path) -> list[str]:
    return [
        "put a fault on it (silent, slow, local; none ends it):",
        f"  ems sim fault {name} silent --state {state}",
    ]
