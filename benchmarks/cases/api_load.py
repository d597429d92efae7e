"""Fifty clients read the API while the hub takes in 50,000 samples a second, all on one machine.

Journals of six edges are fed and sent by real uplinks over a real bus into the role `ingest`; the role `api`
is a process of its own on the same store and hears the same bus. Each client asks as a page does: charts of
the last minutes, newest values, samples, alarms, commands, one question at a time with a pause. What each
process had of the processors while they read, the clients themselves and others on the machine too, stands
beside it: two processors have 200 %.
`EMS_API_CLIENTS`, `EMS_API_RATE` and `EMS_API_S` take other sizes.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import monotonic, perf_counter
from typing import Any, Final

import httpx
import numpy as np

from benchmarks.chart_api import chart_api
from benchmarks.cpu_shares import CpuShares
from benchmarks.ingest_rig import EDGES, IngestRig, ingest_rig
from benchmarks.journal_feeder import POINTS
from benchmarks.load_site import DEVICES, write_load_site
from benchmarks.registry import Case, Figures, Result
from protocols.errors import ContractError
from runtime.clock import SystemClock, iso_utc
from runtime.logs import setup_logging

CLIENTS: Final = int(os.environ.get("EMS_API_CLIENTS", "50"))
RATE: Final = int(os.environ.get("EMS_API_RATE", "50000"))
"""Samples a second, of all edges together."""

FOR_S: Final = float(os.environ.get("EMS_API_S", "60"))
"""How long the clients read. [s]"""

WARM_S: Final = 15.0
"""How long is fed before they begin. [s]"""

PAUSE_S: Final = (0.5, 1.5)
"""Pause of a client between two questions. [s]"""

_PROCESSES: Final = {
    "role api": "api", "role ingest": "ingest", "hub run": "hub", "journal_feeder": "feeder",
    "nats-server": "bus",
}  # fmt: skip
_FIRST_ROW_S: Final = 60.0
_CHART_S: Final = 600
_SITE: Final = "/api/v1/sites/demo"
_OK: Final = 200
_NS: Final = 1_000_000_000
_KINDS: Final = (
    "chart", "chart", "chart", "chart", "values", "samples", "samples", "alarms", "commands", "journal",
)  # fmt: skip
"""What a client asks, drawn evenly."""


def run() -> Result:
    """Feed, read, count.

    Raises:
        BusError: A process does not come up.
        ContractError: An answer was none, or the hub never had all rows.
    """
    setup_logging("bench", "ERROR")
    with tempfile.TemporaryDirectory(prefix="ems_bench_") as name:
        folder = Path(name)
        write_load_site(folder / "config", EDGES)
        with ingest_rig(folder, [f"--config={folder / 'config'}"]) as rig:
            return _measured(rig)


def _measured(rig: IngestRig) -> Result:
    rig.init_hub("hub1")
    rig.start_hub("hub1")
    rig.feed(RATE)
    fed_s = monotonic()
    rig.wait_for_row(0, _FIRST_ROW_S)
    bus = next(one for one in rig.options if one.startswith("--bus=")).partition("=")[2]
    with chart_api(rig.folder / "hub1", rig.folder / "config", bus=(bus, rig.folder / "keys")) as client:
        took, no, shares = asyncio.run(_read(str(client.base_url), dict(client.headers)))
    begun_s = monotonic()
    balance = rig.settle()
    figures: Figures = {
        "clients": float(CLIENTS),
        "questions": float(sum(map(len, took.values()))),
        "refused": float(sum(no.values())),
        **_of([one for some in took.values() for one in some], ""),
        "ingest_samples_s": balance.fed / (begun_s - fed_s),
        "lost": float(balance.lost),
        "behind_s": monotonic() - begun_s,
        **shares,
    }
    for kind, some in sorted(took.items()):
        figures |= _of(some, f"{kind}_")
    return Result(figures, results={"refused": dict(no)})


def _of(took_ms: Sequence[float], prefix: str) -> Figures:
    if not took_ms:
        raise ContractError(f"no question of kind {prefix or 'any'} was answered; ask for longer")
    p50, p95, p99 = np.percentile(took_ms, (50, 95, 99))
    return {f"{prefix}p50_ms": float(p50), f"{prefix}p95_ms": float(p95), f"{prefix}p99_ms": float(p99)}


async def _read(url: str, headers: dict[str, str]) -> tuple[dict[str, list[float]], Counter[str], Figures]:
    """All clients at once; how long answers took to their last byte by kind [ms]; what was none; shares."""
    took: dict[str, list[float]] = {}
    no: Counter[str] = Counter()
    await asyncio.sleep(WARM_S)
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30.0) as http:
        until_s, shares = monotonic() + FOR_S, CpuShares(_PROCESSES)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(_Reader(http, number).read(until_s, took, no))
        return took, no, shares.figures()


class _Reader:
    """One client, with questions of its own."""

    def __init__(self, http: httpx.AsyncClient, number: int) -> None:
        self._http = http
        self._dice = Random(number)  # noqa: S311  repeatable, no secret

    async def read(self, until_s: float, took: dict[str, list[float]], no: Counter[str]) -> None:
        """Ask until the time is over."""
        await asyncio.sleep(self._dice.uniform(0.0, PAUSE_S[1]))
        while monotonic() < until_s:
            kind = self._dice.choice(_KINDS)
            path, query = self._question(kind)
            begun_s = perf_counter()
            answer = await self._http.get(_SITE + path, params=query)
            if answer.status_code == _OK:
                took.setdefault(kind, []).append(1e3 * (perf_counter() - begun_s))
            else:
                no[f"{kind} {answer.status_code}"] += 1
            await asyncio.sleep(self._dice.uniform(*PAUSE_S))

    def _question(self, kind: str) -> tuple[str, dict[str, Any]]:
        now_ns = SystemClock().now().wall_ns
        span = {"from": iso_utc(now_ns - _CHART_S * _NS), "to": iso_utc(now_ns)}
        points = [
            f"demo/{self._dice.choice(EDGES)}_m{self._dice.randrange(DEVICES)}/p{at}_kw"
            for at in self._dice.sample(range(POINTS), 4)
        ]
        questions: dict[str, tuple[str, dict[str, Any]]] = {
            "chart": ("/series", {"point": points, "pixels": 600, **span}),
            "values": ("/values", {}),
            "samples": ("/samples", {"point": points[0], **span}),
            "alarms": ("/alarms", {}),
            "commands": ("/commands", {}),
            "journal": ("/alarms/journal", {}),
        }
        return questions[kind]


CASE: Final = Case(
    "api_load",
    f"{CLIENTS} clients read the API while {RATE:,} samples/s are taken in on the same machine",
    run,
    {"clients": (CLIENTS,), "samples_s": (RATE,), "edges": (len(EDGES),)},
)
