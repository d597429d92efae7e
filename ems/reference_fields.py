"""The part of the reference that tells fields: from the JSON schema of a model to a table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from accounts.contract import Contract
from hub.accounts.book import AccountsFile
from hub.alarms.config import AlarmsFile
from hub.auth.provider import ProviderConfig
from hub.forecast.config import ForecastFile
from hub.outside.senders import SendersFile
from hub.outside.way_out import OutsideFile
from hub.registry.areas import AreasFile
from hub.registry.calendars import CalendarFile
from hub.registry.site import SiteFile
from hub.reports.settings import ReportSettings
from hub.store.retention import Retention
from hub.values.config import ValuesFile
from optimizer.cases.plant_case import PlantCase
from optimizer.planning import PlanningFile
from optimizer.tariff import Emissions, Tariff
from plant.control.controllers import ControllerBook
from plant.flowsheet import Flowsheet
from plant.learnt import CurveBook
from protocols.config import Config
from protocols.device import EdgeDevices
from protocols.errors import ContractError
from protocols.profile import Profile
from protocols.rules import RuleBook
from protocols.write_block import WriteBlock

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Root:
    """A kind of file.

    Attributes:
        path: Where it stands below the configuration.
        what: What it says.
        model: What checks it.
    """

    path: str
    what: str
    model: type[Config]


ROOTS: Final = (
    Root("sites/<site>/site.yaml", "a site: time zone, place, mode, edges", SiteFile),
    Root("sites/<site>/<edge>.yaml", "the device list of one edge", EdgeDevices),
    Root("sites/<site>/write/<device>.yaml", "limits and fallbacks of what may be written", WriteBlock),
    Root("sites/<site>/<edge>.controllers.yaml", "local controllers of one edge", ControllerBook),
    Root("sites/<site>/<edge>.rules.yaml", "rules of one edge", RuleBook),
    Root("sites/<site>/alarms.yaml", "what is an alarm, how urgent, what to do; who is told", AlarmsFile),
    Root(
        "senders.yaml of the hub's own folder",
        "mail servers and robots of alarms and reports",
        SendersFile,
    ),
    Root(
        "outside.yaml of the hub's own folder",
        "which hosts and networks of the plant the hub may connect to",
        OutsideFile,
    ),
    Root("reports.yaml of the hub's own folder", "font and keeping of reports", ReportSettings),
    Root("provider.yaml of the hub's own folder", "sign-in with the company account", ProviderConfig),
    Root("sites/<site>/values.yaml", "virtual points, balances, counters, cleaning rules", ValuesFile),
    Root("sites/<site>/flowsheet.yaml", "carriers, machines and how they hang together", Flowsheet),
    Root(
        "sites/<site>/curves.yaml", "curves learnt from the plant, written by `ems curves accept`", CurveBook
    ),
    Root("sites/<site>/areas.yaml", "halls, lines, rooms, and what stands in them", AreasFile),
    Root("sites/<site>/retention.yaml", "how long samples and rollups are kept", Retention),
    Root("devices/<profile>.yaml", "a make and model: its points and where they are read", Profile),
    Root("tariffs/<site>.yaml", "what energy costs", Tariff),
    Root("emissions/<site>.yaml", "what energy emits", Emissions),
    Root("contracts/<site>.yaml", "the supply contract as it is billed", Contract),
    Root("sites/<site>/accounts.yaml", "meters, media, factors and goals of the accounts", AccountsFile),
    Root("sites/<site>/planning.yaml", "what the planner may choose and keeps in hand", PlanningFile),
    Root("cases/<case>.yaml", "a window of a plant for `ems optimize dispatch`", PlantCase),
    Root("calendars/<site>.yaml", "working days, holidays, shifts", CalendarFile),
    Root("sites/<site>/forecast.yaml", "plane of the PV field, where weather comes from", ForecastFile),
)
"""Each file a person writes, with its model; every other model is reached from these."""

_BOUNDS: Final = (
    ("minimum", "≥ "), ("exclusiveMinimum", "> "), ("maximum", "≤ "), ("exclusiveMaximum", "< "),
    ("minLength", "characters ≥ "), ("maxLength", "characters ≤ "), ("minItems", "entries ≥ "),
    ("maxItems", "entries ≤ "),
)  # fmt: skip
_PLAIN: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "none",
}


def models_of(roots: Sequence[type[Config]]) -> dict[str, Schema]:
    """Every model that is reached from the roots, by name.

    Raises:
        ContractError: Two different models have one name, so a link would lead to the wrong one.
    """
    found: dict[str, Schema] = {}
    for root in roots:
        schema = root.model_json_schema()
        parts = {**schema.get("$defs", {}), root.__name__: {k: v for k, v in schema.items() if k != "$defs"}}
        for name, part in parts.items():
            if name in found and found[name] != part:
                raise ContractError(f"two models of the configuration are called {name}; rename one of them")
            found[name] = part
    return found


def table_of(name: str, schema: Schema) -> str:
    """One model as a heading, its sentence and a table of its fields."""
    lines = [f"\n### {name}\n", _sentence(schema)]
    if "enum" in schema:
        lines.append(f"\nOne of {_values(schema['enum'])}.")
        return "\n".join(lines)
    if "properties" not in schema:
        lines.append(f"\n{kind_of(schema)}.")
        return "\n".join(lines)
    required = schema.get("required", ())
    lines.append("\n| field | kind | usual | meaning |\n|---|---|---|---|")
    for field, part in schema["properties"].items():
        usual = "required" if field in required else _usual(part)
        lines.append(f"| `{field}` | {kind_of(part)} | {usual} | {cell(part.get('description', ''))} |")
    return "\n".join(lines)


def kind_of(part: Schema) -> str:
    """What may stand in a field, in words, with its bounds and links to other models."""
    for key, how in _KINDS:
        if key in part:
            return how(part)
    bounds = [f"{sign}{part[key]:g}" for key, sign in _BOUNDS if key in part]
    if "pattern" in part:
        bounds.append(f"like `{cell(part['pattern'])}`")
    return ", ".join([_PLAIN.get(str(part.get("type", "")), "anything"), *bounds])


def cell(text: str) -> str:
    """Text for one cell of a table, on one line."""
    return " ".join(text.split()).replace("|", "\\|")


def _sentence(schema: Schema) -> str:
    return " ".join(str(schema.get("description", "")).split())


def _values(values: Sequence[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _usual(part: Schema) -> str:
    value = part.get("default")
    return (
        "" if value is None or value in ([], {}, "") else f"`{cell(json.dumps(value, ensure_ascii=False))}`"
    )


def _linked(part: Schema) -> str:
    name = str(part["$ref"]).rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


def _either(part: Schema) -> str:
    return " or ".join(dict.fromkeys(kind_of(one) for one in part.get("anyOf") or part["oneOf"]))


def _list(part: Schema) -> str:
    if "prefixItems" in part:
        return f"({', '.join(kind_of(one) for one in part['prefixItems'])})"
    sizes = [f"{sign}{part[key]}" for key, sign in _BOUNDS if key in part]
    return ", ".join([f"list of {kind_of(part.get('items', {}))}", *sizes])


def _mapping(part: Schema) -> str:
    value = part.get("additionalProperties", False)
    if isinstance(value, bool):
        value = next(iter(part.get("patternProperties", {}).values()), {})
    return f"mapping to {kind_of(value)}" if value else "mapping"


_KINDS: Final[tuple[tuple[str, Callable[[Schema], str]], ...]] = (
    ("$ref", _linked),
    ("anyOf", _either),
    ("oneOf", _either),
    ("const", lambda part: f"`{part['const']}`"),
    ("enum", lambda part: _values(part["enum"])),
    ("prefixItems", _list),
    ("items", _list),
    ("patternProperties", _mapping),
    ("additionalProperties", _mapping),
)
"""Key of a schema that decides, to how it is told; in this order."""
