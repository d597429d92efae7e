"""The planning file of a site, read and held against its plant."""

from __future__ import annotations

from pathlib import Path

from optimizer.planning import PLANNING_FILE, PlanningFile, planning_faults
from plant.state import Plant
from protocols.errors import ConfigError
from runtime.yaml_config import line_numbers, load_config


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
