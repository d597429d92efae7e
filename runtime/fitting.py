"""Files that have to fit the points of an edge, controllers and rules: read, checked, all faults at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from protocols.config import Config
from protocols.errors import ConfigError
from protocols.point import PointKind
from protocols.rule_check import Misfit, PointFacts
from protocols.write_block import WriteBlock
from runtime.site import SiteDevices
from runtime.yaml_config import line_numbers, load_config

_C = TypeVar("_C", bound=Config)


def point_facts(site: SiteDevices, blocks: Mapping[str, WriteBlock]) -> dict[str, PointFacts]:
    """Every point of an edge as a rule has to fit it; a set-point with limits has those."""
    found: dict[str, PointFacts] = {}
    for device in site.edge.devices:
        block = blocks.get(device.id)
        limits = {} if block is None else {each.point: (each.low, each.high) for each in block.points}
        for spec in site.profiles[device.profile].points:
            low, high = limits.get(spec.name, (spec.low, spec.high))
            settable = spec.kind is PointKind.SETPOINT
            of_controller = device.connection.kind == "controller"
            found[f"{device.id}/{spec.name}"] = PointFacts(spec.unit, settable, low, high, of_controller)
    return found


def load_if_there(path: Path, model: type[_C], faults: list[str]) -> _C:
    """Read a file into `model`; an empty one where there is none, or after noting its faults."""
    try:
        return load_config(path, model) if path.exists() else model()
    except ConfigError as error:
        faults.append(str(error))
        return model()


def told(path: Path, misfits: Sequence[Misfit]) -> list[str]:
    """Each as `file:line: field: what`, in the order of the file.

    Raises:
        ConfigError: The file cannot be read any more.
    """
    if not misfits:
        return []
    line_of = line_numbers(path)
    lines = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in misfits)
    return [f"{path}:{line}: {where}: {text}" for line, where, text in lines]
