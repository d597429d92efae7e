"""A restored hub gets back what came after its backup, from a real journal into a real store: lost 0."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np

from edge_agent.journal_store import JournalStore
from hub.backup.make import Wanted, make
from hub.backup.marks import marks
from hub.backup.restore import restore
from hub.database import create_engine, embedded_url, sessions_of, upgrade
from hub.ingest.decode import origin_of, row_of
from hub.store.engine import embedded_place, open_store
from hub.store.port import SeriesStore, Span
from protocols.clock import Instant
from protocols.coverage import Mark
from protocols.frame import Catalogue, Frame
from protocols.subjects import message_id
from runtime.clock import SystemClock

S = 1_000_000_000
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))


def poll(journal: JournalStore, first: int, last: int) -> None:
    for number in range(first, last + 1):
        at = Instant("b", number * S, (1_750_000_000 + number) * S)
        frame = Frame(METER.hash(), at, np.array([number, 1.0]), np.zeros(2, np.uint8))
        journal.add_telemetry([frame], at.wall_ns, {"modbus": 2})


def bring(journal: JournalStore, store: SeriesStore) -> int:
    """What waits goes into the store as it would over the bus; the journal is told what is covered."""
    seqs = journal.waiting(0)
    rows = []
    for entry in journal.entries(seqs, 10**9):
        origin = origin_of(f"tel.edge1.{entry.journal}", message_id(entry.journal, entry.seq))
        assert origin is not None
        rows.append(row_of(origin, entry.body))
    for coverage in store.append(rows) if rows else []:
        journal.cover(coverage.journal, coverage.ranges)
    journal.tidy()
    return len(rows)


def tell(journal: JournalStore, state: Path, store: SeriesStore) -> None:
    """What `hub/backup/telling.py` tells, of the journal in use."""

    async def known() -> dict[str, tuple[tuple[int, int], ...]]:
        engine = create_engine(embedded_url(state))
        found = {one.journal: one.ranges for one in await marks(sessions_of(engine), "demo")}
        await engine.dispose()
        return found

    marked = asyncio.run(known()).get(journal.journal)
    journal.mark(Mark("edge1", journal.journal, tuple(store.ranges("edge1", journal.journal)), marked))


def test_a_restored_hub_is_refilled_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    state, clock = tmp_path / "hub", SystemClock()
    state.mkdir()
    upgrade(embedded_url(state))
    journal = JournalStore(tmp_path / "j.db", "edge1", "b", 1, 10**9)
    with closing(open_store(embedded_place(state), clock)) as store:
        store.add_catalogue(METER)
        poll(journal, 1, 100)
        assert bring(journal, store) == 100
        file = make(Wanted(state, "demo", tmp_path / "b.tar.zst"), clock, lambda _: None)
        tell(journal, state, store)
        poll(journal, 101, 250)
        assert bring(journal, store) == 150
        tell(journal, state, store)
        assert journal.pending() == 0
    shutil.rmtree(state)
    restore(file, state)
    with closing(open_store(embedded_place(state), clock)) as store:
        assert store.ranges("edge1", journal.journal) == [(1, 100)]
        poll(journal, 251, 260)
        tell(journal, state, store)
        tell(journal, state, store)
        assert bring(journal, store) == 160
        assert store.ranges("edge1", journal.journal) == [(1, 260)]
        counts = store.counts(Span("edge1", journal.journal, 0, 10**9))
        assert (counts.stored, counts.duplicates) == (520, 0)
    journal.close()
