"""Rows the hub has but no backup of it: kept, bounded, sent again to a hub that was restored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent import journal_kept
from edge_agent.journal_store import JournalStore
from protocols.clock import Instant
from protocols.coverage import Coverage, Mark, decode_coverage, decode_mark, is_mark
from protocols.errors import ContractError
from protocols.frame import Frame

BOOT = "boot000000000001"


def opened(path: Path, max_bytes: int = 10**9, boot: str = BOOT) -> JournalStore:
    return JournalStore(path / "j.db", "edge1", boot, 1_700_000_000_000_000_000, max_bytes)


def add(store: JournalStore, rows: int) -> None:
    at = Instant(BOOT, 1, 1_700_000_000_000_000_000)
    for _ in range(rows):
        frame = Frame(b"12345678", at, np.arange(3, dtype=np.float64), np.zeros(3, np.uint8))
        store.add_telemetry([frame], 1, {"modbus": 3})


def told(store: JournalStore, covered: int, marked: int | None) -> list[int]:
    ranges = ((1, covered),) if covered else ()
    marks = None if marked is None else (((1, marked),) if marked else ())
    return store.mark(Mark("edge1", store.journal, ranges, marks))


def covered(store: JournalStore, last: int) -> None:
    store.cover(store.journal, [(1, last)])
    store.tidy()


def test_a_mark_comes_back_and_is_no_coverage() -> None:
    mark = Mark("edge1", "j0", ((1, 9),), ((1, 5),))
    assert decode_mark(mark.encode()) == mark
    assert decode_mark(Mark("edge1", "j0", (), None).encode()).marked is None
    assert is_mark(mark.encode())
    assert not is_mark(Coverage("edge1", "j0", ((1, 9),)).encode())
    with pytest.raises(ContractError):
        decode_coverage(mark.encode())
    for data in (b"", b"\x95\x02", b"\x95\x02\xa1a\xa1b\x01\xc0"):
        with pytest.raises(ContractError):
            decode_mark(data)


def test_without_a_backup_nothing_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path)
    add(store, 5)
    assert told(store, 5, None) == []
    covered(store, 5)
    assert (store.pending(), store.kept_bytes()) == (0, 0)
    store.close()


def test_after_a_backup_rows_stay_until_they_are_marked_also_over_a_start(tmp_path: Path) -> None:
    store = opened(tmp_path)
    add(store, 3)
    told(store, 3, 3)
    covered(store, 3)
    assert store.kept_bytes() == 0
    add(store, 4)
    covered(store, 7)
    kept = store.kept_bytes()
    assert store.pending() == 0
    assert kept > 0
    store.close()
    again = opened(tmp_path)
    assert (again.pending(), again.kept_bytes()) == (0, kept)
    add(again, 1)
    covered(again, 8)
    assert again.kept_bytes() > kept
    told(again, 8, 7)
    assert 0 < again.kept_bytes() < kept
    told(again, 8, 8)
    assert again.kept_bytes() == 0
    again.close()


def test_what_a_restored_hub_lacks_waits_again_once_it_said_so_twice(tmp_path: Path) -> None:
    store = opened(tmp_path)
    add(store, 10)
    told(store, 0, 0)
    covered(store, 10)
    assert told(store, 10, 0) == []
    assert told(store, 6, 0) == [7, 8, 9, 10]
    assert store.waiting(0) == [7, 8, 9, 10]
    entry = store.entry(8)
    assert entry is not None
    assert entry.seq == 8
    covered(store, 10)
    assert store.pending() == 0
    store.close()


def test_a_mark_that_is_older_than_a_coverage_asks_for_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    told(store, 0, 0)
    add(store, 10)
    covered(store, 10)
    assert told(store, 6, 0) == []  # on its way since before the rows were covered
    assert told(store, 10, 0) == []
    assert store.pending() == 0
    store.close()


def test_rows_of_an_older_boot_go_to_a_restored_hub_too(tmp_path: Path) -> None:
    store = opened(tmp_path)
    told(store, 0, 0)
    add(store, 2)
    covered(store, 2)
    old = store.journal
    store.close()
    again = opened(tmp_path, boot="boot000000000002")
    assert again.journal != old
    add(again, 2)
    again.cover(again.journal, [(3, 4)])
    again.tidy()
    told(again, 0, 0)
    assert told(again, 0, 0) == [1, 2, 3, 4]
    entry = again.entry(1)
    assert entry is not None
    assert entry.journal == old
    again.close()


def test_what_is_kept_gives_way_to_what_waits_and_to_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(tmp_path, max_bytes=3000)
    told(store, 0, 0)
    for last in range(1, 60):
        add(store, 1)
        covered(store, last)
    assert 0 < store.kept_bytes() + store.stored_bytes() <= 3200
    assert told(store, 0, 0) == []
    oldest = told(store, 0, 0)[0]
    assert oldest > 1
    covered(store, 59)
    monkeypatch.setattr(journal_kept, "LEAST_FREE", 2.0)  # more than any disk has
    monkeypatch.setattr(journal_kept, "_LOOK_S", 0.0)
    add(store, 1)
    covered(store, 60)
    assert store.kept_bytes() == 0
    store.close()
