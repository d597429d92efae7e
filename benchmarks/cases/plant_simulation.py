"""Whole plants in virtual time, each from a seed: wrong writes, and points that are stuck."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.registry import Case, Result
from protocols.errors import ContractError
from tests.simulation.many import play_many

SEEDS: Final = 1000
"""Plants that are played; others than those of `make test`."""

_FIRST: Final = 50


def run() -> Result:
    """Play them all.

    Raises:
        ContractError: Something was found; the message names the seeds, each of which replays exactly.
    """
    began_s = time.perf_counter()
    tally = play_many(_FIRST, _FIRST + SEEDS)
    took_s = time.perf_counter() - began_s
    if tally.findings:
        raise ContractError(tally.told())
    return Result(
        {
            "seeds": float(tally.seeds),
            "wrong_writes": float(tally.count("wrong_write")),
            "stuck": float(tally.count("stuck")),
            "writes_judged": float(tally.writes),
            "took_s": took_s,
        }
    )


CASE: Final = Case(
    "plant_simulation",
    "whole plants in virtual time: edges, bus, two hubs, machines, people, and what can go wrong",
    run,
    {"seeds": (SEEDS,)},
)
