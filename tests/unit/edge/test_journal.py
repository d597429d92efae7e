"""The journal: numbers for ever, rows kept until their own number is covered, nothing lost by kill -9."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent import journal as journal_module
from edge_agent.journal import Journal, JournalPlace
from edge_agent.journal_rows import Entry, Kind
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.coverage import Coverage
from protocols.errors import StoreError
from protocols.frame import MAX_BUNDLE_BYTES, Frame, decode_bundle
from protocols.gap import decode_gap, is_gap
from runtime.clock import SystemClock

BOOT = "boot000000000001"


def frame(samples: int = 3, mono_ns: int = 1) -> Frame:
    at = Instant(BOOT, mono_ns, 1_700_000_000_000_000_000)
    return Frame(b"12345678", at, np.arange(samples, dtype=np.float64), np.zeros(samples, np.uint8))


def opened(path: Path, *, boot: str = BOOT, max_bytes: int = 10**9) -> JournalStore:
    return JournalStore(path, "edge1", boot, 1_700_000_000_000_000_000, max_bytes)


def add(store: JournalStore, rows: int, samples: int = 3) -> list[Entry]:
    return [store.add_telemetry([frame(samples)], 1, {"modbus": samples}) for _ in range(rows)]


def test_a_row_holds_a_bundle_with_its_own_number(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    (entry,) = add(store, 1)
    bundle = decode_bundle(entry.body)
    assert (bundle.edge, bundle.journal, bundle.seq, bundle.samples) == ("edge1", store.journal, 1, 3)
    store.close()


def test_numbers_go_on_when_the_journal_was_drained_and_opened_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    add(store, 5)
    store.cover(store.journal, [(1, 5)])
    store.close()
    again = opened(tmp_path / "j.db")
    assert (again.pending(), add(again, 1)[0].seq) == (0, 6)
    again.close()


def test_the_journal_is_renamed_at_a_kernel_boot_and_only_then(tmp_path: Path) -> None:
    names = []
    for boot in (BOOT, BOOT, "boot000000000002"):
        store = opened(tmp_path / "j.db", boot=boot)
        names.append(store.journal)
        store.close()
    assert names[0] == names[1] != names[2]


def test_coverage_with_holes_keeps_what_is_not_covered(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    add(store, 10)
    assert store.cover(store.journal, [(1, 3), (5, 5), (8, 20)]) == [1, 2, 3, 5, 8, 9, 10]
    assert store.waiting(0) == [4, 6, 7]
    store.close()


def test_coverage_of_another_journal_deletes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    add(store, 3)
    assert store.cover("another", [(1, 3)]) == []
    assert store.pending() == 3
    store.close()


def test_what_is_evicted_is_covered_by_a_counted_gap_record(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db", max_bytes=4_000)
    receipt = store.add_receipts([b"receipt"])[0].seq
    added = [entry.seq for entry in add(store, 100)]
    rows = [store.entry(seq) for seq in store.waiting(0, 1000)]
    kept = [row for row in rows if row is not None]
    gaps = [decode_gap(row.body) for row in kept if row.kind is Kind.RECEIPT and is_gap(row.body)]
    here = {row.seq for row in kept if row.kind is Kind.TELEMETRY}
    assert receipt in {row.seq for row in kept}
    assert sum(gap.rows for gap in gaps) == len(set(added) - here) > 0
    assert sum(gap.samples for gap in gaps) == 3 * len(set(added) - here)
    assert sum(len(row.body) for row in kept) <= 4_400
    assert {(gap.from_ns, gap.to_ns, gap.why) for gap in gaps} == {
        (1_700_000_000_000_000_000,) * 2 + ("room",)
    }
    store.close()


def test_a_run_counts_its_samples_by_protocol_and_row_numbers(tmp_path: Path) -> None:
    first = opened(tmp_path / "j.db")
    add(first, 2)
    first.close()
    second = opened(tmp_path / "j.db")
    second.add_telemetry([frame(4)], 1, {"opcua": 3, "mqtt": 1})
    one, two = second.runs()
    assert (one.first_seq, one.last_seq, one.samples) == (1, 2, 6)
    assert (two.first_seq, two.last_seq, two.samples) == (3, 3, 4)
    assert two.by_protocol == {"modbus": 0, "bacnet": 0, "opcua": 3, "mqtt": 1}
    second.close()


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "j.db").write_bytes(b"this is no database, it is a text of some length" * 100)
    with pytest.raises(StoreError, match=r"j\.db"):
        opened(tmp_path / "j.db")


def test_a_covered_row_is_gone_at_once_and_deleted_with_the_next_one(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    add(store, 3)
    assert (store.cover(store.journal, [(1, 2)]), store.cover(store.journal, [(1, 2)])) == ([1, 2], [])
    assert (store.pending(), store.waiting(0), store.entry(1), store.stored_bytes() > 0) == (
        1,
        [3],
        None,
        True,
    )
    add(store, 1)
    with sqlite3.connect(f"file:{tmp_path / 'j.db'}?mode=ro", uri=True) as db:
        assert [seq for (seq,) in db.execute("SELECT seq FROM entry")] == [3, 4]
    db.close()
    store.close()


def test_while_the_disk_is_full_only_receipts_are_taken_from_the_reserve(tmp_path: Path) -> None:
    store = opened(tmp_path / "j.db")
    reserve = tmp_path / "j.reserve"
    assert reserve.stat().st_size > 1_000_000
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        add(store, 1, samples=5000)
    assert not store.reserve.released  # telemetry never takes it
    with pytest.raises(StoreError):
        store.add_receipts([bytes(5000)])
    assert not reserve.exists()  # it was given up, and this disk has no room even then
    store._db.execute("PRAGMA max_page_count = 100000")
    store.add_receipts([bytes(5000)])
    with pytest.raises(StoreError, match="reserve is for receipts"):
        add(store, 1)
    store.reserve._next_s = 0.0
    add(store, 1)
    assert reserve.exists()
    store.close()


async def test_samples_that_memory_could_not_keep_are_told_by_a_counted_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "KEEP_BYTES", 10 * (500 + 9 * 4))
    seen: list[Entry] = []
    async with Journal(JournalPlace(tmp_path / "j.db", "edge1"), SystemClock(), seen.append) as journal:
        for number in range(25):
            journal.put(frame(4, number), "modbus")
        await journal._tell_dropped()
        await journal.flush()
    gap = decode_gap(seen[0].body)
    assert (gap.why, gap.rows, gap.samples, gap.first) == ("memory", 1, 60, seen[0].seq)
    assert journal.polled == 40


WRITER = """
import sys
from pathlib import Path
import numpy as np
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.frame import Frame
store = JournalStore(Path(sys.argv[1]), "edge1", "boot000000000001", 1, 10**9)
frame = Frame(b"12345678", Instant("boot000000000001", 1, 1), np.zeros(5), np.zeros(5, np.uint8))
while True:
    print(store.add_telemetry([frame], 1, {"modbus": 5}).seq, flush=True)
