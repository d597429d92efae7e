from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore, Span
from protocols.clock import Instant
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality
from runtime.clock import VirtualClock

S = 1_000_000_000
MINUTE = 60 * S
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))
POWER = PointId("demo", "meter", "power_kw")
ENERGY = PointId("demo", "meter", "energy_kwh")


def frame(at_s: float, power: float, *, energy: float | None = 1.0, bad: bool = False) -> Frame:
    values = np.array([power] if energy is None else [power, energy])
    qualities = np.zeros(len(values), np.uint8)
    if bad:
        values[0], qualities[0] = np.nan, Quality.BAD_UNREACHABLE
    indices = np.array([0], np.uint16) if energy is None else None
    return Frame(METER.hash(), Instant("b", int(at_s * S), int(at_s * S)), values, qualities, indices)


def row(seq: int, *frames: Frame, journal: str = "j1") -> Received:
    return Received("edge1", journal, seq, frames)


@pytest.fixture
def store(tmp_path: Path) -> SeriesStore:
    made = open_store(StorePlace(tmp_path / "series.db"), VirtualClock())
    made.add_catalogue(METER)
    return made


def everything(journal: str = "j1") -> Span:
    return Span("edge1", journal, 0, 10**9)


def test_rows_sent_again_or_out_of_order_change_nothing(store: SeriesStore) -> None:
    rows = [row(seq, frame(100 + seq, float(seq))) for seq in range(1, 41)]
    sent = rows * 3
    random.Random(7).shuffle(sent)  # noqa: S311  a seeded order of a test
    for start in range(0, len(sent), 9):
        store.append(sent[start : start + 9])
    assert store.ranges("edge1", "j1") == [(1, 40)]
    assert store.counts(everything()).stored == 80
    assert store.counts(everything()).duplicates == 0
    assert store.raw(POWER, 0, 10**6 * S).values.tolist() == [float(n) for n in range(1, 41)]


def test_a_row_of_another_journal_with_the_same_seq_is_kept(store: SeriesStore) -> None:
    store.append([row(1, frame(1, 1.0)), row(1, frame(2, 2.0), journal="j2")])
    assert store.counts(everything()).stored == 2
    assert store.counts(everything("j2")).stored == 2


def test_a_gap_in_the_rows_stays_open_until_it_arrives(store: SeriesStore) -> None:
    assert store.append([row(1), row(3)])[0].ranges == ((1, 1), (3, 3))
    assert store.append([row(2)])[0].ranges == ((1, 3),)


def test_a_sample_twice_in_different_rows_is_counted_as_duplicate(store: SeriesStore) -> None:
    store.append([row(1, frame(5, 1.0)), row(2, frame(5, 1.0))])
    counts = store.counts(everything())
    assert (counts.stored, counts.duplicates, counts.by_device) == (4, 2, {"meter": 4})
    assert store.raw(POWER, 0, 10 * S).times_ns.tolist() == [5 * S]


def test_nothing_of_a_batch_is_committed_when_a_part_of_it_fails(store: SeriesStore) -> None:
    stranger = Frame(b"12345678", Instant("b", 0, 9 * S), np.array([1.0]), np.zeros(1, np.uint8))
    with pytest.raises(StoreError, match="unknown catalogue"):
        store.append([row(1, frame(1, 1.0)), row(2, stranger)])
    assert store.ranges("edge1", "j1") == []
    assert store.last() == {}
    assert store.append([row(1, frame(1, 1.0))])[0].ranges == ((1, 1),)
    assert store.last()[POWER].value == 1.0


def test_the_last_value_goes_by_source_time_not_by_arrival(store: SeriesStore) -> None:
    store.append([row(1, frame(10, 10.0))])
    store.append([row(2, frame(5, 5.0), frame(12, 12.0, energy=None))])
    store.append([row(3, frame(7, 7.0))])
    last = store.last([POWER, ENERGY])
    assert (last[POWER].value, last[POWER].time_ns) == (12.0, 12 * S)
    assert last[ENERGY].time_ns == 10 * S


def test_a_bad_last_value_is_no_number(store: SeriesStore) -> None:
    store.append([row(1, frame(10, 10.0)), row(2, frame(11, 0.0, bad=True))])
    last = store.last()[POWER]
    assert np.isnan(last.value)
    assert last.quality == Quality.BAD_UNREACHABLE


def test_raw_is_sorted_by_time_and_half_open(store: SeriesStore) -> None:
    store.append([row(2, frame(20, 2.0), frame(21, 3.0)), row(1, frame(10, 1.0))])
    raw = store.raw(POWER, 10 * S, 21 * S)
    assert raw.values.tolist() == [1.0, 2.0]
    assert len(store.raw(PointId("demo", "nobody", "x_kw"), 0, 10**9).values) == 0


def test_a_row_that_spans_a_long_time_is_found_from_its_middle(store: SeriesStore) -> None:
    store.append([row(1, frame(0, 1.0), frame(3000, 2.0), frame(9000, 3.0))])
    assert store.raw(POWER, 2900 * S, 3100 * S).values.tolist() == [2.0]


