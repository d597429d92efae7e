"""The device list of an edge, written for a person: from `ID=PROFILE@WHERE` to a commented file.

meter1=eastron_sdm630@192.168.1.20:502#3        Modbus TCP, unit 3
meter2=eastron_sdm630@192.168.1.21:4001,rtu#7   RTU frames over TCP, unit 7
meter3=eastron_sdm630@/dev/ttyUSB0,9600,even#4  serial Modbus, unit 4
chiller1=frigor_wc600@192.168.1.30#3001         BACnet/IP, device instance 3001
battery1=voltis_bess500@opc.tcp://192.168.1.40:4840/ua
pv1=solara_pv500@192.168.1.50:1883/plant/pv1    MQTT, topics below plant/pv1
gw1=acme_gw@192.168.1.50:1883/spBv1.0/GROUP/NODE/DEVICE  Sparkplug B; no DEVICE where the node itself is read
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.device import Device, EdgeDevices, ModbusSerial, ModbusTcp
from protocols.errors import ConfigError
from protocols.profile import Profile
from runtime.yaml_config import load_config
from runtime.yaml_faults import faults_of

_FORM: Final = re.compile(r"^(?P<id>[^=@\s]+)=(?P<profile>[^=@\s]+)@(?P<where>\S+)$")
_SERIAL_PARTS: Final = ("port", "baud", "parity")
_SPARKPLUG: Final = "spBv1.0/"


@dataclass(frozen=True, slots=True)
class Wish:
    """One device as it was asked for.

    Attributes:
        id: Its id.
        profile: Profile in `configs/devices`.
        where: How it is reached, in the form its protocol has.
        label: What people call it; empty: the id.
    """

    id: str
    profile: str
    where: str
    label: str = ""


def parse_wish(text: str) -> Wish:
    """Read `ID=PROFILE@WHERE`.

    Raises:
        ConfigError: Another form.

    Example:
        >>> parse_wish("m1=eastron_sdm630@10.0.0.7:502#3").where
        '10.0.0.7:502#3'
    """
    found = _FORM.match(text)
    if found is None:
        raise ConfigError(
            f"--device {text!r} is not ID=PROFILE@WHERE, for example meter1=eastron_sdm630@192.168.1.20:502#1"
        )
    return Wish(found["id"], found["profile"], found["where"])


def make_site_file(config_dir: Path, site: str, edge: str, wishes: Sequence[Wish]) -> str:
    """The text of the device list.

    Raises:
        ConfigError: Every fault of every device, one a line.
    """
    faults: list[str] = []
    profiles = {wish.profile: _profile(config_dir, wish.profile, faults) for wish in wishes}
    devices = []
    for wish in wishes:
        profile = profiles[wish.profile]
        if profile is not None:
            devices.append(_device(wish, profile.protocol))
    document = {"site": site, "edge": edge, "devices": devices}
    faults += [f"{_about(devices, fault.loc)}: {fault.text}" for fault in faults_of(EdgeDevices, document)]
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))
    known = {name: profile for name, profile in profiles.items() if profile is not None}
    return _text(config_dir, EdgeDevices.model_validate(document), known)


def _profile(config_dir: Path, name: str, faults: list[str]) -> Profile | None:
    path = config_dir / "devices" / f"{name}.yaml"
    if not path.exists():
        known = sorted(file.stem for file in (config_dir / "devices").glob("*.yaml"))
        faults.append(f"no profile {name!r}; there are: {', '.join(known)}")
        return None
    try:
        return load_config(path, Profile)
    except ConfigError as error:
        faults.append(str(error))
        return None


def _about(devices: Sequence[Mapping[str, object]], loc: tuple[int | str, ...]) -> str:
    if len(loc) > 1 and isinstance(loc[1], int):
        return f"device {devices[loc[1]]['id']}, {'.'.join(str(part) for part in loc[2:])}"
    return ".".join(str(part) for part in loc) or "devices"


def _device(wish: Wish, protocol: str) -> dict[str, object]:
    label = wish.label or wish.id
    return {
        "id": wish.id,
        "label": {"en": label, "zh": label},
        "profile": wish.profile,
        "connection": _connection(wish.where, protocol),
    }


def _connection(where: str, protocol: str) -> dict[str, object]:
    if protocol == "opcua":
        return {"kind": "opcua", "url": where}
    if protocol == "mqtt":
        place, _, prefix = where.partition("/")
        return {"kind": "mqtt", **_host_and_port(place), **_topics(prefix)}
    place, _, number = where.partition("#")
    if protocol == "bacnet":
        return {"kind": "bacnet", **_host_and_port(place), "device_instance": _number(number)}
    return _modbus(place, {"unit": _number(number)} if number else {})


def _modbus(place: str, unit: Mapping[str, object]) -> dict[str, object]:
    if place.startswith("/"):
        parts = dict(zip(_SERIAL_PARTS, place.split(","), strict=False))
        serial = {name: _number(text) if name == "baud" else text for name, text in parts.items()}
        return {"kind": "modbus_serial", **serial, **unit}
    address, comma, framing = place.partition(",")
    return {"kind": "modbus", **_host_and_port(address), **({"framing": framing} if comma else {}), **unit}


def _topics(prefix: str) -> dict[str, object]:
    if not prefix.startswith(_SPARKPLUG):
        return {"prefix": prefix}
    names = dict(zip(("group", "node", "device"), prefix.removeprefix(_SPARKPLUG).split("/"), strict=False))
    return {"sparkplug": names}


def _host_and_port(place: str) -> dict[str, object]:
    host, colon, port = place.partition(":")
    return {"host": host, "port": _number(port)} if colon else {"host": host}


def _number(text: str) -> int | str:
    """A number, or the text as it stands, so that the model can say what it found."""
    return int(text) if text.isdecimal() else text


def _text(config_dir: Path, edge: EdgeDevices, profiles: Mapping[str, Profile]) -> str:
    options = f"--config {config_dir} --site {edge.site} --edge {edge.edge}"
    lines = [
        f"# What edge {edge.edge} of site {edge.site} reads. Made by `ems edge init`; yours to change.",
        f"# Check it:       ems edge check {options}",
        f"# Read a device:  ems edge read {edge.devices[0].id} {options}",
        "# Tell a broker too: `outlet: {host: BROKER}` beside `devices`, docs/mqtt-outlet.md",
        "# A device can be written to only with signed limits and a proven fallback: ems edge prove --help",
        f"site: {edge.site}",
        f"edge: {edge.edge}",
        "devices:",
    ]
    for device in edge.devices:
        lines += device_entry(device, profiles[device.profile])
    return "\n".join(lines) + "\n"


def device_entry(device: Device, profile: Profile) -> list[str]:
    """Lines of one device in a device list, with a comment above."""
    at = device.connection.model_dump(mode="json", exclude_defaults=True)
    connection = ", ".join(f"{name}: {_plain(value)}" for name, value in _with_kind(device, at).items())
    sure = f", {profile.origin.certainty.replace('_', ' ')}" if profile.origin is not None else ""
    return [
        f"  # {profile.label.en}: {len(profile.points)} points{sure}",
        f"  - id: {device.id}",
        f"    label: {{en: {_plain(device.label.en)}, zh: {_plain(device.label.zh)}}}",
        f"    profile: {device.profile}",
        f"    connection: {{{connection}}}",
    ]


def _with_kind(device: Device, at: Mapping[str, object]) -> dict[str, object]:
    """What was said, and the unit id in any case: it is what an installer looks for first."""
    connection = device.connection
    unit = {"unit": connection.unit} if isinstance(connection, ModbusTcp | ModbusSerial) else {}
    return {"kind": connection.kind, **at, **unit}


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
