"""The planning file of a site, read and held against its plant."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from optimizer.planning import PLANNING_FILE, PlanningFile, planning_faults
from plant.state import Plant
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config

_NAMED: Final = 3
"""Points that are offered where one is missing."""


def load_planning(config: Path, site: str, plant: Plant) -> PlanningFile:
    """What the planner of a site may choose; nothing without the file.

    Raises:
        ConfigError: All faults, each as `file:line: field: found, allowed`.
    """
    path = config / "sites" / site / PLANNING_FILE
    if not path.exists():
        return PlanningFile()
    planning = load_config(path, PlanningFile)
    faults = list(planning_faults(planning, plant))
    if faults:
        line_of = line_numbers(path)
        raise ConfigError(
            "\n".join(f"{path}:{line_of(tuple(name.split('.')))}: {name}: {why}" for name, why in faults)
        )
    return planning


def check_reactive_point(config: Path, site: str, points: Collection[str]) -> None:
    """Refuse reactive power that is read at a point no device of the site has.

    Args:
        config: Root of the configuration.
        site: The site, with a planning file.
        points: Its points, "device/point", those that are worked out among them.

    Raises:
        ConfigError: It is no point, as `file:line: field: found, allowed`.
    """
    path = config / "sites" / site / PLANNING_FILE
    reactive = load_config(path, PlanningFile).reactive
    if reactive is None or reactive.point in points:
        return
    like = difflib.get_close_matches(reactive.point, points, _NAMED, 0.5) or sorted(points)[:_NAMED]
    raise ConfigError(
        f"{path}:{line_numbers(path)(('reactive', 'point'))}: reactive.point: found {reactive.point!r}, "
        f"which is no point of this site; allowed are its points, for example {', '.join(like)}"
    )
