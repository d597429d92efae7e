"""Hunt one mutant of the gate: stories first, then the random search; what fails must name a property."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial

from tests.unit.gate.gate_mutants import MUTANTS, Mutant, broken
from tests.unit.gate.gate_stories import STORIES, tell
from tests.unit.gate.test_gate_protocol import search


@dataclass(frozen=True, slots=True)
class Hunted:
    """What became of a mutant.

    Attributes:
        mutant: The break.
        caught: Whether a failing assertion named one of its invariants.
        by: The assertion, or what failed besides without naming one.
    """

    mutant: Mutant
    caught: bool
    by: str


def hunt(mutant: Mutant, examples: int = 40, steps: int = 25) -> Hunted:
    """Set everything on one mutant; a failure that names another property does not count."""
    beside = "nothing failed"
    with broken(mutant):
        for attempt in _attempts(examples, steps):
            said = _failure(attempt)
            if said is None:
                continue
            if said.split(":")[0] in mutant.names:
                return Hunted(mutant, caught=True, by=said)
            beside = f"only: {said}"
    return Hunted(mutant, caught=False, by=beside)


def hunt_all(examples: int = 40) -> list[Hunted]:
    """Every mutant, one after the other."""
    return [hunt(mutant, examples) for mutant in MUTANTS]


def _attempts(examples: int, steps: int) -> Iterator[Callable[[], None]]:
    for story in STORIES:
        yield partial(tell, story)
    yield partial(search, examples, steps, same_run_everywhere=True)


def _failure(attempt: Callable[[], None]) -> str | None:
    """First line of what an assertion said; another error is told, and names nothing."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            attempt()
        except AssertionError as error:
            return str(error).splitlines()[0] if str(error) else "an assertion without words"
        except Exception as error:  # noqa: BLE001  a mutant may break anything; only assertions count
            return f"{type(error).__name__}: {error}".splitlines()[0]
    return None
