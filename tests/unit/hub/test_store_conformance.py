"""One suite for both engines: what a store has to stand, whatever keeps it."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore, Span, StoreReader
from protocols.clock import Instant
from protocols.clock_note import ClockNote
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.gap import Gap
from protocols.point import PointId
from protocols.quality import Quality
from protocols.source_time import SourceTimes
from runtime.clock import VirtualClock
from tests.influx import new_place
from tests.unit.hub.store_stories import (
    ENERGY,
    METER,
    MINUTE,
    MS,
    POWER,
    START_NS,
    S,
    Sample,
    assert_same,
    day_of,
    frame,
    reference,
    row,
)

EVERYTHING = Span("edge1", "j1", 0, 10**9)


@pytest.fixture(params=["embedded", "influx"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    if request.param == "embedded":
        return StorePlace(tmp_path / "series.db")
    return new_place(request.getfixturevalue("influx"), tmp_path)


@pytest.fixture
def store(place: StorePlace) -> Iterator[SeriesStore]:
    made = open_store(place, VirtualClock(wall_ns=START_NS + 2 * 86_400 * S))
    made.add_catalogue(METER)
    yield made
    made.close()


@pytest.fixture
def reader(store: SeriesStore, place: StorePlace) -> Iterator[StoreReader]:
    assert store.knows(METER.hash())
    made = open_reader(place)
    yield made
    made.close()


def edges(*offsets_s: float) -> NDArray[np.int64]:
    return np.array([START_NS + round(one * S) for one in offsets_s], np.int64)


def test_rows_sent_again_or_out_of_order_are_there_once(store: SeriesStore, reader: StoreReader) -> None:
    rows = [row(seq, frame(START_NS + seq * S, float(seq), 5.0 * seq)) for seq in range(1, 41)]
    sent = rows * 3
    random.Random(7).shuffle(sent)  # noqa: S311  a seeded order of a test
    for start in range(0, len(sent), 9):
        store.append(sent[start : start + 9])
    assert reader.ranges("edge1", "j1") == [(1, 40)]
    counts = reader.counts(EVERYTHING)
    assert (counts.stored, counts.duplicates, counts.by_device) == (80, 0, {"meter": 80})
    assert reader.counts(Span("edge1", "j1", 11, 20)).stored == 20
    assert reader.counts(Span("edge1", "j2", 0, 100)).stored == 0
    assert reader.raw(POWER, START_NS, START_NS + 99 * S).values.tolist() == [float(n) for n in range(1, 41)]


def test_ranges_tell_the_gap_that_is_still_to_come(store: SeriesStore) -> None:
    assert store.append([row(1, frame(START_NS, 1.0)), row(3, frame(START_NS + 2 * S, 3.0))])[0].ranges == (
        (1, 1), (3, 3),
    )  # fmt: skip
    assert store.append([row(2, frame(START_NS + S, 2.0))])[0].ranges == ((1, 3),)


def test_last_is_by_the_time_of_the_sample_and_not_by_its_arrival(
    store: SeriesStore, reader: StoreReader
) -> None:
    store.append([row(2, frame(START_NS + 9 * S + 7 * MS, 9.0, 90.0))])
    store.append([row(1, frame(START_NS + S, 1.0, 10.0))])
    store.append([row(3, frame(START_NS + 10 * S, np.nan, quality=Quality.BAD_UNREACHABLE))])
    last = reader.last()
    assert np.isnan(last[POWER].value)
    assert (last[POWER].quality, last[POWER].time_ns) == (Quality.BAD_UNREACHABLE, START_NS + 10 * S)
    assert (last[ENERGY].value, last[ENERGY].time_ns) == (90.0, START_NS + 9 * S + 7 * MS)
    assert set(reader.last([ENERGY, PointId("demo", "meter", "nothing")])) == {ENERGY}
    assert reader.last([]) == {}


def test_a_walk_with_gaps_and_bad_samples_is_what_the_reference_says(
    store: SeriesStore, reader: StoreReader
) -> None:
    samples = day_of(400, seed=3)
    rows = [row(seq, frame(at, value, quality=quality)) for seq, (at, value, quality) in enumerate(samples)]
    random.Random(11).shuffle(rows)  # noqa: S311  a seeded order of a test
    for start in range(0, len(rows), 50):
        store.append(rows[start : start + 50])
    raw = reader.raw(POWER, START_NS, samples[-1][0])
    assert raw.times_ns.tolist() == [at for at, _, _ in samples[:-1]]
    np.testing.assert_array_equal(raw.values, [value for _, value, _ in samples[:-1]])
    assert raw.qualities.tolist() == [quality for _, _, quality in samples[:-1]]
    uneven = np.unique(np.random.default_rng(5).integers(START_NS - MINUTE, samples[-1][0] + MINUTE, 97))
    grid = np.arange(START_NS // (900 * S) * 900 * S, samples[-1][0], 900 * S, dtype=np.int64)
    for asked in (uneven, grid):
        assert_same(reader.over([POWER], asked)[POWER], reference(samples, asked))
    whole = reader.windows(POWER, START_NS, samples[-1][0], 3600)
    assert_same(whole, reference(samples, np.append(whole.starts_ns, samples[-1][0])))


def test_a_late_sample_changes_the_windows_up_to_the_next_one(
    store: SeriesStore, reader: StoreReader
) -> None:
    asked = edges(0, 60, 120, 180, 240)
    store.append([row(1, frame(START_NS, 5.0)), row(2, frame(START_NS + 180 * S, 7.0))])
    assert reader.over([POWER], asked)[POWER].mean.tolist() == [5.0, 5.0, 5.0, 7.0]
    store.append([row(3, frame(START_NS + 90 * S, 11.0))])
    assert reader.over([POWER], asked)[POWER].mean.tolist() == [5.0, 8.0, 11.0, 7.0]


def test_five_ten_and_five_kilowatts_for_one_four_and_one_minute_are_8_33(
    store: SeriesStore, reader: StoreReader
) -> None:
    store.append([row(1, *(frame(START_NS + at * MINUTE, kw) for at, kw in ((0, 5.0), (1, 10.0), (5, 5.0))))])
    window = reader.over([POWER], edges(0, 360))[POWER]
    assert window.mean.round(2).tolist() == [8.33]
    assert window.completeness(START_NS + 360 * S).tolist() == [1.0]


def upkeep(store: SeriesStore) -> None:
    """Do all that is due."""
    for _ in range(200):
        if not store.upkeep():
            return
    raise AssertionError("never done")


def test_rollups_never_change_an_answer_also_not_after_late_samples(place: StorePlace) -> None:
    samples = day_of(1500, seed=9)
    clock = VirtualClock(wall_ns=START_NS)
    store, reader = open_store(place, clock), None
    store.add_catalogue(METER)
    upkeep(store)
    clock.shift_wall((samples[-1][0] - START_NS) / S + 3 * 86_400.0)
    late = set(random.Random(2).sample(range(len(samples)), 15))  # noqa: S311  a seeded choice of a test
    first = [one for at, one in enumerate(samples) if at not in late]
    store.append([row(seq, frame(at, kw, quality=quality)) for seq, (at, kw, quality) in enumerate(first)])
    upkeep(store)
    reader = open_reader(place)
    check_grids(reader, first)
    store.append([row(10_000 + n, frame(*samples[n][:2], quality=samples[n][2])) for n in sorted(late)])
    check_grids(reader, samples)
    upkeep(store)
    check_grids(reader, samples)
    store.forget_rollups([POWER])
    check_grids(reader, samples)
    upkeep(store)
    check_grids(reader, samples)
    reader.close()
    store.close()


def check_grids(reader: StoreReader, samples: Sequence[Sample]) -> None:
    """Quarters, hours, days, uneven edges: as the reference says."""
    day = START_NS // (86_400 * S) * 86_400 * S
    end = samples[-1][0] + 4000 * S
    grids = [np.arange(day, end, step * S, dtype=np.int64) for step in (900, 3600, 86_400, 7000)]
    for asked in grids:
        assert_same(reader.over([POWER], asked)[POWER], reference(samples, asked))


def test_a_gap_stays_a_gap(store: SeriesStore, reader: StoreReader) -> None:
    store.append([row(1, frame(START_NS, 5.0)), row(2, frame(START_NS + 7200 * S, 6.0))])
    window = reader.over([POWER], edges(0, 900, 1800, 7200, 7260))[POWER]
    assert window.covered_s.tolist() == [900.0, 0.0, 0.0, 60.0]
    assert np.isnan(window.mean[1:3]).all()


def test_a_counter_that_was_reset_keeps_every_reading(store: SeriesStore, reader: StoreReader) -> None:
    readings = [99_999.5, 100_000.0, 0.0, 0.25]
    store.append([row(1, *(frame(START_NS + at * S, 1.0, kwh) for at, kwh in enumerate(readings)))])
    assert reader.raw(ENERGY, START_NS, START_NS + 9 * S).values.tolist() == readings
    window = reader.over([ENERGY], edges(0, 4))[ENERGY]
    assert (window.first[0], window.last[0], window.low[0], window.high[0]) == (
        99_999.5,
        0.25,
        0.0,
        100_000.0,
    )


def test_numbers_come_back_bit_for_bit(store: SeriesStore, reader: StoreReader) -> None:
    hard = [0.1, -0.0, 5.0, 1e-300, 1.7976931348623157e308, 2.0**53 + 2, -1.0 / 3.0, 5e-324]
    store.append([row(1, *(frame(START_NS + at * MS, value) for at, value in enumerate(hard)))])
    found = reader.raw(POWER, START_NS, START_NS + S)
    assert found.values.tobytes() == np.array(hard).tobytes()
    assert found.times_ns.tolist() == [START_NS + at * MS for at in range(len(hard))]


def test_what_is_no_number_is_never_one(store: SeriesStore, reader: StoreReader) -> None:
    bad = Quality.BAD_NOT_AVAILABLE
    store.append([row(1, frame(START_NS, np.nan, 3.0, quality=bad), frame(START_NS + S, 4.0, 4.0))])
    found = reader.raw(POWER, START_NS, START_NS + 9 * S)
    assert np.isnan(found.values).tolist() == [True, False]
    assert found.qualities.tolist() == [bad, 0]
    assert reader.counts(EVERYTHING).stored == 4


def test_a_told_time_is_kept_and_is_the_time_of_the_sample(store: SeriesStore, reader: StoreReader) -> None:
    told = SourceTimes(S, np.array([START_NS - 250_000_000, 0]))
    at = Instant("b", 0, START_NS)
    store.append([row(1, Frame(METER.hash(), at, np.array([1.0, 2.0]), np.zeros(2, np.uint8), None, told))])
    power, energy = (reader.raw(one, START_NS - S, START_NS + S) for one in (POWER, ENERGY))
    assert (power.times_ns.tolist(), power.source_ns.tolist()) == ([START_NS - 250_000_000],) * 2
    assert (energy.times_ns.tolist(), energy.source_ns.tolist()) == ([START_NS], [0])
    assert reader.last([POWER])[POWER].source_ns == START_NS - 250_000_000


def test_a_sample_names_the_row_of_the_journal_it_came_in(store: SeriesStore, reader: StoreReader) -> None:
    told = SourceTimes(S, np.array([START_NS + 9 * S - 250 * MS, 0]))
    at = Instant("b", 0, START_NS + 9 * S)
    late = Frame(METER.hash(), at, np.array([1.0, 2.0]), np.zeros(2, np.uint8), None, told)
    store.append([row(7, frame(START_NS, 1.0, 1.0), frame(START_NS + S, 2.0))])
    store.append([row(3, frame(START_NS + 2 * S, 3.0), journal="j2"), row(8, late)])
    for point, seqs, polled_s in ((POWER, [7, 7, 3, 8], [0, 1, 2, 9]), (ENERGY, [7, 8], [0, 9])):
        raw = reader.raw(point, START_NS, START_NS + MINUTE)
        found = reader.origins(point, raw)
        assert found.seqs.tolist() == seqs
        assert found.exact.all()
        journals = [found.sources[at] for at in found.source.tolist()]
        assert journals == [("edge1", "j2" if seq == 3 else "j1") for seq in seqs]
        known = found.polled_ns != 0  # a server keeps the time that was told, not that of the poll
        offsets = (found.polled_ns - START_NS)[known].tolist()
        assert offsets == [S * one for one, there in zip(polled_s, known.tolist(), strict=True) if there]
        assert known[raw.source_ns == 0].all()
    nothing = reader.origins(POWER, reader.raw(POWER, 0, 1))
    assert (nothing.sources, len(nothing.seqs)) == ((), 0)


def test_the_oldest_sample_that_waits_for_upkeep_is_told(store: SeriesStore, reader: StoreReader) -> None:
    assert reader.keeping() == (None, 0)
    store.append([row(1, frame(START_NS, 1.0), frame(START_NS + S, 2.0))])
    while store.upkeep():
        pass
    waits_ns, damaged = reader.keeping()
    assert waits_ns is None or waits_ns > START_NS + S
    assert damaged == 0


@pytest.mark.parametrize("day", [dt.date(2026, 3, 29), dt.date(2026, 10, 25), dt.date(2026, 6, 1)])
def test_a_day_of_the_calendar_has_23_24_or_25_hours(
    store: SeriesStore, reader: StoreReader, day: dt.date
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    midnights = [dt.datetime.combine(day + dt.timedelta(n), dt.time(), berlin) for n in (0, 1)]
    asked = np.array([round(one.timestamp()) * S for one in midnights], np.int64)
    hours = {3: 23, 10: 25, 6: 24}[day.month]
    times = range(int(asked[0]) - 600 * S, int(asked[1]) + 600 * S, 600 * S)
    store.append([row(1, *(frame(at, 2.0) for at in times))])
    window = reader.over([POWER], asked)[POWER]
    assert window.covered_s.tolist() == [hours * 3600.0]
    assert window.integral().tolist() == [hours * 7200.0]


def test_what_is_no_sample_comes_back_in_order_of_arrival(store: SeriesStore, reader: StoreReader) -> None:
    gap = Gap("edge1", "j1", 5, 9, 100, START_NS, START_NS + S)
    store.append([
        Received("edge1", "j1", 1, receipt=b"first"),
        Received("edge1", "j1", 2, receipt=b"second"),
        Received("edge1", "j1", 3, gap=gap.encode()),
        Received("edge1", "j1", 4, configured=b"report"),
        Received("edge1", "j1", 5, note=ClockNote("edge1", "boot", 5, START_NS, synced=True)),
        Received("edge1", "j1", 6, rejected=b"?"),
    ])  # fmt: skip
    store.append(
        [Received("edge1", "j1", 2, receipt=b"second"), Received("edge1", "j1", 7, receipt=b"third")]
    )
    store.append([Received("edge1", "j1", 8, note=ClockNote("edge1", "boot", 4, START_NS, synced=True))])
    found = reader.receipts(0)
    assert [one.body for one in found] == [b"first", b"second", b"third"]
    assert [one.body for one in reader.receipts(found[0].rowid, 1)] == [b"second"]
    assert [one.body for one in reader.configured(0)] == [b"report"]
    assert reader.gaps() == [gap]
    assert [(note.boot, note.mono_ns) for note in reader.clock_notes()] == [("boot", 5)]
    assert reader.ranges("edge1", "j1") == [(1, 8)]


def test_the_newest_heartbeat_of_each_edge_is_kept(store: SeriesStore, reader: StoreReader) -> None:
    store.keep_heartbeats({"edge1": (5, b"old"), "edge2": (6, b"other")})
    store.keep_heartbeats({"edge1": (7, b"new")})
    assert [tuple(one) for one in reader.heartbeats()] == [("edge1", 7, b"new"), ("edge2", 6, b"other")]


def test_a_past_that_was_put_there_shows_where_no_sample_is(store: SeriesStore, reader: StoreReader) -> None:
    quarter = START_NS // (900 * S) * 900 * S
    starts = np.arange(quarter - 4 * 900 * S, quarter, 900 * S, dtype=np.int64)
    store.seed_means(POWER, starts, np.array([1.0, np.nan, 3.0, 4.0]))
    store.append([row(1, frame(int(starts[3]), 40.0))])
    found = reader.windows(POWER, int(starts[0]), quarter, 900)
    np.testing.assert_array_equal(found.mean, [1.0, np.nan, 3.0, 40.0])
    np.testing.assert_array_equal(
        reader.quarters(POWER, int(starts[0]), int(starts[3])).mean, [1.0, np.nan, 3.0]
    )


def test_latency_is_from_the_poll_to_the_commit(store: SeriesStore, reader: StoreReader) -> None:
    store.append([row(1, frame(START_NS + 2 * 86_400 * S - 3 * S, 1.0))])
    store.append([row(2, frame(START_NS + 2 * 86_400 * S - 3 * S + 1, 1.0))])
    found = reader.latency(EVERYTHING, START_NS + 9 * 86_400 * S)
    assert found.p50_s is not None
    assert 2.9 <= found.p50_s <= 3.5
    assert reader.latency(EVERYTHING, 1).p99_s is None


def test_frames_of_an_unknown_catalogue_are_not_taken(store: SeriesStore) -> None:
    other = Catalogue("demo", "other", ("x",), ("kW",), ("measurement",))
    unknown = Frame(other.hash(), Instant("b", 0, START_NS), np.ones(1), np.zeros(1, np.uint8))
    with pytest.raises(StoreError, match="unknown catalogue"):
        store.append([row(1, unknown)])
    assert store.ranges("edge1", "j1") == []
    store.add_catalogue(other)
    assert store.append([row(1, unknown)])[0].ranges == ((1, 1),)
    assert store.catalogue(other.hash()) == other


def test_a_store_opened_again_knows_what_it_had(store: SeriesStore, place: StorePlace) -> None:
    store.append([row(1, frame(START_NS, 1.0, 2.0))])
    again = open_store(place, VirtualClock())
    assert again.knows(METER.hash())
    assert again.append([row(1, frame(START_NS, 1.0, 2.0)), row(2, frame(START_NS + S, 2.0, 3.0))])[
        0
    ].ranges == ((1, 2),)
    assert again.counts(EVERYTHING).stored == 4
    assert again.last()[POWER].value == 2.0
    again.close()
