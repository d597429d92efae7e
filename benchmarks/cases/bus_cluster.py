"""A bus of three servers, one after the other killed -9 or frozen, while journals of edges are fed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from benchmarks.bus_cluster_rig import SERVERS, BusServers
from benchmarks.cases.scale_out import watched
from benchmarks.ingest_rig import EDGES, IngestRig, ingest_rig
from benchmarks.registry import Case, Figures, Result
from protocols.errors import BusError
from runtime.logs import setup_logging

Fault = Literal["kill", "freeze"]

ROUNDS: Final = int(os.environ.get("EMS_CLUSTER_ROUNDS", "1"))
"""How often each server is killed and frozen; `EMS_CLUSTER_ROUNDS=20 make bench CASE=bus_cluster` is long."""

RATE: Final = 10_000
"""Samples a second, of all edges together."""

FIRST_ROW_S: Final = 90.0
"""Longest wait for the first row. [s]"""

AWAY_S: Final[dict[Fault, float]] = {"kill": 12.0, "freeze": 25.0}
"""How long a server is away: longer than an election takes, or than its clients need to notice. [s]"""


def run() -> Result:
    """Kill and freeze, and count at the end.

    Raises:
        BusError: No row came while one server was away, or the copies never were of one state again.
        ContractError: The hub never had all rows.
    """
    setup_logging("bench", "ERROR")
    faults: list[Fault] = ["kill", "freeze"]
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder = Path(name)
        servers = BusServers(folder, EDGES)
        with ingest_rig(folder, ["--bus-replicas=3"], (servers, servers.url)) as rig:
            rig.start_hub("hub1")
            return Result(disturb(rig, servers, faults * ROUNDS, RATE))


def disturb(rig: IngestRig, servers: BusServers, faults: Sequence[Fault], rate: int) -> Figures:
    """Do each fault to each server in turn, that of the samples' leader first; hubs run already."""
    rig.reader()
    rig.feed(rate)
    begun_s = monotonic()
    rig.wait_for_row(0, FIRST_ROW_S)
    servers.wait_whole()
    quiet: dict[Fault, list[float]] = {"kill": [], "freeze": []}
    for fault in faults:
        first = servers.leader()
        for at in ((first + step) % SERVERS for step in range(SERVERS)):
            quiet[fault].append(_without(rig, servers, at, fault))
            print(f"server {at}, {fault}: {quiet[fault][-1]:.2f} s without a row", file=sys.stderr)
    took_s = monotonic() - begun_s
    balance = rig.settle()
    return {
        "servers": float(SERVERS),
        "faults": float(len(faults) * SERVERS),
        "lost": float(balance.lost),
        "duplicate": float(balance.duplicate),
        "without_row_kill_max_s": max(quiet["kill"], default=0.0),
        "without_row_freeze_max_s": max(quiet["freeze"], default=0.0),
        "fed_samples": float(balance.fed),
        "fed_samples_s": balance.fed / took_s,
    }


def _without(rig: IngestRig, servers: BusServers, at: int, fault: Fault) -> float:
    """Longest time without a row while this server is away; afterwards all copies are whole again.

    Raises:
        BusError: Rows did not go on while it was away.
    """
    if fault == "kill":
        servers.servers[at].kill()
    else:
        servers.freeze(at)
    quiet_s = watched(rig, AWAY_S[fault])
    if quiet_s > AWAY_S[fault] - 1.0:
        raise BusError(f"no row is stored while server {at} is away ({fault})")
    if fault == "kill":
        servers.servers[at].start()
    else:
        servers.thaw(at)
    servers.wait_whole()
    return quiet_s


CASE: Final = Case(
    "bus_cluster",
    f"each of {SERVERS} servers of the bus killed -9 and frozen in turn, at {RATE:,} samples/s",
    run,
    {"rounds": (1, 20), "samples_s": (RATE,), "edges": (len(EDGES),)},
)