"""


def test_kill_9_loses_no_acknowledged_row(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    acknowledged = 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(40):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().splitlines()
        acknowledged = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
        writer.stdout.close()
        writer.wait()
    store = opened(path)
    seqs = [
        seq for start in range(0, acknowledged + 1, 500) for seq in store.waiting(start) if seq <= start + 500
    ]
    assert set(range(1, acknowledged + 1)) <= set(seqs)
    assert sum(run.samples for run in store.runs()) == 5 * store.pending()
    store.close()


async def test_frames_are_bundled_below_the_bound_and_announced_after_the_commit(tmp_path: Path) -> None:
    seen: list[Entry] = []
    place = JournalPlace(tmp_path / "j.db", "edge1")
    async with Journal(place, SystemClock(), seen.append) as journal:
        for number in range(50):
            journal.put(frame(1000, number), "bacnet")
        await journal.flush()
        assert journal.polled == 50_000
        bundles = [decode_bundle(entry.body) for entry in seen]
        assert sum(bundle.samples for bundle in bundles) == 50_000
        assert all(bundle.samples * 9 <= MAX_BUNDLE_BYTES for bundle in bundles)
        assert await journal.pending() == len(seen)


async def test_frames_that_wait_are_written_when_the_journal_closes(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "j.db", "edge1")
    async with Journal(place, SystemClock(), lambda _: None) as journal:
        journal.put(frame(), "mqtt")
    with sqlite3.connect(tmp_path / "j.db") as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    db.close()


async def test_receipts_are_numbered_with_the_rest(tmp_path: Path) -> None:
    place = JournalPlace(tmp_path / "j.db", "edge1")
    async with Journal(place, SystemClock(), lambda _: None) as journal:
        assert await journal.append_receipts([b"a", b"b"]) == [1, 2]
        gone = await journal.cover(Coverage("edge1", journal.name, ((2, 2),)))
        assert (gone, await journal.waiting(0)) == ([2], [1])
