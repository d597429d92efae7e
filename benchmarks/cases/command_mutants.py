"""Deliberate breaks of the gate's core: how many the properties of the protocol notice by name."""

from __future__ import annotations

import os
from typing import Final

from benchmarks.registry import Case, Result
from protocols.errors import ContractError
from tests.unit.gate.gate_hunt import hunt_all

EXAMPLES: Final = 40
"""Random runs against a mutant that the stories let pass; ten times as many where `EMS_NIGHTLY` is set."""

_LEAST_FRAC: Final = 0.95


def run() -> Result:
    """Hunt every mutant.

    Raises:
        ContractError: Fewer than 95 % were caught by an assertion that names the property they break.
    """
    hunted = hunt_all(EXAMPLES * 10 if os.environ.get("EMS_NIGHTLY") else EXAMPLES)
    alive = [f"{one.mutant}: {one.by}" for one in hunted if not one.caught]
    figures = {"total": float(len(hunted)), "caught": float(len(hunted) - len(alive))}
    if len(alive) > (1 - _LEAST_FRAC) * len(hunted):
        raise ContractError("the properties let these breaks of the gate pass:\n" + "\n".join(alive))
    for line in alive:
        print(f"alive: {line}")
    return Result(figures)


CASE: Final = Case(
    "command_mutants",
    "deliberate breaks of the gate, each to be caught by the property it breaks",
    run,
    {"examples": (EXAMPLES,)},
)
