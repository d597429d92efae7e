"""What a start of the agent may choose, and what its end writes down."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_agent.configuration import TRIAL_S
from edge_agent.journal import JOURNAL_BYTES
from edge_agent.journal_rows import Run


@dataclass(frozen=True, slots=True)
class Options:
    """What a start may choose.

    Attributes:
        metrics_port: Port on loopback for the metrics; 0 takes a free one.
        journal_bytes: Most bytes of rows that wait for the hub.
        trial_s: How long a configuration of the hub is tried. [s]
    """

    metrics_port: int = 0
    journal_bytes: int = JOURNAL_BYTES
    trial_s: float = TRIAL_S


def write_summary(path: Path, runs: list[Run]) -> None:
    """Write what this run polled, by its journal rows, and what earlier runs on the same file did."""
    counted = [asdict(run) for run in runs if run.first_seq is not None]
    this = [row for row in counted if row["started_wall_ns"] == runs[-1].started_wall_ns]
    document = {**(this[-1] if this else {}), "runs": this, "earlier": counted[: len(counted) - len(this)]}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    fresh.replace(path)
