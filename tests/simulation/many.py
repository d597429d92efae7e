"""Many seeds at once: played by processes of their own, whose hash seed is fixed, so that each replays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Tally:
    """What many seeds showed.

    Attributes:
        seeds: How many were played.
        writes: Writes that were judged.
        findings: Seed, kind and text of each finding.
        digests: Seed to the digest of its story.
    """

    seeds: int = 0
    writes: int = 0
    findings: tuple[tuple[int, str, str], ...] = ()
    digests: dict[int, str] = field(default_factory=dict)

    def count(self, kind: str) -> int:
        """How many findings are of a kind."""
        return sum(1 for _, other, _ in self.findings if other == kind)

    def told(self) -> str:
        """The findings for people, with the command that tells the story."""
        lines = [f"seed {seed}: {kind}: {text}" for seed, kind, text in self.findings]
        return "\n".join([*lines, "the whole story: python -m tests.simulation.run --seed N"])


def play_many(begin: int, end: int, *, processes: int = 2, broken: str = "") -> Tally:
    """Play seeds `begin` to `end`, shared by some processes.

    Raises:
        RuntimeError: A process came to no end of its own.
    """
    bounds = [begin + (end - begin) * part // processes for part in range(processes + 1)]
    with ThreadPoolExecutor(processes) as pool:
        parts = list(pool.map(lambda part: _play(bounds[part], bounds[part + 1], broken), range(processes)))
    rows = [row for part in parts for row in part]
    return Tally(
        len(rows),
        sum(row["writes"] for row in rows),
        tuple((row["seed"], found["kind"], found["text"]) for row in rows for found in row["findings"]),
        {row["seed"]: row["digest"] for row in rows},
    )


def _play(begin: int, end: int, broken: str) -> list[dict[str, Any]]:
    if begin == end:
        return []
    words = [sys.executable, "-m", "tests.simulation.run", "--seeds", f"{begin}:{end}"]
    done = subprocess.run(
        [*words, *(["--broken", broken] if broken else [])],
        cwd=_ROOT, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in {0, 1} or "Traceback" in done.stderr:
        raise RuntimeError(f"seeds {begin}:{end} were not played to the end:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]
