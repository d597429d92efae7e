"""Told times in the store: kept, shown, and placing samples only where they can be right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ingest.clocks import Clocks
from hub.store.body import LastColumns, pack_frames, unpack_frames
from hub.store.engine import StorePlace, open_reader, open_store
from hub.store.port import Received, SeriesStore, Span
from hub.store.schema import SCHEMA
from protocols.clock import Instant
from protocols.clock_note import ClockNote
from protocols.errors import StoreError
from protocols.frame import Catalogue, Frame
from protocols.point import PointId
from protocols.quality import Quality
from protocols.source_time import SourceTimes
from runtime.clock import VirtualClock

S = 1_000_000_000
T0_S = 1_800_000_000
METER = Catalogue("demo", "meter", ("power_kw", "energy_kwh"), ("kW", "kWh"), ("measurement", "counter"))
POWER = PointId("demo", "meter", "power_kw")
ENERGY = PointId("demo", "meter", "energy_kwh")


def frame(at_s: float, power: float, told_s: float, since_s: float = 60.0, quality: int = 0) -> Frame:
    """Times in seconds after `T0_S`; the counter beside has no told time."""
    wall_ns = round((T0_S + at_s) * S)
    told = SourceTimes(round(since_s * S), np.array([round((T0_S + told_s) * S), 0]))
    marks = np.array([quality, 0], np.uint8)
    return Frame(
        METER.hash(), Instant("b", round(at_s * S), wall_ns), np.array([power, 1.0]), marks, None, told
    )


def at_ns(at_s: float) -> int:
    return round((T0_S + at_s) * S)


def row(seq: int, *frames: Frame) -> Received:
    return Received("edge1", "j1", seq, frames)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SeriesStore]:
    made = open_store(StorePlace(tmp_path / "series.db"), VirtualClock())
    made.add_catalogue(METER)
    yield made
    made.close()


def test_a_sample_stands_at_the_time_its_device_told_and_the_one_beside_it_at_the_poll(
    store: SeriesStore,
) -> None:
    store.append([row(1, frame(60, 5.0, told_s=33.5))])
    raw = store.raw(POWER, at_ns(0), at_ns(60))
    assert (raw.times_ns.tolist(), raw.source_ns.tolist()) == ([at_ns(33.5)], [at_ns(33.5)])
    other = store.raw(ENERGY, at_ns(0), at_ns(61))
    assert (other.times_ns.tolist(), other.source_ns.tolist()) == ([at_ns(60)], [0])
    last = store.last()
    assert (last[POWER].time_ns, last[POWER].source_ns) == (at_ns(33.5), at_ns(33.5))
    assert (last[ENERGY].time_ns, last[ENERGY].source_ns) == (at_ns(60), 0)


def test_a_row_is_found_by_the_times_its_samples_were_told(store: SeriesStore) -> None:
    store.append([row(1, frame(60, 5.0, told_s=10.0))])
    assert store.raw(POWER, at_ns(5), at_ns(15)).values.tolist() == [5.0]
    assert store.raw(POWER, at_ns(15), at_ns(70)).values.tolist() == []


def test_a_mean_changes_at_the_told_time_not_at_the_poll(store: SeriesStore) -> None:
    store.append([row(1, frame(0, 10.0, told_s=0)), row(2, frame(60, 20.0, told_s=15.0))])
    assert store.windows(POWER, at_ns(0), at_ns(60), 60).mean.tolist() == [17.5]


def test_a_value_that_stands_for_hours_is_covered_and_new(store: SeriesStore) -> None:
    store.append([row(seq, frame(600.0 * seq, 4.0, told_s=-9000.0)) for seq in range(13)])
    windows = store.windows(POWER, at_ns(0), at_ns(7200), 900)
    assert windows.covered_s.tolist() == [900.0] * 8
    last = store.last()[POWER]
    assert (last.time_ns, last.source_ns) == (at_ns(7200), at_ns(-9000))


@pytest.mark.parametrize("off_s", [-28_800.0, 28_800.0, -1_000_000_000.0])
def test_a_wrong_clock_of_a_device_moves_no_sample(store: SeriesStore, off_s: float) -> None:
    store.append([row(1, frame(60, 5.0, told_s=50.0 + off_s, quality=Quality.UNCERTAIN_TIME))])
    raw = store.raw(POWER, at_ns(0), at_ns(61))
    assert raw.times_ns.tolist() == [at_ns(60)]
    assert raw.qualities.tolist() == [Quality.UNCERTAIN_TIME]
    assert raw.source_ns.tolist() == [at_ns(50 + off_s)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)
@given(st.lists(st.floats(-300, 300), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_rows_out_of_order_and_again_give_the_samples_of_rows_in_order(
    tmp_path: Path, told: list[float], shuffle: object
) -> None:
    assert hasattr(shuffle, "shuffle")
    rows = [row(n, frame(60.0 * n, float(n), told_s=60.0 * n + told_s)) for n, told_s in enumerate(told, 1)]
    mixed = rows * 2
    shuffle.shuffle(mixed)
    results = []
    for number, sent in enumerate((rows, mixed)):
        file = tmp_path / f"{number}.db"
        file.unlink(missing_ok=True)
        store = open_store(StorePlace(file), VirtualClock())
        store.add_catalogue(METER)
        half = len(sent) // 2
        store.append(sent[:half])
        store.append(sent[half:])
        raw = store.raw(POWER, 0, 2**62)
        assert store.counts(Span("edge1", "j1", 0, 99)).duplicates == 0
        results.append((raw.values.tolist(), raw.times_ns.tolist(), raw.source_ns.tolist(), store.last()))
        store.close()
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    assert results[0] == results[1]
    assert results[0][0] == [float(n) for n in range(1, len(told) + 1)]  # in the order of the polls


def test_bodies_come_back_with_their_told_times() -> None:
    sent = [frame(1, 5.0, told_s=0.5), frame(2, 6.0, told_s=-(10**8))]
    for before, after in zip(sent, unpack_frames(pack_frames(sent)), strict=True):
        assert before.sources is not None
        assert after.sources is not None
        assert after.sources.since_ns == before.sources.since_ns
        assert after.sources.told_ns.tolist() == before.sources.told_ns.tolist()


def test_last_values_without_told_times_stay_as_small_as_they_were() -> None:
    columns = LastColumns.empty(3)
    columns.times_ns[:] = 7
    assert len(columns.encode()) == 3 * 17
    columns.source_ns[1] = 5
    back = LastColumns.decode(columns.encode(), 3)
    assert (back.times_ns.tolist(), back.source_ns.tolist()) == ([7, 7, 7], [0, 5, 0])


def test_a_file_of_the_schema_before_is_taken_on(tmp_path: Path) -> None:
    file = tmp_path / "series.db"
    open_store(StorePlace(file), VirtualClock()).close()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="takes it on"):
        open_reader(StorePlace(file))
    store = open_store(StorePlace(file), VirtualClock())
    store.add_catalogue(METER)
    store.append([row(1, frame(1, 5.0, told_s=0.5))])
    store.close()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(StoreError, match=f"this version reads {SCHEMA}"):
        open_reader(StorePlace(file))


def test_a_wrong_clock_of_the_edge_is_put_right_and_what_it_said_of_its_devices_taken_back() -> None:
    """The edge is an hour behind: to it every right device was an hour ahead."""
    note = ClockNote("edge1", "b", 0, at_ns(3600), True)  # noqa: FBT003  as the edge wrote it
    clocks = Clocks(VirtualClock(), [note])
    late = frame(60, 5.0, told_s=3640.0, quality=Quality.UNCERTAIN_TIME)
    (right,) = clocks.put_right("edge1", [late])
    assert right.times_ns().tolist() == [at_ns(3640), at_ns(3660)]
    assert right.qualities.tolist() == [0, 0]
    ahead = frame(60, 5.0, told_s=9000.0, quality=Quality.UNCERTAIN_TIME)
    (right,) = clocks.put_right("edge1", [ahead])
    assert right.times_ns().tolist() == [at_ns(3660), at_ns(3660)]
    assert right.qualities.tolist() == [Quality.UNCERTAIN_TIME, 0]


def test_a_right_clock_of_the_edge_leaves_its_marks() -> None:
    note = ClockNote("edge1", "b", 0, at_ns(0), True)  # noqa: FBT003  as the edge wrote it
    behind = frame(60, 5.0, told_s=-9000.0, quality=Quality.UNCERTAIN_TIME)
    assert Clocks(VirtualClock(), [note]).put_right("edge1", [behind]) == (behind,)