def test_a_mean_is_weighted_by_the_time_a_value_held(store: SeriesStore) -> None:
    store.append([row(1, frame(0, 5.0), frame(60, 10.0), frame(300, 5.0))])
    windows = store.windows(POWER, 0, 6 * MINUTE, 360)
    assert windows.mean[0] == pytest.approx(8.3333, abs=1e-4)
    assert (windows.low[0], windows.high[0], windows.covered_s[0]) == (5.0, 10.0, 360.0)


def test_a_value_is_carried_into_the_next_window_but_not_for_ever(store: SeriesStore) -> None:
    store.append([row(1, frame(0, 4.0))])
    windows = store.windows(POWER, 5 * MINUTE, 35 * MINUTE, 900)
    assert windows.mean.tolist()[:1] == [4.0]
    assert np.isnan(windows.mean[1])
    assert windows.covered_s.tolist() == [600.0, 0.0]


def test_a_bad_sample_ends_the_held_time(store: SeriesStore) -> None:
    store.append([row(1, frame(0, 4.0), frame(100, 0.0, bad=True), frame(200, 8.0))])
    windows = store.windows(POWER, 0, 300 * S, 300)
    assert windows.covered_s[0] == 200.0
    assert windows.mean[0] == 6.0


def test_a_late_sample_corrects_the_window_it_belongs_to(store: SeriesStore) -> None:
    store.append([row(2, frame(0, 4.0))])
    assert store.windows(POWER, 0, 200 * S, 200).mean[0] == 4.0
    store.append([row(1, frame(100, 8.0))])
    assert store.windows(POWER, 0, 200 * S, 200).mean[0] == 6.0


def test_seeded_means_fill_only_what_no_frame_covers(store: SeriesStore) -> None:
    store.seed_means(POWER, np.arange(4) * 15 * MINUTE, np.array([1.0, 2.0, 3.0, np.nan]))
    store.append([row(1, frame(900, 9.0))])
    windows = store.windows(POWER, 0, 60 * MINUTE, 900)
    assert windows.mean.tolist()[:3] == [1.0, 9.0, 3.0]
    assert np.isnan(windows.mean[3])
    assert store.windows(POWER, 30 * MINUTE, 35 * MINUTE, 60).mean.tolist() == [3.0] * 5


def test_no_time_between_gives_no_windows(store: SeriesStore) -> None:
    assert len(store.windows(POWER, 10, 10, 900).mean) == 0


def test_receipts_and_rejected_rows_are_covered_like_samples(store: SeriesStore) -> None:
    given = [
        Received("edge1", "j1", 1, receipt=b"one"),
        Received("edge1", "j1", 2, rejected=b"?"),
        Received("edge1", "j1", 3, receipt=b"two"),
    ]
    store.append(given)
    assert store.append(given)[0].ranges == ((1, 3),)
    rows = store.receipts(0)
    assert [r.body for r in rows] == [b"one", b"two"]
    assert [r.body for r in store.receipts(rows[0].rowid)] == [b"two"]


def test_latency_counts_from_poll_to_commit_before_an_instant(tmp_path: Path) -> None:
    clock = VirtualClock(wall_ns=100 * S)
    store = open_store(StorePlace(tmp_path / "series.db"), clock)
    store.add_catalogue(METER)
    store.append([row(1, frame(99, 1.0))])
    clock.advance(10.0)
    store.append([row(2, frame(105, 1.0))])
    store.append([row(3, frame(50, 1.0))])
    assert store.latency(everything(), 105 * S).p99_s == 1.0
    assert store.latency(Span("edge1", "j1", 1, 2), 10**6 * S).p50_s == 3.0
    assert store.latency(everything(), 0).p50_s is None


def test_another_connection_reads_while_the_store_is_open(store: SeriesStore, tmp_path: Path) -> None:
    reader = open_reader(StorePlace(tmp_path / "series.db"))
    store.append([row(1, frame(1, 7.0))])
    store.keep_heartbeats({"edge1": (5, b"beat")})
    assert reader.last()[POWER].value == 7.0
    assert reader.heartbeats()[0].body == b"beat"
    assert reader.raw(POWER, 0, 2 * S).values.tolist() == [7.0]


def test_a_store_opened_again_knows_catalogues_ranges_and_last_values(
    store: SeriesStore, tmp_path: Path
) -> None:
    store.append([row(1, frame(10, 7.0))])
    store.close()
    again = open_store(StorePlace(tmp_path / "series.db"), VirtualClock())
    assert again.knows(METER.hash())
    assert again.append([row(1, frame(10, 7.0)), row(2, frame(9, 3.0))])[0].ranges == ((1, 2),)
    assert again.last()[POWER].value == 7.0


def test_reading_a_store_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ems hub run"):
        open_reader(StorePlace(tmp_path / "series.db"))
