"""The rules of an edge as a file, checked against its devices and limits; and which of them have been tried.

`sites/<site>/<edge>.rules.yaml` beside the device list. A rule that writes (`mode: active`) needs limits for
each of its points and a trial against history (`ems edge rules try`) of exactly what it does now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError
from protocols.point import PointKind
from protocols.rule_check import Misfit, PointFacts, misfits
from protocols.rules import Rule, RuleBook
from protocols.write_block import WriteBlock
from runtime.site import SiteDevices
from runtime.yaml_config import line_numbers, load_config

TRIED_FILE: Final = "rules_tried.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial against history found of one rule.

    Attributes:
        rule: Its id.
        first: First moment of the data, ISO 8601.
        last: Last moment of the data.
        times: How often it would have acted.
        acting_s: For how long in all. [s]
        unknown_s: How long an input was missing. [s]
    """

    rule: str
    first: str
    last: str
    times: int
    acting_s: float
    unknown_s: float


def rules_file(config_dir: Path, site: str, edge: str) -> Path:
    """Where the rules of an edge stand; the file need not be there."""
    return config_dir / "sites" / site / f"{edge}.rules.yaml"


def point_facts(site: SiteDevices, blocks: Mapping[str, WriteBlock]) -> dict[str, PointFacts]:
    """Every point of an edge as a rule has to fit it; a set-point with limits has those."""
    found: dict[str, PointFacts] = {}
    for device in site.edge.devices:
        block = blocks.get(device.id)
        limits = {} if block is None else {each.point: (each.low, each.high) for each in block.points}
        for spec in site.profile_of(device.id).points:
            low, high = limits.get(spec.name, (spec.low, spec.high))
            settable = spec.kind is PointKind.SETPOINT
            found[f"{device.id}/{spec.name}"] = PointFacts(spec.unit, settable, low, high)
    return found


def load_rules(path: Path, facts: Mapping[str, PointFacts], taken: Mapping[str, str]) -> RuleBook:
    """Read a rule book and check that it fits.

    Args:
        path: The file.
        facts: From `point_facts`.
        taken: Points that a controller writes already, to its name.

    Raises:
        ConfigError: All faults, one a line, as `file:line: field: what`.
    """
    book = load_config(path, RuleBook)
    faults = misfits(book, facts, taken)
    if faults:
        raise ConfigError(told(path, faults))
    return book


def told(path: Path, faults: list[Misfit]) -> str:
    """Faults as lines of text, in the order of the file."""
    line_of = line_numbers(path)
    lines = sorted((line_of(loc), ".".join(map(str, loc)), text) for loc, text in faults)
    return "\n".join(f"{path}:{line}: {where}: {text}" for line, where, text in lines)


def load_tried(state: Path) -> dict[str, Trial]:
    """Trials by the digest of the rule; empty when there are none.

    Raises:
        ConfigError: The file is spoiled.
    """
    path = state / TRIED_FILE
    if not path.exists():
        return {}
    try:
        return {digest: Trial(**row) for digest, row in json.loads(path.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: is no record of trials; remove it and try the rules again") from error


def save_tried(state: Path, trials: Mapping[str, Trial]) -> None:
    """Add trials to the record, in place of older ones of the same rules."""
    path = state / TRIED_FILE
    whole = {digest: asdict(trial) for digest, trial in {**load_tried(state), **trials}.items()}
    state.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)


def not_allowed(rule: Rule, limited: frozenset[str], tried: Mapping[str, Trial]) -> str:
    """Why an active rule only advises for now, as a sentence; empty when it may act.

    Args:
        rule: The rule.
        limited: Points `device/point` with commissioned limits whose one writer is this rule.
        tried: From `load_tried`.
    """
    free = [act.point for act in rule.then if act.point not in limited]
    if free:
        return (
            f"rule {rule.id} only advises: {', '.join(free)} has no signed limits with `writer: {rule.id}`; "
            "sign a write block that names it"
        )
    if rule.digest() not in tried:
        return f"rule {rule.id} only advises: it was not tried as it is now; run `ems edge rules try`"
    return ""
