"""From the address space of an OPC UA server to a profile: a draft that a person completes, never a guess.

A variable whose unit the server tells in a form we know becomes a point. Every other number stands in the
file as a comment with what is known of it, so that only unit and name have to be filled in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yaml

from edge_agent.commission.names import free_name
from protocols.drivers.opcua.browse import Variable
from protocols.errors import ConfigError
from protocols.units import UNITS

_UNCERTAIN: Final = frozenset({"1", "", "code", "bar", "Pa", "m³/min"})
"""Symbols of our table that say less in a maker's mouth: gauge or difference, free or actual flow."""

_ALIASES: Final = {
    "degC": "°C", "deg C": "°C", "degree Celsius": "°C", "degF": "°F", "KW": "kW", "kwh": "kWh", "KWH": "kWh",
    "barg": "bar(g)", "bara": "bar(a)", "m3/h": "m³/h", "m3": "m³", "Nm3/h": "Nm³/h", "Nm3": "Nm³",
    "W/m2": "W/m²", "1/min": "rpm", "U/min": "rpm", "kVAr": "kvar",
    "kVArh": "kvarh", "volt": "V", "hertz": "Hz",
}  # fmt: skip
"""How makers write units, letter by letter; case matters (mW is not MW)."""


def known_unit(text: str) -> str | None:
    """Symbol of our table for a maker's unit; None when it is not certain.

    Example:
        >>> known_unit("kW"), known_unit("degC"), known_unit("bar"), known_unit("mW")
        ('kW', '°C', None, None)
    """
    symbol = _ALIASES.get(text.strip(), text.strip())
    return symbol if symbol in UNITS and symbol not in _UNCERTAIN else None


def profile_text(variables: Iterable[Variable], name: str, label: str, equipment: str, source: str) -> str:
    """A profile as YAML.

    Raises:
        ConfigError: No variable is a number with a unit we know, so there is no profile to write.
    """
    used: set[str] = set()
    points, open_ones = [], []
    for one in (one for one in variables if one.type):
        unit = known_unit(one.unit)
        if unit is None:
            open_ones.append(_open_point(one))
        else:
            points.append(_dump([_point(one, unit, used)]))
    if not points:
        raise ConfigError(
            f"none of the {len(open_ones)} numbers tells a unit we know, so this would be a profile without "
            "points; `ems edge opcua browse` lists them, write the profile by hand from that"
        )
    head = {
        "id": name, "label": {"en": label, "zh": label}, "protocol": "opcua", "equipment": equipment,
    }  # fmt: skip
    lines = [
        f"# Read from {source}. Compare names, units and signs with the maker's papers before it is used.\n",
        _dump(head),
        "points:\n",
        *points,
    ]
    if open_ones:
        lines += ["# Numbers whose unit the server does not tell; fill in name and unit, then uncomment.\n"]
    return "".join(lines + open_ones)


def _point(one: Variable, unit: str, used: set[str]) -> dict[str, Any]:
    title = one.path.rsplit("/", 1)[-1]
    point: dict[str, Any] = {
        "name": free_name(one.path, UNITS[unit].suffix, used),
        "label": {"en": title, "zh": title},
        "unit": unit,
        "address": {"kind": "opcua", "node": one.node, "type": one.type},
    }
    if one.low is not None and one.high is not None:
        point |= {"low": one.low, "high": one.high}
    return point


def _open_point(one: Variable) -> str:
    point = _point(one, "1", set()) | {"name": "…", "unit": f"… the server says {one.unit!r}"}
    told = f"# {one.path}: now {one.value or one.quality.name.lower()}\n"
    return told + "".join(f"#{line}\n" for line in _dump([point]).splitlines())


def _dump(what: object) -> str:
    return str(yaml.safe_dump(what, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110))
