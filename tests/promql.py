"""What a query of Prometheus asks for, and whether a process tells it: names and labels, without a server.

Whether a query is one at all is for `promtool check rules` and Prometheus itself (docs/deploying.md says what
was run by hand).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import yaml

DEPLOY: Final = Path(__file__).resolve().parents[1] / "deploy"
RULES: Final = DEPLOY / "compose" / "prometheus" / "rules.yml"

_NAME: Final = re.compile(r"\bems_(?:hub|edge)_[a-z0-9_]+")
_BY: Final = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_LINE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$")
_LABEL: Final = re.compile(r'(\w+)="')
ADDED: Final = {"instance", "job"}
"""Labels that Prometheus adds itself to what it takes from a process."""


def panel_queries() -> list[str]:
    """Of the dashboard of hub and edges."""
    panels = json.loads((DEPLOY / "grafana" / "hub.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def alert_queries() -> list[str]:
    """Of the alerts, but for what Prometheus itself tells."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"] if "ems_" in rule["expr"]]


def told(exposition: str) -> dict[str, set[str]]:
    """Labels by the name of a series, of a text for Prometheus."""
    found: dict[str, set[str]] = {}
    for line in exposition.splitlines():
        row = _LINE.match(line)
        if row is not None:
            found.setdefault(row[1], set()).update(_LABEL.findall(row[2] or ""))
    return found


def missing(query: str, series: dict[str, set[str]]) -> list[str]:
    """Series and labels that a query asks for and nobody tells.

    Example:
        >>> missing("sum by (edge) (ems_hub_up) + ems_hub_x", {"ems_hub_up": {"role"}})
        ['ems_hub_x', 'label edge']
    """
    names = list(dict.fromkeys(_NAME.findall(query)))
    absent = [name for name in names if name not in series]
    labels = {label for name in names for label in series.get(name, set())} | ADDED
    asked = [one.strip() for group in _BY.findall(query) for one in group.split(",") if one.strip()]
    return absent + [f"label {one}" for one in asked if one not in labels]
