"""kill -9 of the hub in ingest and of the bus, in turn, while journals of edges are fed at a rate."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from benchmarks.ingest_rig import EDGES, IngestRig, ingest_rig
from benchmarks.registry import Case, Figures, Result
from runtime.logs import setup_logging

KILLS: Final = int(os.environ.get("EMS_KILLS", "20"))
"""Kills of the hub, and as many of the bus; `EMS_KILLS=200 make bench CASE=hub_kill` is the long proof."""

RATE: Final = 10_000
"""Samples a second, of all edges together."""

FIRST_ROW_S: Final = 60.0
_BETWEEN_S: Final = (0.2, 1.0)


def run() -> Result:
    """Kill, start again, and count at the end.

    Raises:
        BusError: No row came after a start.
        ContractError: The hub never had all rows.
    """
    setup_logging("bench", "ERROR")
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name, ingest_rig(Path(name)) as rig:
        return Result(kills(rig, ("hub", "bus") * KILLS, RATE))


def kills(rig: IngestRig, victims: Sequence[str], rate: int) -> Figures:
    """Kill one after the other; seconds from each start to the next row, and the balance."""
    dice = random.Random(1)  # noqa: S311  repeatable, no secret
    rig.start_hub("hub1")
    rig.reader()
    rig.feed(rate)
    begun_s = monotonic()
    rig.wait_for_row(0, FIRST_ROW_S)
    after: dict[str, list[float]] = {"hub": [0.0], "bus": [0.0]}
    for turn, victim in enumerate(victims):
        sleep(dice.uniform(*_BETWEEN_S))
        if victim == "hub":
            rig.end_hub("hub1")
            before = rig.rows()
            rig.start_hub("hub1")
        else:
            rig.bus.kill()
            before = rig.rows()
            rig.bus.start()
        after[victim].append(rig.wait_for_row(before, FIRST_ROW_S))
        print(f"{turn + 1}, {victim}: first row after {after[victim][-1]:.2f} s", file=sys.stderr)
    took_s = monotonic() - begun_s
    balance = rig.settle()
    return {
        "kills": float(len(victims)),
        "lost": float(balance.lost),
        "duplicate": float(balance.duplicate),
        "first_row_max_s": max(after["hub"] + after["bus"]),
        "first_row_hub_max_s": max(after["hub"]),
        "first_row_bus_max_s": max(after["bus"]),
        "fed_samples": float(balance.fed),
        "fed_samples_s": balance.fed / took_s,
    }


CASE: Final = Case(
    "hub_kill",
    f"{KILLS} kills -9 of the hub in ingest and as many of the bus, in turn, at {RATE:,} samples/s",
    run,
    {"kills": (20, 200), "samples_s": (RATE,), "edges": (len(EDGES),)},
)
