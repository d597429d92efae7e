"""What is wrong with a profile, and what looks suspicious although it is allowed.

Every finding is `file:line: field: what was found, what is allowed`. Errors keep the profile out; warnings
are for a person to look at; notes say what the profile costs on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from edge_agent.commission.suspicion import doubts_of_point, doubts_of_profile, faults_of_point
from protocols.drivers.modbus.plan import Block, limits_of, plan_blocks
from protocols.drivers.modbus.readplan import spans_of
from protocols.errors import ConfigError
from protocols.profile import PointSpec, Profile
from runtime.yaml_config import line_numbers, load_config, load_yaml

_MOST_HOLES: Final = 6


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in one file, each a line of its own.

    Attributes:
        profile: The profile; None when it cannot be used.
        errors: Keep the profile out.
        warnings: Allowed, but seldom meant.
        notes: What it costs on the wire.
    """

    profile: Profile | None = None
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """All of it for a person, each line with what it is."""
        yield from (f"error: {text}" for text in self.errors)
        yield from (f"warning: {text}" for text in self.warnings)
        yield from (f"ok: {text}" for text in self.notes)


def check_profile(path: Path) -> Findings:
    """Everything there is to say about a profile file, in one run; never raises for what the file holds."""
    try:
        data = load_yaml(path)
        line_of = line_numbers(path)
    except ConfigError as error:
        return Findings(errors=[str(error)])
    errors: list[str] = []
    profile = _load(path, errors)
    points = list(_sound_points(data))
    warnings: list[str] = []
    for number, spec in points:
        at = ("points", number)
        where = f"{path}:{line_of(at)}: points.{number} {spec.name}"
        errors += [f"{where}: {text}" for text in faults_of_point(spec)]
        warnings += [f"{where}: {text}" for text in doubts_of_point(spec)]
    if profile is None:
        return Findings(None, errors, warnings)
    if profile.id != path.stem:
        errors.append(f"{path}:{line_of(('id',))}: id: found {profile.id!r}; the file is named {path.stem!r}")
    warnings += [f"{path}:{line_of(at)}: {text}" for at, text in doubts_of_profile(profile)]
    notes = [] if errors or profile.protocol != "modbus" else [f"{path}: {cost_of(profile)}"]
    return Findings(None if errors else profile, errors, warnings, notes)


def cost_of(profile: Profile) -> str:
    """How a Modbus profile is read: requests, registers, and the holes that are read along.

    Raises:
        ConfigError: A point contradicts the limits.
    """
    spans = list(dict.fromkeys(span for spec in profile.points for span in spans_of(spec)))
    blocks = plan_blocks(spans, limits_of(profile))
    used = {(span.table, cell) for span in spans for cell in range(span.first, span.end)}
    holes = [hole for block in blocks for hole in _holes(block, used)]
    cells = sum(block.size for block in blocks)
    text = f"{len(profile.points)} points in {len(blocks)} requests of {cells} registers or bits"
    if not holes:
        return text
    shown = ", ".join(holes[:_MOST_HOLES]) + (" …" if len(holes) > _MOST_HOLES else "")
    return f"{text}; read along unused: {shown} (put into modbus.forbidden what the device refuses)"


def _load(path: Path, errors: list[str]) -> Profile | None:
    try:
        return load_config(path, Profile)
    except ConfigError as error:
        errors += str(error).splitlines()
        return None


def _sound_points(data: object) -> Iterator[tuple[int, PointSpec]]:
    items = data.get("points") if isinstance(data, Mapping) else None
    for number, item in enumerate(items if isinstance(items, list) else ()):
        try:
            yield number, PointSpec.model_validate(item)
        except ValidationError:
            continue  # said already, with everything else that does not fit the model


def _holes(block: Block, used: set[tuple[str, int]]) -> Iterator[str]:
    first: int | None = None
    for cell in range(block.start, block.start + block.size + 1):
        idle = cell < block.start + block.size and (block.table, cell) not in used
        if idle and first is None:
            first = cell
        elif not idle and first is not None:
            yield f"{block.table} {first}" + (f"-{cell - 1}" if cell - 1 > first else "")
            first = None
