"""Cleaning rules across starts: what was made by other rules than today's is made anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hub.registry.site import load_registry
from hub.store.port import SeriesStore
from hub.values.config import Cleaning
from hub.values.load import known_points, load_values, values_file
from protocols.errors import ContractError
from protocols.point import PointId, parse_point

FILE: Final = "cleaning.json"
"""In the hub's own folder: point to the digest of the rules its rollups were made by."""

Rules = Mapping[PointId, tuple[Cleaning, ...]]


def cleaning_rules(config_dir: Path, site: str) -> Rules:
    """Cleaning rules of a site by point; none where it has no file of values, whatever else is there.

    Raises:
        ConfigError: The site or its values cannot be read.
    """
    if not values_file(config_dir, site).exists():
        return {}
    return load_values(config_dir, site, known_points(load_registry(config_dir, site))).cleaning


def bring_up(store: SeriesStore, rules: Rules, state: Path) -> list[PointId]:
    """Have rollups made anew of the points whose rules are others than at the last start.

    The file is written after the store has taken it, so that a kill between the two only does it again.

    Returns:
        Those points.

    Raises:
        StoreError: The store takes no writes now.
    """
    path = state / FILE
    before, now = _read(path), {str(point): _digest(found) for point, found in rules.items()}
    changed = [
        _point(name) for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)
    ]
    points = [point for point in changed if point is not None]
    if points:
        store.forget_rollups(points)
    if before != now:
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(now, indent=1, sort_keys=True), encoding="utf-8")
        beside.replace(path)
    return points


def _digest(rules: tuple[Cleaning, ...]) -> str:
    meant = [rule.model_dump(mode="json", exclude={"points"}) for rule in rules]
    return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, str]:
    """What was kept; nothing where there is none, or where it is damaged: then all is made anew."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in found.items()} if isinstance(found, dict) else {}


def _point(name: str) -> PointId | None:
    try:
        return parse_point(name)
    except ContractError:
        return None
