"""From what Telegraf reads to profiles and entries of a device list: what is certain, and the rest.

Telegraf stores numbers without units, so a unit comes from who converts (`--unit`), or from a name that ends
in one that means nothing else (`_kwh`, `_bar_g`); a bit is a state. Any other value stands in the profile as
a comment, ready but for its unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from edge_agent.commission.csv_profile import Head, Table, make_profile
from edge_agent.commission.names import free_name
from edge_agent.commission.telegraf_found import Book, FoundDevice, FoundField, Line, Section
from edge_agent.commission.telegraf_modbus import modbus_devices
from edge_agent.commission.telegraf_servers import mqtt_devices, opcua_devices, opcua_listeners
from edge_agent.commission.toml_lines import Toml
from protocols.device import Device
from protocols.errors import ConfigError
from protocols.profile import PointSpec, Profile
from protocols.units import UNITS
from runtime.yaml_config import as_config

_READERS: Final[dict[str, Callable[[Section, float], Iterator[FoundDevice]]]] = {
    "modbus": modbus_devices,
    "opcua": opcua_devices,
    "opcua_listener": opcua_listeners,
    "mqtt_consumer": mqtt_devices,
}
_CERTAIN: Final = (
    "_pct", "_frac", "_kw", "_kwh", "_wh", "_kvar", "_kva", "_kvarh", "_bar_g", "_bar_a", "_kpa_a", "_m3_min",
    "_m3_h", "_nm3_h", "_l_s", "_kg_h", "_hz", "_rpm", "_w_m2", "_count", "_code",
)  # fmt: skip
"""Suffixes that say their unit in anybody's mouth; `_a` may be a phase, `_min` a least value, `_mw` mW."""

