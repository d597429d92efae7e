"""What happened in a demo run, each figure from the part that knows it.

Polled comes from the edge's own counters, stored from the store, verdicts from the ledger, fallbacks from the
edge's receipts; never one from another.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hub.database import create_engine, sessions_of, url_of
from hub.ledger.queries import counts, latest_plan
from hub.store.engine import open_reader, place_of
from hub.store.port import Span, StoreReader
from protocols.errors import ConfigError
from protocols.receipt import (
    TERMINAL,
    FallbackDone,
    Receipt,
    Received,
    Released,
    Verified,
    decode_receipt,
)
from runtime.site import SiteDevices

LATE_S: Final = 1.5
"""A fallback later than this after the end of its lease counts as held."""

_PLAN_FIELDS: Final = ("status", "gap", "cost", "baseline_cost", "co2_kg", "solve_s", "steps", "binary_steps")
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class PolledRun:
    """What the edge itself counted in its last run, from its `summary.json`."""

    journal: str
    first_seq: int
    last_seq: int
    samples: int


@dataclass(slots=True)
class Record:
    """What the demo notes while it runs.

    Attributes:
        up_ns: Wall clock when the demo was started; what counts in this run counts from here.
        began_ns: Wall clock when the address was printed.
        stopped_ns: Wall clock when polling stopped.
        killed_ns: Wall clock of the kill, or None without one.
        plan: Plan in force at the kill (or at the end), as the API gives it.
    """

    up_ns: int
    began_ns: int = 0
    stopped_ns: int = 0
    killed_ns: int | None = None
    plan: dict[str, Any] | None = field(default=None)


def read_summary(file: Path, since_ns: int) -> list[PolledRun]:
    """Read what the edge wrote at its end: one entry per start of the agent since an instant.

    Raises:
        ConfigError: The edge did not end in order.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        earlier = [row for row in document["earlier"] if row["started_wall_ns"] >= since_ns]
        return [
            PolledRun(row["journal"], row["first_seq"], row["last_seq"], row["samples"])
            for row in (*earlier, *document["runs"])
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file}: the edge left no summary, it did not end in order: {error}") from error


def plan_now(state: Path, site: str) -> dict[str, Any] | None:
    """The plan accepted last."""
    return asyncio.run(_plan(state, site))


async def _plan(state: Path, site: str) -> dict[str, Any] | None:
    engine = create_engine(url_of(state))
    try:
        async with sessions_of(engine)() as session:
            return await latest_plan(session, site)
    finally:
        await engine.dispose()


def command_counts(state: Path, site: str, since_ns: int) -> dict[str, int]:
    """Set-points in the ledger since an instant, by their verdict."""
    return asyncio.run(_counts(state, site, since_ns))


async def _counts(state: Path, site: str, since_ns: int) -> dict[str, int]:
    engine = create_engine(url_of(state))
    try:
        async with sessions_of(engine)() as session:
            return await counts(session, site, since_ns)
    finally:
        await engine.dispose()


def first_verified_ns(reader: StoreReader, since_ns: int) -> int | None:
    """Wall clock of the first set-point seen on its device, or None so far."""
    at = [r.at.wall_ns for r in receipts(reader) if isinstance(r, Verified) and r.at.wall_ns >= since_ns]
    return min(at, default=None)


def receipts(reader: StoreReader) -> list[Receipt]:
    """All receipts in the store, in order of arrival."""
    found: list[Receipt] = []
    after = 0
    while rows := reader.receipts(after, _PAGE):
        found += [decode_receipt(row.body) for row in rows]
        after = rows[-1].rowid
    return found


def fallback_test(found: Iterable[Receipt], killed_ns: int) -> dict[str, float | int | None]:
    """Leases live at the kill, and how they came back without the hub."""
    begun: set[bytes] = set()
    over: set[bytes] = set()
    late_s: dict[bytes, float] = {}
    for receipt in found:
        before = receipt.at.wall_ns <= killed_ns
        if isinstance(receipt, Received) and before:
            begun.add(receipt.id)
        elif (isinstance(receipt, TERMINAL) and before) or isinstance(receipt, Released):
            over.add(receipt.id)
        elif isinstance(receipt, FallbackDone) and not before:
            late_s[receipt.id] = receipt.late_s
    live = begun - over
    back = {ident: late_s[ident] for ident in live if ident in late_s}
    released = sum(late <= LATE_S for late in back.values())
    return {
        "leases": len(live),
        "released": released,
        "held": len(live) - released,
        "late_max_s": round(max(back.values()), 3) if back else None,
    }


def report(record: Record, runs: list[PolledRun], hub_state: Path, devices: SiteDevices) -> dict[str, Any]:
    """Everything `demo.json` says.

    Raises:
        StoreError: The store cannot be read.
    """
    reader = open_reader(place_of(hub_state))
    try:
        return _report(record, runs, reader, devices) | {
            "plan": None if record.plan is None else {name: record.plan[name] for name in _PLAN_FIELDS},
            "commands": command_counts(hub_state, devices.edge.site, record.up_ns),
            "fallback_test": None
            if record.killed_ns is None
            else fallback_test(receipts(reader), record.killed_ns),
        }
    finally:
        reader.close()


def _report(
    record: Record, runs: list[PolledRun], reader: StoreReader, devices: SiteDevices
) -> dict[str, Any]:
    until_ns = record.killed_ns or record.stopped_ns
    spans = [Span(devices.edge.edge, run.journal, run.first_seq, run.last_seq) for run in runs]
    counted = [reader.counts(span) for span in spans]
    by_protocol = dict.fromkeys(("modbus", "bacnet", "opcua", "mqtt"), 0)
    for one in counted:
        for device, samples in one.by_device.items():
            by_protocol[devices.profile_of(device).protocol] += samples
    polled, stored = sum(run.samples for run in runs), sum(one.stored for one in counted)
    waits = reader.latency(spans[-1], until_ns) if spans else None
    return {
        "seconds": round((record.stopped_ns - record.began_ns) / 1e9, 1),
        "samples": {
            "polled": polled,
            "stored": stored,
            "lost": polled - stored,
            "duplicate": sum(one.duplicates for one in counted),
            "by_protocol": by_protocol,
        },
        "latency_s": {
            "p50": None if waits is None else waits.p50_s,
            "p99": None if waits is None else waits.p99_s,
        },
    }
