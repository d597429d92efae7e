"""Which rules of an edge may act: those with limits that name them and a trial of exactly what they do now.

The file is `sites/<site>/<edge>.rules.yaml` beside the device list. A rule that writes (`mode: active`) needs
limits for each of its points and a trial against history (`ems edge rules try`) of exactly what it does now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from protocols.errors import ConfigError
from protocols.rules import Rule
from protocols.trouble import UNSIGNED, UNTRIED

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
        return UNSIGNED.say(id=rule.id, points=", ".join(free), writer=rule.id)
    if rule.digest() not in tried:
        return UNTRIED.say(id=rule.id)
    return ""