_INTERVAL_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the file does not say.

    Attributes:
        head: Of the profile; where several are made, a number is added to the id.
        units: Patterns of field names, each with a unit; the first that fits counts.
        counters: Patterns of the names of fields that count up.
    """

    head: Head
    units: tuple[tuple[str, str], ...] = ()
    counters: tuple[str, ...] = ()


@dataclass(slots=True)
class Made:
    """What came of a file.

    Attributes:
        profiles: Profiles, each with the comment lines of its open values.
        devices: Entries of a device list.
        book: Remarks with their lines.
    """

    profiles: list[tuple[Profile, list[str]]] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    book: Book = field(default_factory=Book)


def convert(toml: Toml, wishes: Wishes) -> Made:
    """Make profiles and entries of every section that is known.

    Raises:
        ConfigError: There is no such section, or no value with a unit; all remarks, one a line.
    """
    made = Made()
    found = list(_found(toml, made.book))
    if not found:
        known = ", ".join(f"[[inputs.{name}]]" for name in _READERS)
        raise ConfigError("\n".join([*told(toml, made.book.left_out), f"{toml.path}: has none of {known}"]))
    for device in found:
        _take(toml, device, wishes, made)
    if not made.profiles:
        advice = (
            "no value has a unit that is known; say --unit PATTERN=UNIT, for example --unit '*voltage*=V'"
        )
        raise ConfigError("\n".join([*told(toml, made.book.left_out), f"{toml.path}: {advice}"]))
    return made


def told(toml: Toml, lines: Iterable[Line]) -> list[str]:
    """Remarks with their file, in the order of the file."""
    return [f"{toml.path}:{line}: {text}" for line, text in sorted(set(lines))]


def _found(toml: Toml, book: Book) -> Iterator[FoundDevice]:
    agent = toml.data.get("agent")
    top = Section(toml, ("agent",), agent if isinstance(agent, dict) else {}, book)
    usual_s = top.seconds("interval", _INTERVAL_S)
    inputs = toml.data.get("inputs")
    known = inputs if isinstance(inputs, dict) else {}
    for name in known:
        if name not in _READERS:
            line = toml.line(("inputs", name))
            book.left_out.append(Line(line, f"[[inputs.{name}]]: is not read by this agent"))
            continue
        for plugin in Section(toml, ("inputs",), known, book).sections(name):
            yield from _READERS[name](plugin, plugin.seconds("interval", usual_s))


def _take(toml: Toml, device: FoundDevice, wishes: Wishes, made: Made) -> None:
    used: set[str] = set()
    points: list[tuple[int, PointSpec]] = []
    open_ones: list[str] = []
    for one in device.fields:
        unit = _unit(one, wishes)
        if unit is None:
            open_ones += _open(one, device.every_s)
            text = f"{one.name!r} has no unit; say --unit '{one.name}=UNIT', or write it into the profile"
            made.book.left_out.append(Line(one.line, text))
            continue
        try:
            data = _point(one, unit, wishes, used) | {"every_s": device.every_s}
            points.append((one.line, as_config(f"{toml.path}:{one.line}", data, PointSpec)))
        except ConfigError as error:
            made.book.left_out += _lines(toml, one.line, str(error))
    if not points:
        made.book.left_out.append(Line(device.line, f"{device.name!r}: no value of it is taken over"))
        return
    profile = _profile(toml, device, points, wishes, made)
    if profile is not None:
        made.profiles.append((profile, open_ones)) if profile.id not in _ids(made) else None
        _enter(toml, device, profile, made)


def _ids(made: Made) -> list[str]:
    return [profile.id for profile, _ in made.profiles]


def _profile(
    toml: Toml, device: FoundDevice, points: Sequence[tuple[int, PointSpec]], wishes: Wishes, made: Made
) -> Profile | None:
    """The profile of a device; one that is there already with the same points is used again."""
    ids, head = _ids(made), wishes.head
    name = head.id if not ids else f"{head.id}_{len(ids) + 1}"
    own = Head(name, head.label, head.label_zh, head.equipment, head.source, device.protocol)
    try:
        profile, faults = make_profile(toml.path, Table(tuple(points), ()), own)
    except ConfigError as error:
        made.book.left_out += _lines(toml, device.line, str(error))
        return None
    for fault in faults:
        made.book.left_out += _lines(toml, device.line, fault)
    same = (
        old for old, _ in made.profiles if (old.protocol, old.points) == (profile.protocol, profile.points)
    )
    return next(same, profile)


def _enter(toml: Toml, device: FoundDevice, profile: Profile, made: Made) -> None:
    if device.connection is None:
        text = f"{device.name!r} is in no device list, as its connection cannot be told"
        made.book.left_out.append(Line(device.line, text))
        return
    used = {one.id for one in made.devices}
    name = free_name(device.name, "", used)
    label = {"en": device.name, "zh": device.name}
    data = {"id": name, "label": label, "profile": profile.id, "connection": dict(device.connection)}
    try:
        made.devices.append(as_config(f"{toml.path}:{device.line}", data, Device))
    except ConfigError as error:
        made.book.left_out += _lines(toml, device.line, str(error))


def _lines(toml: Toml, line: int, text: str) -> Iterator[Line]:
    """Remarks of others, which begin with the file and mostly with the line."""
    for one in text.splitlines():
        rest = one.removeprefix(f"{toml.path}").removeprefix(":")
        number = re.match(r"(\d+): ", rest)
        yield Line(int(number[1]) if number else line, rest[number.end() :] if number else rest.strip())


def _unit(one: FoundField, wishes: Wishes) -> str | None:
    for pattern, unit in wishes.units:
        if fnmatchcase(one.name, pattern) or fnmatchcase(f"{one.measurement}.{one.name}", pattern):
            return unit
    if one.state:
        return "code"
    name = f"_{re.sub(r'[^a-z0-9]+', '_', one.name.lower()).strip('_')}"
    fitting = [
        symbol for symbol, unit in UNITS.items() if unit.suffix in _CERTAIN and name.endswith(unit.suffix)
    ]
    return max(fitting, key=lambda symbol: len(UNITS[symbol].suffix), default=None)


def _point(one: FoundField, unit: str, wishes: Wishes, used: set[str]) -> dict[str, Any]:
    path = f"{one.measurement}/{one.name}" if one.measurement else one.name
    point: dict[str, Any] = {
        "name": free_name(path, UNITS[unit].suffix, used),
        "label": {"en": one.name, "zh": one.name},
        "unit": unit,
        "address": dict(one.address),
    }
    if one.scale != 1.0:
        point["scale"] = one.scale
    if unit == "code":
        point["kind"] = "state"
    if any(fnmatchcase(one.name, pattern) for pattern in wishes.counters):
        point["kind"] = "counter"
    return point


def _open(one: FoundField, every_s: float) -> list[str]:
    """A value without a unit as lines of a comment; only name and unit have to be filled in."""
    point = {
        "name": "…", "label": {"en": one.name, "zh": one.name}, "unit": "…", "address": dict(one.address),
        "scale": one.scale, "every_s": every_s,
    }  # fmt: skip
    text = str(
        yaml.safe_dump([point], allow_unicode=True, sort_keys=False, default_flow_style=None, width=110)
    )
    return [f"#{line}" for line in text.splitlines()]


def unit_wish(text: str) -> tuple[str, str]:
    """Read `PATTERN=UNIT`.

    Raises:
        ConfigError: Another form, or a unit that is not in the table.

    Example:
        >>> unit_wish("*voltage*=V")
        ('*voltage*', 'V')
    """
    pattern, _, unit = text.rpartition("=")
    if not pattern or unit not in UNITS:
        known = ", ".join(symbol for symbol in UNITS if symbol)
        raise ConfigError(f"--unit {text!r} is not PATTERN=UNIT; units are: {known}")
    return pattern, unit


def file_of(out: Path, profile: Profile) -> Path:
    """Where a profile is written."""
    return out / f"{profile.id}.yaml"
