"""`python -m tests.simulation.run --seed N` tells the story of a seed; `--seeds A:B` judges many.

A seed replays exactly: the hash seed of the interpreter, by which mappings are ordered, is fixed first.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.simulation.breaks import BREAKS, apply
from tests.simulation.whole import Outcome, Whole


def play(seed: int) -> Outcome:
    """Play one seed; its files lie in memory where there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return Whole(seed, Path(folder)).run()


def play_all(seeds: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Play seeds one after the other; of each what was found, without its story."""
    for seed in seeds:
        outcome = play(seed)
        yield {key: value for key, value in asdict(outcome).items() if key != "story"}


def main() -> int:
    """Play what was asked for; 1 when something was found."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="tell the whole story of one")
    parser.add_argument(
        "--broken", choices=BREAKS, help="break the product first; many seeds then end with a find"
    )
    parser.add_argument("--seeds", help="judge these, as 0:50; one line of JSON each")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if asked.broken is not None:
        apply(asked.broken)
    if asked.seed is not None:
        outcome = play(asked.seed)
        print(outcome.story)  # noqa: T201  what it is run for
        for finding in outcome.findings:
            print(f"{finding.at_ns / 1e9:.3f}  {finding.kind}: {finding.text}")  # noqa: T201  what it is run for
        return 1 if outcome.findings else 0
    begin, end = (int(part) for part in str(asked.seeds).split(":"))
    any_found = False
    kinds = BREAKS[asked.broken].kinds if asked.broken else frozenset()
    for said in play_all(range(begin, end)):
        any_found = any_found or bool(said["findings"])
        print(json.dumps(said), flush=True)  # noqa: T201  what it is run for
        if kinds & {found["kind"] for found in said["findings"]}:
            break
    return 1 if any_found else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation.run", *sys.argv[1:]])  # noqa: S606  itself
    sys.exit(main())
