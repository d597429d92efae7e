"""Two hubs on one database and one bus: the leader is stopped for its lease and 2 s, then goes on."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.duel import AWAKE_S, ring
from benchmarks.registry import Case, Figures, Result

DUELS: Final = int(os.environ.get("EMS_DUELS", "20"))
"""How many; `EMS_DUELS=100 make bench CASE=hub_duel` is the long proof."""
LEASE_S: Final = 2.0
ANYWHERE: Final = 5
"""In each fifth duel the leader is stopped wherever it is, also while it holds the database's lock."""


def run() -> Result:
    """Fight, and count what of an old epoch the edge accepted or the device was given.

    Raises:
        BusError: A hub did not take over.
    """
    return Result(asyncio.run(duels(DUELS, LEASE_S)))


async def duels(count: int, lease_s: float) -> Figures:
    """So many duels one after the other, the hubs taking turns."""
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        async with ring(Path(name), lease_s) as made:
            fights = []
            for turn in range(count):
                fights.append(await made.fight(lease_s, anywhere=turn % ANYWHERE == ANYWHERE - 1))
                print(fights[-1], file=sys.stderr, flush=True)
    failover_s = np.array([one.failover_s for one in fights if one.free])
    return {
        "duels": float(len(fights)),
        "old_epoch_writes": float(sum(one.accepted + one.written for one in fights)),
        "old_epoch_messages": float(sum(one.late_messages for one in fights)),
        "stopped_with_lock": float(sum(not one.free for one in fights)),
        "failover_p50_s": float(np.percentile(failover_s, 50)),
        "failover_max_s": float(failover_s.max()),
        "lease_s": lease_s,
        "freeze_s": lease_s + AWAKE_S,
    }


CASE: Final = Case(
    "hub_duel",
    "two hubs: the leader is stopped for its lease and 2 s, the other takes over, the first goes on",
    run,
    {"duels": (20, 100), "lease_s": (LEASE_S,)},
)
