"""E3: a journal at its bound gives up the oldest samples, counts them exactly, and still takes receipts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_rows import Entry, Kind
from protocols.clock import Instant
from protocols.frame import Frame, decode_bundle
from protocols.gap import decode_gap, is_gap
from runtime.clock import SystemClock

BOUND = 200_000


def frame(number: int) -> Frame:
    values = np.random.default_rng(number).normal(size=200)
    at = Instant("b", number * 10**9, 1_790_000_000_000_000_000 + number * 10**9)
    return Frame(b"12345678", at, values, np.zeros(200, np.uint8))


async def test_a_journal_at_its_bound_gives_up_the_oldest_samples_and_counts_them_exactly(
    tmp_path: Path,
) -> None:
    entries: list[Entry] = []
    place = JournalPlace(tmp_path / "j.db", "edge1", BOUND)
    async with Journal(place, SystemClock(), entries.append) as journal:
        receipts = await journal.append_receipts([b"command verified", b"event"])
        for number in range(400):
            journal.put(frame(number), "modbus")
            await journal.flush()
        waiting = await journal.waiting(0)
        kept = await journal.entries(waiting, 10**9)
        assert await journal.stored_bytes() <= BOUND * 1.02
        again = await journal.append_receipts([b"still taken"])
    gaps = [decode_gap(row.body) for row in kept if is_gap(row.body)]
    telemetry = [decode_bundle(row.body) for row in kept if row.kind is Kind.TELEMETRY]
    here = sum(bundle.samples for bundle in telemetry)
    assert sum(gap.samples for gap in gaps) + here == 400 * 200
    assert set(receipts) <= set(waiting)
    assert again
    oldest_ns = min(part.at.wall_ns for bundle in telemetry for part in bundle.frames)
    assert (
        max(gap.to_ns for gap in gaps) < oldest_ns
    )  # the oldest went, and the record says what time is missing
    assert min(gap.from_ns for gap in gaps) == 1_790_000_000_000_000_000
